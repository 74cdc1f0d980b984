"""Runs seeds on copies of the package, each in a forked process, and prints a JSON line for each.

Third-party modules are imported once, before the first fork. Our own are imported by the fork, from the copy.
"""

import gc
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

# Third-party modules that are slow to import.
import aws_lambda_powertools.metrics
import botocore.response
import greenlet
import PIL.Image
import pydantic

from simulation.process_pool import GC_THRESHOLDS

if TYPE_CHECKING:
    from simulation.invariants.violations import Violation

PRELOADED_MODULES = (botocore.response, greenlet, PIL.Image, pydantic, aws_lambda_powertools.metrics)
# CPU time, because other processes may be using the machine.
MAX_SEED_SECONDS = 40
# Calls: twice what a seed of the longest scene needs, whose account is empty for days.
MAX_CALLS = 20_000
IGNORED_INVARIANT = "FAULTS_FIRED"


class SeedTimeoutError(Exception):
    """A seed takes longer than seeds should. It kills nothing."""


def main() -> int:
    """Reads cases, one JSON line each, and answers each with its result."""
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    for line in sys.stdin:
        case = json.loads(line)
        run_case = _find_first_violation if case["copy"] else _find_all_violations
        sys.stdout.write(json.dumps(_run_in_fork(partial(run_case, case))) + "\n")
        sys.stdout.flush()
    return 0


def _find_first_violation(case: Mapping[str, Any]) -> dict[str, Any]:
    """Runs plays on a mutant until one breaks its invariant (empty: any).

    Returns the index of that play and the violation, and how the other plays ended.
    """
    sys.path.insert(0, case["copy"])
    import backdrop

    package, errors, other_invariants = backdrop.__path__[0], list[str](), dict[str, None]()
    for index, (violations, error) in enumerate(_iterate_plays(case)):
        errors += [error] if error else []
        fatal = next((violation for violation in violations if case["breaks"] in ("", violation.invariant.name)), None)
        if fatal:
            detail = {"promise": fatal.invariant.name, "words": str(fatal)}
            return {"place": index, "errors": errors, "others": [*other_invariants], "package": package, **detail}
        other_invariants |= dict.fromkeys(violation.invariant.name for violation in violations)
    return {"place": None, "errors": errors, "others": [*other_invariants], "package": package}


def _find_all_violations(case: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the indexes of the plays in which the product itself breaks an invariant or raises an exception."""
    return {"broken": [index for index, (is_broken, error) in enumerate(_iterate_plays(case)) if is_broken or error]}


def _iterate_plays(case: Mapping[str, Any]) -> "Iterator[tuple[list[Violation], str]]":
    """Yields the violations of each play, and the exception that ended it."""
    signal.signal(signal.SIGPROF, _on_timeout)
    for scene, seed in case["plays"]:
        yield _run_play(scene, seed)


def _run_play(scene: Mapping[str, Any], seed: int) -> "tuple[list[Violation], str]":
    from backdrop.model.errors import ItemTooLargeError
    from simulation.invariants.violations import Invariant, Violation
    from simulation.mutation.mutation_scene import MutationScene
    from simulation.scenarios.simulation_run import Simulation

    signal.setitimer(signal.ITIMER_PROF, MAX_SEED_SECONDS)
    try:
        violations = Simulation(MutationScene(**scene).build_plan(seed), MAX_CALLS).run().violations
    except ItemTooLargeError:
        return [Violation(Invariant.ENDS_EXACTLY_ONCE, "DynamoDB rejects a write at every delivery of its message")], ""
    except Exception:  # noqa: BLE001 - one seed's exception must not end the others
        return [], traceback.format_exc().strip().splitlines()[-1]
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return [violation for _, violation in violations if violation.invariant.name != IGNORED_INVARIANT], ""


def _on_timeout(*_: object) -> None:
    raise SeedTimeoutError(f"not done after {MAX_SEED_SECONDS} s")


def _run_in_fork(function: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Runs a function in a process of its own and returns its result; an error if the process dies."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read_end)
        _run_child(write_end, function)
    os.close(write_end)
    with os.fdopen(read_end) as pipe:
        output = pipe.read()
    os.waitpid(child, 0)
    return json.loads(output) if output else _build_error_result("the process ended without a result")


def _build_error_result(error: str) -> dict[str, Any]:
    return {"place": None, "errors": [error], "others": [], "package": ""}


def _run_child(write_end: int, function: Callable[[], dict[str, Any]]) -> None:
    """Runs the function, writes its result, and exits."""
    try:
        result = function()
    except BaseException:  # noqa: BLE001 - reported to the parent
        result = _build_error_result(traceback.format_exc().splitlines()[-1])
    with os.fdopen(write_end, "w") as pipe:
        pipe.write(json.dumps(result))
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
