"""A campaign: what its execution is started with, what one item of it asks for, and where its files lie."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import field
from decimal import Decimal
from typing import Annotated, Any, cast

from pydantic import Field, ValidationError

from backdrop.instructions.merge import overlay_fields
from backdrop.instructions.sources import InstructionSource, parse_request
from backdrop.model.codec import validate
from backdrop.model.codes import Code
from backdrop.model.errors import RefusedError
from backdrop.model.object_keys import RESERVED_PREFIX
from backdrop.model.pricing import to_usd
from backdrop.model.record import Record, record

NAME_PATTERN = re.compile(r"[A-Za-z0-9_-]{1,80}")
REPORTS_PREFIX = f"{RESERVED_PREFIX}/campaigns"
WORK_PREFIX = f"{RESERVED_PREFIX}/work/campaigns"
ITEMS_FILE, PLAN_FILE = "items.jsonl", "plan.json"
# A campaign keeps a lane full, and never has more than two rounds of calls before a drop.
ROUNDS_IN_PROGRESS = 2
# What the state machine adds has room beside it: 256 KiB hold a state, and EventBridge leaves out inputs above 248.
MAX_INPUT_BYTES = 200_000
FIELD_DESCRIPTIONS = {
    "name": "letters, digits, - and _, at most 80",
    "prefix": "a text, how the keys begin",
    "manifest": "a text, the key of a list",
    "instructions": "an object, as in a sidecar",
    "max_total_usd": "a number of dollars above 0",
    "tolerated_failure_percent": "a number from 0 to 100",
}
"""What each field of a campaign takes."""
MAX_SHOWN_CHARACTERS = 80
# So many are reported within the time that a function has.
MAX_ITEMS = 1_000_000


@record
class Campaign(Record):
    """An execution's input. `prefix` or `manifest`: keys in the input bucket; the manifest is one object there."""

    name: Annotated[str, Field(pattern=rf"^{NAME_PATTERN.pattern}$")]
    prefix: str | None = None
    manifest: str | None = None
    instructions: dict[str, Any] = field(default_factory=dict[str, Any])
    max_total_usd: Annotated[Decimal, Field(gt=0, allow_inf_nan=False)] | None = None
    tolerated_failure_percent: Annotated[float, Field(ge=0, le=100, strict=True)] = 100

    @property
    def description(self) -> str:
        """What it goes through, in words."""
        return f"the manifest {self.manifest}" if self.manifest else f"the keys that begin with {self.prefix!r}"


def campaign_refused(reason: str) -> RefusedError:
    """The campaign cannot be begun."""
    return RefusedError(Code.CAMPAIGN_REFUSED, reason)


def parse_campaign(payload: object, field_labels: Mapping[str, str] | None = None) -> Campaign:
    """An execution's input.

    RefusedError with every mistake in it. `field_labels`: how a person writes fields elsewhere.
    """
    if len(json.dumps(payload)) > MAX_INPUT_BYTES:
        raise campaign_refused(
            f"its input has more than {MAX_INPUT_BYTES:,} bytes; long instructions go into a manifest"
        )
    if not isinstance(payload, dict):
        raise campaign_refused("its input is no JSON object")
    fields = cast("dict[str, Any]", payload)
    errors = [*_find_invalid_fields(fields, field_labels or {}), *_find_contradictions(fields)]
    if errors:
        raise campaign_refused("; ".join(errors))
    return validate(Campaign, fields)


def _find_invalid_fields(fields: Mapping[str, Any], field_labels: Mapping[str, str]) -> Iterator[str]:
    """What no field can take, each in one sentence."""
    try:
        validate(Campaign, fields)
    except ValidationError as error:
        for name in dict.fromkeys(str(one["loc"][0]) for one in error.errors(include_url=False)):
            yield _describe_invalid_field(name, fields, field_labels.get(name, name))


def _describe_invalid_field(name: str, fields: Mapping[str, Any], label: str) -> str:
    if name not in FIELD_DESCRIPTIONS:
        return f"a campaign has no field {name!r}, but {', '.join(FIELD_DESCRIPTIONS)}"
    if name not in fields:
        return f"there is no {label}; it takes {FIELD_DESCRIPTIONS[name]}"
    return (
        f"{label} takes {FIELD_DESCRIPTIONS[name]}, not "
        f"{json.dumps(fields[name], ensure_ascii=False)[:MAX_SHOWN_CHARACTERS]}"
    )


