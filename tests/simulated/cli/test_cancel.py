"""`backdrop cancel`: jobs that are not bought yet end, jobs in flight continue, and both are reported."""

from datetime import timedelta

import pytest

from backdrop.model.job import JobStatus
from backdrop.model.transitions import ClaimLimits, claim
from backdrop_cli.operate import cancel
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import World
from simulation.world.transport import ServiceCall, TargetedFault, build_client_error
from simulation.world.world_inspector import INPUT_BUCKET
from tests.simulated.command_user import CTRL_D, NOTHING_CHANGED, REMOVAL, Person
from tests.unit.campaign_machine import FakeStepFunctions

LEFT_RUNNING = "Not canceled: 2 jobs in flight or paid, for at most $0.02; no call is sent a second time."


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> Person:
    """A person with two photos of shoes and one of a hat that wait in a paused lane."""
    person = Person(World(), monkeypatch)
    person.run("pause", "ideogram")
    person.upload("shoes/red.jpg", "shoes/blue.jpg", "hats/red.jpg")
    person.world.run_until_empty()
    return person


def list_statuses(person: Person) -> dict[str, str]:
    return {job.key: job.status.value for job in person.world.list_jobs()}


def submit(person: Person, key: str) -> None:
    """Starts a worker whose call for this photo is in flight."""
    (job,) = person.world.list_jobs(key)
    now = person.world.clock.now()
    step = claim(job, now=now, lease_until=now + timedelta(minutes=6), price=REMOVAL, limits=ClaimLimits(10 * REMOVAL))
    person.world.ledger.write_transition(step)


@pytest.mark.parametrize("answer", ["n", CTRL_D])
def test_cancel_shows_how_many_jobs_end_and_asks(person: Person, answer: str) -> None:
    result = person.run("cancel", "shoes/", answer=answer)
    assert result.code == 1
    assert "Not bought yet (keys that begin with shoes/, stack shop): 2 jobs." in result.out
    assert "Cancel 2 jobs? [y/N]" in result.out
    assert result.err == f"error: {NOTHING_CHANGED}\n"
    assert set(list_statuses(person).values()) == {"accepted"}


def test_only_jobs_under_the_prefix_end_unpaid(person: Person) -> None:
    result = person.run("cancel", "shoes/", answer="y")
    assert result.code == 0
    assert "2 jobs canceled." in result.out
    assert "or run `backdrop rerun shoes/`." in " ".join(result.out.split())
    assert list_statuses(person) == {
        "shoes/red.jpg": "cancelled",
        "shoes/blue.jpg": "cancelled",
        "hats/red.jpg": "accepted",
    }
    person.run("resume", "ideogram")
    person.world.run_until_empty()
    assert len(person.world.provider.received_job_ids) == 1


def test_option_all_cancels_every_job(person: Person) -> None:
    assert person.run("cancel", "--all", "--yes").code == 0
    assert set(list_statuses(person).values()) == {"cancelled"}


def test_jobs_left_running_are_reported_with_their_cost(person: Person) -> None:
    submit(person, "shoes/red.jpg")
    result = person.run("cancel", "--all", "--yes")
    words = "Not canceled: 1 job in flight or paid, for at most $0.01; no call is sent a second time."
    assert result.out.splitlines().count(words) == 2
    assert "2 jobs canceled." in result.out
    assert list_statuses(person)["shoes/red.jpg"] == JobStatus.SUBMITTING.value


def test_call_in_flight_is_confirmed_and_not_repeated(person: Person) -> None:
    for key in ("shoes/red.jpg", "shoes/blue.jpg"):
        submit(person, key)
    result = person.run("cancel", "shoes/", answer="n")
    assert (result.code, "Cancel what is still arriving? [y/N]" in result.out) == (1, True)
    assert {job.end_after_call for job in person.world.list_jobs()} == {None}
    result = person.run("cancel", "shoes/", "--yes")
    assert result.out.splitlines()[-2:] == ["✓ Nothing canceled.", LEFT_RUNNING]
    assert [job.end_after_call for job in person.world.list_jobs()].count(JobStatus.CANCELLED) == 2
    again = person.run("cancel", "shoes/", "--yes")
    assert (again.code, again.out.splitlines()[-1]) == (0, LEFT_RUNNING)


