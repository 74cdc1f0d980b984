"""Items that the first release wrote are read as they were meant, and what was under way goes on."""

import json
from pathlib import Path
from typing import Any

import pytest

from backdrop.aws.records import attributes_of, day_key, key_of, read
from backdrop.core.codec import to_json
from backdrop.core.job import Item, Job, Source, Status
from proof.world.pictures import photo
from proof.world.stack import World
from tests.simulated.simulation import KEY, PRICE, assert_at_rest, the_job

GOLDEN: dict[str, dict[str, Any]] = json.loads(
    Path(__file__).with_name("items_of_the_first_release.json").read_text("utf-8")
)
JOBS = sorted(name for name in GOLDEN if name.startswith("job"))
SOURCES = sorted(name for name in GOLDEN if name.startswith("source"))
NEW_IN_A_JOB: dict[str, Any] = {
    "said_at": None,
    "generation": 0,
    "follows": None,
    "reused_from": None,
    "begun_until": None,
    "crashes": 0,
    "put_at": None,
    "prepared": False,
    "for_executions": False,
}
NEW_IN_AN_ATTEMPT: dict[str, Any] = {"generation": 0, "parked": False, "sends": 1, "suspicion": None}
NEW_IN_A_LINK: dict[str, Any] = {"kept": None, "unrecognized": False}
NEW_IN_A_SOURCE: dict[str, Any] = {
    "sidecar_etag": "",
    "begun_until": None,
    "crashes": 0,
    "put_at": None,
    "held_by": "",
    "requests": [],
    "seen_gone": False,
    "awaited": False,
}
NEW_IN_A_PHOTO: dict[str, Any] = {"prepared": False, "changes": []}
NEW_IN_A_PROBLEM: dict[str, Any] = {"variant": ""}


def stored(name: str) -> dict[str, dict[str, str]]:
    """A golden item as the table holds it."""
    item = GOLDEN[name] | {"body": json.dumps(GOLDEN[name]["body"])}
    return {field: {"N" if isinstance(value, int) else "S": str(value)} for field, value in item.items()}


def read_back(kind: type[Item], name: str) -> dict[str, Any]:
    """What this release makes of a golden item, written again."""
    return json.loads(to_json(read(kind, stored(name))))


@pytest.mark.parametrize("name", JOBS)
def test_a_job_of_the_first_release_means_what_it_meant(name: str) -> None:
    attempts = [attempt | NEW_IN_AN_ATTEMPT for attempt in GOLDEN[name]["body"]["attempts"]]
    problem = GOLDEN[name]["body"]["problem"]
    links = [link | NEW_IN_A_LINK for link in GOLDEN[name]["body"]["links"]]
    known = {"attempts": attempts, "links": links, "problem": problem and problem | NEW_IN_A_PROBLEM}
    assert read_back(Job, name) == GOLDEN[name]["body"] | NEW_IN_A_JOB | known


@pytest.mark.parametrize("name", SOURCES)
def test_a_place_of_the_first_release_means_what_it_meant(name: str) -> None:
    problems = [problem | NEW_IN_A_PROBLEM for problem in GOLDEN[name]["body"]["problems"]]
    photo = GOLDEN[name]["body"]["photo"]
    known = {"problems": problems, "photo": photo and photo | NEW_IN_A_PHOTO}
    assert read_back(Source, name) == GOLDEN[name]["body"] | NEW_IN_A_SOURCE | known


@pytest.mark.parametrize("name", GOLDEN)
def test_an_item_of_the_first_release_lies_where_it_lay(name: str) -> None:
    """Keys are never changed: what is not found again would be bought again."""
    kind = Job if name in JOBS else Source
    assert key_of(read(kind, stored(name))) == (GOLDEN[name]["pk"], GOLDEN[name]["sk"])


def test_every_state_was_written_by_the_first_release() -> None:
    assert {GOLDEN[name]["body"]["status"] for name in JOBS} == set(Status)


def inherited(name: str) -> World:
    """A stack that was updated while a photo's job stood so; its lane's message still waits."""
    world = World()
    world.drop(KEY, photo(), operation="remove")
    world.lines["intake"].messages.clear()
    for one in ("source with a job", name):
        world.table.items[GOLDEN[one]["pk"], GOLDEN[one]["sk"]] = stored(one)
    for attempt in GOLDEN[name]["body"]["attempts"]:
        sums = {"reserved": attempt["reserved"], "certain": attempt["charged"], "unknown": attempt["unknown"]}
        numbers = sums | {"committed": sum(sums.values())}
        day = attributes_of(day_key(attempt["day"]))
        world.table.items[day_key(attempt["day"])] = day | {kind: {"N": str(sum_)} for kind, sum_ in numbers.items()}
    job = GOLDEN[name]["body"]
    body = json.dumps({"kind": "job", "source_id": job["source_id"], "job_id": job["job_id"]})
    world.sqs.post(world.lines["ideogram"], body)
    return world


@pytest.mark.parametrize(
    ("name", "charged", "unknown"),
    [
        ("job accepted", PRICE, 0),
        ("job that waits for a key", PRICE, 0),
        ("job submitting", PRICE, PRICE),
        ("job unknown", PRICE, PRICE),
        ("job paid", PRICE, 0),
    ],
)
def test_what_the_first_release_had_begun_goes_on(name: str, charged: int, unknown: int) -> None:
    """A call whose answer the first release lost was held for a person then; by now it is sent once more."""
    world = inherited(name)
    world.run()
    job = the_job(world)
    assert (job.status, job.charged, job.unknown) == (Status.STORED, charged, unknown)
    assert (world.report(KEY), len(world.pictures())) == (None, 1)
    assert not world.dead_letters.messages
    if not GOLDEN[name]["body"]["attempts"]:
        assert_at_rest(world)


@pytest.mark.parametrize(
    "name", ["job stored", "job held", "job refused", "job dead", "job superseded", "job cancelled"]
)
def test_what_had_ended_stays_as_it_was(name: str) -> None:
    world = inherited(name)
    world.run()
    assert the_job(world).status is Status(GOLDEN[name]["body"]["status"])
    assert world.provider.calls == []
