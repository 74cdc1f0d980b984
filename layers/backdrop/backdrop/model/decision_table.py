"""Decision tables: the first rule that matches the facts decides.

A fact is a member of an enumeration, and the enumeration is a column of the table. The enumerations are flags, so that
a rule can name several values: `Event.RERUN | Event.REQUEST`, or `~History.WAITING` for every value but one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Flag
from functools import cached_property
from itertools import takewhile
from typing import cast

type Column = type[Flag]


class Facts:
    """Facts by column: known ones, and ones that are read on first access."""

    def __init__(self, readers: Mapping[Column, Callable[[], Flag]], *known: Flag) -> None:
        self._reads = readers
        self._known: dict[Column, Flag] = {type(fact): fact for fact in known}

    def __getitem__[F: Flag](self, column: type[F]) -> F:
        if column not in self._known:
            self._known[column] = self._reads[column]()
        return cast("F", self._known[column])

    def with_fact(self, fact: Flag) -> "Facts":
        """Adds a fact; facts already read are not read again."""
        return Facts(self._reads, *self._known.values(), fact)


@dataclass(frozen=True)
class Rule[D]:
    """One row: the reason, the values that match, and the decision. An unnamed column matches any fact."""

    reason: str
    when: tuple[Flag, ...]
    then: D

    @cached_property
    def cells(self) -> Mapping[Column, Flag]:
        """The values that match, by column."""
        return {type(values): values for values in self.when}


@dataclass(frozen=True)
class DecisionTable[D]:
    """The rules, and the columns in the order in which their facts are read."""

    columns: Sequence[Column]
    rules: Sequence[Rule[D]]

    def decide(self, facts: Facts) -> D:
        return self.find_first_match(facts).then

    def find_first_match(self, facts: Facts) -> Rule[D]:
        """Returns the first rule that matches. Does not read facts that can no longer affect the result."""
        rules = self.rules
        for at, column in enumerate(self.columns):
            if any(column in rule.cells for rule in self._list_undecided(rules, at)):
                rules = [rule for rule in rules if column not in rule.cells or facts[column] in rule.cells[column]]
        return rules[0]

    def _list_undecided(self, rules: Sequence[Rule[D]], at: int) -> Sequence[Rule[D]]:
        """Returns the rules above the first one without further conditions: it matches before all rules below it."""
        columns = {*self.columns[at:]}
        return list(takewhile(lambda rule: columns & rule.cells.keys(), rules))
