"""When a world is at rest, what ought to lie there then, and the promises that hold at rest."""

import json
from collections.abc import Collection, Mapping
from hashlib import sha256
from typing import Any

from backdrop.model.provider_result import RetryClass
from proof.checker.books import Breach, Plain, Promise, plain
from proof.checker.calls import heard_breaches, named_breaches, refused_breaches, well_breaches
from proof.checker.ends import ENDS, end_breaches, missing_breaches, stray_breaches, view_breaches
from proof.checker.rest import (
    Wanted,
    cause_breaches,
    fate_breaches,
    lane_breaches,
    mark_breaches,
    money_told_breaches,
    newest_breaches,
    open_breaches,
    told_breaches,
    words_breaches,
)
from proof.simulate.causes import ENDS_OF, crashed_five_times, possible_codes
from proof.simulate.ears import Ears
from proof.simulate.people import People
from proof.simulate.watch import Watch
from proof.world.functions import Ending
from proof.world.stack import World

RECEIPTS, ERRORS, LANES = "_backdrop/receipts/", "_backdrop/errors/", "_backdrop/errors/_providers/"
# How a call to the ledger may end without keeping anybody from anything.
HARMLESS = ("", "TransactionCanceledException")
GOOD = (RetryClass.OK, RetryClass.PERM)
SILENT = ("_backdrop", ".")


def wanted(world: World, people: People) -> dict[str, Wanted]:
    """The photos in the bucket that somebody ought to know of."""
    return {
        key: _wanted(world, people, key)
        for key in world.input.keys()  # noqa: SIM118 - our own method
        if not (key.endswith(".json") or key in people.untouched or _silent(key))
    }


def _silent(key: str) -> bool:
    return any(part.startswith(SILENT) for part in key.split("/"))


def _wanted(world: World, people: People, key: str) -> Wanted:
    photo = world.input.current(key)
    if photo is None:
        raise KeyError(key)
    return Wanted(photo.etag, sha256(photo.data or b"").hexdigest(), named=key not in people.waived)


def _late(world: World, watch: Watch, meant: Mapping[str, Wanted]) -> list[Breach]:
    """What lies in the bucket and has not led to what it asks for."""
    may = frozenset({"crashed"} if crashed_five_times(world) else ())
    return newest_breaches(watch.memory.ledger, meant) + watch.resolutions.late(dict.fromkeys(meant, may))


def views(world: World, folder: str) -> dict[str, Plain]:
    """The receipts or reports of a folder, by the key of their photo."""
    found: dict[str, Plain] = {}
    for key in world.output.keys():  # noqa: SIM118 - our own method
        if key.startswith(folder) and (folder == LANES or not key.startswith(LANES)):
            current = world.output.current(key)
            data = current.data if current else None
            found[key.removeprefix(folder).removesuffix(".json")] = json.loads(data or b"")
    return found


def letters(world: World) -> list[dict[str, Any]]:
    """The dead letters as plain data."""
    return [
        {"body": message.body, "attributes": dict(message.attributes)}
        for message in world.sqs.waiting(world.dead_letters)
    ]


def _damaged(world: World, people: People) -> range:
    """How many damaged messages left a letter: those whose lane is paused, or was for too long, may have left none."""
    lines = world.lines.items()
    left = {f"{name} {message.body}" for name, line in lines for message in (*line.messages, *line.expired)}
    return range(len(people.damaged - left), len(people.damaged) + 1)


def _quiet(world: World, excused: Collection[str]) -> bool:
    """Whether nothing is under way, and no message waits but those of jobs that rightly do."""
    waiting = [message for source in world.sources.values() if source.enabled for message in source.line.messages]
    busy = [message for message in waiting if not any(job_id in message.body for job_id in excused)]
    return not busy and not any(source.running for source in world.sources.values())