def test_json_lists_ended_and_running_jobs(person: Person) -> None:
    submit(person, "shoes/red.jpg")
    assert person.run("cancel", "shoes/", "--json").data == {
        "stack": "shop",
        "prefix": "shoes/",
        "would_end": 1,
        "would_wait_no_more": 0,
        "is_all": True,
        "messages_for_intake": 0,
    }
    done = person.run("cancel", "shoes/", "--json", "--yes").data
    assert (done["ended"], done["left_running"], done["left_running_usd"]) == (1, 1, 0.01)


def test_canceled_photo_stops_waiting_for_its_instructions(monkeypatch: pytest.MonkeyPatch) -> None:
    person = Person(World(), monkeypatch)
    person.world.upload_photo("bare.jpg", build_photo())
    person.world.deliver_next("intake")
    result = person.run("cancel", "bare", answer="y")
    assert "Cancel 1 photo without instructions? [y/N]" in result.out
    person.world.run_until_empty()
    assert person.world.list_jobs() == []
    (failure,) = person.run("failures", "--json").data["failures"]
    assert (failure["key"], failure["code"]) == ("bare.jpg", "no_instructions")


def test_job_submitted_during_the_question_continues(person: Person) -> None:
    result = person.run("cancel", "shoes/", answer="y", meanwhile=lambda: submit(person, "shoes/blue.jpg"))
    assert result.code == 0
    assert "1 job canceled." in result.out
    assert "Not canceled: 1 job" in result.out
    assert list_statuses(person)["shoes/blue.jpg"] == JobStatus.SUBMITTING.value


def test_canceling_twice_has_the_same_effect_as_once(person: Person) -> None:
    person.run("cancel", "--all", "--yes")
    again = person.run("cancel", "--all", "--yes")
    assert (again.code, again.err) == (0, "")
    assert "Not bought yet (all photos, stack shop): nothing.\n" in again.out
    assert again.out.endswith("✓ Nothing canceled.\n")


def test_jobs_canceled_before_an_aws_error_are_reported(person: Person) -> None:
    fault = TargetedFault(deny_stopping, "transact_write_items", nth=3)
    person.world.transport.faults_before.append(fault)
    result = person.run("cancel", "--all", "--yes")
    assert fault.hit_count == 1
    assert result.code == 1
    assert "1 job canceled." in result.out
    assert "do not allow transact_write_items" in result.err


def deny_stopping(call: ServiceCall) -> None:
    """The person's credentials lack a permission."""
    raise build_client_error("AccessDeniedException", call.operation, 400, "no")


def test_photo_without_a_job_is_reported_and_not_bought(monkeypatch: pytest.MonkeyPatch) -> None:
    person = Person(World(), monkeypatch)
    person.upload("shoes/red.jpg", "hats/red.jpg")
    result = person.run("cancel", "shoes/", answer="y")
    assert "Not bought yet (keys that begin with shoes/, stack shop): nothing." in result.out
    assert "About 2 messages for intake: canceled as well." in result.out
    assert "Cancel what is still arriving? [y/N]" in result.out
    assert "Nothing that was uploaded or requested by 2026-11-20 09:00:00 UTC will be bought." in result.out
    person.world.run_until_empty()
    assert list_statuses(person) == {"shoes/red.jpg": "cancelled", "hats/red.jpg": "stored"}


def test_jobs_beyond_the_counted_ones_are_also_canceled(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cancel, "MAX_COUNTED", 2)
    result = person.run("cancel", "--all", answer="y")
    assert "Not bought yet (all photos, stack shop): at least 2 jobs." in result.out
    assert "Cancel all of them? [y/N]" in result.out
    assert "✓ 3 jobs canceled." in result.out


def test_option_all_includes_running_campaigns(person: Person) -> None:
    started = person.stack.state_machine.start({"name": "autumn"}, person.world.clock.now())
    result = person.run("cancel", "shoes/", "--yes")
    assert "The campaign autumn keeps running. To stop it, run `backdrop campaign stop autumn`." in result.out
    assert person.stack.state_machine.describe_execution(started.arn).is_running
    result = person.run("cancel", "--all", "--yes")
    assert "The running campaign autumn is also stopped." in result.out
    assert "Campaign autumn stopped." in result.out
    assert not person.stack.state_machine.describe_execution(started.arn).is_running


