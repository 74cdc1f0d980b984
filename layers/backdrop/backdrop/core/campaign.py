"""A campaign: what its execution is started with, what one item of it asks for, and where its files lie."""

import re
from collections.abc import Mapping
from dataclasses import field
from decimal import Decimal
from typing import Annotated, Any

from pydantic import Field, ValidationError

from backdrop.core.codec import checked
from backdrop.core.codes import Code
from backdrop.core.errors import RefusedError
from backdrop.core.instructions import laid_over
from backdrop.core.layout import RESERVED
from backdrop.core.money import usd_of
from backdrop.core.places import Place, read_request
from backdrop.core.record import Record, record

NAME = re.compile(r"[A-Za-z0-9_-]{1,80}")
REPORTS = f"{RESERVED}/campaigns"
WORK = f"{RESERVED}/work/campaigns"
# A campaign keeps a lane full, and never has more than two rounds of calls before a drop.
ROUNDS = 2


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


def read_campaign(given: object) -> Campaign:
    """An execution's input; RefusedError with every mistake in it."""
    try:
        campaign = checked(Campaign, given)
    except ValidationError as error:
        raise refused("; ".join(map(_slip, error.errors(include_url=False)))) from error
    if (campaign.prefix is None) is (campaign.manifest is None):
        raise refused("a campaign has either a prefix or a manifest")
    if campaign.manifest is not None and not campaign.manifest.lower().endswith((".csv", ".jsonl")):
        raise refused(f"the manifest {campaign.manifest!r} ends neither with .csv nor with .jsonl")
    mistakes = read_request(campaign.instructions).errors
    if mistakes:
        raise refused("; ".join(one.message.rstrip(".") for one in mistakes))
    return campaign


def _slip(one: Any) -> str:
    where = ".".join(str(step) for step in one["loc"])
    return f"{where}: {one['msg'][:1].lower()}{one['msg'][1:]}" if where else str(one["msg"])


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
