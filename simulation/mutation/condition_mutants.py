"""All conditions in the packages that decide about money, lanes, and lost answers, each with a mutant of its own.

The conditions are found in the code, and the rows of decision tables are conditions as well. One that no registered
mutant changes gets a mutant that forces or negates it, or removes the row.
conditions.json has what killed that mutant. accepted_survivors.py has the conditions that no seed can show, each with
the reason.
"""

import ast
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache

from simulation.invariants.violations import Invariant
from simulation.mutation.accepted_survivors import ACCEPTED_SURVIVORS
from simulation.mutation.guards import MUTANTS, read_killing_seeds
from simulation.mutation.killer_files import CONDITION_KILLERS_FILE
from simulation.mutation.mutant import Mutant, list_spans
from simulation.mutation.mutation_address import (
    AddressedNode,
    ByteSpan,
    MutationAddress,
    list_modules,
    read_definitions,
)
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
    "model.budget_shares",
    "model.circuit",
    "model.intake_event",
    "model.mandate",
    "model.place_leases",
    "model.retries",
    "model.review",
    "model.task_result",
    "model.transitions",
    "aws.budget_shares",
    "aws.ledger",
)
"""The packages and modules that decide about money and lost work."""
CONDITION_OPERATORS, ROW_OPERATORS = ("off", "not", "on"), ("drop",)
"""Always false, negated, always true; and for the row of a decision table, removed."""
NEARBY_SCENE_SEEDS, OTHER_SCENE_SEEDS = 3, 2
"""How many seeds run in each scene, beginning with the one that kills the scene's own mutant."""
MAX_REPLACEMENT_PLAYS = 12
"""How many seeds of a scene run in total if the recorded seed no longer kills."""


@dataclass(frozen=True)
class ConditionKiller:
    """What killed a condition's mutant: the operator, the scene, the seed, and the number of plays until then."""

    operator: str
    scene: str
    seed: int
    invariant: str
    play_count: int


@dataclass(frozen=True)
class ConditionResult:
    """A condition, and what killed its mutant; None if nothing did."""

    condition: AddressedNode
    killer: ConditionKiller | None


@cache
def list_conditions() -> Sequence[AddressedNode]:
    """Returns the conditions that no registered mutant changes."""
    changed_spans: dict[str, list[ByteSpan]] = {}
    for mutant in MUTANTS.values():
        for file, spans in list_spans(mutant).items():
            changed_spans.setdefault(file, []).extend(spans)
    all_nodes = (
        node
        for package in GUARDED_PACKAGES
        for module in list_modules(package)
        for node in _list_module_conditions(module)
    )
    return [
        node for node in all_nodes if not any(_changes(span, node) for span in changed_spans.get(node.address.file, ()))
    ]


def _list_module_conditions(module: str) -> Iterator[AddressedNode]:
    """Yields tests of `if` and `while`, returned `and` and `or`, clauses of DynamoDB conditions, and decision rows."""
    for definition in read_definitions(module).values():
        for node in definition.list_nodes():
            match node.address.kind, node.tree:
                case "if" | "while", tree if not isinstance(tree, ast.Constant):
                    yield node
                case "return", ast.BoolOp():
                    yield node
                case "clause", _:
                    yield node
                case "row", ast.Call(func=ast.Name("Rule")):
                    yield node
                case _:
                    pass


def _changes(changed_span: ByteSpan, node: AddressedNode) -> bool:
    """Whether a mutant changes part of a condition, or a whole row: a row without one cell still decides."""
    (start, end), (node_start, node_end) = changed_span, node.span
    if node.address.kind == "row":
        return start <= node_start and node_end <= end
    return start < node_end and node_start < end


def list_conditions_to_kill() -> list[AddressedNode]:
    """Returns the conditions that have no accepted reason to survive."""
    return [condition for condition in list_conditions() if not find_survival_reason(condition)]


def find_survival_reason(condition: AddressedNode) -> str:
    """Returns why a condition may survive: its own reason, or its function's, module's, or package's; else empty."""
    return next(
        (ACCEPTED_SURVIVORS[name] for name in list_reason_keys(condition.address) if name in ACCEPTED_SURVIVORS), ""
    )


def list_reason_keys(address: MutationAddress) -> tuple[str, ...]:
    """Returns the names for which a reason may be given: the condition, its function, its module, and its package."""
    return str(address), address.definition_name, address.module, address.module.partition(".")[0]


def read_killers() -> dict[str, ConditionKiller]:
    """Returns what killed each condition's mutant when it last ran, by address, without those that survived."""
    return {
        address: ConditionKiller(**killer) for address, killer in json.loads(CONDITION_KILLERS_FILE.read_text()).items()
    }


def write_killers(killers: Mapping[str, ConditionKiller]) -> None:
    """Writes the killers, without conditions that no longer exist."""
    addresses = {str(condition.address) for condition in list_conditions_to_kill()}
    retained = {address: asdict(killer) for address, killer in killers.items() if address in addresses}
    CONDITION_KILLERS_FILE.write_text(format_killers(retained))


