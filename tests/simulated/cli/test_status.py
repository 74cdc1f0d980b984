"""`backdrop status`: the state of each lane, why photos wait, how jobs ended, and today's cost."""

from datetime import timedelta

import pytest

from backdrop.model import transitions
from backdrop.model.circuit import FAILURE_THRESHOLD
from backdrop.model.codes import Code
from backdrop.model.provider_result import RetryClass
from backdrop.model.schedule import BudgetDay
from simulation.world.call_behavior import build_refusal
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import World
from simulation.world.world_inspector import INPUT_BUCKET
from tests.simulated.command_user import REMOVAL, Person
from tests.simulated.deliver.test_fidelity import CHANGED_SCENE, ON_GRASS, PHOTO, TRANSPARENT_PHOTO, build_world
from tests.simulated.stage_worlds import KEY


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> Person:
    return Person(World(on_lost_answer="hold"), monkeypatch)


def test_status_counts_every_outcome_and_todays_cost(person: Person) -> None:
    person.upload("a.jpg", "b.jpg")
    person.world.run_until_empty()
    person.upload_failing(Code.REQUEST_REJECTED, "c.jpg")
    person.upload_failing(Code.UNSAFE_REQUEST, "d.jpg")
    person.world.upload_photo("bare.jpg", build_photo("bare"))
    person.world.run_until_empty()
    data = person.run("status", "--json").data
    assert {name: number for name, number in data["jobs"].items() if number} == {"stored": 2, "dead": 1, "refused": 1}
    assert (data["photos_reported_without_job"], data["photos_waiting_for_instructions"]) == (1, 0)
    assert (data["today"]["settled_usd"], data["today"]["cap_usd"]) == (0.02, 10.0)
    output = person.run("status").out
    assert "2   delivered" in output
    assert "1   failed      see `backdrop failures`" in output
    assert "Today (UTC): $0.02 of $10.00 spent." in output


def test_status_counts_photos_with_reports_not_errors_or_folders(person: Person) -> None:
    person.world.upload_sidecar("a.jpg", promt="at sea", widht=3)
    person.world.upload_photo("a.jpg", build_photo("a"))
    person.world.s3.upload(INPUT_BUCKET, "hats/_backdrop.json", b'{"promt": 1, "widht": 2}')
    person.world.upload_photo("hats/b.jpg", build_photo("b"))
    person.world.run_until_empty()
    assert person.run("status", "--json").data["photos_reported_without_job"] == 2


def test_status_shows_waiting_jobs_with_age_and_reason(person: Person) -> None:
    person.run("pause", "ideogram")
    person.upload("a.jpg", "b.jpg")
    person.world.run_for(120)
    (lane,) = person.run("status", "--json").data["providers"]
    assert (lane["state"], lane["waiting"], lane["at_the_provider"], lane["limit"]) == ("paused", 2, 0, 10)
    assert [one["code"] for one in lane["reasons"]] == ["paused_by_person"]
    output = " ".join(person.run("status").out.split())
    assert "ideogram paused (paused_by_person): An operator paused the provider. 0 of 10 2 2 min" in output


def test_status_counts_age_of_redriven_job_from_its_redrive(person: Person) -> None:
    person.upload_failing(Code.REQUEST_REJECTED, "a.jpg")
    person.run("pause", "ideogram")
    assert person.run("redrive", "--yes").code == 0
    (job,) = person.world.list_jobs("a.jpg")
    (lane,) = person.run("status", "--json").data["providers"]
    assert lane["oldest_since"] == job.queued_at.isoformat(timespec="seconds")


def test_status_counts_age_of_resent_job_from_its_start(person: Person) -> None:
    person.run("pause", "ideogram")
    person.upload("a.jpg")
    person.world.run_for(120)
    (job,) = person.world.list_jobs("a.jpg")
    person.world.ledger.write_transition(transitions.mark_resent(job, person.world.clock.now() + timedelta(days=3)))
    (lane,) = person.run("status", "--json").data["providers"]
    assert lane["oldest_since"] == job.queued_at.isoformat(timespec="seconds")


def test_status_shows_whether_a_lane_is_running_probing_or_paused(person: Person) -> None:
    def read_state() -> str:
        (lane,) = person.run("status", "--json").data["providers"]
        return lane["state"]

    assert read_state() == "running"
    person.world.provider.script.extend(
        [build_refusal(RetryClass.BACKOFF, Code.PROVIDER_UNAVAILABLE)] * FAILURE_THRESHOLD
    )
    person.upload("a.jpg", "b.jpg", "c.jpg")
    person.world.run_until_empty("intake")
    for _ in range(FAILURE_THRESHOLD):
        person.world.deliver_next("ideogram")
    assert read_state() == "probing"
    output = " ".join(person.run("status").out.split())
    assert "ideogram probing: it failed three times in a row" in output
    person.run("pause", "ideogram")
    assert read_state() == "paused"


