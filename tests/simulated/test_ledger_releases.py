"""Two releases on one ledger: an item of the other release is retried, never ignored, and nothing is lost."""

import json
from typing import Any

import pytest

from backdrop.model import transitions
from backdrop.model.codes import Code
from backdrop.model.errors import RetryLaterError
from backdrop.model.job import JobStatus
from simulation.world.simulated_stack import World
from tests.simulated.simulation import PRICE, a_job, assert_at_rest, dropped, the_job

UNKNOWN: list[dict[str, Any]] = [{"v": 1}, {"v": 3}, {"unheard_of": None}, {"status": "parked"}]
NESTED: list[dict[str, Any]] = [
    {"links": [{"url": None, "unheard_of": 1}]},
    {
        "attempts": [
            {
                "n": 1,
                "provider": "ideogram",
                "submitted_at": "2026-11-20T09:00:00Z",
                "lease_until": "2026-11-20T09:06:00Z",
                "day": "2026-11-20",
                "reserved": 0,
                "unheard_of": 1,
            }
        ]
    },
    {
        "problem": {
            "code": "budget_reached",
            "message": "",
            "hint": "",
            "retryable": True,
            "first_seen": "2026-11-20T09:00:00Z",
            "last_seen": "2026-11-20T09:00:00Z",
            "unheard_of": 1,
        }
    },
]


def rewrite(world: World, kind: str, added: dict[str, Any], *without: str) -> None:
    """Changes all items of a kind as another release would."""
    for key, item in list(world.table.items.items()):
        if key[1].startswith(kind):
            body = json.loads(item["body"]["S"]) | added
            body = {name: value for name, value in body.items() if name not in without}
            world.table.items[key] = {**item, "body": {"S": json.dumps(body)}}


@pytest.mark.parametrize("added", [*UNKNOWN, *NESTED], ids=str)
def test_job_written_by_another_release_is_never_ignored(added: dict[str, Any]) -> None:
    world = World()
    job = world.ledger.write_transition(transitions.Transition(a_job()))
    rewrite(world, "job#", added)
    before = dict(world.table.items)
    for read in (
        lambda: world.ledger.find_job(job.source_id, job.job_id),
        lambda: world.ledger.read_photo(job.source_id),
    ):
        with pytest.raises(RetryLaterError) as raised:
            read()
        assert raised.value.code is Code.LEDGER_UNAVAILABLE
        assert "Another release" in str(raised.value)
    assert world.table.items == before


@pytest.mark.parametrize(
    "added", [{"unheard_of": 1}, {"photo": {"etag": "e", "unheard_of": 1}}], ids=["own", "photo's"]
)
def test_photo_written_by_another_release_is_never_ignored(added: dict[str, Any]) -> None:
    world = dropped()
    world.run_until_empty("intake")
    source_id = the_job(world).source_id
    rewrite(world, "source", added)
    with pytest.raises(RetryLaterError) as raised:
        world.ledger.read_photo(source_id)
    assert raised.value.code is Code.LEDGER_UNAVAILABLE


@pytest.mark.parametrize("added", [{"unheard_of": 1}, {"v": 1}, {"v": 3}], ids=["unheard of", "older", "newer"])
def test_lane_and_reconcile_state_of_another_release_are_never_ignored(added: dict[str, Any]) -> None:
    world = World()
    world.ledger.put_health(world.ledger.read_health("ideogram"))
    world.ledger.put_reconcile_state(world.ledger.read_reconcile_state())
    rewrite(world, "lane", added)
    rewrite(world, "run", added)
    for read in (lambda: world.ledger.read_health("ideogram"), world.ledger.read_reconcile_state):
        with pytest.raises(RetryLaterError) as raised:
            read()
        assert raised.value.code is Code.LEDGER_UNAVAILABLE


@pytest.mark.parametrize("done", [("intake",), ("intake", "ideogram")], ids=["accepted", "paid"])
@pytest.mark.parametrize("kind", ["job#", "source"])
def test_nothing_is_lost_while_two_releases_are_running(done: tuple[str, ...], kind: str) -> None:
    """Messages wait while the items are the other release's, and continue when they are ours again."""
    world = dropped()
    world.run_until_empty(*done)
    rewrite(world, kind, {"unheard_of": 1})
    world.run_for(3600)
    assert {wait.code for wait in world.returned_messages} == {Code.LEDGER_UNAVAILABLE}
    assert world.read_pictures() == {}
    rewrite(world, kind, {}, "unheard_of")
    world.run_until_empty()
    assert (the_job(world).status, world.provider.charged_micro_usd) == (JobStatus.STORED, PRICE)
    assert not world.dead_letter_queue.messages
    assert_at_rest(world)
