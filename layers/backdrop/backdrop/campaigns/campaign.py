"""A campaign: what its execution is started with, what one item of it asks for, and where its files lie."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import field
from decimal import Decimal
from typing import Annotated, Any, cast

from pydantic import Field, ValidationError

from backdrop.instructions.merge import laid_over
from backdrop.instructions.sources import Place, read_request
from backdrop.model.codec import checked
from backdrop.model.codes import Code
from backdrop.model.errors import RefusedError
from backdrop.model.object_keys import RESERVED
from backdrop.model.pricing import usd_of
from backdrop.model.record import Record, record

NAME = re.compile(r"[A-Za-z0-9_-]{1,80}")
REPORTS = f"{RESERVED}/campaigns"
WORK = f"{RESERVED}/work/campaigns"
ITEMS, PLAN = "items.jsonl", "plan.json"
# A campaign keeps a lane full, and never has more than two rounds of calls before a drop.
ROUNDS = 2
# What the state machine adds has room beside it: 256 KiB hold a state, and EventBridge leaves out inputs above 248.
MOST_INPUT_BYTES = 200_000
FIELDS = {
    "name": "letters, digits, - and _, at most 80",
    "prefix": "a text, how the keys begin",
    "manifest": "a text, the key of a list",
    "instructions": "an object, as in a sidecar",
    "max_total_usd": "a number of dollars above 0",
    "tolerated_failure_percent": "a number from 0 to 100",
}
"""What each field of a campaign takes."""
MOST_SHOWN = 80
# So many are reported within the time that a function has.
MOST_ITEMS = 1_000_000


@record
class Campaign(Record):
    """An execution's input. `prefix` or `manifest`: keys in the input bucket; the manifest is one object there."""

    name: Annotated[str, Field(pattern=rf"^{NAME.pattern}$")]
    prefix: str | None = None
    manifest: str | None = None
    instructions: dict[str, Any] = field(default_factory=dict[str, Any])
    max_total_usd: Annotated[Decimal, Field(gt=0, allow_inf_nan=False)] | None = None
    tolerated_failure_percent: Annotated[float, Field(ge=0, le=100, strict=True)] = 100

    @property
    def what(self) -> str:
        """What it goes through, in words."""
        return f"the manifest {self.manifest}" if self.manifest else f"the keys that begin with {self.prefix!r}"


def refused(words: str) -> RefusedError:
    """The campaign cannot be begun."""
    return RefusedError(Code.CAMPAIGN_REFUSED, words)


def read_campaign(given: object, called: Mapping[str, str] | None = None) -> Campaign:
    """An execution's input; RefusedError with every mistake in it. `called`: how a person writes fields elsewhere."""
    if len(json.dumps(given)) > MOST_INPUT_BYTES:
        raise refused(f"its input has more than {MOST_INPUT_BYTES:,} bytes; long instructions go into a manifest")
    if not isinstance(given, dict):
        raise refused("its input is no JSON object")
    said = cast("dict[str, Any]", given)
    mistakes = [*_slips(said, called or {}), *_contradictions(said)]
    if mistakes:
        raise refused("; ".join(mistakes))
    return checked(Campaign, said)


def _slips(given: Mapping[str, Any], called: Mapping[str, str]) -> Iterator[str]:
    """What no field can take, each in one sentence."""
    try:
        checked(Campaign, given)
    except ValidationError as error:
        for name in dict.fromkeys(str(one["loc"][0]) for one in error.errors(include_url=False)):
            yield _slip(name, given, called.get(name, name))


def _slip(name: str, given: Mapping[str, Any], said: str) -> str:
    if name not in FIELDS:
        return f"a campaign has no field {name!r}, but {', '.join(FIELDS)}"
    if name not in given:
        return f"there is no {said}; it takes {FIELDS[name]}"
    return f"{said} takes {FIELDS[name]}, not {json.dumps(given[name], ensure_ascii=False)[:MOST_SHOWN]}"


def _contradictions(given: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong beside the fields' own kinds."""
    manifest, instructions = given.get("manifest"), given.get("instructions")
    if (given.get("prefix") is None) is (manifest is None):
        yield "a campaign has either a prefix or a manifest"
    if isinstance(manifest, str) and not manifest.lower().endswith((".csv", ".jsonl")):
        yield f"the manifest {manifest!r} ends neither with .csv nor with .jsonl"
    if isinstance(instructions, dict):
        errors = read_request(cast("dict[str, Any]", instructions)).errors
        yield from (str(one.message.clause) for one in errors)


def instructions_of(given: Mapping[str, Any], row: Mapping[str, Any]) -> dict[str, Any]:
    """What one item asks for: its row's own fields over the campaign's.

    A row with mistakes stands alone, so that intake tells of these and of nothing else.
    """
    if not row:
        return dict(given)
    own, below = read_request(row), read_request(given)
    return dict(row) if own.errors else laid_over(_whole(own), _whole(below))


def _whole(place: Place) -> dict[str, Any]:
    """All that a place says, in the long names that a request takes too."""
    named = {} if place.variants is None else {"variants": {name: dict(one) for name, one in place.variants.items()}}
    return {**place.fields, **named}


def capped(asked: Mapping[str, Any], caps: Mapping[str, int]) -> dict[str, Any]:
    """The same with a limit for each job: `caps` by variant, micro-dollars, and nothing for what they do not name.

    Where they name any, no other variants are asked for. Instructions with mistakes stay as they are, since intake
    buys nothing by them.
    """
    own = read_request(asked)
    if own.errors:
        return dict(asked)
    said = own.variants or {}
    names = [name for name in {**said, **caps} if name]
    variants = {name: {**said.get(name, {}), "max_cost_usd": usd_of(caps.get(name, 0))} for name in names}
    limited = {**own.fields, "max_cost_usd": usd_of(caps.get("", 0))}
    return limited if own.variants is None and not caps else {**limited, "variants": variants}


def at_once(limits: Mapping[str, int], providers: set[str], jobs: int = 1) -> int:
    """How many items, of at most so many jobs each, are under way: two rounds of the widest lane that is asked for."""
    widest = max((limits[name] for name in providers if name in limits), default=max(limits.values(), default=1))
    return max(ROUNDS * widest // jobs, 1)


def jobs_of(instructions: Mapping[str, Any]) -> int:
    """How many jobs instructions name by themselves."""
    return max(len(_variants(instructions)), 1)


def providers_of(instructions: Mapping[str, Any], default: str) -> set[str]:
    """The providers that instructions name, and the default for what names none."""
    own = _named(instructions.get("provider")) or [default]
    variants = _variants(instructions) or [{}]
    return {name for one in variants for name in _named(one.get("provider")) or own}


def _variants(instructions: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = instructions.get("variants")
    return [one for one in found.values() if isinstance(one, dict)] if isinstance(found, dict) else []


def _named(provider: object) -> list[str]:
    listed = provider if isinstance(provider, list) else [provider]
    return [name for name in listed if isinstance(name, str)]


def run_of(execution: str) -> str:
    """The name of one execution, by its ARN: what requests are marked with."""
    return execution.rpartition(":")[2]


def report_key(name: str, suffix: str) -> str:
    """A campaign's report, `json` or `csv`."""
    return f"{REPORTS}/{name}/report.{suffix}"


def work_key(run: str, name: str) -> str:
    """A file that one execution's parts hand to each other."""
    return f"{WORK}/{run}/{name}"
