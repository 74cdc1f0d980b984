"""The ledger on DynamoDB: one table, one conditional write or one transaction per transition.

Keys: `source#<source_id>` holds the photo's place (`source`) and its jobs (`job#<job_id>`), so that one query shows
all; `budget#<day>` holds what the day (UTC) has committed, in micro-dollars. An item's `body` is the whole model as
JSON (people's metadata may nest deeper and count further than DynamoDB's own types); the attributes beside it are for
fences and for readers.
"""

import uuid
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import ValidationError

from backdrop.aws.failures import RETRY_SECONDS, unavailable
from backdrop.core.codec import from_json, to_json
from backdrop.core.codes import Code
from backdrop.core.errors import StaleError, WaitError
from backdrop.core.job import Item, Job, Source
from backdrop.core.transitions import Booking, Step
from backdrop.ports import Clock

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

CONFLICT_TRIES = 10
READ_BACK_TRIES = 3
BUDGET_DELAY_SECONDS = 60.0
RESERVED_DELAY_SECONDS = 2.0


class DynamoLedger:
    """The Ledger port. `client` is boto3's DynamoDB client, or the simulated table that speaks like it."""

    def __init__(self, client: "DynamoDBClient", table: str, clock: Clock) -> None:
        self._client = client
        self._table = table
        self._clock = clock

    def photo(self, source_id: str) -> tuple[Source | None, Sequence[Job]]:
        """A photo's place and all its jobs ever, as they stand now."""
        source: Source | None = None
        jobs: list[Job] = []
        for item in self._query(f"source#{source_id}"):
            if item["sk"]["S"] == "source":
                source = _read(Source, item)
            elif item["sk"]["S"].startswith("job#"):
                jobs.append(_read(Job, item))
        return source, jobs

    def job(self, source_id: str, job_id: str) -> Job | None:
        """One job as it stands now."""
        item = self._get(f"source#{source_id}", f"job#{job_id}")
        return _read(Job, item) if item else None

    def advance(self, step: Step) -> Job:
        """Write one transition; the job as it stands in the ledger afterwards."""
        job = _next(step.job)
        self._write([job], step.booking)
        return job

    def put_source(self, source: Source, steps: Sequence[Step]) -> None:
        """Write a photo's place and its jobs' transitions, all or nothing."""
        self._write([_next(source), *(_next(step.job) for step in steps)], None)

    def _write(self, items: Sequence[Source | Job], booking: Booking | None) -> None:
        puts: list[dict[str, Any]] = [{"Put": self._put(item)} for item in items]
        books = [{"Update": self._book(booking)}] if booking else []
        try:
            self._transact([*puts, *books])
        except ClientError as error:
            if self._written(items):
                return
            self._refused(error, booking)
        except BotoCoreError as error:
            if not self._written(items):
                raise unavailable("DynamoDB", error, Code.LEDGER_UNAVAILABLE) from error

    def _put(self, item: Source | Job) -> dict[str, Any]:
        """A fenced put: only where the item is still the one that was read."""
        fence = "attribute_not_exists(pk)" if item.rev == 1 else "rev = :rev"
        put: dict[str, Any] = {
            "TableName": self._table,
            "Item": _keys(item) | _attributes(item) | {"body": {"S": to_json(item)}},
            "ConditionExpression": fence,
        }
        if item.rev > 1:
            put["ExpressionAttributeValues"] = {":rev": {"N": str(item.rev - 1)}}
        return put

    def _book(self, booking: Booking) -> dict[str, Any]:
        """The day's sums; a claim also needs room under the cap."""
        values = {
            ":reserved": booking.reserved,
            ":certain": booking.certain,
            ":unknown": booking.unknown,
            ":committed": booking.committed,
        }
        book: dict[str, Any] = {
            "TableName": self._table,
            "Key": {"pk": {"S": f"budget#{booking.day}"}, "sk": {"S": "budget"}},
            "UpdateExpression": "ADD reserved :reserved, certain :certain, #unknown :unknown, committed :committed",
            "ExpressionAttributeNames": {"#unknown": "unknown"},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        if booking.cap is not None:
            room = values[":room"] = booking.cap - booking.committed
            first = "attribute_not_exists(committed) OR " if room >= 0 else ""
            book["ConditionExpression"] = f"{first}committed <= :room"
        return book | {"ExpressionAttributeValues": {name: {"N": str(value)} for name, value in values.items()}}

    def _transact(self, writes: list[dict[str, Any]]) -> None:
        """All or nothing; a conflict with another transaction is weather, never a lost race."""
        token = str(uuid.uuid4())
        for attempt in range(CONFLICT_TRIES):
            try:
                self._client.transact_write_items(TransactItems=cast("Any", writes), ClientRequestToken=token)
            except ClientError as error:
                if attempt == CONFLICT_TRIES - 1 or not _only_conflicts(error):
                    raise
                self._clock.sleep(self._clock.jitter(0.02 * 2 ** min(attempt, 5)))
            else:
                return

    def _written(self, items: Sequence[Source | Job]) -> bool:
        """Whether a write whose answer was bad or lost was ours all the same."""
        keys = _keys(items[0])
        for attempt in range(READ_BACK_TRIES):
            try:
                found = self._get(keys["pk"]["S"], keys["sk"]["S"])
            except WaitError:
                if attempt == READ_BACK_TRIES - 1:
                    raise
                self._clock.sleep(self._clock.jitter(0.5))
            else:
                return found is not None and found["write_id"]["S"] == items[0].write_id
        return False

    def _refused(self, error: ClientError, booking: Booking | None) -> None:
        """Raise what a refused write means to the steps."""
        reasons = _reasons(error)
        if any(reason.get("Code") == "ConditionalCheckFailed" for reason in reasons[: -1 if booking else None]):
            raise StaleError from error
        if booking and reasons and reasons[-1].get("Code") == "ConditionalCheckFailed":
            raise _over_budget(booking, reasons[-1].get("Item", {})) from error
        raise unavailable("DynamoDB", error, Code.LEDGER_UNAVAILABLE) from error

    def _query(self, pk: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        more: dict[str, Any] = {}
        while True:
            try:
                page = self._client.query(
                    TableName=self._table,
                    KeyConditionExpression="pk = :pk",
                    ExpressionAttributeValues={":pk": {"S": pk}},
                    ConsistentRead=True,
                    **more,
                )
            except (ClientError, BotoCoreError) as error:
                raise unavailable("DynamoDB", error, Code.LEDGER_UNAVAILABLE) from error
            items += page["Items"]
            if "LastEvaluatedKey" not in page:
                return items
            more = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    def _get(self, pk: str, sk: str) -> dict[str, Any] | None:
        try:
            found = self._client.get_item(
                TableName=self._table, Key={"pk": {"S": pk}, "sk": {"S": sk}}, ConsistentRead=True
            )
        except (ClientError, BotoCoreError) as error:
            raise unavailable("DynamoDB", error, Code.LEDGER_UNAVAILABLE) from error
        return cast("dict[str, Any] | None", found.get("Item"))


def _read[I: Item](kind: type[I], item: Mapping[str, Any]) -> I:
    """An item's record; one that another release wrote waits for that release."""
    try:
        return from_json(kind, item["body"]["S"])
    except ValidationError as error:
        words = "An item of the ledger was written by another release, which can read it."
        raise WaitError(Code.LEDGER_UNAVAILABLE, words, RETRY_SECONDS) from error


def _next[I: Item](item: I) -> I:
    """The item as it is written: one revision on, with a mark by which we know our own write again."""
    return item.but(rev=item.rev + 1, write_id=uuid.uuid4().hex)


def _keys(item: Source | Job) -> dict[str, Any]:
    sort = f"job#{item.job_id}" if isinstance(item, Job) else "source"
    return {"pk": {"S": f"source#{item.source_id}"}, "sk": {"S": sort}}


def _attributes(item: Source | Job) -> dict[str, Any]:
    """What fences compare and what a person sees in the console."""
    shown = {"bucket": item.bucket, "key": item.key, "write_id": item.write_id}
    if isinstance(item, Job):
        shown |= {"status": item.status.value, "provider": item.provider}
    numbers = {"v": {"N": str(item.v)}, "rev": {"N": str(item.rev)}}
    return {name: {"S": text} for name, text in shown.items()} | numbers


def _over_budget(booking: Booking, day: Mapping[str, Any]) -> WaitError:
    """Settled money over the cap lasts until the day ends; others' reservations are back in a moment."""
    settled = sum(int(day[name]["N"]) for name in ("certain", "unknown") if name in day)
    if settled + booking.committed > (booking.cap or 0):
        return WaitError(Code.BUDGET_REACHED, "today's budget does not cover the job", BUDGET_DELAY_SECONDS)
    return WaitError(
        Code.BUDGET_RESERVED,
        "today's budget is reserved by calls in flight",
        RESERVED_DELAY_SECONDS,
    )


def _reasons(error: ClientError) -> list[dict[str, Any]]:
    return cast(
        "list[dict[str, Any]]",
        cast("dict[str, Any]", error.response).get("CancellationReasons", []),
    )


def _only_conflicts(error: ClientError) -> bool:
    """Whether a transaction failed only because others touched the same items at the same time."""
    if error.response.get("Error", {}).get("Code") == "TransactionInProgressException":
        return True
    codes = {reason.get("Code") for reason in _reasons(error)} - {"None", None}
    return codes == {"TransactionConflict"}
