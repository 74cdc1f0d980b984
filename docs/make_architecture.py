"""Writes the decision tables of docs/architecture.md from the code: `make docs` (a test checks that they are current).

The text around the marks is written by hand. A mark is `<!-- table: name -->`, and its part ends at `<!-- end -->`.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from enum import Enum, Flag
from inspect import cleandoc
from pathlib import Path
from typing import Any

from backdrop.intake.decide import AFTER_RESOLVING, BEFORE_RESOLVING, Decision, PlanDecision
from backdrop.model.decision_table import Column, DecisionTable
from docs.tables import format_table

PAGE = Path(__file__).parent / "architecture.md"
MARKED_PART = re.compile(r"(?s)(?P<begin><!-- table: (?P<name>\w+) -->\n).*?(?=<!-- end -->)")


def format_facts() -> str:
    columns = dict.fromkeys((*BEFORE_RESOLVING.columns, *AFTER_RESOLVING.columns))
    rows = [(_format_name(one), ", ".join(map(_format_value, one)), _format_meaning(one)) for one in columns]
    return format_table(("fact", "values", "meaning"), rows)


def format_rules(decision_table: DecisionTable[Any]) -> str:
    """Returns a table's rows in the order in which they are tried."""
    rows = [
        (str(n), rule.reason, "<br>".join(_list_conditions(rule.cells.values())) or "always", f"`{rule.then}`")
        for n, rule in enumerate(decision_table.rules, start=1)
    ]
    return format_table(("", "why", "when", "decision"), rows)


def _list_conditions(cells: Iterable[Flag]) -> Iterator[str]:
    for values in cells:
        named, others = list(values), list(~values)
        fact = _format_name(type(values))
        condition = f"not {_join_values(others)}" if len(others) < len(named) else _join_values(named)
        yield f"{fact}: {condition}"


def _join_values(values: list[Flag]) -> str:
    return " or ".join(map(_format_value, values))


def _format_name(column: Column) -> str:
    """Returns a class's name as words: `own instructions` for `OwnInstructions`."""
    return re.sub(r"(?<=.)([A-Z])", r" \1", column.__name__).lower()


def _format_value(value: Flag) -> str:
    return f"`{str(value.name).lower()}`"


def _format_meaning(column: Column) -> str:
    """Returns the enumeration's docstring, with its values as the tables show them."""
    text = " ".join(cleandoc(column.__doc__ or "").split())
    return re.sub(
        r"\b[A-Z][A-Z_]+\b", lambda word: f"`{word[0].lower()}`" if word[0] in column.__members__ else word[0], text
    )


def format_decisions(decision_type: type[Enum]) -> str:
    """Returns the list in an enumeration's docstring, which explains each decision."""
    return cleandoc(decision_type.__doc__ or "").partition("\n\n")[2]


PART_BUILDERS: dict[str, Callable[[], str]] = {
    "facts": format_facts,
    "before": lambda: f"{format_decisions(Decision)}\n\n{format_rules(BEFORE_RESOLVING)}",
    "after": lambda: f"{format_decisions(PlanDecision)}\n\n{format_rules(AFTER_RESOLVING)}",
}


def build_page() -> str:
    """Returns the current page with its tables regenerated from the code."""
    return MARKED_PART.sub(lambda part: f"{part['begin']}{PART_BUILDERS[part['name']]()}\n", PAGE.read_text())


if __name__ == "__main__":
    PAGE.write_text(build_page())
