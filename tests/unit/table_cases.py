"""Every case of a decision table: all combinations of its facts, grouped where the decision is the same."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Flag
from math import prod
from typing import Any

from backdrop.model.decision_table import Column, DecisionTable, Facts, Rule


class UnreadFactError(Exception):
    """The table needs a fact that the case does not specify yet."""

    def __init__(self, column: Column) -> None:
        self.column = column


def raise_unread(column: Column) -> Callable[[], Flag]:
    def read() -> Flag:
        raise UnreadFactError(column)

    return read


@dataclass(frozen=True)
class Case[D]:
    """The facts that were read, and the rule that they led to. `size`: how many combinations of all facts it covers."""

    facts: Mapping[Column, Flag]
    rule: Rule[D]
    size: int


def count_combinations(table: DecisionTable[Any]) -> int:
    return prod(len(column) for column in table.columns)


def iterate_cases[D](table: DecisionTable[D], *given: Flag) -> Iterator[Case[D]]:
    """Yields a case for each value of each fact that the table reads, unless the fact is given."""
    reads = {column: raise_unread(column) for column in table.columns}
    waiting = [given]
    while waiting:
        known = waiting.pop()
        facts = {type(fact): fact for fact in known}
        try:
            rule = table.find_first_match(Facts(reads, *known))
        except UnreadFactError as unread:
            waiting += [(*known, value) for value in unread.column]
        else:
            size = prod(len(column) for column in table.columns if column not in facts)
            yield Case(facts, rule, size)
