"""The ledger's table: reads that are consistent, writes that are all or nothing, and what AWS's refusals mean."""

import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import count
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import BotoCoreError, ClientError

from backdrop.aws.aws_errors import error_code, unavailable
from backdrop.aws.items import Attributes, Key, attributes_of
from backdrop.model.codes import Code
from backdrop.model.errors import UnwritableError, WaitError
from backdrop.ports import Clock

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

CONFLICT_TRIES = 10
READ_BACK_TRIES = 3
# TransactWriteItems API reference, "Errors": of the request, and among the reasons of one that was cancelled.
INVALID, INVALID_WRITES = "ValidationException", ("ValidationError", "ItemCollectionSizeLimitExceeded")
WATCH = "watch"
# Keys of one BatchGetItem request (its API reference).
MAX_KEYS = 100
# Before every place in the index.
FIRST = "\0"
# Behind every key.
LAST = "\U0010ffff"


def random_id() -> str:
    """32 hex digits that nobody else draws."""
    return uuid.uuid4().hex


class TransactionError(Exception):
    """A transaction was refused; nothing was written. `reasons` has one entry for each write."""

    def __init__(self, reasons: Sequence[dict[str, Any]]) -> None:
        super().__init__("refused")
        self.reasons = reasons

    def failed(self, place: int) -> bool:
        """Whether the write at this place was refused by its own condition."""
        return len(self.reasons) > place and self.reasons[place].get("Code") == "ConditionalCheckFailed"