def format_killers(killers: Mapping[str, object]) -> str:
    """Returns the text of conditions.json, sorted by address, so that a diff shows only what has changed."""
    return json.dumps(dict(sorted(killers.items())), indent=2) + "\n"


def build_condition_mutant(address: MutationAddress, operator: str, invariant_name: str = "") -> Mutant:
    """Builds the mutant of a condition; `invariant_name` is the one that it broke last time, empty for any."""
    invariant = Invariant[invariant_name] if invariant_name else None
    return Mutant(f"{operator} {address}", "", (Mutation(operator, address),), invariant)


def list_known_mutants() -> Iterator[tuple[Mutant, list[ScenePlay]]]:
    """Yields the mutants of all conditions that were killed before, each with its plays."""
    for address, killer in read_killers().items():
        mutant = build_condition_mutant(MutationAddress.parse(address), killer.operator, killer.invariant)
        yield mutant, list_plays(find_scene(killer.scene), killer.seed, MAX_REPLACEMENT_PLAYS)


# -- finding killers -------------------------------------------------------------------------------------------


def hunt_conditions(processes: int, *, from_scratch: bool, address_prefix: str = "") -> Iterator[ConditionResult]:
    """Yields each condition with its killer, as soon as it is known.

    `from_scratch`: ignores what killed it before. `address_prefix`: selects the conditions whose addresses begin with
    it.
    """
    killers = {} if from_scratch else read_killers()
    conditions = [
        condition for condition in list_conditions_to_kill() if str(condition.address).startswith(address_prefix)
    ]
    yield from run_in_parallel(
        conditions,
        lambda runner, condition: _hunt_condition(runner, condition, killers.get(str(condition.address))),
        processes,
    )


def _hunt_condition(runner: MutantRunner, condition: AddressedNode, known: ConditionKiller | None) -> ConditionResult:
    previous = _repeat_kill(runner, condition.address, known) if known else None
    return ConditionResult(condition, previous or _find_new_killer(runner, condition.address))


def _repeat_kill(runner: MutantRunner, address: MutationAddress, known: ConditionKiller) -> ConditionKiller | None:
    """Runs the known killer, at the same seed and others of its scene. Returns None if it no longer kills."""
    mutant = build_condition_mutant(address, known.operator, known.invariant)
    verdict = runner.hunt(mutant, list_plays(find_scene(known.scene), known.seed, MAX_REPLACEMENT_PLAYS))
    if verdict.seed is None:
        return None
    return ConditionKiller(known.operator, known.scene, verdict.seed, verdict.invariant, known.play_count)


def _find_new_killer(runner: MutantRunner, address: MutationAddress) -> ConditionKiller | None:
    """Returns the first operator that is killed, first in the scenes of mutants of the same file."""
    play_count = 0
    for scenes, max_plays in (
        (_list_nearby_scenes(address.file), NEARBY_SCENE_SEEDS),
        (_list_other_scenes(address.file), OTHER_SCENE_SEEDS),
    ):
        named_plays = list_named_plays(scenes, read_killing_seeds(), max_plays)
        for operator in ROW_OPERATORS if address.kind == "row" else CONDITION_OPERATORS:
            verdict = runner.hunt(build_condition_mutant(address, operator), [play for _, play in named_plays])
            play_count += verdict.play_count
            if verdict.play_index is not None and verdict.seed is not None:
                return ConditionKiller(
                    operator, named_plays[verdict.play_index][0], verdict.seed, verdict.invariant, play_count
                )
    return None


def _list_nearby_scenes(file: str) -> dict[str, MutationScene]:
    """Returns the fault scenes and the scenes of mutants of the same file."""
    return {mutant.name: mutant.scene for mutant in MUTANTS.values() if _changes_file(mutant, file)} | {**FAULT_SCENES}


def _list_other_scenes(file: str) -> dict[str, MutationScene]:
    """Returns the scenes of all other mutants."""
    return {mutant.name: mutant.scene for mutant in MUTANTS.values() if not _changes_file(mutant, file)}


def _changes_file(mutant: Mutant, file: str) -> bool:
    return any(change.address.file == file for change in mutant.changes)


def list_named_plays(
    scenes: Mapping[str, MutationScene], killing_seeds: Mapping[str, int], max_plays: int
) -> list[tuple[str, ScenePlay]]:
    """Returns at most `max_plays` plays of each scene with its name, first the one that kills its own mutant.

    No play is repeated: mutants with the same scene have different killing seeds, but also run the same other seeds.
    """
    named_plays: dict[str, tuple[str, ScenePlay]] = {}
    for name, scene in scenes.items():
        for play in list_plays(scene, killing_seeds.get(name), max_plays):
            named_plays.setdefault(json.dumps((asdict(scene), play[1])), (name, play))
    return [*named_plays.values()]


def find_scene(name: str) -> MutationScene:
    """Returns a fault scene, or the scene of a registered mutant, by name."""
    return FAULT_SCENES[name] if name in FAULT_SCENES else MUTANTS[name].scene
