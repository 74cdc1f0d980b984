"""Two releases on one stack: this one continues what every kept release stored, and waits if it cannot read an item."""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any, cast

import pytest

from backdrop.aws.items import (
    build_primary_key,
    content_owner_to_item,
    parse_budget_day,
    parse_content_owner,
    parse_record,
    to_item,
)
from backdrop.aws.operator_mail import OperatorMail
from backdrop.campaigns.report import CampaignStatus, FinishedExecution
from backdrop.model import transitions
from backdrop.model.circuit import ProviderHealth
from backdrop.model.codes import Code
from backdrop.model.errors import RetryLaterError
from backdrop.model.image_request import ImageRequest
from backdrop.model.job import Job, JobStatus, LedgerItem, Source
from backdrop.model.queue_messages import DeliverMessage, JobMessage, LaneMessage, parse_message
from backdrop.model.schedule import ReconcileState
from simulation.world.simulated_stack import World
from simulation.world.world_inspector import OUTPUT_BUCKET
from simulation.world.world_services import PARSE_EVENTS, WorldBootstrap
from tests.releases.baseline import list_stored_data
from tests.releases.formats import list_format_lines
from tests.releases.stored_data import CAMPAIGN, EXECUTION, restore, to_attributes
from tests.simulated.stage_worlds import (
    PRICE,
    assert_at_rest,
    assert_budgets,
    build_job,
    find_only_job,
    world_with_photo,
)

STORED_DATA = list_stored_data()
# Fields that a migration translates, such as `Job.attempts[].outcome`. Each migration has a test of its own.
MIGRATED_FIELDS = frozenset[str]()
RECORD_TYPES: dict[str, type[LedgerItem]] = {
    "job": Job,
    "source": Source,
    "asked": ImageRequest,
    "lane": ProviderHealth,
    "run": ReconcileState,
}
REQUIRED = " is required"
RECONCILE_RUNS = 8
# The photos that were not bought yet, and one whose answer was lost. No other photo needs a call.
PHOTOS_TO_BUY = dict.fromkeys(
    (f"open/{name}.png" for name in ("accepted", "failing", "paused", "unknown", "uploaded")), 1
)
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
                "budget_day": "2026-11-20",
                "reserved": 0,
                "unheard_of": 1,
            }
        ]
    },
    {
        "problem": {
            "code": "budget_reached",
            "message": "",
            "retryable": True,
            "first_seen": "2026-11-20T09:00:00Z",
            "last_seen": "2026-11-20T09:00:00Z",
            "unheard_of": 1,
        }
    },
]


def rewrite(world: World, kind: str, added: dict[str, Any], *without: str) -> None:
    """Changes all items of a kind as if another release had written them."""
    for key, item in list(world.table.items.items()):
        if key[1].startswith(kind):
            body = json.loads(item["body"]["S"]) | added
            body = {name: value for name, value in body.items() if name not in without}
            world.table.items[key] = {**item, "body": {"S": json.dumps(body)}}


@pytest.mark.parametrize("added", [*UNKNOWN, *NESTED], ids=str)
def test_job_written_by_another_release_is_never_ignored(added: dict[str, Any]) -> None:
    world = World()
    job = world.ledger.write_transition(transitions.Transition(build_job()))
    rewrite(world, "job#", added)
    before = dict(world.table.items)
    for read in (
        lambda: world.ledger.find_job(job.source_id, job.job_id),
        lambda: world.ledger.read_photo(job.source_id),
    ):
        with pytest.raises(RetryLaterError) as raised:
            read()
        assert raised.value.code is Code.LEDGER_UNAVAILABLE
    assert world.table.items == before


@pytest.mark.parametrize(
    "added", [{"unheard_of": 1}, {"photo": {"etag": "e", "unheard_of": 1}}], ids=["own", "photo's"]
)
def test_photo_written_by_another_release_is_never_ignored(added: dict[str, Any]) -> None:
    world = world_with_photo()
    world.run_until_empty("intake")
    source_id = find_only_job(world).source_id
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
    """Messages wait while the items belong to the other release, and continue when they are ours again."""
    world = world_with_photo()
    world.run_until_empty(*done)
    rewrite(world, kind, {"unheard_of": 1})
    world.run_for(3600)
    assert {wait.code for wait in world.returned_messages} == {Code.LEDGER_UNAVAILABLE}
    assert world.read_pictures() == {}
    rewrite(world, kind, {}, "unheard_of")
    world.run_until_empty()
    assert (find_only_job(world).status, world.provider.charged_micro_usd) == (JobStatus.STORED, PRICE)
    assert not world.dead_letter_queue.messages
    assert_at_rest(world)


# -- what kept releases stored -------------------------------------------------------------------------------------