def test_requests_of_a_campaign_being_stopped_are_also_canceled(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    person.stack.state_machine.start({"name": "autumn"}, person.world.clock.now())
    stopped = person.world.clock.time + timedelta(seconds=2)

    def stop_slowly(*_: object, **__: object) -> None:
        person.world.clock.advance_to(stopped)

    monkeypatch.setattr(FakeStepFunctions, "stop_execution", stop_slowly)
    person.run("cancel", "--all", "--yes")
    (mark,) = person.world.ledger.read_health("ideogram").cancel_marks
    assert mark.until >= stopped


def test_cancel_marks_are_set_even_if_stopping_a_campaign_fails(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    person.stack.state_machine.start({"name": "autumn"}, person.world.clock.now())

    def deny(*_: object, **__: object) -> None:
        raise build_client_error("AccessDeniedException", "StopExecution", 400, "no")

    monkeypatch.setattr(FakeStepFunctions, "stop_execution", deny)
    result = person.run("cancel", "--all", "--yes")
    assert (result.code, "do not allow StopExecution" in result.err) == (1, True)
    assert "will be bought" in result.out
    assert person.world.ledger.read_health("ideogram").cancel_marks
    result = person.run("cancel", "--all", "--yes", "--json")
    (mark,) = person.world.ledger.read_health("ideogram").cancel_marks
    assert (result.code, result.data["until"]) == (1, mark.until.isoformat())
    assert (result.data["campaigns_stopped"], result.data["ended"]) == ([], 0)


def test_too_many_cancels_are_refused_before_any_change(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backdrop.operate.cancel.MAX_MARKS", 1)
    person.run("cancel", "shoes/", "--yes")
    result = person.run("cancel", "hats/", "--yes")
    assert result.code == 1
    assert "cancel a folder that contains several of them, or --all" in " ".join(result.err.split())
    assert list_statuses(person)["hats/red.jpg"] == "accepted"
    assert person.run("cancel", "--all", "--yes").code == 0


@pytest.mark.parametrize("words", [("cancel",), ("cancel", ""), ("cancel", "shoes/", "--all")])
def test_cancel_takes_a_prefix_or_option_all(person: Person, words: tuple[str, ...]) -> None:
    result = person.run(*words, "--yes")
    assert (result.code, result.out) == (2, "")
    assert "the beginning of their keys, such as shoes/autumn/, or --all" in result.err
    assert set(list_statuses(person).values()) == {"accepted"}


# -- nothing to cancel -------------------------------------------------------------------------------------------


def test_prefix_without_photos_is_refused_without_a_question(person: Person) -> None:
    for more in ([], ["--yes"], ["--json"]):
        result = person.run("cancel", "shoos/", *more)
        assert (result.code, result.out) == (3, "")
        assert result.err == (
            "error: nothing was changed; stack shop has no key that begins with shoos/ (keys are case-sensitive)\n"
        )
    assert person.world.ledger.read_health("ideogram").cancel_marks == ()


def test_option_all_is_refused_for_an_empty_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    result = Person(World(), monkeypatch).run("cancel", "--all", "--yes")
    assert (result.code, result.out, result.err) == (3, "", "error: nothing was changed; stack shop has no photos\n")


def test_photos_that_ended_long_ago_need_no_confirmation(person: Person) -> None:
    person.run("resume", "ideogram")
    person.world.run_for(cancel.QUEUE_COUNT_LAG.total_seconds() + 60)
    result = person.run("cancel", "shoes/")
    words = "Nothing to cancel (keys that begin with shoes/, stack shop): no photo is waiting to be bought.\n"
    assert (result.code, result.out, result.err) == (0, words, "")
    assert person.run("cancel", "shoes/red.jpg", "--json").data["ended"] == 0
    assert person.world.ledger.read_health("ideogram").cancel_marks == ()


def test_photo_that_was_just_uploaded_needs_confirmation(person: Person) -> None:
    person.run("resume", "ideogram")
    person.world.run_for(cancel.QUEUE_COUNT_LAG.total_seconds() + 60)
    person.world.s3.upload(INPUT_BUCKET, "shoes/new.jpg", build_photo("new"))
    object.__setattr__(person.stack, "count_intake_messages", lambda: 0)
    assert "Cancel what is still arriving? [y/N]" in person.run("cancel", "shoes/", answer="n").out
