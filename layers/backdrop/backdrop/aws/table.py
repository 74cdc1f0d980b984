"""The ledger's table: reads that are consistent, writes that are all or nothing, and what AWS's refusals mean."""

import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import count
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import BotoCoreError, ClientError

from backdrop.aws.aws_errors import read_aws_error_code, unavailable
from backdrop.aws.items import AttributeMap, PrimaryKey, to_key_attributes
from backdrop.model.codes import Code
from backdrop.model.errors import ItemTooLargeError, RetryLaterError
from backdrop.ports import Clock

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MAX_CONFLICT_TRIES = 10
MAX_READ_BACK_TRIES = 3
# TransactWriteItems API reference, "Errors": of the request, and among the reasons of one that was cancelled.
INVALID_REQUEST_CODE, INVALID_WRITE_CODES = (
    "ValidationException",
    ("ValidationError", "ItemCollectionSizeLimitExceeded"),
)
DUE_INDEX = "watch"
# Keys of one BatchGetItem request (its API reference).
MAX_BATCH_GET_KEYS = 100
# Before every place in the index.
MIN_SORT_KEY = "\0"
# Behind every key.
MAX_SORT_KEY = "\U0010ffff"


def generate_id() -> str:
    """32 hex digits that nobody else draws."""
    return uuid.uuid4().hex


class TransactionError(Exception):
    """A transaction was refused; nothing was written. `reasons` has one entry for each write."""

    def __init__(self, reasons: Sequence[dict[str, Any]]) -> None:
        super().__init__("refused")
        self.reasons = reasons

    def has_failed_condition(self, index: int) -> bool:
        """Whether the write at this place was refused by its own condition."""
        return len(self.reasons) > index and self.reasons[index].get("Code") == "ConditionalCheckFailed"


