"""A campaign: the input of its execution, the instructions of one item, and the keys of its files."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import field
from decimal import Decimal
from typing import Annotated, Any, cast

from pydantic import Field, ValidationError

from backdrop.instructions.json_text import INSTRUCTIONS_EXAMPLE
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
# Enough to keep a lane full, while a newly uploaded photo waits for two rounds of calls at most.
ROUNDS_IN_PROGRESS = 2
# Leaves room for the state machine's additions: a state holds 256 KiB, and EventBridge omits inputs above 248 KiB.
MAX_INPUT_BYTES = 200_000
FIELD_DESCRIPTIONS = {
    "name": "letters, digits, - and _, at most 80",
    "prefix": "a string, the beginning of the keys",
    "manifest": "a string, the key of a manifest",
    "instructions": f"an object such as {INSTRUCTIONS_EXAMPLE}",
    "max_total_usd": "a dollar amount above 0",
    "tolerated_failure_percent": "a number from 0 to 100",
}
"""What each field of a campaign accepts."""
INPUT_EXAMPLE = f'{{"name": "spring", "prefix": "shoes/", "instructions": {INSTRUCTIONS_EXAMPLE}}}'
MAX_SHOWN_CHARACTERS = 80
# The maximum number of items that a function can report within its time limit.
MAX_ITEMS = 1_000_000


@record
class Campaign(Record):
    """An execution's input: either `prefix` (the beginning of keys in the input bucket) or `manifest` (a key there)."""

    name: Annotated[str, Field(pattern=rf"^{NAME_PATTERN.pattern}$")]
    prefix: str | None = None
    manifest: str | None = None
    instructions: dict[str, Any] = field(default_factory=dict[str, Any])
    max_total_usd: Annotated[Decimal, Field(gt=0, allow_inf_nan=False)] | None = None
    tolerated_failure_percent: Annotated[float, Field(ge=0, le=100, strict=True)] = 100

    @property
    def named_by(self) -> str:
        """What names the photos, for their requests."""
        return "prefix" if self.manifest is None else "manifest"

    @property
    def description(self) -> str:
        """What the campaign covers, for messages."""
        return f"the manifest {self.manifest}" if self.manifest else f"the keys that begin with {self.prefix!r}"


def campaign_refused(reason: str) -> RefusedError:
    """Returns the error of a campaign that cannot start. `reason` is one or more full sentences."""
    return RefusedError(Code.CAMPAIGN_REFUSED, reason)


def parse_campaign(payload: object, field_labels: Mapping[str, str] | None = None) -> Campaign:
    """Parses an execution's input. Raises RefusedError, which lists every error.

    `field_labels`: other names for the fields, such as options of the command line.
    """
    if len(json.dumps(payload)) > MAX_INPUT_BYTES:
        raise campaign_refused(
            f"The campaign's input has more than {MAX_INPUT_BYTES:,} bytes. Put long instructions into a manifest."
        )
    if not isinstance(payload, dict):
        raise campaign_refused(f"The campaign's input must be a JSON object such as {INPUT_EXAMPLE}.")
    fields = cast("dict[str, Any]", payload)
    errors = [*_find_invalid_fields(fields, field_labels or {}), *_find_contradictions(fields)]
    if errors:
        raise campaign_refused(" ".join(errors))
    return validate(Campaign, fields)


def _find_invalid_fields(fields: Mapping[str, Any], field_labels: Mapping[str, str]) -> Iterator[str]:
    try:
        validate(Campaign, fields)
    except ValidationError as error:
        for name in dict.fromkeys(str(one["loc"][0]) for one in error.errors(include_url=False)):
            yield _describe_invalid_field(name, fields, field_labels.get(name, name))


def _describe_invalid_field(name: str, fields: Mapping[str, Any], label: str) -> str:
    if name not in FIELD_DESCRIPTIONS:
        return f"A campaign has no field {name!r}. Its fields are {', '.join(FIELD_DESCRIPTIONS)}."
    if name not in fields:
        return f"{label} is missing; it takes {FIELD_DESCRIPTIONS[name]}."
    return (
        f"{label} takes {FIELD_DESCRIPTIONS[name]}, not "
        f"{json.dumps(fields[name], ensure_ascii=False)[:MAX_SHOWN_CHARACTERS]}."
    )


def _find_contradictions(fields: Mapping[str, Any]) -> Iterator[str]:
    manifest, instructions = fields.get("manifest"), fields.get("instructions")
    if (fields.get("prefix") is None) is (manifest is None):
        yield "A campaign takes either a prefix or a manifest."
    if isinstance(manifest, str) and not manifest.lower().endswith((".csv", ".jsonl")):
        yield f"The manifest is named {manifest!r}; its name must end with .csv or .jsonl."
    if isinstance(instructions, dict):
        errors = parse_request(cast("dict[str, Any]", instructions)).errors
        yield from (f"{error.message.clause}." for error in errors)


def merge_row_instructions(
    campaign_instructions: Mapping[str, Any], row_instructions: Mapping[str, Any]
) -> dict[str, Any]:
    """Returns the instructions of one item: the fields of its row override those of the campaign.

    A row with errors is used alone, so that intake reports exactly these errors.
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
    """Returns all instructions of a source in the form that a request takes."""
    variants = (
        {} if source.variants is None else {"variants": {name: dict(one) for name, one in source.variants.items()}}
    )
    return {**source.fields, **variants}


def apply_cost_limits(instructions: Mapping[str, Any], max_cost_by_variant: Mapping[str, int]) -> dict[str, Any]:
    """Returns the instructions with a cost limit for each variant. Limits are in micro-dollars.

    A variant without a limit may cost nothing. If there are variants, the result names all of them, so that it inherits
    no others. Instructions with errors stay unchanged, because intake buys nothing for them.
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
    """Returns how many items to process at once: two rounds of calls in the widest lane of `providers`."""
    max_in_flight = max(
        (max_in_flight_by_provider[name] for name in providers if name in max_in_flight_by_provider),
        default=max(max_in_flight_by_provider.values(), default=1),
    )
    return max(ROUNDS_IN_PROGRESS * max_in_flight // jobs_per_item, 1)


def count_jobs(instructions: Mapping[str, Any]) -> int:
    """Returns how many jobs the instructions request, excluding inherited variants."""
    return max(len(_list_variants(instructions)), 1)


def find_providers(instructions: Mapping[str, Any], default_provider: str) -> set[str]:
    """Returns the providers that the instructions name, and the default for variants that name none."""
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
    """Returns the execution's name from its ARN; requests carry it as `campaign`."""
    return execution_arn.rpartition(":")[2]


def campaign_report_key(name: str, suffix: str) -> str:
    """Returns the key of the report; `suffix` is `json` or `csv`."""
    return f"{REPORTS_PREFIX}/{name}/report.{suffix}"


def campaign_work_key(execution_name: str, file_name: str) -> str:
    """Returns the key of a file that the steps of one execution share."""
    return f"{WORK_PREFIX}/{execution_name}/{file_name}"