def test_status_counts_why_photos_wait(person: Person) -> None:
    for key, name in (("first.jpg", "same"), ("copy.jpg", "same"), ("other.jpg", "other")):
        person.world.upload_photo(key, build_photo(name), operation="remove")
        person.world.run_until_empty("intake")
    person.world.provider.script.append(build_refusal(RetryClass.QUOTA, Code.PROVIDER_THROTTLED, retry_after=900))
    person.world.deliver_next("ideogram")
    person.world.upload_photo("bare.jpg", build_photo("bare"))
    person.world.deliver_next("intake")
    waiting = person.run("status", "--json").data["waiting"]
    assert waiting == {"settling": 1, "provider_throttled": 1, "owner_at_work": 1, "queued": 1}
    output = " ".join(person.run("status").out.split())
    assert "1 waiting Another photo with the same content is being bought for both; see `backdrop show KEY`" in output
    assert "1 waiting The provider's rate limit is reached." in output
    assert "1 waiting No instructions yet; they may still arrive." in output
    assert "1 waiting In the provider's queue." in output


def test_status_counts_a_paused_lane_and_waiting_copies(person: Person) -> None:
    person.run("pause", "ideogram")
    person.world.upload_photo("first.jpg", build_photo("same"), operation="remove")
    person.world.upload_photo("copy.jpg", build_photo("same"), operation="remove")
    person.world.run_until_empty("intake")
    assert person.run("status", "--json").data["waiting"] == {"paused_by_person": 1, "owner_at_work": 1}
    assert "1 waiting An operator paused the provider." in " ".join(person.run("status").out.split())


def test_status_and_show_name_budget_reserved_by_calls_in_flight(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    person.upload("a.jpg")
    person.world.run_until_empty("intake")
    now = person.world.clock.now()
    reserved = person.stack.read_budget(now)[1] - REMOVAL // 2
    day = BudgetDay(now.date().isoformat(), reserved=reserved)

    def read_day(*_: object) -> BudgetDay:
        return day

    monkeypatch.setattr(type(person.stack.redrive_service.ledger_queries), "read_budget_day", read_day)
    assert person.run("status", "--json").data["waiting"] == {"budget_reserved": 1}
    shown = person.run("show", "a.jpg", "--json").data
    assert (shown["stage"], "(budget_reserved)" in shown["note"]) == ("waiting", True)
    assert shown["report"] is None


def test_status_of_an_empty_stack_explains_how_to_start(person: Person) -> None:
    assert "No job has ended yet. To start one, run `backdrop drop photos/`." in person.run("status").out


def test_status_watch_repeats_until_ctrl_c(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    intervals: list[float] = []

    def wait(_stack: object, seconds: float) -> None:
        intervals.append(seconds)
        if len(intervals) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(type(person.stack), "sleep", wait)
    object.__delattr__(person.stack, "sleep")
    result = person.run("status", "--watch")
    assert (result.code, result.out.count("Stack shop")) == (130, 3)
    assert min(intervals) >= 2


def test_status_counts_verdicts_on_delivered_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    world = build_world(TRANSPARENT_PHOTO, CHANGED_SCENE)
    person = Person(world, monkeypatch)
    assert person.run("status", "--json").data["fidelity"] == {"same": 0, "changed": 0, "cannot_say": 0}
    world.run_until_empty()
    world.upload_photo("plain.jpg", PHOTO)
    world.upload_sidecar("plain.jpg", **ON_GRASS)
    world.run_until_empty()
    assert person.run("status", "--json").data["fidelity"] == {"same": 0, "changed": 1, "cannot_say": 1}
    assert "New pictures: 1 product changed, 1 not compared." in person.run("status").out


def test_status_counts_a_bought_mask_apart_from_what_was_delivered(monkeypatch: pytest.MonkeyPatch) -> None:
    world = build_world(**ON_GRASS, subject={"mask": "buy"})
    world.run_until_empty()
    person = Person(world, monkeypatch)
    output = person.run("status").out
    assert "1   delivered" in output
    assert "1   mask " in output
    data = person.run("status", "--json").data
    assert (data["jobs"]["stored"], data["stored_masks"]) == (2, 1)
    world.upload_sidecar(KEY, operation="remove")
    world.run_until_empty()
    assert person.run("status", "--json").data["stored_masks"] == 0
