"""The page that the repository keeps of the mutants: each guard by what it is for, and each condition of the code."""

from collections.abc import Iterator, Mapping, Sequence

from proof.measured import measured_on
from proof.mutants.accepted_survivors import UNGUARDED
from proof.mutants.address import Node
from proof.mutants.conditions import GUARDED, Found, conditions, reason
from proof.mutants.runner import Verdict

SECTIONS: Mapping[str, str] = {
    "1": "The flow: each step may be repeated, and what was lost is set right",
    "2.3": "What is wanted: the newest photo with the newest wish",
    "2.4": "What people see: receipts and reports",
    "2.5": "Requests without a drop",
    "2.6": "What programs hear: events",
    "3": "Jobs: who pays for what, and who gets it",
    "3.1": "The claim and the budget",
    "3.2": "Writes are fenced, and every answer is recorded",
    "3.3": "Calls begin in time",
    "3.4": "Lost answers",
    "3.5": "The bill is explained",
    "3.6": "What went wrong decides how it ends",
    "3.7": "Waiting counts for nothing, deaths are counted",
    "3.8": "A sick provider",
    "3.9": "Paused lanes",
    "3.10": "Fail-over",
    "3.11": "Failures, redrives and cancels",
    "3.12": "The sweep",
}
"""What guards are for, by the number with which their mutants name it."""
HEAD = (
    "# Mutants",
    "",
    "Written by `make mutants OUT=docs/results/mutants.md`. In each mutant the product stands without one guard, and",
    "seeds of `make simulate` run on it, in the scene that puts this guard to the test, until the promise breaks that",
    "is recorded for it. An exception kills nothing, and neither does another promise, nor a seed in which the product",
    "itself breaks one.",
    "",
)
CONDITIONS = (
    "",
    "## Conditions",
    "",
    "Every condition of these packages that no mutant above changes, read from the code: `if`, `while`, what is asked",
    "in a returned `and`, and the clauses of DynamoDB's conditions. In its mutant it is never true (`off`), the other",
    "way round (`not`), or always true (`on`).",
    "",
    ", ".join(f"`{package}`" for package in GUARDED),
    "",
    "| condition | turned | broken promise | scene | seed | plays needed |",
    "|---|---|---|---|--:|--:|",
)
SURVIVING = (
    "",
    "## Survivors",
    "",
    "Conditions that no promise speaks of, or that no seed can show.",
    "",
    "| condition | why |",
    "|---|---|",
)


def section(guard: str) -> str:
    """The number of what a guard is for."""
    return guard.partition(":")[0]


def document(verdicts: Sequence[Verdict], found: Sequence[Found]) -> str:
    """The whole page."""
    killed = sum(one.seed is not None for one in verdicts)
    turned = sum(one.killer is not None for one in found)
    survivors = [one for one in conditions() if reason(one)]
    sums = (
        f"**{killed} of {len(verdicts)} mutants killed**, in {sum(one.played for one in verdicts)} seeds. "
        f"**{turned} of {len(found)} conditions killed**, {len(survivors)} live for a reason."
    )
    head = [*HEAD, f"Measured on {measured_on()}.", ""]
    lines = [*head, sums, "", "## Guards", *_guards(verdicts), *_conditions(found), *_survivors(survivors)]
    return "\n".join(lines) + "\n"


def _guards(verdicts: Sequence[Verdict]) -> Iterator[str]:
    for number, title in SECTIONS.items():
        yield from ["", f"### {number} {title}", ""]
        ours = [one for one in verdicts if section(one.mutant.guard) == number]
        if ours:
            yield from ["| guard | mutant without it | broken promise | seed | seeds needed |", "|---|---|---|--:|--:|"]
            yield from map(_guard, ours)
        else:
            yield UNGUARDED.get(number, "**No guard.**")


def _guard(one: Verdict) -> str:
    guard = one.mutant.guard.partition(": ")[2]
    seed = "" if one.seed is None else one.seed
    return f"| {guard} | `{one.mutant.name}` | {one.promise or '**nothing**'} | {seed} | {one.played} |"


def _conditions(found: Sequence[Found]) -> Iterator[str]:
    yield from CONDITIONS
    for one in found:
        cells = ["", "**nothing**", "", "", ""]
        if one.killer:
            cells = [one.killer.operator, one.killer.promise, one.killer.scene, one.killer.seed, one.killer.played]
        yield f"| {_cell(one.condition)} | {' | '.join(map(str, cells))} |"


def _survivors(survivors: Sequence[Node]) -> Iterator[str]:
    yield from SURVIVING
    yield from (f"| {_cell(one)} | {reason(one)} |" for one in survivors)


def _cell(condition: Node) -> str:
    """A condition as a cell: its function, and its text as code."""
    return f"{condition.address.place} `{condition.text}`".replace("|", "\\|")
