"""Plays seeds on copies of the package, each in a forked process: `python -m proof.mutants.hunt`, a JSON line for each.

What is not ours is imported once, before the first fork; what is ours is imported by the fork, from the copy.
"""

import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

# Not ours, and slow to import.
import botocore.response
import greenlet
import PIL.Image
import pydantic
from aws_lambda_powertools.utilities.batch import BatchProcessor

PRELOADED = (botocore.response, greenlet, PIL.Image, pydantic, BatchProcessor)
SECONDS_FOR_A_SEED = 60
NO_KILL = "FAULTS_FIRED"


def main() -> int:
    """Read cases, a JSON line each, and answer each with what was found."""
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_forked(partial(_hunted, json.loads(line)))) + "\n")
        sys.stdout.flush()
    return 0


def _hunted(case: Mapping[str, Any]) -> dict[str, Any]:
    """The first seed of a case that breaks a promise: what it broke, and how many seeds ended by an exception."""
    if case["copy"]:
        sys.path.insert(0, case["copy"])
    import backdrop
    from proof.simulate.many import played

    errors: list[str] = []
    for number, seed in enumerate(range(case["first"], case["first"] + case["seeds"]), 1):
        signal.alarm(SECONDS_FOR_A_SEED)
        run = played(seed, tuple(case["faults"]) or None, case["kind"])
        if run.error:
            errors.append(run.error.strip().splitlines()[-1])
        broken = [breach for _, breach in run.breaches if breach.promise.name != NO_KILL]
        if broken:
            found = {"seed": seed, "promise": broken[0].promise.name, "words": str(broken[0])}
            return found | {"seeds": number, "errors": errors, "package": str(backdrop.__path__[0])}
    return {"seed": None, "seeds": case["seeds"], "errors": errors, "package": str(backdrop.__path__[0])}


def _forked(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What the work gives in a process of its own; one that hangs or dies gives an error."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _tell(writing, work)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return json.loads(said) if said else {"seed": None, "seeds": 1, "errors": ["the process died"], "package": ""}


def _tell(writing: int, work: Callable[[], dict[str, Any]]) -> None:
    """The child's whole life."""
    try:
        found = work()
    except BaseException:  # noqa: BLE001 - the child's last words
        found = {"seed": None, "seeds": 1, "errors": [traceback.format_exc().splitlines()[-1]], "package": ""}
    with os.fdopen(writing, "w") as pipe:
        pipe.write(json.dumps(found))
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
