"""`python -m simulation.bill`: runs seeds of the bill's worlds, and reports what was settled, and whether it was right.

`--out PAGE` writes the report as a page. Exits with 1 if a settlement is wrong, or is not reopened when it becomes so.
`--mutants` removes each guard of settlements instead, and exits with 1 if the seed or the test that must fail passes.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from simulation.bill.bill_kinds import KIND_TEXTS, WorldKind
from simulation.bill.bill_mutants import BILL_MUTANTS, is_killed
from simulation.bill.bill_world import BUSY_HOURS, QUIET_HOURS, SeedResult, run_seed
from simulation.process_pool import map_in_processes
from simulation.run_environment import describe_environment

PROCESSES = 2
SUMMED = ("calls", "lost", "settled", "corrections", "stopped", "masked", "wrong", "unreported")
MAX_PROBLEMS = 10


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--processes", type=int, default=PROCESSES)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--mutants", action="store_true")
    options = parser.parse_args(arguments)
    if options.mutants:
        return _run_mutants()
    seeds = range(options.first, options.first + options.seeds)
    results = list(map_in_processes(run_seed, seeds, options.processes, chunk_size=5))
    page = build_page(results, options.first)
    print(page)
    if options.out:
        options.out.write_text(page)
    problems = _list_problems(results)
    print("\n".join(problems[:MAX_PROBLEMS]), file=sys.stderr)
    return 1 if problems else 0


def _list_problems(results: Iterable[SeedResult]) -> list[str]:
    return [f"seed {one.seed} ({one.kind.value}): {text}" for one in results for text in one.problems]


def _run_mutants() -> int:
    survivors = 0
    for name, mutant in BILL_MUTANTS.items():
        killed = is_killed(mutant)
        survivors += not killed
        print(f"{name}: {'killed by' if killed else 'SURVIVES'} {mutant.killer}")
    return 1 if survivors else 0


def build_page(results: Sequence[SeedResult], first: int) -> str:
    """Returns the report as Markdown."""
    findings = Counter(kind for one in results for kind in one.findings)
    groups, settled = sum(one.in_clear_groups for one in results), sum(one.settled_in_time for one in results)
    hours, by_hour = sum(one.in_clear_hours for one in results), sum(one.settled_in_time_by_hour for one in results)
    rows = [_build_row(kind.value, [one for one in results if one.kind is kind]) for kind in WorldKind]
    return "\n".join(
        [
            "# Settlements by usage records",
            "",
            f"{len(results):,} simulated worlds (seeds {first:,} to {first + len(results) - 1:,}),",
            f"most of them with the calls of {BUSY_HOURS} hours, and {QUIET_HOURS} hours more,",
            "and Ideogram's usage records, which are late, wrong, corrected, or shared. `make bill` runs them again.",
            f"Run on {describe_environment()}.",
            "",
            "| world | worlds | calls | lost | settled | reopened | stopped | masked | wrong | wrong at the end |",
            "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
            *rows,
            _build_row("all", results),
            "",
            *(f"- `{kind.value}`: {KIND_TEXTS[kind]}" for kind in WorldKind),
            "",
            "`lost`: calls whose answer was lost. `stopped`: worlds in which a charge is missing in the end.",
            "`wrong`: settled against the truth, although no correction was still to come. `wrong at the end`:",
            "a correction came later, and reopened nothing. `masked`: settled against the truth, but the records",
            "are those of a world in which it is true, so that [no comparison](../bill.md#what-it-cannot-tell)",
            "can see the difference: they lack a delivered image, or show one at the price of another speed on a",
            "shared key.",
            "",
            "In the worlds `own`, if none or all of the unknown charges in the hours that calls connect, at one price,",
            f"were charged, {settled:,} of {groups:,} ({_share(settled, groups)}) were settled within two hours after",
            "the last of these hours could be final, which is 90 minutes after its end: `BillFinalMinutes`, and half",
            f"an hour between two reads. If each hour counts on its own: {by_hour:,} of {hours:,}",
            f"({_share(by_hour, hours)}), because a call near the boundary of two hours connects them.",
            "",
            *_describe_waits([one for one in results if one.waited]),
            "",
            "Broken promises:",
            "",
            *([f"- {text}" for text in _list_problems(results)[:MAX_PROBLEMS]] or ["- none"]),
            "",
            "What the comparisons found:",
            "",
            *(f"- `{kind}`: {findings[kind]:,} worlds" for kind in sorted(findings)),
            "",
        ]
    )


def _describe_waits(results: Sequence[SeedResult]) -> list[str]:
    waited, resent = sum(one.waited for one in results), sum(one.resent for one in results)
    return [
        f"In {len(results):,} of the worlds, the jobs of {waited:,} calls waited (`OnLostAnswer=ask_the_bill`):",
        f"{resent:,} were sent again. {sum(one.double_charges for one in results):,} of them were charged both times",
        "(not counting masked ones). It is a broken promise (below) unless the records were corrected after they had",
        "been final, and the double charge was reported.",
    ]


def _build_row(name: str, results: Iterable[SeedResult]) -> str:
    listed = list(results)
    sums = [sum(getattr(one, field) for one in listed) for field in SUMMED]
    return f"| {name} | {len(listed):,} | " + " | ".join(f"{value:,}" for value in sums) + " |"


def _share(part: int, total: int) -> str:
    return f"{part / total:.1%}" if total else "none"


if __name__ == "__main__":
    sys.exit(main())
