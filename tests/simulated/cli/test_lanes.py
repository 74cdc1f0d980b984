"""`backdrop pause` and `backdrop resume`: their effect on a lane, the effect of repeating them, and their output."""

import pytest

from backdrop.model.circuit import PauseReason
from backdrop.model.codes import Code
from backdrop.model.job import JobStatus
from simulation.world.simulated_stack import World
from tests.simulated.command_user import Person

REPORT = "_backdrop/errors/_providers/ideogram.json"


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> Person:
    return Person(World(), monkeypatch)


def has_provider_report(person: Person) -> bool:
    """Whether the output bucket contains exactly one report of the paused provider."""
    return person.world.output_bucket.find_current(REPORT) is not None


def test_paused_provider_buys_nothing_until_it_is_resumed(person: Person) -> None:
    assert person.run("pause", "ideogram").code == 0
    person.upload("shoes/red.jpg", "shoes/blue.jpg")
    person.world.run_until_empty()
    assert person.world.provider.received_job_ids == []
    assert has_provider_report(person)
    assert [person.world.read_report(job.key) for job in person.world.list_jobs()] == [None, None]
    assert person.run("resume", "ideogram").code == 0
    person.world.run_until_empty()
    assert [job.status for job in person.world.list_jobs()] == [JobStatus.STORED, JobStatus.STORED]
    assert not has_provider_report(person)


def test_pause_shows_waiting_jobs_and_how_to_resume(person: Person) -> None:
    person.run("pause", "ideogram")
    person.upload("shoes/red.jpg", "shoes/blue.jpg")
    person.world.run_until_empty()
    output = person.run("pause", "ideogram").out
    assert "About 2 jobs wait in its lane. To resume it, run `backdrop resume ideogram`." in output


def test_pausing_twice_has_the_same_effect_as_once(person: Person) -> None:
    person.run("pause", "ideogram")
    person.world.clock.time = person.world.clock.time.replace(hour=11)
    again = person.run("pause", "ideogram")
    assert again.code == 0
    assert "ideogram was already paused, since 2026-11-20 09:00:00 UTC" in again.out
    (pause,) = person.world.ledger.read_health("ideogram").pauses
    assert pause.since == pause.last_seen


def test_resume_lists_the_reasons_it_lifted(person: Person) -> None:
    person.stack.circuit_breaker.pause(
        "ideogram", PauseReason.BALANCE, Code.PROVIDER_OUT_OF_MONEY, "The account is empty."
    )
    person.run("pause", "ideogram")
    result = person.run("resume", "ideogram")
    assert "its account's balance, since 2026-11-20 09:00:00 UTC: The account is empty." in result.out
    assert "an operator, since 2026-11-20 09:00:00 UTC: An operator paused the provider." in result.out
    assert "If such a reason still applies, the next call pauses the lane again, without a charge." in result.out
    assert not person.world.ledger.read_health("ideogram").is_paused


@pytest.mark.parametrize("reason", PauseReason)
def test_every_reason_of_a_pause_can_be_lifted(person: Person, reason: PauseReason) -> None:
    person.stack.circuit_breaker.pause("ideogram", reason, Code.PROVIDER_REFUSES, "The provider refused a photo.")
    result = person.run("resume", "ideogram")
    assert (result.code, "since 2026-11-20 09:00:00 UTC: The provider refused a photo." in result.out) == (0, True)


def test_resuming_a_running_lane_changes_nothing_and_reports_it(person: Person) -> None:
    result = person.run("resume", "ideogram")
    assert (result.code, "ideogram was not paused" in result.out) == (0, True)
    assert person.world.mappings["ideogram"].is_enabled


def test_pause_names_the_reasons_that_already_apply(person: Person) -> None:
    person.stack.circuit_breaker.pause("ideogram", PauseReason.KEY, Code.PROVIDER_KEY_REFUSED, "The key is refused.")
    output = person.run("pause", "ideogram").out
    assert "It is also paused because of:" in output
    assert "its API key, since 2026-11-20 09:00:00 UTC: The key is refused." in output


def test_repeated_command_completes_a_crashed_one(person: Person) -> None:
    person.run("pause", "ideogram")
    person.world.mappings["ideogram"].is_enabled = person.world.mappings["ideogram"].is_polling = True
    person.world.queues["deliver"].messages.clear()
    assert person.run("pause", "ideogram").code == 0
    assert not person.world.mappings["ideogram"].is_enabled
    person.world.run_until_empty()
    assert has_provider_report(person)


def test_command_waits_while_lambda_still_switches_the_lane(person: Person) -> None:
    person.run("pause", "ideogram")
    source = person.world.mappings["ideogram"]
    source.is_polling = True
    began = person.world.clock.time
    person.world.transport.faults_after.append(lambda _: delay_mapping_changes(person))
    assert person.run("resume", "ideogram").code == 0
    assert source.is_enabled
    assert 30 <= (person.world.clock.time - began).total_seconds() < 60


def delay_mapping_changes(person: Person) -> None:
    """Lambda's pollers notice a change of their mapping after half a minute."""
    if (person.world.clock.time.minute, person.world.clock.time.second) >= (0, 30):
        person.world.mappings["ideogram"].is_polling = person.world.mappings["ideogram"].is_enabled


@pytest.mark.parametrize("verb", ["pause", "resume"])
def test_error_for_a_disabled_provider_lists_the_enabled_ones(person: Person, verb: str) -> None:
    result = person.run(verb, "runware")
    assert (result.code, result.out) == (1, "")
    assert (
        result.err == "error: runware is disabled (its MaxInFlight is 0) and has no lane; enabled in shop: ideogram\n"
    )


@pytest.mark.parametrize("verb", ["pause", "resume"])
def test_error_for_an_unknown_provider_suggests_the_nearest(person: Person, verb: str) -> None:
    result = person.run(verb, "ideogramm")
    assert (result.code, result.out) == (2, "")
    assert result.err == "error: there is no provider 'ideogramm'; did you mean ideogram? (enabled in shop: ideogram)\n"


def test_json_contains_the_lanes_new_state(person: Person) -> None:
    assert person.run("pause", "ideogram", "--json").data == {
        "stack": "shop",
        "provider": "ideogram",
        "paused": True,
        "was_paused": False,
        "reasons": [
            {
                "reason": "person",
                "code": "paused_by_person",
                "message": "An operator paused the provider.",
                "since": "2026-11-20T09:00:00+00:00",
            }
        ],
        "lifted": [],
        "waiting": 0,
    }
    resumed = person.run("--json", "resume", "ideogram").data
    assert (resumed["paused"], resumed["was_paused"], [one["reason"] for one in resumed["lifted"]]) == (
        False,
        True,
        ["person"],
    )