def _find_contradictions(fields: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong beside the fields' own kinds."""
    manifest, instructions = fields.get("manifest"), fields.get("instructions")
    if (fields.get("prefix") is None) is (manifest is None):
        yield "a campaign has either a prefix or a manifest"
    if isinstance(manifest, str) and not manifest.lower().endswith((".csv", ".jsonl")):
        yield f"the manifest {manifest!r} ends neither with .csv nor with .jsonl"
    if isinstance(instructions, dict):
        errors = parse_request(cast("dict[str, Any]", instructions)).errors
        yield from (str(one.message.clause) for one in errors)


def merge_row_instructions(
    campaign_instructions: Mapping[str, Any], row_instructions: Mapping[str, Any]
) -> dict[str, Any]:
    """What one item asks for: its row's own fields over the campaign's.

    A row with mistakes stands alone, so that intake tells of these and of nothing else.
    """
    if not row_instructions:
        return dict(campaign_instructions)
    row_source, campaign_source = parse_request(row_instructions), parse_request(campaign_instructions)
    return (
        dict(row_instructions)
        if row_source.errors
        else overlay_fields(_to_request_fields(row_source), _to_request_fields(campaign_source))
    )


def _to_request_fields(source: InstructionSource) -> dict[str, Any]:
    """All that a place says, in the long names that a request takes too."""
    variants = (
        {} if source.variants is None else {"variants": {name: dict(one) for name, one in source.variants.items()}}
    )
    return {**source.fields, **variants}


def apply_cost_limits(instructions: Mapping[str, Any], max_cost_by_variant: Mapping[str, int]) -> dict[str, Any]:
    """The instructions with a limit in micro-dollars for each variant of `max_cost_by_variant`, and none for others.

    Where they name any, no other variants are asked for. Instructions with mistakes stay as they are, since intake
    buys nothing by them.
    """
    source = parse_request(instructions)
    if source.errors:
        return dict(instructions)
    variants_by_name = source.variants or {}
    names = [name for name in {**variants_by_name, **max_cost_by_variant} if name]
    variants = {
        name: {**variants_by_name.get(name, {}), "max_cost_usd": to_usd(max_cost_by_variant.get(name, 0))}
        for name in names
    }
    limited_fields = {**source.fields, "max_cost_usd": to_usd(max_cost_by_variant.get("", 0))}
    return (
        limited_fields
        if source.variants is None and not max_cost_by_variant
        else {**limited_fields, "variants": variants}
    )


def compute_item_concurrency(
    max_in_flight_by_provider: Mapping[str, int], providers: set[str], jobs_per_item: int = 1
) -> int:
    """How many items, of at most so many jobs each, are under way: two rounds of the widest lane that is asked for."""
    max_in_flight = max(
        (max_in_flight_by_provider[name] for name in providers if name in max_in_flight_by_provider),
        default=max(max_in_flight_by_provider.values(), default=1),
    )
    return max(ROUNDS_IN_PROGRESS * max_in_flight // jobs_per_item, 1)


def count_jobs(instructions: Mapping[str, Any]) -> int:
    """How many jobs instructions name by themselves."""
    return max(len(_list_variants(instructions)), 1)


def find_providers(instructions: Mapping[str, Any], default_provider: str) -> set[str]:
    """The providers that instructions name, and the default for what names none."""
    default_names = _to_provider_names(instructions.get("provider")) or [default_provider]
    variants = _list_variants(instructions) or [{}]
    return {name for one in variants for name in _to_provider_names(one.get("provider")) or default_names}


def _list_variants(instructions: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    variants = instructions.get("variants")
    return [one for one in variants.values() if isinstance(one, dict)] if isinstance(variants, dict) else []


def _to_provider_names(provider: object) -> list[str]:
    names = provider if isinstance(provider, list) else [provider]
    return [name for name in names if isinstance(name, str)]


def parse_execution_name(execution_arn: str) -> str:
    """The name of one execution, by its ARN: what requests are marked with."""
    return execution_arn.rpartition(":")[2]


def campaign_report_key(name: str, suffix: str) -> str:
    """A campaign's report, `json` or `csv`."""
    return f"{REPORTS_PREFIX}/{name}/report.{suffix}"


def campaign_work_key(execution_name: str, file_name: str) -> str:
    """A file that one execution's parts hand to each other."""
    return f"{WORK_PREFIX}/{execution_name}/{file_name}"