class Table:
    """One table. `client` is boto3's DynamoDB client, or the simulated one; `new_id` draws marks of our own writes.

    `retention_days`: so long after its end an item is kept, 0 for ever.
    """

    def __init__(
        self,
        client: "DynamoDBClient",
        name: str,
        clock: Clock,
        new_id: Callable[[], str] = generate_id,
        *,
        retention_days: int = 0,
    ) -> None:
        self._client = client
        self._clock = clock
        self.name = name
        self.new_id = new_id
        self.retention_days = retention_days

    def read_item(self, key: PrimaryKey) -> AttributeMap | None:
        """One item as it stands now."""
        try:
            response = self._client.get_item(TableName=self.name, Key=to_key_attributes(key), ConsistentRead=True)
        except (ClientError, BotoCoreError) as error:
            raise self._unavailable(error) from error
        return cast("AttributeMap | None", response.get("Item"))

    def query_partition(self, pk: str, since: str, until: str, **query_filter: str) -> Iterator[AttributeMap]:
        """The items of one partition between two sort keys, as they stand now.

        `query_filter`: a filter, where one is set.
        """
        values = {":pk": {"S": pk}, ":since": {"S": since}, ":until": {"S": until}}
        return self._read_pages(
            self._client.query,
            KeyConditionExpression="pk = :pk AND sk BETWEEN :since AND :until",
            ExpressionAttributeValues=values,
            ConsistentRead=True,
            **query_filter,
        )

    def read_items(self, keys: Sequence[PrimaryKey]) -> dict[PrimaryKey, AttributeMap]:
        """Up to a hundred items as they stand now, those that there are."""
        found: dict[PrimaryKey, AttributeMap] = {}
        pending: Any = {self.name: {"Keys": [to_key_attributes(key) for key in keys], "ConsistentRead": True}}
        for attempt in count():
            try:
                response = self._client.batch_get_item(RequestItems=pending)
            except (ClientError, BotoCoreError) as error:
                raise self._unavailable(error) from error
            for item in response["Responses"].get(self.name, ()):
                attributes = cast("AttributeMap", item)
                found[attributes["pk"]["S"], attributes["sk"]["S"]] = attributes
            pending = response["UnprocessedKeys"]
            if not pending:
                break
            self._clock.sleep(self._compute_backoff_seconds(attempt))
        return found

    def query_index(self, shard: str, until: str, since: str = MIN_SORT_KEY) -> Iterator[AttributeMap]:
        """The keys of what stands in a shard of the index between two places; an index may lag by a moment."""
        values = {":shard": {"S": shard}, ":since": {"S": since}, ":until": {"S": until}}
        return self._read_pages(
            self._client.query,
            IndexName=DUE_INDEX,
            KeyConditionExpression="watch = :shard AND due BETWEEN :since AND :until",
            ExpressionAttributeValues=values,
        )

    def scan(self, *attribute_names: str) -> Iterator[AttributeMap]:
        """Every item, in no order, as it stood a moment ago; of each these attributes alone, where any are named."""
        aliases = {f"#{place}": name for place, name in enumerate(attribute_names)}
        projection: dict[str, Any] = {"ProjectionExpression": ",".join(aliases), "ExpressionAttributeNames": aliases}
        return self._read_pages(self._client.scan, **(projection if attribute_names else {}))

    def _read_pages(self, send_request: Callable[..., Any], **arguments: Any) -> Iterator[AttributeMap]:
        start_key: dict[str, Any] = {}
        while True:
            try:
                page = send_request(TableName=self.name, **arguments, **start_key)
            except (ClientError, BotoCoreError) as error:
                raise self._unavailable(error) from error
            yield from page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            start_key = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    def transact(self, writes: Sequence[dict[str, Any]], *, read_back: tuple[PrimaryKey, str]) -> None:
        """All writes or none.

        `read_back`: an item of them and its write_id, by which a write without an answer is known.

        Puts ask for the item that stood in their way, so that a lost race costs no further look.

        Raises TransactionError where a condition failed, ItemTooLargeError where waiting would not help,
        RetryLaterError where the table does not answer.
        """
        try:
            self._send_transaction(writes)
        except ClientError as error:
            reasons = _read_cancellation_reasons(error)
            if any(reason.get("Code") == "ConditionalCheckFailed" for reason in reasons):
                if any(reason.get("Item", {}).get("write_id") == {"S": read_back[1]} for reason in reasons):
                    return
                raise TransactionError(reasons) from error
            if read_aws_error_code(error) == INVALID_REQUEST_CODE or any(
                reason.get("Code") in INVALID_WRITE_CODES for reason in reasons
            ):
                raise ItemTooLargeError from error
            if self._was_written(*read_back):
                return
            raise self._unavailable(error) from error
        except BotoCoreError as error:
            if not self._was_written(*read_back):
                raise self._unavailable(error) from error

    def _send_transaction(self, writes: Sequence[dict[str, Any]]) -> None:
        """A conflict with another transaction is weather, never a lost race."""
        token = self.new_id()
        for attempt in range(MAX_CONFLICT_TRIES):
            try:
                self._client.transact_write_items(TransactItems=cast("Any", writes), ClientRequestToken=token)
            except ClientError as error:
                if attempt == MAX_CONFLICT_TRIES - 1 or not _has_only_conflicts(error):
                    raise
                self._clock.sleep(self._compute_backoff_seconds(attempt))
            else:
                return

    def _was_written(self, key: PrimaryKey, write_id: str) -> bool:
        """Whether a write whose answer was bad or lost was ours all the same."""
        for attempt in range(MAX_READ_BACK_TRIES):
            try:
                found = self.read_item(key)
            except RetryLaterError:
                if attempt == MAX_READ_BACK_TRIES - 1:
                    raise
                self._clock.sleep(self._clock.jitter(0.5))
            else:
                return found is not None and found["write_id"]["S"] == write_id
        return False

    def read_created_at(self) -> datetime:
        """When the table came to be, and the stack with it."""
        try:
            table = self._client.describe_table(TableName=self.name)["Table"]
            return table["CreationDateTime"]  # pyrefly: ignore[not-required-key-access]  # each table has one
        except (ClientError, BotoCoreError) as error:
            raise self._unavailable(error) from error

    def _compute_backoff_seconds(self, attempt: int) -> float:
        """Seconds until it may be tried again."""
        return self._clock.jitter(0.02 * 2 ** min(attempt, 5))

    def _unavailable(self, error: BaseException) -> RetryLaterError:
        return unavailable(f"DynamoDB's table {self.name}", error, Code.LEDGER_UNAVAILABLE)

    def now(self) -> datetime:
        """The time by this worker's clock."""
        return self._clock.now()

    def update_item(self, key: PrimaryKey, **expressions: Any) -> None:
        """Change one item's attributes, whatever they are now."""
        for attempt in range(MAX_CONFLICT_TRIES):
            try:
                self._client.update_item(TableName=self.name, Key=to_key_attributes(key), **expressions)
            except (ClientError, BotoCoreError) as error:
                if attempt == MAX_CONFLICT_TRIES - 1 or read_aws_error_code(error) != "TransactionConflictException":
                    raise self._unavailable(error) from error
                self._clock.sleep(self._compute_backoff_seconds(attempt))
            else:
                return


def _read_cancellation_reasons(error: ClientError) -> list[dict[str, Any]]:
    return cast(
        "list[dict[str, Any]]",
        cast("dict[str, Any]", error.response).get("CancellationReasons", []),
    )


def _has_only_conflicts(error: ClientError) -> bool:
    """Whether a transaction failed only because others touched the same items at the same time."""
    if error.response.get("Error", {}).get("Code") == "TransactionInProgressException":
        return True
    codes = {reason.get("Code") for reason in _read_cancellation_reasons(error)} - {"None", None}
    return codes == {"TransactionConflict"}
