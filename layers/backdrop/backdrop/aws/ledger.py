"""The ledger on DynamoDB: one table, one conditional write or one transaction per transition."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import batched
from typing import Any

from backdrop.aws.items import (
    ASKED_PREFIX,
    JOB_PREFIX,
    SOURCE,
    WAITING_PREFIX,
    attributes_of,
    day_key,
    key_of,
    owner_item,
    owner_key,
    read,
    read_day,
    read_owner,
    waiting_item,
    waiting_key,
)
from backdrop.aws.optimistic_lock import fenced_put, next_of
from backdrop.aws.table import LAST, MAX_KEYS, Table, TransactionError
from backdrop.model.circuit import Lane
from backdrop.model.codes import Code
from backdrop.model.errors import OwnedError, StaleError, UnwritableError, WaitError
from backdrop.model.image_request import Asked
from backdrop.model.item_size import shortened
from backdrop.model.job import Item, Job, Owner, Source, Status
from backdrop.model.transitions import Booking, Step

BUDGET_DELAY_SECONDS = 10.0
RESERVED_DELAY_SECONDS = 2.0


class Ledger:
    """The items of model/job.py and model/circuit.py. Every write is conditional; a call writes all of it or nothing.

    A write raises StaleError if an item changed since it was read, OwnedError if a step wants to own content that has
    another owner, WaitError if the day's budget does not cover a claim or the table does not answer, and
    UnwritableError if no later try would be taken either.

    `observe` is called with each transition after its write, once, however often the write was tried.
    """

    def __init__(self, table: Table, observe: Callable[[Step], None] = lambda _: None) -> None:
        self._table = table
        self._observe = observe

    def photo(self, source_id: str) -> tuple[Source | None, Sequence[Job]]:
        """A photo's place and all its jobs ever, as they stand now."""
        source: Source | None = None
        jobs: list[Job] = []
        for item in self._table.partition(f"source#{source_id}", JOB_PREFIX, SOURCE):
            if item["sk"]["S"] == SOURCE:
                source = read(Source, item)
            elif item["sk"]["S"].startswith(JOB_PREFIX):
                jobs.append(read(Job, item))
        return source, jobs

    def unknown(self, source_ids: Sequence[str]) -> Sequence[str]:
        """Those photos, of up to a hundred, of which nothing was ever written: each has its place before a job."""
        found = self._table.many([(f"source#{one}", SOURCE) for one in source_ids])
        return [one for one in source_ids if (f"source#{one}", SOURCE) not in found]

    def job(self, source_id: str, job_id: str) -> Job | None:
        """One job as it stands now."""
        item = self._table.get((f"source#{source_id}", f"{JOB_PREFIX}{job_id}"))
        return read(Job, item) if item else None

    def job_in_lane(self, source_id: str, job_id: str, provider: str) -> tuple[Job | None, Lane]:
        """One job and a lane's health as they stand now, in one request."""
        place, fresh = (f"source#{source_id}", f"{JOB_PREFIX}{job_id}"), Lane(provider=provider)
        found = self._table.many([place, key_of(fresh)])
        job, lane = found.get(place), found.get(key_of(fresh))
        return read(Job, job) if job else None, read(Lane, lane) if lane else fresh

    def asked(self, source_id: str) -> Sequence[Asked]:
        """Who ever waited to hear of a photo."""
        return self._asked(source_id)

    def waiting(self, source_id: str) -> Sequence[Asked]:
        """Those that were not answered yet; photos of a nightly campaign have one more each night that was."""
        return self._asked(source_id, FilterExpression="attribute_not_exists(answer)")

    def _asked(self, source_id: str, **chosen: str) -> Sequence[Asked]:
        items = self._table.partition(f"source#{source_id}", ASKED_PREFIX, f"{ASKED_PREFIX}{LAST}", **chosen)
        return [read(Asked, item) for item in items]

    def request(self, source_id: str, ident: str) -> Asked | None:
        """One of them."""
        item = self._table.get((f"source#{source_id}", f"{ASKED_PREFIX}{ident}"))
        return read(Asked, item) if item else None

    def put_asked(self, asked: Asked) -> Asked:
        """Write who waits to hear, and what he was answered; the item as it stands in the ledger afterwards."""
        return self._write(asked)

    def lane(self, provider: str) -> Lane:
        """A lane's health as it stands now; an open lane where nothing was ever written."""
        fresh = Lane(provider=provider)
        item = self._table.get(key_of(fresh))
        return read(Lane, item) if item else fresh

    def advance(self, step: Step) -> Job:
        """Write one transition; the job as it stands in the ledger afterwards."""
        return self._write(step.job, steps=[step])

    def owner(self, content_key: str) -> Owner | None:
        """The job that pays for some content, or has paid for it."""
        item = self._table.get(owner_key(content_key))
        return read_owner(item) if item else None

    def followers(self, content_key: str, after: str = "") -> Iterator[Job]:
        """The jobs that wait for the owner of some content, in the order of their IDs, from the ID `after` on."""
        pk, first = waiting_key(content_key, after)
        notes = self._table.partition(pk, first, waiting_key(content_key, LAST)[1])
        places = (
            (f"source#{note['source_id']['S']}", f"{JOB_PREFIX}{note['sk']['S'].removeprefix(WAITING_PREFIX)}")
            for note in notes
        )
        for some in batched(places, MAX_KEYS, strict=False):
            found = self._table.many(some)
            jobs = (read(Job, found[place]) for place in some if place in found)
            yield from (job for job in jobs if job.status is Status.ACCEPTED and job.follows)

    def put_source(self, source: Source, steps: Sequence[Step], asked: Asked | None = None) -> None:
        """Write a photo's place, its jobs' transitions, and who waits to hear of them, all or nothing."""
        self._write(source, *(step.job for step in steps), *([asked] if asked else []), steps=steps)

    def put_lane(self, lane: Lane) -> Lane:
        """Write a lane's health; the lane as it stands in the ledger afterwards."""
        return self._write(lane)

    def _write[I: Item](self, first: I, *others: Item, steps: Sequence[Step] = ()) -> I:
        """Write these items; the first as it stands in the ledger afterwards. One that is too large is shortened."""
        written, *rest = next_of(self._table, first), *(next_of(self._table, item) for item in others)
        try:
            self._put([written, *rest], steps)
        except UnwritableError:
            written = shortened(written)
            self._put([written, *map(shortened, rest)], steps)
        return written

    def _put(self, items: Sequence[Item], steps: Sequence[Step]) -> None:
        owning = [step for step in steps if step.owner]
        booking = next((step.booking for step in steps if step.booking), None)
        writes = [fenced_put(self._table, item) for item in items] + [self._own(step) for step in owning]
        writes += [self._wait(step.job) for step in steps if step.waits_for]
        try:
            self._transact(writes, booking, items[0])
        except TransactionError as error:
            if any(error.failed(place) for place in range(len(items))):
                raise StaleError from error
            for place in range(len(items), len(writes)):
                if error.failed(place):
                    raise OwnedError(read_owner(error.reasons[place]["Item"])) from error
            raise _over_budget(booking or Booking("", ""), error.reasons[-1].get("Item", {})) from error
        for step in steps:
            self._observe(step)

    def _transact(self, writes: Sequence[dict[str, Any]], booking: Booking | None, first: Item) -> None:
        """Write all; where a person set another cap for the day than the stack has, that one holds."""
        ours = key_of(first), first.write_id
        try:
            self._table.transact([*writes, *([self._book(booking)] if booking else [])], ours=ours)
        except TransactionError as error:
            if booking is None or any(error.failed(place) for place in range(len(writes))):
                raise
            day = read_day(booking.day, error.reasons[-1].get("Item", {}))
            if day.cap is None:
                raise
            raised = replace(booking, cap=day.cap)
            self._table.transact([*writes, self._book(raised, set_by_person=True)], ours=ours)

    def _own(self, step: Step) -> dict[str, Any]:
        """One content has one owner: nobody, the job itself, or who was seen to come to nothing may have it before."""
        owner = step.owner
        if owner is None:
            raise TypeError("a step that owns nothing")
        before = step.instead_of or owner
        put: dict[str, Any] = {
            "TableName": self._table.name,
            "Item": owner_item(owner),
            "ConditionExpression": "attribute_not_exists(pk) OR job_id = :job OR (job_id = :before AND rev = :rev)",
            "ExpressionAttributeValues": {
                ":job": {"S": owner.job_id},
                ":before": {"S": before.job_id},
                ":rev": {"N": str(before.rev)},
            },
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        return {"Put": put}

    def _wait(self, job: Job) -> dict[str, Any]:
        """The note by which the end of the content's owner finds the job."""
        return {"Put": {"TableName": self._table.name, "Item": waiting_item(job, self._table.now())}}

    def _book(self, booking: Booking, *, set_by_person: bool = False) -> dict[str, Any]:
        """The day's sums; a claim also needs room under the cap."""
        values = {
            ":reserved": booking.reserved,
            ":certain": booking.certain,
            ":unknown": booking.unknown,
            ":committed": booking.committed,
        }
        book: dict[str, Any] = {
            "TableName": self._table.name,
            "Key": attributes_of(day_key(booking.day)),
            "UpdateExpression": "ADD reserved :reserved, certain :certain, #unknown :unknown, committed :committed",
            "ExpressionAttributeNames": {"#unknown": "unknown"},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        if booking.cap is not None:
            room = values[":room"] = booking.cap - booking.committed
            enough = "(attribute_not_exists(committed) OR committed <= :room)" if room >= 0 else "committed <= :room"
            whose = "#cap = :cap" if set_by_person else "attribute_not_exists(#cap)"
            values |= {":cap": booking.cap} if set_by_person else {}
            book["ConditionExpression"] = f"{whose} AND {enough}"
            book["ExpressionAttributeNames"]["#cap"] = "cap"
        numbers = {name: {"N": str(value)} for name, value in values.items()}
        return {"Update": book | {"ExpressionAttributeValues": numbers}}


def _over_budget(booking: Booking, item: Mapping[str, Any]) -> WaitError:
    """Settled money over the cap lasts until the day ends; others' reservations are back in a moment."""
    day = read_day(booking.day, item)
    cap = day.cap if day.cap is not None else booking.cap or 0
    if day.settled + booking.committed > cap:
        return WaitError(Code.BUDGET_REACHED, "today's budget does not cover the job", BUDGET_DELAY_SECONDS)
    return WaitError(
        Code.BUDGET_RESERVED,
        "today's budget is reserved by calls in flight",
        RESERVED_DELAY_SECONDS,
    )
