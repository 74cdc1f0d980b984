"""Fault rules and how they match, in order and by count. Pure code without HTTP."""

import hashlib
import re
from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatchcase
from typing import Self, cast

from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator, model_validator

from backdrop_local.standin.fault_kinds import (
    ALSO_ON_DOWNLOAD,
    AT_GATE,
    ON_ARRIVAL,
    ON_DOWNLOAD,
    ON_LOOKUP,
    FaultName,
    check_args,
)


class Phase(Enum):
    """The moments at which a fault can strike a call."""

    ARRIVAL = "the key was read, the body was not"
    GATE = "the body was read, nothing was accepted"
    RUN = "the job was accepted"
    LOOKUP = "a job is looked up"
    DOWNLOAD = "a result is downloaded"


class FaultRule(BaseModel):
    """One rule of POST /_ctl/faults.

    The first hit is the `nth` matching call (1-based). After it, every `every`-th match is a hit (0 and 1: every
    match). `times` is the total number of hits (0: unlimited; by default one if `nth` is set, otherwise unlimited).
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
    def _check_consistency(self) -> Self:
        check_args(self.fault, self.args)
        if self.phase is Phase.ARRIVAL and self.prompt_regex is not None:
            raise ValueError(f"{self.fault} strikes before the prompt is read, so it takes no prompt_regex")
        if "cdn" in self.route and self.fault not in ON_DOWNLOAD | ALSO_ON_DOWNLOAD:
            raise ValueError(f"{self.fault} cannot happen to a download")
        return self

    @property
    def phase(self) -> Phase:
        """The moment at which this rule can strike. Each rule has exactly one."""
        if self.fault in ON_DOWNLOAD or "cdn" in self.route:
            return Phase.DOWNLOAD
        if self.fault in ON_ARRIVAL:
            return Phase.ARRIVAL
        if self.fault in ON_LOOKUP:
            return Phase.LOOKUP
        runs_first = bool(self.args.get("after_run") or self.args.get("billed"))
        return Phase.GATE if self.fault in AT_GATE and not runs_first else Phase.RUN

    @property
    def max_hits(self) -> int:
        """The maximum number of hits. 0: unlimited."""
        if self.times is not None:
            return self.times
        if self.fault == "cdn_5xx":
            return self.number_arg("times", 0)
        return 1 if self.nth and self.fault != "key_paused" else 0

    def number_arg(self, name: str, default: float) -> int:
        """Returns a numeric argument as a whole number."""
        return int(cast("float", self.args.get(name, default)))

    def text_arg(self, name: str, default: str) -> str:
        return str(self.args.get(name, default))

    def flag_arg(self, name: str, *, default: bool) -> bool:
        return bool(self.args.get(name, default))


@dataclass(frozen=True, kw_only=True)
class FaultTarget:
    """The properties of a call that a rule can match. A download has two routes: `cdn` and that of its job.

    `is_free`: the call buys nothing (a poll or an upload), so only a rule for such calls matches it.
    """

    provider: str
    routes: tuple[str, ...]
    key: str = ""
    prompt: str = ""
    is_free: bool = False


@dataclass(frozen=True)
class FaultHit:
    """A fault that applies now. `count` is 1 for the rule's first hit."""

    rule: FaultRule
    count: int

    def next_choice(self, *choices: str) -> str:
        """Returns one of several forms, in turn from hit to hit."""
        return choices[(self.count - 1) % len(choices)]


@dataclass
class _RuleState:
    rule: FaultRule
    matched: int = 0
    hits: int = 0


class FaultRules:
    """The active rules. The first rule that matches ends the search, and later rules do not count the call."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._entries: list[_RuleState] = []

    def add(self, rule: FaultRule) -> None:
        """Adds a rule after the active ones."""
        self._entries.append(_RuleState(rule))

    def clear(self) -> None:
        """Removes all rules."""
        self._entries.clear()

    def find_hit(self, call: FaultTarget, phase: Phase) -> FaultHit | None:
        """Returns the fault that strikes this call at this moment, if any."""
        for position, entry in enumerate(self._entries):
            if entry.rule.phase is phase and _matches(entry.rule, call):
                entry.matched += 1
                if self._should_strike(position, entry):
                    entry.hits += 1
                    return FaultHit(entry.rule, entry.hits)
        return None

    def build_report(self) -> list[dict[str, object]]:
        """Returns every rule, and how often it matched and struck."""
        return [{**entry.rule.model_dump(), "matched": entry.matched, "hits": entry.hits} for entry in self._entries]

    def _should_strike(self, position: int, entry: _RuleState) -> bool:
        rule = entry.rule
        if rule.max_hits and entry.hits >= rule.max_hits:
            return False
        since_first = entry.matched - max(rule.nth, 1)
        if since_first < 0 or since_first % max(rule.every, 1):
            return False
        return self._draw(position, entry.matched) < rule.probability

    def _draw(self, position: int, matched: int) -> float:
        digest = hashlib.sha256(f"{self._seed}/{position}/{matched}".encode()).digest()
        return int.from_bytes(digest[:6]) / 2**48


def _matches(rule: FaultRule, call: FaultTarget) -> bool:
    return (
        rule.provider in ("*", call.provider)
        and (not call.is_free or rule.route != "*" or rule.fault in ON_LOOKUP | {"key_paused"})
        and (rule.route == "*" or any(_same_route(rule.route, name) for name in call.routes))
        and (rule.key == "*" or fnmatchcase(call.key, rule.key))
        and (rule.prompt_regex is None or re.search(rule.prompt_regex, call.prompt) is not None)
    )


def _same_route(given: str, name: str) -> bool:
    return given in name or name in given
