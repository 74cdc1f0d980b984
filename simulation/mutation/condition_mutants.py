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

from simulation.invariants.violations import Invariant
from simulation.mutation.accepted_survivors import ACCEPTED_SURVIVORS
from simulation.mutation.guards import MUTANTS
from simulation.mutation.mutant import Mutant, list_spans
from simulation.mutation.mutation_address import AddressedNode, MutationAddress, list_modules, read_definitions
from simulation.mutation.mutation_operators import Mutation
from simulation.mutation.mutation_scene import FAULT_SCENES, MutationScene
from simulation.mutation.runner import MutantRunner, ScenePlay, list_plays, run_in_parallel

GUARDED_PACKAGES = (
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
)
"""The packages that decide about money and loss, each with all that is in it, and such modules of other packages."""
CONDITION_OPERATORS = ("off", "not", "on")
"""Never true, the other way round, always true."""
NEARBY_SCENE_SEEDS, OTHER_SCENE_SEEDS = 3, 1
"""How many seeds in each of the scenes."""
MAX_REPLACEMENT_PLAYS = 12
"""Where a stored seed does not kill any more, so many of its scene are played in all."""
KILLERS_FILE = Path(__file__).with_name("conditions.json")


@dataclass(frozen=True)
class ConditionKiller:
    """What killed a condition's mutant: how it was turned, in which scene, at which seed, after how many plays."""

    operator: str
    scene: str
    seed: int
    invariant: str
    play_count: int


@dataclass(frozen=True)
class ConditionResult:
    """A condition, and what killed it; None where nothing did."""

    condition: AddressedNode
    killer: ConditionKiller | None


@cache
def list_conditions() -> Sequence[AddressedNode]:
    """The conditions that no mutant of the registry changes."""
    changed_spans: dict[str, list[tuple[int, int]]] = {}
    for one in MUTANTS.values():
        for file, some in list_spans(one).items():
            changed_spans.setdefault(file, []).extend(some)
    all_nodes = (
        node
        for package in GUARDED_PACKAGES
        for module in list_modules(package)
        for node in _list_module_conditions(module)
    )
    return [
        node
        for node in all_nodes
        if not any(_overlap(node.span, span) for span in changed_spans.get(node.address.file, ()))
    ]


def _list_module_conditions(module: str) -> Iterator[AddressedNode]:
    """Tests of `if` and `while`, returned expressions of `and` or `or`, and the clauses of DynamoDB's conditions."""
    for definition in read_definitions(module).values():
        for node in definition.list_nodes():
            match node.address.kind, node.tree:
                case "if" | "while", tree if not isinstance(tree, ast.Constant):
                    yield node
                case "return", ast.BoolOp():
                    yield node
                case "clause", _:
                    yield node
                case _:
                    pass


def _overlap(first: tuple[int, int], second: tuple[int, int]) -> bool:
    return first[0] < second[1] and second[0] < first[1]


def list_conditions_to_kill() -> list[AddressedNode]:
    """The conditions that do not survive with a reason."""
    return [one for one in list_conditions() if not find_survival_reason(one)]


def find_survival_reason(condition: AddressedNode) -> str:
    """Why a condition may survive: its own reason, or that of its function, module or package; "" for none."""
    return next(
        (ACCEPTED_SURVIVORS[name] for name in list_reason_keys(condition.address) if name in ACCEPTED_SURVIVORS), ""
    )


def list_reason_keys(address: MutationAddress) -> tuple[str, ...]:
    """What a reason may be given for: a condition, and the function, module and package that it is in."""
    return str(address), address.definition_name, address.module, address.module.partition(".")[0]


def read_killers() -> dict[str, ConditionKiller | None]:
    """What killed each condition's mutant when they were last hunted, by address; None where nothing has yet."""
    killers = json.loads(KILLERS_FILE.read_text())
    return {address: ConditionKiller(**killer) if killer else None for address, killer in killers.items()}


def write_killers(killers: Mapping[str, ConditionKiller | None]) -> None:
    """Write down what killed, without conditions that the product has no more."""
    addresses = {str(one.address) for one in list_conditions_to_kill()}
    retained = {address: one and asdict(one) for address, one in sorted(killers.items()) if address in addresses}
    KILLERS_FILE.write_text(json.dumps(retained, indent=2) + "\n")


