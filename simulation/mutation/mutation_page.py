"""The page of results about mutants: each guard by the section of the design that it enforces, and each condition."""

from collections.abc import Iterator, Mapping, Sequence

from simulation.mutation.condition_mutants import (
    GUARDED_PACKAGES,
    ConditionResult,
    find_survival_reason,
    list_conditions,
)
from simulation.mutation.mutation_address import AddressedNode
from simulation.mutation.runner import MutantVerdict

SECTION_TITLES: Mapping[str, str] = {
    "1": "The flow: every step may be repeated, and lost work is recovered",
    "2.3": "Instructions: the newest photo with its newest instructions",
    "2.4": "Output: receipts and error reports",
    "2.5": "Requests without an upload",
    "2.6": "Events and answers to tasks",
    "3": "Jobs: which job pays, and which jobs share the result",
    "3.1": "The claim and the budget",
    "3.2": "Conditional writes, and a record of every answer",
    "3.3": "Calls start early enough",
    "3.4": "Lost answers",
    "3.5": "The ledger explains the bill",
    "3.6": "The cause of a failure decides the job's status",
    "3.7": "Crashes are counted, waits are not",
    "3.8": "An unhealthy provider",
    "3.9": "Paused lanes",
    "3.10": "Failover",
    "3.11": "Failures, redrives, and cancellations",
    "3.12": "The sweep",
    "6": "Mandates",
}
"""The sections of the design. A mutant's description begins with the number of its section."""
PAGE_HEAD = (
    "# Mutants",
    "",
    "Written by `make mutants OUT=docs/results/mutants.md`. Each mutant is the product without one guard. Seeds of",
    "`make simulate` run on it, in the scene that tests this guard, until they break the invariant that is recorded",
    "for the mutant. A mutant is not killed by an exception, by another invariant, or by a seed in which the product",
    "itself breaks one.",
    "",
)
CONDITIONS_HEAD = (
    "",
    "## Conditions",
    "",
    "Every condition of these packages that no mutant above changes, as found in the code: `if`, `while`, a returned",
    "`and` or `or`, the clauses of DynamoDB's conditions, and the rows of decision tables. Its mutant makes it always",
    "false (`off`), negates it (`not`), makes it always true (`on`), or removes the row (`drop`).",
    "",
    ", ".join(f"`{package}`" for package in GUARDED_PACKAGES),
    "",
    "| condition | operator | broken invariant | scene | seed | plays needed |",
    "|---|---|---|---|--:|--:|",
)
SURVIVORS_HEAD = (
    "",
    "## Survivors",
    "",
    "Conditions that no invariant depends on, or that no seed can show.",
    "",
    "| condition | reason |",
    "|---|---|",
)


def find_section(guard: str) -> str:
    """Returns the number of the section in a mutant's description."""
    return guard.partition(":")[0]


def format_page(
    verdicts: Sequence[MutantVerdict], condition_results: Sequence[ConditionResult], environment: str
) -> str:
    """Returns the page. `environment`: the commit and the machine on which the mutants ran."""
    killed_count = sum(verdict.seed is not None for verdict in verdicts)
    killed_condition_count = sum(result.killer is not None for result in condition_results)
    survivors = [condition for condition in list_conditions() if find_survival_reason(condition)]
    summary = (
        f"**{killed_count} of {len(verdicts)} mutants killed**, in "
        f"{sum(verdict.play_count for verdict in verdicts)} seeds. "
        f"**{killed_condition_count} of {len(condition_results)} "
        f"conditions killed**. Another {len(survivors)} survive, each for a stated reason."
    )
    head = [*PAGE_HEAD, f"Measured on {environment}.", ""]
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
        section_verdicts = [verdict for verdict in verdicts if find_section(verdict.mutant.description) == number]
        if section_verdicts:
            yield from [
                "| guard | mutant without it | broken invariant | seed | seeds needed |",
                "|---|---|---|--:|--:|",
            ]
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
    yield from (f"| {_format_cell(condition)} | {find_survival_reason(condition)} |" for condition in survivors)


def _format_cell(condition: AddressedNode) -> str:
    """Formats a condition as a cell: its function, and its text as code."""
    return f"{condition.address.definition_name} `{condition.text}`".replace("|", "\\|")