def unrest(world: World, watch: Watch, people: People) -> str:
    """Why a world is not at rest; an empty text where it is."""
    excused = watch.memory.excused()
    if not _quiet(world, excused):
        return "messages wait or are under way"
    for job in watch.memory.jobs.values():
        if job["status"] not in ENDS and job["job_id"] not in excused:
            return f"{job['key']} is {job['status']}"
    waiting = [source["key"] for source in watch.memory.sources.values() if source["settling_since"]]
    if waiting:
        return f"{waiting[0]} waits for its wish"
    late = _late(world, watch, wanted(world, people))
    return late[0].words if late else ""


def rest_breaches(world: World, watch: Watch, people: People, fired: Mapping[str, int], ears: Ears) -> list[Breach]:
    """All that must be true when nothing happens any more."""
    ledger, meant, excused = watch.memory.ledger, wanted(world, people), watch.memory.excused()
    waits = {job["key"] for job in watch.memory.jobs.values() if job["job_id"] in excused}
    receipts, reports = views(world, RECEIPTS), views(world, ERRORS)
    pictures = [key for key in world.output.keys() if not key.startswith("_backdrop/")]  # noqa: SIM118 - our own method
    marks = {
        key: str(current.metadata.get("backdrop-job")) for key in pictures if (current := world.output.current(key))
    }
    versions = {key: current.id for key in pictures if (current := world.output.current(key))}
    lanes = {name: lane.body for name, lane in watch.memory.lanes.items() if lane.body}
    events = [(event.detail_type, event.detail) for event in world.bus.events]
    dropped = [key for key in meant if key not in people.waived and key not in waits]
    return [
        *watch.bills.all(),
        *open_breaches(ledger, excused=excused),
        *end_breaches(dropped, ledger, receipts, reports),
        *_late(world, watch, meant),
        *watch.resolutions.at_rest(marks, versions),
        *watch.tokens.at_rest(),
        *view_breaches(ledger, receipts, reports),
        *money_told_breaches(ledger, reports),
        *missing_breaches(ledger, pictures),
        *stray_breaches(ledger, marks),
        *mark_breaches(ledger, marks),
        *told_breaches(ledger, events),
        *lane_breaches(lanes, views(world, LANES), reports, excused),
        *words_breaches(ledger, letters(world), watch.died, _damaged(world, people)),
        *cause_breaches(ledger, possible_codes(world, fired)),
        *fate_breaches(ledger, ENDS_OF),
        *_heard(world, watch, ears),
        *_memory_breaches(world, watch),
    ]


def _heard(world: World, watch: Watch, ears: Ears) -> list[Breach]:
    lived = {one.name for one in world.functions.invocations if one.ending is Ending.DONE}
    heard = [
        breach
        for job_id, times in ears.heard(lived).items()
        for breach in heard_breaches(watch.memory.jobs[job_id], times)
    ]
    ends = {one.name: one.ended for one in world.functions.invocations if one.name in lived}
    hindered = {call.worker for call in world.wire.calls if call.service == "dynamodb" and call.ended not in HARMLESS}
    found = [*heard, *named_breaches(ears.unnamed)]
    for name, lane in watch.memory.lanes.items():
        refusals = [
            (at, end) for at, worker in ears.refusals[name] if (end := ends.get(worker)) and worker not in hindered
        ]
        found += refused_breaches(refusals, watch.paused_at[name])
        kind, worker = ears.last.get(name, (None, ""))
        good = kind in GOOD and worker in ends and worker not in hindered
        # Who began before the lane was closed does not open it: the next probe does.
        began = watch.memory.began(worker) if worker else world.clock.time
        found += well_breaches(good, [lane.body] if lane.body and began > (lane.since or began) else [])
    return found


def _memory_breaches(world: World, watch: Watch) -> list[Breach]:
    """What was seen write by write is what lies there."""
    stored = {
        kind.removeprefix("job#"): plain(item["body"]["S"])
        for (_, kind), item in world.table.items.items()
        if kind.startswith("job#")
    }
    return [] if stored == watch.memory.jobs else [Breach(Promise.FENCED, "the table changed without a write")]