def build_condition_mutant(address: MutationAddress, operator: str, invariant_name: str = "") -> Mutant:
    """The mutant of one condition; `breaks`: the promise that was broken last time, "" where none was."""
    invariant = Invariant[invariant_name] if invariant_name else None
    return Mutant(f"{operator} {address}", "", (Mutation(operator, address),), invariant)


def list_known_mutants() -> Iterator[tuple[Mutant, list[ScenePlay]]]:
    """The mutants of all conditions that were killed before, each with the seeds that it is shown."""
    for address, killer in read_killers().items():
        if killer:
            mutant = build_condition_mutant(MutationAddress.parse(address), killer.operator, killer.invariant)
            yield mutant, list_plays(find_scene(killer.scene), killer.seed, MAX_REPLACEMENT_PLAYS)


# -- the hunt ------------------------------------------------------------------------------------------------------


def hunt_conditions(processes: int, *, from_scratch: bool, address_prefix: str = "") -> Iterator[ConditionResult]:
    """Each condition with its killer, as soon as there is one; `anew`: without a look at what killed before.

    `within`: only those whose addresses begin so.
    """
    killers = {} if from_scratch else read_killers()
    conditions = [one for one in list_conditions_to_kill() if str(one.address).startswith(address_prefix)]
    yield from run_in_parallel(
        conditions, lambda lab, one: _hunt_condition(lab, one, killers.get(str(one.address))), processes
    )


def _hunt_condition(lab: MutantRunner, condition: AddressedNode, known: ConditionKiller | None) -> ConditionResult:
    previous = _repeat_kill(lab, condition.address, known) if known else None
    return ConditionResult(condition, previous or _find_new_killer(lab, condition.address))


def _repeat_kill(lab: MutantRunner, address: MutationAddress, known: ConditionKiller) -> ConditionKiller | None:
    """What killed before, at the same seed or at another one of its scene; None where it kills no more."""
    mutant = build_condition_mutant(address, known.operator, known.invariant)
    verdict = lab.hunt(mutant, list_plays(find_scene(known.scene), known.seed, MAX_REPLACEMENT_PLAYS))
    if verdict.seed is None:
        return None
    return ConditionKiller(known.operator, known.scene, verdict.seed, verdict.invariant, known.play_count)


def _find_new_killer(lab: MutantRunner, address: MutationAddress) -> ConditionKiller | None:
    """The first operator that is killed, where mutants of the same file die before anywhere else."""
    play_count = 0
    for scenes, seeds in (
        (_list_nearby_scenes(address.file), NEARBY_SCENE_SEEDS),
        (_list_other_scenes(address.file), OTHER_SCENE_SEEDS),
    ):
        named_plays = [(name, (scene, seed)) for name, scene in scenes.items() for seed in range(seeds)]
        for operator in CONDITION_OPERATORS:
            verdict = lab.hunt(build_condition_mutant(address, operator), [play for _, play in named_plays])
            play_count += verdict.play_count
            if verdict.play_index is not None and verdict.seed is not None:
                return ConditionKiller(
                    operator, named_plays[verdict.play_index][0], verdict.seed, verdict.invariant, play_count
                )
    return None


def _list_nearby_scenes(file: str) -> dict[str, MutationScene]:
    """The scenes in which mutants of the same file die, and the weathers; the same one stands here once."""
    return _without_duplicates(
        {one.name: one.scene for one in MUTANTS.values() if _changes_file(one, file)} | {**FAULT_SCENES}
    )


def _list_other_scenes(file: str) -> dict[str, MutationScene]:
    """The scenes of all other mutants."""
    return _without_duplicates({one.name: one.scene for one in MUTANTS.values() if not _changes_file(one, file)})


def _changes_file(one: Mutant, file: str) -> bool:
    return any(change.address.file == file for change in one.changes)


def _without_duplicates(scenes: dict[str, MutationScene]) -> dict[str, MutationScene]:
    name_by_scene = {json.dumps(asdict(scene)): name for name, scene in reversed(scenes.items())}
    return {name: scene for name, scene in scenes.items() if name in name_by_scene.values()}


def find_scene(name: str) -> MutationScene:
    """The scene of a name: one of the weathers, or that of a mutant of the registry."""
    return FAULT_SCENES[name] if name in FAULT_SCENES else MUTANTS[name].scene
