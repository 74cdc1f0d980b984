"""Fault rules and their matching, in order and by count: a pure rule book that proof/ shares."""

import hashlib
import re
from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatchcase
from typing import Literal, Self, cast, get_args

from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator, model_validator


class Phase(Enum):
    """The moments of a call at which a fault can strike."""

    ARRIVAL = "the key is known, the body is not read"
    GATE = "the body is read, nothing is accepted"
    RUN = "the job is accepted"
    DOWNLOAD = "a result is fetched"


FaultName = Literal[
    "refuse_429",
    "slow",
    "trickle",
    "accept_then_drop",
    "accept_then_wait",
    "drop_before_read",
    "reset_mid_body",
    "status",
    "html_error",
    "error_in_200",
    "malformed_json",
    "unsafe",
    "fewer_results",
    "foreign_url",
    "redirect",
    "expired_url",
    "truncated",
    "wrong_type",
    "huge",
    "cdn_5xx",
    "key_paused",
    "balance",
    "clock",
]

NUMBER = (int, float)
FAULT_ARGS: dict[str, dict[str, tuple[type, ...]]] = {
    "refuse_429": {"body": (str, dict, list), "headers": (dict,)},
    "slow": {"ms": NUMBER},
    "trickle": {"bytes_per_s": NUMBER},
    "accept_then_wait": {"ms": NUMBER},
    "status": {
        "code": (int,),
        "body": (str, dict, list),
        "html": (bool,),
        "headers": (dict,),
        "after_run": (bool,),
        "billed": (bool,),
        "ms": NUMBER,
    },
    "html_error": {"code": (int,), "billed": (bool,)},
    "error_in_200": {"status_code": (int,), "billed": (bool,)},
    "malformed_json": {"variant": (str,)},
    "unsafe": {"which": (list,), "form": (str,), "billed": (bool,)},
    "foreign_url": {"kind": (str,), "url": (str,)},
    "redirect": {"url": (str,), "code": (int,)},
    "expired_url": {"seconds": NUMBER},
    "truncated": {"chunked": (bool,)},
    "wrong_type": {"type": (str,), "bytes_as": (str,)},
    "huge": {"mb": NUMBER},
    "cdn_5xx": {"times": (int,), "code": (int,)},
    "key_paused": {"status": (int,)},
    "balance": {"usd": (str, *NUMBER), "status": (int,)},
    "clock": {"offset_s": NUMBER},
}
"""The arguments that each fault takes, with their JSON types; a fault not named takes none."""

VARIANTS: dict[tuple[str, str], frozenset[str]] = {
    ("malformed_json", "variant"): frozenset({"cut", "invalid", "no_data", "empty_data", "wrong_types"}),
    ("foreign_url", "kind"): frozenset({"host", "http", "loopback", "userinfo"}),
    ("unsafe", "form"): frozenset({"null", "empty", "missing"}),
    ("wrong_type", "bytes_as"): frozenset({"JPEG", "WEBP", "GIF"}),
}

ON_ARRIVAL = frozenset({"drop_before_read", "key_paused"})
AT_THE_GATE = frozenset({"refuse_429", "status", "html_error"})
ON_DOWNLOAD = frozenset({"redirect", "truncated", "wrong_type", "huge", "cdn_5xx"})
ALSO_ON_DOWNLOAD = frozenset(
    {"slow", "trickle", "accept_then_drop", "reset_mid_body", "status", "html_error", "expired_url"}
)
STANDING = frozenset({"balance", "clock"})
"""Faults that take effect when they are posted and are no rule."""


