"""Two people decide about the same pictures, by command and by event, while a worker or a command crashes."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from backdrop.model.job import JobStatus
from backdrop.model.review import ReviewDecision
from backdrop_cli.errors import CommandError
from backdrop_cli.operate.review import PictureChoice, decide_pictures
from simulation.world.event_loop import SimulatedCrash
from simulation.world.recorded_screen import RecordedScreen
from simulation.world.simulated_stack import World
from simulation.world.transport import ServiceCall, TargetedFault
from tests.simulated.command_user import build_cli_stack
from tests.simulated.deliver.test_approval import AWAITING, build_small_world_with_two_pictures, repair
from tests.simulated.deliver.test_fidelity import find_job
from tests.simulated.picture_decisions import REJECTED, list_event_kinds, read_letters, send_decision
from tests.simulated.stage_worlds import KEY, assert_at_rest, replay_with_crashes

ANN, BOB = "arn:aws:iam::123456789012:user/ann", "bob@example.com"


@dataclass
class Commands:
    """A person who approves all pictures by command, and again until nothing is left and no command crashes.

    `confirmed`: the pictures that the command confirmed. `refusals`: the messages of commands that failed.
    """

    world: World
    confirmed: set[int] = field(default_factory=set[int])
    refusals: list[str] = field(default_factory=list[str])

    def approve_all(self) -> None:
        stack = replace(build_cli_stack(self.world), read_caller=lambda: ANN)
        # One of them may crash, and another may be refused because of the first picture.
        for _ in range(3):
            screen = RecordedScreen()
            try:
                decide_pictures(stack, screen, PictureChoice(KEY), ReviewDecision.APPROVED)
            except CommandError as error:
                self.refusals.append(error.format_message())
            except SimulatedCrash:
                continue
            finally:
                decided = cast("list[dict[str, Any]]", screen.document.get("decided", []))
                self.confirmed |= {picture["n"] for picture in decided}


def decide_after_the_command(world: World, commands: Commands) -> None:
    commands.approve_all()
    send_decision(world, REJECTED, find_job(world), 1, by=BOB)


def decide_before_the_command(world: World, commands: Commands) -> None:
    send_decision(world, REJECTED, find_job(world), 1, by=BOB)
    world.run_until_empty("intake", max_deliveries=3000)
    commands.approve_all()


def decide_during_the_command(world: World, commands: Commands) -> None:
    """The event is handled between the command's read and its first write."""
    send_decision(world, REJECTED, find_job(world), 1, by=BOB)

    def handle_event(_: ServiceCall) -> None:
        world.deliver_next("intake")

    world.transport.faults_before.append(TargetedFault(handle_event, "transact_write_items"))
    commands.approve_all()


type Play = Callable[[World, Commands], None]


def run(world: World, play: Play) -> Commands:
    world.run_until_empty(max_deliveries=3000)
    commands = Commands(world)
    play(world, commands)
    world.run_until_empty(max_deliveries=3000)
    return commands


def describe_end(world: World) -> object:
    """Returns what people and programs see at the end. A dead letter may be there twice."""
    job = find_job(world)
    decisions = [(review.n, review.decision, review.decided_by) for review in job.reviews]
    results = [(result.key, result.n) for result in job.results]
    letters = {(letter["code"], letter["reason"].partition(" on ")[0]) for letter in read_letters(world)}
    return decisions, job.status, results, list_event_kinds(world), letters, job.charged


@pytest.mark.parametrize("play", [decide_after_the_command, decide_before_the_command])
def test_end_with_two_reviewers_is_the_same_with_a_crash_after_any_call(play: Play) -> None:
    uncrashed = build_small_world_with_two_pictures()
    run(uncrashed, play)
    expected = describe_end(uncrashed)
    runs: list[Commands] = []
    for call, world in replay_with_crashes(
        build_small_world_with_two_pictures, lambda world: runs.append(run(world, play))
    ):
        repair(world)
        assert describe_end(world) == expected, call
        assert_at_rest(world)


@pytest.mark.parametrize(
    "play",
    [decide_after_the_command, decide_before_the_command, decide_during_the_command],
    ids=lambda play: play.__name__,
)
def test_crash_after_any_call_loses_no_decision_of_two_reviewers(play: Play) -> None:
    runs: list[Commands] = []
    for call, world in replay_with_crashes(
        build_small_world_with_two_pictures, lambda world: runs.append(run(world, play))
    ):
        repair(world)
        job, commands = find_job(world), runs[-1]
        first, second = job.reviews
        assert (second.decision, second.decided_by) == (ReviewDecision.APPROVED, ANN), call
        assert job.status is JobStatus.STORED, call
        letters = read_letters(world)
        if first.decided_by == ANN:
            assert {letter["code"] for letter in letters} == {"picture_decided"}, call
            assert f"approved by {ANN} on" in letters[0]["reason"], call
        else:
            assert (first.decision, first.decided_by, letters) == (ReviewDecision.REJECTED, BOB, []), call
            assert 1 not in commands.confirmed, call
            assert any(f'rejected by "{BOB}" (claimed by' in text for text in commands.refusals), call
        assert [result.n for result in job.results] == [n for n in (1, 2) if n == 2 or first.decided_by == ANN], call
        assert list_event_kinds(world) == [AWAITING, AWAITING, "Image Completed"], call
        assert_at_rest(world)
