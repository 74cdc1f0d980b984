"""A decision table takes the first rule that matches, and reads no fact that cannot make a difference."""

from collections.abc import Sequence
from enum import Flag, auto

import pytest

from backdrop.model.decision_table import Column, DecisionTable, Facts, Rule


class Color(Flag):
    RED = auto()
    GREEN = auto()
    BLUE = auto()


class Size(Flag):
    SMALL = auto()
    LARGE = auto()


class Price(Flag):
    CHEAP = auto()
    DEAR = auto()


TABLE = DecisionTable(
    (Color, Size, Price),
    (
        Rule("Small red ones are kept.", (Color.RED, Size.SMALL), "keep"),
        Rule("Other red or green ones are sold.", (Color.RED | Color.GREEN,), "sell"),
        Rule("Expensive blue ones are sent back.", (~Color.RED, Price.DEAR), "return"),
        Rule("The others are given away.", (), "give"),
    ),
)


def decide(*facts: Flag) -> tuple[str, Sequence[Column]]:
    """Returns what the table decides, and the facts that it reads."""
    read: list[Column] = []

    def note(fact: Flag) -> Flag:
        read.append(type(fact))
        return fact

    decision = TABLE.decide(Facts({type(fact): lambda fact=fact: note(fact) for fact in facts}))
    return decision, read


@pytest.mark.parametrize(
    ("facts", "decision", "read"),
    [
        ((Color.RED, Size.SMALL, Price.DEAR), "keep", [Color, Size]),
        ((Color.RED, Size.LARGE, Price.DEAR), "sell", [Color, Size]),
        ((Color.GREEN, Size.SMALL, Price.DEAR), "sell", [Color]),
        ((Color.BLUE, Size.SMALL, Price.DEAR), "return", [Color, Price]),
        ((Color.BLUE, Size.SMALL, Price.CHEAP), "give", [Color, Price]),
    ],
)
def test_first_matching_rule_decides_after_few_reads(
    facts: tuple[Flag, ...], decision: str, read: Sequence[Column]
) -> None:
    assert decide(*facts) == (decision, read)


def test_facts_are_read_in_the_order_of_the_columns() -> None:
    table = DecisionTable((Color, Size), (Rule("", (Size.SMALL, Color.RED), 1), Rule("", (), 2)))
    read: list[Column] = []

    def read_large() -> Flag:
        read.append(Size)
        return Size.LARGE

    def read_red() -> Flag:
        read.append(Color)
        return Color.RED

    assert (table.decide(Facts({Size: read_large, Color: read_red})), read) == (2, [Color, Size])


def test_fact_is_read_once_for_several_tables() -> None:
    reads: list[Color] = []

    def read_red() -> Flag:
        reads.append(Color.RED)
        return Color.RED

    facts = Facts({Color: read_red})
    assert facts[Color] is facts[Color] is facts.with_fact(Size.SMALL)[Color]
    assert TABLE.decide(facts.with_fact(Size.SMALL)) == "keep"
    assert reads == [Color.RED]


def test_added_fact_replaces_the_known_one() -> None:
    assert Facts({}, Color.RED, Size.LARGE).with_fact(Size.SMALL)[Size] is Size.SMALL
