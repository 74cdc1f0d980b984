"""Failures: the current entries of the error reports, oldest first, filtered by code, provider, and folder."""

from datetime import timedelta

import pytest

from backdrop.model import transitions
from backdrop.model.codes import Code
from backdrop.model.job import Job, JobStatus
from backdrop.model.provider_result import RetryClass
from backdrop.operate.redrive import FailureFilter
from simulation.world.sample_images import build_photo
from simulation.world.simulated_provider import CallBehavior, build_refusal
from simulation.world.simulated_stack import World
from tests.simulated.ledger.test_queries import build_id, create_waiting_job
from tests.simulated.simulated_days import list_report_codes
from tests.simulated.stage_worlds import KEY, LOST, NOW, build_job, claim

REFUSES = build_refusal(RetryClass.PERM, Code.UNSAFE_REQUEST)
REJECTS = build_refusal(RetryClass.PERM, Code.REQUEST_REJECTED)
HATS, SHOES, BARE = "hats/blue.jpg", "shoes/red.jpg", "shoes/bare.jpg"


def world_with_failures() -> World:
    """Returns a world with a refused photo, a dead job, a photo without instructions, and one that succeeded."""
    world = World()
    for key, reaction in ((HATS, REFUSES), (SHOES, REJECTS)):
        world.upload_photo(key, build_photo(key), operation="remove")
        world.provider.script.append(reaction)
        world.run_until_empty()
    world.upload_photo(BARE, build_photo("bare"))
    world.upload_photo("good.jpg", build_photo("good"), operation="remove")
    world.run_until_empty()
    return world


def list_failures(world: World, selected: FailureFilter | None = None) -> list[tuple[str, str, str]]:
    """Returns the key, status, and code of each failure."""
    found = world.steps.redrive().list_failures(selected or FailureFilter())
    return [(one.source.key, one.status, one.problem.code.value) for one in found]


ALL = [
    (HATS, "refused", "unsafe_request"),
    (SHOES, "dead", "request_rejected"),
    (BARE, "refused", "no_instructions"),
]


def test_only_failures_are_listed_and_oldest_first() -> None:
    assert list_failures(world_with_failures()) == ALL


@pytest.mark.parametrize(
    ("selected", "indexes"),
    [
        (FailureFilter(codes=frozenset({Code.UNSAFE_REQUEST})), [0]),
        (FailureFilter(codes=frozenset({Code.UNSAFE_REQUEST, Code.NO_INSTRUCTIONS})), [0, 2]),
        (FailureFilter(provider="ideogram"), [0, 1]),
        (FailureFilter(provider="segmind"), []),
        (FailureFilter(prefix="shoes/"), [1, 2]),
        (FailureFilter(prefix="shoes/", provider="ideogram"), [1]),
        (FailureFilter(codes=frozenset({Code.UNSAFE_REQUEST}), prefix="shoes/"), []),
    ],
)
def test_failures_are_filtered_by_code_provider_and_folder(selected: FailureFilter, indexes: list[int]) -> None:
    assert list_failures(world_with_failures(), selected) == [ALL[index] for index in indexes]


def test_listed_failures_match_the_error_reports() -> None:
    world = world_with_failures()
    assert [(key, [code]) for key, _, code in list_failures(world)] == [
        (key, list_report_codes(world, key)) for key, _, _ in ALL
    ]


def test_lost_answer_is_found_behind_any_number_of_other_open_jobs() -> None:
    world = World()
    for n in range(1010):
        create_waiting_job(world, n, hours=-48)
    lost = [world.ledger.write_transition(transitions.Transition(build_lost_job(n))) for n in (2001, 2000)]
    assert list(world.steps.redrive().list_unknown_jobs(FailureFilter())) == lost


def build_lost_job(n: int) -> Job:
    """Returns a job that waits for the bill longer than the others wait for their messages."""
    called = claim(build_job(job_id=build_id(n), source_id=build_id(n)), NOW - timedelta(seconds=n)).job
    return transitions.wait_for_bill(
        transitions.record_result(called, 1, LOST, NOW).job, called.submitted_at or NOW
    ).job


def test_fixed_photo_is_no_longer_listed_as_failed() -> None:
    world = world_with_failures()
    world.upload_sidecar(BARE, operation="remove")
    world.upload_photo(SHOES, build_photo("another"), operation="remove")
    world.run_until_empty()
    assert list_failures(world) == ALL[:1]


def test_superseded_job_is_not_listed_as_failed() -> None:
    world = world_with_failures()
    world.upload_sidecar(HATS, prompt="at sea")
    world.provider.default_behavior = CallBehavior()
    world.run_until_empty()
    assert list_failures(world) == ALL[1:]


def test_deleted_photo_is_listed_only_while_it_has_a_report() -> None:
    world = world_with_failures()
    world.delete_file(BARE)
    world.delete_file(SHOES)
    world.run_until_empty()
    shown = {key for key, _, _ in list_failures(world)}
    assert shown == {key for key in (HATS, SHOES, BARE) if list_report_codes(world, key)}


def test_waiting_photo_is_not_listed_as_failed() -> None:
    world = World()
    world.upload_photo(KEY, build_photo(), operation="remove")
    world.provider.default_behavior = build_refusal(RetryClass.PAUSE, Code.PROVIDER_KEY_REFUSED)
    world.run_until_empty()
    assert list_failures(world) == []


def test_every_problem_of_a_photo_is_listed() -> None:
    world = World()
    world.upload_sidecar(KEY, operation="erase", colour="red")
    world.upload_photo(KEY, build_photo())
    world.run_until_empty()
    assert [code for _, _, code in list_failures(world)] == list_report_codes(world, KEY)
    assert len(list_failures(world)) == 2


def test_failures_on_several_pages_are_all_listed() -> None:
    world = World()
    for n in range(120):
        world.upload_photo(f"{n:03}.jpg", b"no photo", operation="remove")
    world.run_until_empty()
    assert len(list_failures(world)) == 120
    assert {status for _, status, _ in list_failures(world)} == {JobStatus.REFUSED.value}
