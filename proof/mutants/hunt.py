"""Plays seeds on copies of the package, each in a forked process: `python -m proof.mutants.hunt`, a JSON line for each.

What is not ours is imported once, before the first fork; what is ours is imported by the fork, from the copy.
"""

import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

# Not ours, and slow to import.
import botocore.response
import greenlet
import PIL.Image
import pydantic
from aws_lambda_powertools.utilities.batch import BatchProcessor

if TYPE_CHECKING:
    from proof.checker.books import Breach

PRELOADED = (botocore.response, greenlet, PIL.Image, pydantic, BatchProcessor)
# Of the processor, since others may be at work on the machine.
SECONDS_FOR_A_SEED = 40
# Calls: several times what a seed of these scenes needs.
PATIENCE = 20_000
NO_KILL = "FAULTS_FIRED"


class TooLongError(Exception):
    """A seed takes longer than seeds do: it kills nothing."""


def main() -> int:
    """Read cases, a JSON line each, and answer each with what was found."""
    for line in sys.stdin:
        case = json.loads(line)
        work = _first_broken if case["copy"] else _all_broken
        sys.stdout.write(json.dumps(_forked(partial(work, case))) + "\n")
        sys.stdout.flush()
    return 0


def _first_broken(case: Mapping[str, Any]) -> dict[str, Any]:
    """The first play of a mutant that breaks its promise ("": any): its place and words, and how other plays ended."""
    sys.path.insert(0, case["copy"])
    import backdrop

    package, errors, others = backdrop.__path__[0], list[str](), dict[str, None]()
    for place, (broken, error) in enumerate(_plays(case)):
        errors += [error] if error else []
        kill = next((one for one in broken if case["breaks"] in ("", one.promise.name)), None)
        if kill:
            words = {"promise": kill.promise.name, "words": str(kill)}
            return {"place": place, "errors": errors, "others": [*others], "package": package, **words}
        others |= dict.fromkeys(one.promise.name for one in broken)
    return {"place": None, "errors": errors, "others": [*others], "package": package}


def _all_broken(case: Mapping[str, Any]) -> dict[str, Any]:
    """The places of the plays in which the product itself breaks a promise, or ends by an exception."""
    return {"broken": [place for place, (broken, error) in enumerate(_plays(case)) if broken or error]}


def _plays(case: Mapping[str, Any]) -> "Iterator[tuple[list[Breach], str]]":
    """Of each play the broken promises, and the exception that ended it."""
    signal.signal(signal.SIGPROF, _too_long)
    for scene, seed in case["plays"]:
        yield _played(scene, seed)


def _played(scene: Mapping[str, Any], seed: int) -> "tuple[list[Breach], str]":
    from backdrop.model.errors import ItemTooLargeError
    from proof.checker.books import Breach, Promise
    from proof.mutants.scene import Scene
    from proof.simulate.play import Play

    signal.setitimer(signal.ITIMER_PROF, SECONDS_FOR_A_SEED)
    try:
        breaches = Play(Scene(**scene).plan(seed), PATIENCE).run().breaches
    except ItemTooLargeError:
        return [Breach(Promise.ONE_END, "DynamoDB refuses a write, however often its message comes")], ""
    except Exception:  # noqa: BLE001 - one seed's end is not that of the others
        return [], traceback.format_exc().strip().splitlines()[-1]
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return [breach for _, breach in breaches if breach.promise.name != NO_KILL], ""


def _too_long(*_: object) -> None:
    raise TooLongError(f"not done after {SECONDS_FOR_A_SEED} s")


def _forked(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What the work gives in a process of its own; one that dies gives an error."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _tell(writing, work)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return json.loads(said) if said else _nothing("the process died")


def _nothing(error: str) -> dict[str, Any]:
    return {"place": None, "errors": [error], "others": [], "package": ""}


def _tell(writing: int, work: Callable[[], dict[str, Any]]) -> None:
    """The child's whole life."""
    try:
        found = work()
    except BaseException:  # noqa: BLE001 - the child's last words
        found = _nothing(traceback.format_exc().splitlines()[-1])
    with os.fdopen(writing, "w") as pipe:
        pipe.write(json.dumps(found))
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
