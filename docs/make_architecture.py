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
from docs.tables import table

PAGE = Path(__file__).parent / "architecture.md"
PART = re.compile(r"(?s)(?P<begin><!-- table: (?P<name>\w+) -->\n).*?(?=<!-- end -->)")


def facts() -> str:
    columns = dict.fromkeys((*BEFORE_RESOLVING.columns, *AFTER_RESOLVING.columns))
    rows = [(_name(one), ", ".join(map(_value, one)), _meaning(one)) for one in columns]
    return table(("fact", "values", "meaning"), rows)


def rules(chosen: DecisionTable[Any]) -> str:
    """Returns a table's rows in the order in which they are tried."""
    rows = [
        (str(n), rule.reason, "<br>".join(_conditions(rule.cells.values())) or "always", f"`{rule.then}`")
        for n, rule in enumerate(chosen.rules, start=1)
    ]
    return table(("", "why", "when", "decision"), rows)


def _conditions(cells: Iterable[Flag]) -> Iterator[str]:
    for values in cells:
        named, others = list(values), list(~values)
        fact = _name(type(values))
        words = f"not {_either(others)}" if len(others) < len(named) else _either(named)
        yield f"{fact}: {words}"


def _either(values: list[Flag]) -> str:
    return " or ".join(map(_value, values))


def _name(column: Column) -> str:
    """Returns a class's name as words: `own instructions` for `OwnInstructions`."""
    return re.sub(r"(?<=.)([A-Z])", r" \1", column.__name__).lower()


def _value(value: Flag) -> str:
    return f"`{str(value.name).lower()}`"


def _meaning(column: Column) -> str:
    """Returns the enumeration's docstring, with its values as the tables show them."""
    text = " ".join(cleandoc(column.__doc__ or "").split())
    return re.sub(
        r"\b[A-Z][A-Z_]+\b", lambda word: f"`{word[0].lower()}`" if word[0] in column.__members__ else word[0], text
    )


def decisions(of: type[Enum]) -> str:
    """Returns the list in an enumeration's docstring, which explains each decision."""
    return cleandoc(of.__doc__ or "").partition("\n\n")[2]


PARTS: dict[str, Callable[[], str]] = {
    "facts": facts,
    "before": lambda: f"{decisions(Decision)}\n\n{rules(BEFORE_RESOLVING)}",
    "after": lambda: f"{decisions(PlanDecision)}\n\n{rules(AFTER_RESOLVING)}",
}


def page() -> str:
    """Returns the current page with its tables regenerated from the code."""
    return PART.sub(lambda part: f"{part['begin']}{PARTS[part['name']]()}\n", PAGE.read_text())


if __name__ == "__main__":
    PAGE.write_text(page())