class FaultRule(BaseModel):
    """One rule of POST /_ctl/faults.

    The first hit is the `nth` matching call (1-based), then comes every `every`-th match after it
    (0 and 1: each), `times` hits in all (0: no end; not given: one if `nth` is, else no end).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    provider: str = "*"
    route: str = "*"
    key: str = "*"
    prompt_regex: str | None = None
    nth: int = Field(default=0, ge=0)
    every: int = Field(default=0, ge=0)
    times: int | None = Field(default=None, ge=0)
    probability: float = Field(default=1.0, ge=0, le=1)
    fault: FaultName
    args: dict[str, JsonValue] = {}

    @field_validator("prompt_regex")
    @classmethod
    def _compiles(cls, pattern: str | None) -> str | None:
        if pattern is not None:
            try:
                re.compile(pattern)
            except re.error as broken:
                raise ValueError(f"not a regular expression: {broken}") from None
        return pattern

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        _check_args(self.fault, self.args)
        if self.phase is Phase.ARRIVAL and self.prompt_regex is not None:
            raise ValueError(f"{self.fault} strikes before the prompt is read: no prompt_regex")
        if "cdn" in self.route and self.fault not in ON_DOWNLOAD | ALSO_ON_DOWNLOAD:
            raise ValueError(f"{self.fault} cannot happen to a download")
        return self

    @property
    def phase(self) -> Phase:
        """When this rule is looked at; each rule has one moment."""
        if self.fault in ON_DOWNLOAD or "cdn" in self.route:
            return Phase.DOWNLOAD
        if self.fault in ON_ARRIVAL:
            return Phase.ARRIVAL
        runs_first = bool(self.args.get("after_run") or self.args.get("billed"))
        return Phase.GATE if self.fault in AT_THE_GATE and not runs_first else Phase.RUN

    @property
    def limit(self) -> int:
        """The most hits, 0 for no end."""
        if self.times is not None:
            return self.times
        if self.fault == "cdn_5xx":
            return self.number("times", 0)
        return 1 if self.nth and self.fault != "key_paused" else 0

    def number(self, name: str, default: float) -> int:
        """A numeric argument as a whole number."""
        return int(cast("float", self.args.get(name, default)))

    def text(self, name: str, default: str) -> str:
        """A text argument."""
        return str(self.args.get(name, default))

    def flag(self, name: str, *, default: bool) -> bool:
        """A yes-or-no argument."""
        return bool(self.args.get(name, default))


@dataclass(frozen=True, kw_only=True)
class Call:
    """What a rule can see of a call; a download has two routes, `cdn` and that of its job."""

    provider: str
    routes: tuple[str, ...]
    key: str = ""
    prompt: str = ""


@dataclass(frozen=True)
class Hit:
    """A fault to be done now; `count` is 1 for the rule's first hit."""

    rule: FaultRule
    count: int

    def pick(self, *choices: str) -> str:
        """One of several forms in turn, from hit to hit."""
        return choices[(self.count - 1) % len(choices)]


@dataclass
class _Entry:
    rule: FaultRule
    matched: int = 0
    hits: int = 0


class FaultBook:
    """The rules in force; the first one that strikes ends the search, later ones do not count."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._entries: list[_Entry] = []

    def add(self, rule: FaultRule) -> None:
        """Put a rule behind those in force."""
        self._entries.append(_Entry(rule))

    def clear(self) -> None:
        """Forget all rules."""
        self._entries.clear()

    def meet(self, call: Call, phase: Phase) -> Hit | None:
        """The fault that strikes this call at this moment, if one does."""
        for place, entry in enumerate(self._entries):
            if entry.rule.phase is phase and _matches(entry.rule, call):
                entry.matched += 1
                if self._strikes(place, entry):
                    entry.hits += 1
                    return Hit(entry.rule, entry.hits)
        return None

    def report(self) -> list[dict[str, object]]:
        """Every rule with how often it matched and struck."""
        return [{**entry.rule.model_dump(), "matched": entry.matched, "hits": entry.hits} for entry in self._entries]

    def _strikes(self, place: int, entry: _Entry) -> bool:
        rule = entry.rule
        if rule.limit and entry.hits >= rule.limit:
            return False
        since_first = entry.matched - max(rule.nth, 1)
        if since_first < 0 or since_first % max(rule.every, 1):
            return False
        return self._chance(place, entry.matched) < rule.probability

    def _chance(self, place: int, matched: int) -> float:
        digest = hashlib.sha256(f"{self._seed}/{place}/{matched}".encode()).digest()
        return int.from_bytes(digest[:6]) / 2**48


def _matches(rule: FaultRule, call: Call) -> bool:
    return (
        rule.provider in ("*", call.provider)
        and (rule.route == "*" or any(_same_route(rule.route, name) for name in call.routes))
        and (rule.key == "*" or fnmatchcase(call.key, rule.key))
        and (rule.prompt_regex is None or re.search(rule.prompt_regex, call.prompt) is not None)
    )


def _same_route(given: str, name: str) -> bool:
    return given in name or name in given


def _check_args(fault: str, args: dict[str, JsonValue]) -> None:
    known = FAULT_ARGS.get(fault, {})
    for name, value in args.items():
        if name not in known:
            takes = ", ".join(known) or "no arguments"
            raise ValueError(f"{fault} takes {takes}; it does not know {name!r}")
        if name == "which" and not all(type(place) is int for place in cast("list[object]", value)):
            raise ValueError(f"which of {fault} is a list of places, the first one is 0")
        if not isinstance(value, known[name]) or (type(value) is bool and bool not in known[name]):
            raise ValueError(f"{name} of {fault} cannot be {value!r}")
        choices = VARIANTS.get((fault, name))
        if choices and value not in choices:
            raise ValueError(f"{name} of {fault} is one of {', '.join(sorted(choices))}")


FAULT_NAMES: tuple[str, ...] = get_args(FaultName)