@pytest.fixture(params=STORED_DATA)
def stored(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What one kept release stored."""
    return STORED_DATA[request.param]


def list_items(stored: Mapping[str, Any], *kinds: str) -> list[dict[str, Any]]:
    found = [item for item in stored["items"] if item["sk"].partition("#")[0] in kinds]
    assert found
    return found


def assert_contains(now: object, before: object, path: str) -> None:
    """Asserts that everything that was stored still has the same value. Fields may be added."""
    if path in MIGRATED_FIELDS:
        return
    if isinstance(before, dict) and isinstance(now, dict):
        kept_fields, fields = cast("dict[str, Any]", before), cast("dict[str, Any]", now)
        assert kept_fields.keys() <= fields.keys() | {
            name for name in kept_fields if f"{path}.{name}" in MIGRATED_FIELDS
        }
        for name in kept_fields.keys() & fields.keys():
            assert_contains(fields[name], kept_fields[name], f"{path}.{name}")
    elif isinstance(before, list) and isinstance(now, list):
        for value, kept_value in zip(cast("list[Any]", now), cast("list[Any]", before), strict=True):
            assert_contains(value, kept_value, f"{path}[]")
    else:
        assert now == before, path


def test_formats_keep_every_stored_field_and_value(stored: dict[str, Any]) -> None:
    before, now = set(stored["formats"]), set(list_format_lines())
    gone = {line for line in before - now if not line.endswith(REQUIRED) and field_of(line) not in MIGRATED_FIELDS}
    assert not gone, "what a release stored must stay readable (docs/decisions/0027-stored-formats.md)"
    records = {field_of(line).rpartition(".")[0] for line in before}
    added = {line for line in now - before if line.endswith(REQUIRED) and field_of(line).rpartition(".")[0] in records}
    assert not added, "a new field of a stored record needs a default, because stored records do not have it"


def field_of(line: str) -> str:
    return line.removesuffix(REQUIRED).partition(" = ")[0].partition(": ")[0]


def test_every_stored_record_is_written_again_unchanged(stored: dict[str, Any]) -> None:
    for plain in list_items(stored, *RECORD_TYPES):
        record_type = RECORD_TYPES[plain["sk"].partition("#")[0]]
        record = parse_record(record_type, to_attributes(plain))
        assert build_primary_key(record) == (plain["pk"], plain["sk"])
        written = to_item(record)
        assert_contains(json.loads(written["body"]["S"]), plain["body"], record_type.__name__)
        for name, value in to_attributes(plain).items():
            assert name == "body" or f"{record_type.__name__}.{name}" in MIGRATED_FIELDS or written[name] == value


def test_every_stored_owner_and_budget_is_read(stored: dict[str, Any]) -> None:
    for plain in list_items(stored, "owner"):
        assert content_owner_to_item(parse_content_owner(to_attributes(plain))) == to_attributes(plain)
    for plain in list_items(stored, "budget"):
        day = parse_budget_day(plain["pk"].partition("#")[2], to_attributes(plain))
        amounts = {name: plain.get(name, 0) for name in ("reserved", "confirmed", "unknown")}
        assert day._asdict() == amounts | {"day": day.day, "cap": plain.get("cap"), "registry_version": 0}


def test_every_stored_message_can_be_parsed(stored: dict[str, Any]) -> None:
    for queue, messages in stored["messages"].items():
        for body in [message["body"] for message in messages]:
            if queue == "intake":
                assert PARSE_EVENTS(body, is_repeated=False)
            elif queue == "deliver":
                assert parse_message(body, DeliverMessage, LaneMessage)
            elif queue != "dead-letters":
                assert parse_message(body, JobMessage)


def test_work_of_a_kept_release_continues_to_its_end(stored: dict[str, Any]) -> None:
    world = restore(stored)
    before = {job.job_id: job for job in world.list_jobs()}
    dead_letters = [message.body for message in world.dead_letter_queue.messages if message.attributes.get("code")]
    for _ in range(RECONCILE_RUNS):
        world.run_for(1800)
        assert world.run_reconcile()
    world.run_until_empty()
    after = {job.job_id: job for job in world.list_jobs()}
    assert {job_id: after[job_id].status for job_id in before} == {
        job_id: job.status if job.has_ended else JobStatus.STORED for job_id, job in before.items()
    }
    calls = [job_id for provider in world.simulated_providers.values() for job_id in provider.received_job_ids]
    assert Counter(after[job_id].key for job_id in calls) == PHOTOS_TO_BUY
    assert_budgets(world, billed=sum(job.charged for job in after.values()))
    assert [message.body for message in world.dead_letter_queue.messages] == dead_letters
    assert not [token for token in stored["task_tokens"] if world.step_functions.responses[token] is None]
    for job in after.values():
        assert {result.key for result in job.results} <= world.read_pictures().keys()


def test_files_that_a_kept_release_stored_are_used(stored: dict[str, Any]) -> None:
    world = restore(stored)
    bootstrap = WorldBootstrap(world)
    bootstrap.operator_mail = OperatorMail(None, topic_arn="")
    (spooled,) = bootstrap.answer_spool.list_all()
    assert world.ledger.find_job(spooled.source_id, spooled.job_id)
    finished = FinishedExecution(EXECUTION, CAMPAIGN, CampaignStatus.SUCCEEDED, stored["time"])
    report = bootstrap.campaign_reporter().report(finished, world.clock.now())
    files = stored["objects"][OUTPUT_BUCKET]
    assert report == json.loads(files["_backdrop/campaigns/spring/report.json"]["text"])
    assert not world.bus.events