class Table:
    """One table. `client` is boto3's DynamoDB client, or the simulated one; `new_id` draws marks of our own writes.

    `kept_days`: so long after its end an item is kept, 0 for ever.
    """

    def __init__(
        self,
        client: "DynamoDBClient",
        name: str,
        clock: Clock,
        new_id: Callable[[], str] = random_id,
        *,
        kept_days: int = 0,
    ) -> None:
        self._client = client
        self._clock = clock
        self.name = name
        self.new_id = new_id
        self.kept_days = kept_days

    def get(self, key: Key) -> Attributes | None:
        """One item as it stands now."""
        try:
            found = self._client.get_item(TableName=self.name, Key=attributes_of(key), ConsistentRead=True)
        except (ClientError, BotoCoreError) as error:
            raise self._unavailable(error) from error
        return cast("Attributes | None", found.get("Item"))

    def partition(self, pk: str, since: str, until: str, **chosen: str) -> Iterator[Attributes]:
        """The items of one partition between two sort keys, as they stand now; `chosen`: a filter, where one is set."""
        values = {":pk": {"S": pk}, ":since": {"S": since}, ":until": {"S": until}}
        return self._queried(
            KeyConditionExpression="pk = :pk AND sk BETWEEN :since AND :until",
            ExpressionAttributeValues=values,
            ConsistentRead=True,
            **chosen,
        )

    def many(self, keys: Sequence[Key]) -> dict[Key, Attributes]:
        """Up to a hundred items as they stand now, those that there are."""
        found: dict[Key, Attributes] = {}
        asked: Any = {self.name: {"Keys": [attributes_of(key) for key in keys], "ConsistentRead": True}}
        for attempt in count():
            try:
                answer = self._client.batch_get_item(RequestItems=asked)
            except (ClientError, BotoCoreError) as error:
                raise self._unavailable(error) from error
            for item in answer["Responses"].get(self.name, ()):
                attributes = cast("Attributes", item)
                found[attributes["pk"]["S"], attributes["sk"]["S"]] = attributes
            asked = answer["UnprocessedKeys"]
            if not asked:
                break
            self._clock.sleep(self._back_off(attempt))
        return found

    def watched(self, shard: str, until: str, since: str = FIRST) -> Iterator[Attributes]:
        """The keys of what stands in a shard of the index between two places; an index may lag by a moment."""
        values = {":shard": {"S": shard}, ":since": {"S": since}, ":until": {"S": until}}
        return self._queried(
            IndexName=WATCH,
            KeyConditionExpression="watch = :shard AND due BETWEEN :since AND :until",
            ExpressionAttributeValues=values,
        )

    def scanned(self, *names: str) -> Iterator[Attributes]:
        """Every item, in no order, as it stood a moment ago; of each these attributes alone, where any are named."""
        aliases = {f"#{place}": name for place, name in enumerate(names)}
        chosen: dict[str, Any] = {"ProjectionExpression": ",".join(aliases), "ExpressionAttributeNames": aliases}
        return self._pages(self._client.scan, **(chosen if names else {}))

    def _queried(self, **query: Any) -> Iterator[Attributes]:
        return self._pages(self._client.query, **query)

    def _pages(self, ask: Callable[..., Any], **asked: Any) -> Iterator[Attributes]:
        more: dict[str, Any] = {}
        while True:
            try:
                page = ask(TableName=self.name, **asked, **more)
            except (ClientError, BotoCoreError) as error:
                raise self._unavailable(error) from error
            yield from page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            more = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    def transact(self, writes: Sequence[dict[str, Any]], *, ours: tuple[Key, str]) -> None:
        """All writes or none. `ours`: an item of them and its write_id, by which a write without an answer is known.

        Puts ask for the item that stood in their way, so that a lost race costs no further look.

        Raises TransactionError where a condition failed, UnwritableError where waiting would not help, WaitError where
        the table does not answer.
        """
        try:
            self._send(writes)
        except ClientError as error:
            reasons = _reasons(error)
            if any(reason.get("Code") == "ConditionalCheckFailed" for reason in reasons):
                if any(reason.get("Item", {}).get("write_id") == {"S": ours[1]} for reason in reasons):
                    return
                raise TransactionError(reasons) from error
            if error_code(error) == INVALID or any(reason.get("Code") in INVALID_WRITES for reason in reasons):
                raise UnwritableError from error
            if self._written(*ours):
                return
            raise self._unavailable(error) from error
        except BotoCoreError as error:
            if not self._written(*ours):
                raise self._unavailable(error) from error

    def _send(self, writes: Sequence[dict[str, Any]]) -> None:
        """A conflict with another transaction is weather, never a lost race."""
        token = self.new_id()
        for attempt in range(CONFLICT_TRIES):
            try:
                self._client.transact_write_items(TransactItems=cast("Any", writes), ClientRequestToken=token)
            except ClientError as error:
                if attempt == CONFLICT_TRIES - 1 or not _only_conflicts(error):
                    raise
                self._clock.sleep(self._back_off(attempt))
            else:
                return

    def _written(self, key: Key, write_id: str) -> bool:
        """Whether a write whose answer was bad or lost was ours all the same."""
        for attempt in range(READ_BACK_TRIES):
            try:
                found = self.get(key)
            except WaitError:
                if attempt == READ_BACK_TRIES - 1:
                    raise
                self._clock.sleep(self._clock.jitter(0.5))
            else:
                return found is not None and found["write_id"]["S"] == write_id
        return False

    def created(self) -> datetime:
        """When the table came to be, and the stack with it."""
        try:
            table = self._client.describe_table(TableName=self.name)["Table"]
            return table["CreationDateTime"]  # pyrefly: ignore[not-required-key-access]  # each table has one
        except (ClientError, BotoCoreError) as error:
            raise self._unavailable(error) from error

    def _back_off(self, attempt: int) -> float:
        """Seconds until it may be tried again."""
        return self._clock.jitter(0.02 * 2 ** min(attempt, 5))

    def _unavailable(self, error: BaseException) -> WaitError:
        return unavailable(f"DynamoDB's table {self.name}", error, Code.LEDGER_UNAVAILABLE)

    def now(self) -> datetime:
        """The time by this worker's clock."""
        return self._clock.now()

    def update(self, key: Key, **expressions: Any) -> None:
        """Change one item's attributes, whatever they are now."""
        for attempt in range(CONFLICT_TRIES):
            try:
                self._client.update_item(TableName=self.name, Key=attributes_of(key), **expressions)
            except (ClientError, BotoCoreError) as error:
                if attempt == CONFLICT_TRIES - 1 or error_code(error) != "TransactionConflictException":
                    raise self._unavailable(error) from error
                self._clock.sleep(self._back_off(attempt))
            else:
                return


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
