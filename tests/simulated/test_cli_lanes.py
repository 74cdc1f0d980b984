"""`backdrop pause` and `backdrop resume`: what they do to a lane, how often they may be said, and what they say."""

import pytest

from backdrop.model.circuit import PauseReason
from backdrop.model.codes import Code
from backdrop.model.job import JobStatus
from simulation.world.simulated_stack import World
from tests.simulated.cli_person import Person

REPORT = "_backdrop/errors/_providers/ideogram.json"


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> Person:
    return Person(World(), monkeypatch)


def reported(person: Person) -> bool:
    """Whether the one report of the paused provider lies in the output bucket."""
    return person.world.output_bucket.find_current(REPORT) is not None


def test_a_paused_provider_buys_nothing_until_it_is_resumed(person: Person) -> None:
    assert person.types("pause", "ideogram").code == 0
    person.drops("shoes/red.jpg", "shoes/blue.jpg")
    person.world.run_until_empty()
    assert person.world.provider.received_job_ids == []
    assert reported(person)
    assert [person.world.read_report(job.key) for job in person.world.list_jobs()] == [None, None]
    assert person.types("resume", "ideogram").code == 0
    person.world.run_until_empty()
    assert [job.status for job in person.world.list_jobs()] == [JobStatus.STORED, JobStatus.STORED]
    assert not reported(person)


def test_pausing_says_how_many_jobs_wait_and_what_lets_them_go(person: Person) -> None:
    person.types("pause", "ideogram")
    person.drops("shoes/red.jpg", "shoes/blue.jpg")
    person.world.run_until_empty()
    said = person.types("pause", "ideogram").out
    assert "About 2 jobs wait in its lane. To resume it, run `backdrop resume ideogram`." in said


def test_pausing_twice_is_pausing_once(person: Person) -> None:
    person.types("pause", "ideogram")
    person.world.clock.time = person.world.clock.time.replace(hour=11)
    again = person.types("pause", "ideogram")
    assert again.code == 0
    assert "ideogram was already paused, since 2026-11-20 09:00:00 UTC" in again.out
    (pause,) = person.world.ledger.read_health("ideogram").pauses
    assert pause.since == pause.last_seen


def test_resuming_says_which_reasons_it_lifted(person: Person) -> None:
    person.stack.circuit_breaker.pause(
        "ideogram", PauseReason.BALANCE, Code.PROVIDER_OUT_OF_MONEY, "The account is empty."
    )
    person.types("pause", "ideogram")
    said = person.types("resume", "ideogram")
    assert "its account's balance, since 2026-11-20 09:00:00 UTC: The account is empty." in said.out
    assert "an operator, since 2026-11-20 09:00:00 UTC: A person paused it." in said.out
    assert "If a reason still applies, it pauses the lane again" in said.out
    assert not person.world.ledger.read_health("ideogram").is_paused


def test_resuming_what_flows_changes_nothing_and_says_so(person: Person) -> None:
    said = person.types("resume", "ideogram")
    assert (said.code, "ideogram was not paused" in said.out) == (0, True)
    assert person.world.mappings["ideogram"].is_enabled


def test_a_pause_beside_other_reasons_names_them(person: Person) -> None:
    person.stack.circuit_breaker.pause("ideogram", PauseReason.KEY, Code.PROVIDER_KEY_REFUSED, "The key is refused.")
    said = person.types("pause", "ideogram").out
    assert "It is also paused because of:" in said
    assert "its API key, since 2026-11-20 09:00:00 UTC: The key is refused." in said


def test_said_again_it_mends_what_a_command_that_died_left_undone(person: Person) -> None:
    person.types("pause", "ideogram")
    person.world.mappings["ideogram"].is_enabled = person.world.mappings["ideogram"].is_polling = True
    person.world.queues["deliver"].messages.clear()
    assert person.types("pause", "ideogram").code == 0
    assert not person.world.mappings["ideogram"].is_enabled
    person.world.run_until_empty()
    assert reported(person)


def test_a_lane_that_lambda_is_still_switching_is_waited_for(person: Person) -> None:
    person.types("pause", "ideogram")
    source = person.world.mappings["ideogram"]
    source.is_polling = True
    began = person.world.clock.time
    person.world.transport.faults_after.append(lambda _: obeys_after_half_a_minute(person))
    assert person.types("resume", "ideogram").code == 0
    assert source.is_enabled
    assert 30 <= (person.world.clock.time - began).total_seconds() < 60


def obeys_after_half_a_minute(person: Person) -> None:
    """Lambda's pollers hear late of what their mapping is to do."""
    if (person.world.clock.time.minute, person.world.clock.time.second) >= (0, 30):
        person.world.mappings["ideogram"].is_polling = person.world.mappings["ideogram"].is_enabled


@pytest.mark.parametrize("verb", ["pause", "resume"])
def test_a_provider_that_is_off_is_refused_and_those_that_are_on_are_named(person: Person, verb: str) -> None:
    said = person.types(verb, "runware")
    assert (said.code, said.out) == (1, "")
    assert said.err == "error: runware is disabled (its MaxInFlight is 0) and has no lane; enabled in shop: ideogram\n"


@pytest.mark.parametrize("verb", ["pause", "resume"])
def test_an_unknown_provider_is_answered_with_the_nearest(person: Person, verb: str) -> None:
    said = person.types(verb, "ideogramm")
    assert (said.code, said.out) == (2, "")
    assert said.err == "error: there is no provider 'ideogramm'; did you mean ideogram? (enabled in shop: ideogram)\n"


def test_scripts_read_what_became_of_the_lane(person: Person) -> None:
    assert person.types("pause", "ideogram", "--json").data == {
        "stack": "shop",
        "provider": "ideogram",
        "paused": True,
        "was_paused": False,
        "reasons": [
            {
                "reason": "person",
                "code": "paused_by_person",
                "message": "A person paused it.",
                "since": "2026-11-20T09:00:00+00:00",
            }
        ],
        "lifted": [],
        "waiting": 0,
    }
    resumed = person.types("--json", "resume", "ideogram").data
    assert (resumed["paused"], resumed["was_paused"], [one["reason"] for one in resumed["lifted"]]) == (
        False,
        True,
        ["person"],
    )
