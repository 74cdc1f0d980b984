"""The conditions by which money, a lane or a lost answer goes its way: all are read from the code, and each is hunted.

A condition that no mutant of the registry changes gets a mutant of its own, which turns it. conditions.json has what
killed it, or null where nothing has killed it yet; accepted_survivors.py has the conditions that no seed can show, each
with the reason.
"""

import ast
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from proof.checker.books import Promise
from proof.mutants.accepted_survivors import SURVIVORS
from proof.mutants.address import Address, Node, definitions, modules
from proof.mutants.mutant import Mutant, spans
from proof.mutants.operators import Change
from proof.mutants.registry import MUTANTS
from proof.mutants.runner import Lab, Play, in_labs, plays
from proof.mutants.scene import WEATHER, Scene

GUARDED = (
    "campaigns",
    "deliver",
    "intake",
    "operate",
    "pipeline",
    "reconcile",
    "render",
    "model.circuit",
    "model.intake_event",
    "model.task_result",
    "model.transitions",
    "aws.ledger",
    "aws.optimistic_lock",
)
"""The packages that decide about money and loss, each with all that is in it, and such modules of other packages."""
OPERATORS = ("off", "not", "on")
"""Never true, the other way round, always true."""
NEAR, FAR = 3, 1
"""How many seeds in each of the scenes."""
HEALING = 12
"""Where a stored seed does not kill any more, so many of its scene are played in all."""
RECORDED = Path(__file__).with_name("conditions.json")


@dataclass(frozen=True)
class Killer:
    """What killed a condition's mutant: how it was turned, in which scene, at which seed, after how many plays."""

    operator: str
    scene: str
    seed: int
    promise: str
    played: int


@dataclass(frozen=True)
class Found:
    """A condition, and what killed it; None where nothing did."""

    condition: Node
    killer: Killer | None


@cache
def conditions() -> Sequence[Node]:
    """The conditions that no mutant of the registry changes."""
    changed: dict[str, list[tuple[int, int]]] = {}
    for one in MUTANTS.values():
        for file, some in spans(one).items():
            changed.setdefault(file, []).extend(some)
    every = (node for package in GUARDED for module in modules(package) for node in _of_module(module))
    return [node for node in every if not any(_meet(node.span, span) for span in changed.get(node.address.file, ()))]


def _of_module(module: str) -> Iterator[Node]:
    """Tests of `if` and `while`, returned expressions of `and` or `or`, and the clauses of DynamoDB's conditions."""
    for definition in definitions(module).values():
        for node in definition.nodes():
            match node.address.kind, node.tree:
                case "if" | "while", tree if not isinstance(tree, ast.Constant):
                    yield node
                case "return", ast.BoolOp():
                    yield node
                case "clause", _:
                    yield node
                case _:
                    pass


def _meet(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def to_kill() -> list[Node]:
    """The conditions that do not survive with a reason."""
    return [one for one in conditions() if not reason(one)]


def reason(condition: Node) -> str:
    """Why a condition may survive: its own reason, or that of its function, module or package; "" for none."""
    return next((SURVIVORS[name] for name in names(condition.address) if name in SURVIVORS), "")


def names(address: Address) -> tuple[str, ...]:
    """What a reason may be given for: a condition, and the function, module and package that it is in."""
    return str(address), address.place, address.module, address.module.partition(".")[0]


def recorded() -> dict[str, Killer | None]:
    """What killed each condition's mutant when they were last hunted, by address; None where nothing has yet."""
    found = json.loads(RECORDED.read_text())
    return {address: Killer(**killer) if killer else None for address, killer in found.items()}


def record(found: Mapping[str, Killer | None]) -> None:
    """Write down what killed, without conditions that the product has no more."""
    addresses = {str(one.address) for one in to_kill()}
    kept = {address: one and asdict(one) for address, one in sorted(found.items()) if address in addresses}
    RECORDED.write_text(json.dumps(kept, indent=2) + "\n")


def turned(address: Address, operator: str, breaks: str = "") -> Mutant:
    """The mutant of one condition; `breaks`: the promise that was broken last time, "" where none was."""
    promise = Promise[breaks] if breaks else None
    return Mutant(f"{operator} {address}", "", (Change(operator, address),), promise)


def known_mutants() -> Iterator[tuple[Mutant, list[Play]]]:
    """The mutants of all conditions that were killed before, each with the seeds that it is shown."""
    for address, killer in recorded().items():
        if killer:
            mutant = turned(Address.of(address), killer.operator, killer.promise)
            yield mutant, plays(scene_of(killer.scene), killer.seed, HEALING)


# -- the hunt ------------------------------------------------------------------------------------------------------


def hunt_conditions(processes: int, *, anew: bool, within: str = "") -> Iterator[Found]:
    """Each condition with its killer, as soon as there is one; `anew`: without a look at what killed before.

    `within`: only those whose addresses begin so.
    """
    known = {} if anew else recorded()
    chosen = [one for one in to_kill() if str(one.address).startswith(within)]
    yield from in_labs(chosen, lambda lab, one: _hunted(lab, one, known.get(str(one.address))), processes)


def _hunted(lab: Lab, condition: Node, known: Killer | None) -> Found:
    before = _healed(lab, condition.address, known) if known else None
    return Found(condition, before or _new_killer(lab, condition.address))


def _healed(lab: Lab, address: Address, known: Killer) -> Killer | None:
    """What killed before, at the same seed or at another one of its scene; None where it kills no more."""
    mutant = turned(address, known.operator, known.promise)
    verdict = lab.hunted(mutant, plays(scene_of(known.scene), known.seed, HEALING))
    if verdict.seed is None:
        return None
    return Killer(known.operator, known.scene, verdict.seed, verdict.promise, known.played)


def _new_killer(lab: Lab, address: Address) -> Killer | None:
    """The first operator that is killed, where mutants of the same file die before anywhere else."""
    played = 0
    for scenes, seeds in ((_near(address.file), NEAR), (_far(address.file), FAR)):
        named = [(name, (scene, seed)) for name, scene in scenes.items() for seed in range(seeds)]
        for operator in OPERATORS:
            verdict = lab.hunted(turned(address, operator), [play for _, play in named])
            played += verdict.played
            if verdict.place is not None and verdict.seed is not None:
                return Killer(operator, named[verdict.place][0], verdict.seed, verdict.promise, played)
    return None


def _near(file: str) -> dict[str, Scene]:
    """The scenes in which mutants of the same file die, and the weathers; the same one stands here once."""
    return _once({one.name: one.scene for one in MUTANTS.values() if _touches(one, file)} | {**WEATHER})


def _far(file: str) -> dict[str, Scene]:
    """The scenes of all other mutants."""
    return _once({one.name: one.scene for one in MUTANTS.values() if not _touches(one, file)})


def _touches(one: Mutant, file: str) -> bool:
    return any(change.address.file == file for change in one.changes)


def _once(scenes: dict[str, Scene]) -> dict[str, Scene]:
    names = {json.dumps(asdict(scene)): name for name, scene in reversed(scenes.items())}
    return {name: scene for name, scene in scenes.items() if name in names.values()}


def scene_of(name: str) -> Scene:
    """The scene of a name: one of the weathers, or that of a mutant of the registry."""
    return WEATHER[name] if name in WEATHER else MUTANTS[name].scene
