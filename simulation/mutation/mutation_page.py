"""The page that the repository keeps of the mutants: each guard by what it is for, and each condition of the code."""

from collections.abc import Iterator, Mapping, Sequence

from simulation.mutation.condition_mutants import (
    GUARDED_PACKAGES,
    ConditionResult,
    find_survival_reason,
    list_conditions,
)
from simulation.mutation.mutation_address import AddressedNode
from simulation.mutation.runner import MutantVerdict
from simulation.run_environment import describe_environment

SECTION_TITLES: Mapping[str, str] = {
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
PAGE_HEAD = (
    "# Mutants",
    "",
    "Written by `make mutants OUT=docs/results/mutants.md`. In each mutant the product stands without one guard, and",
    "seeds of `make simulate` run on it, in the scene that puts this guard to the test, until the promise breaks that",
    "is recorded for it. An exception kills nothing, and neither does another promise, nor a seed in which the product",
    "itself breaks one.",
    "",
)
CONDITIONS_HEAD = (
    "",
    "## Conditions",
    "",
    "Every condition of these packages that no mutant above changes, read from the code: `if`, `while`, what is asked",
    "in a returned `and`, and the clauses of DynamoDB's conditions. In its mutant it is never true (`off`), the other",
    "way round (`not`), or always true (`on`).",
    "",
    ", ".join(f"`{package}`" for package in GUARDED_PACKAGES),
    "",
    "| condition | turned | broken promise | scene | seed | plays needed |",
    "|---|---|---|---|--:|--:|",
)
SURVIVORS_HEAD = (
    "",
    "## Survivors",
    "",
    "Conditions that no promise speaks of, or that no seed can show.",
    "",
    "| condition | why |",
    "|---|---|",
)


def find_section(guard: str) -> str:
    """The number of what a guard is for."""
    return guard.partition(":")[0]


def format_page(verdicts: Sequence[MutantVerdict], condition_results: Sequence[ConditionResult]) -> str:
    """The whole page."""
    killed_count = sum(one.seed is not None for one in verdicts)
    killed_condition_count = sum(one.killer is not None for one in condition_results)
    survivors = [one for one in list_conditions() if find_survival_reason(one)]
    summary = (
        f"**{killed_count} of {len(verdicts)} mutants killed**, in {sum(one.play_count for one in verdicts)} seeds. "
        f"**{killed_condition_count} of {len(condition_results)} "
        f"conditions killed**, {len(survivors)} live for a reason."
    )
    head = [*PAGE_HEAD, f"Measured on {describe_environment()}.", ""]
    lines = [
        *head,
        summary,
        "",
        "## Guards",
        *_format_guards(verdicts),
        *_format_conditions(condition_results),
        *_format_survivors(survivors),
    ]
    return "\n".join(lines) + "\n"


def _format_guards(verdicts: Sequence[MutantVerdict]) -> Iterator[str]:
    for number, title in SECTION_TITLES.items():
        yield from ["", f"### {number} {title}", ""]
        section_verdicts = [one for one in verdicts if find_section(one.mutant.description) == number]
        if section_verdicts:
            yield from ["| guard | mutant without it | broken promise | seed | seeds needed |", "|---|---|---|--:|--:|"]
            yield from map(_format_guard, section_verdicts)
        else:
            yield "**No guard.**"


def _format_guard(verdict: MutantVerdict) -> str:
    guard = verdict.mutant.description.partition(": ")[2]
    seed = "" if verdict.seed is None else verdict.seed
    return (
        f"| {guard} | `{verdict.mutant.name}` | {verdict.invariant or '**nothing**'} | {seed} | {verdict.play_count} |"
    )


def _format_conditions(condition_results: Sequence[ConditionResult]) -> Iterator[str]:
    yield from CONDITIONS_HEAD
    for result in condition_results:
        cells = ["", "**nothing**", "", "", ""]
        if result.killer:
            cells = [
                result.killer.operator,
                result.killer.invariant,
                result.killer.scene,
                result.killer.seed,
                result.killer.play_count,
            ]
        yield f"| {_format_cell(result.condition)} | {' | '.join(map(str, cells))} |"


def _format_survivors(survivors: Sequence[AddressedNode]) -> Iterator[str]:
    yield from SURVIVORS_HEAD
    yield from (f"| {_format_cell(one)} | {find_survival_reason(one)} |" for one in survivors)


def _format_cell(condition: AddressedNode) -> str:
    """A condition as a cell: its function, and its text as code."""
    return f"{condition.address.definition_name} `{condition.text}`".replace("|", "\\|")
