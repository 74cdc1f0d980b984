"""The ledger's DynamoDB table: consistent reads, transactions, and the meaning of DynamoDB's errors."""

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
# TransactWriteItems API reference, "Errors": the code of the request, and the codes among the cancellation reasons.
INVALID_REQUEST_CODE, INVALID_WRITE_CODES = (
    "ValidationException",
    ("ValidationError", "ItemCollectionSizeLimitExceeded"),
)
# The index and its partition key keep the name that they had when the table was created.
DUE_INDEX = "watch"
# Limit: BatchGetItem API reference.
MAX_BATCH_GET_KEYS = 100
# Sorts before every key.
MIN_SORT_KEY = "\0"
# Sorts after every key.
MAX_SORT_KEY = "\U0010ffff"


def generate_id() -> str:
    """Returns 32 random hex digits."""
    return uuid.uuid4().hex


class TransactionError(Exception):
    """A condition failed and nothing was written. `reasons` has one entry for each write."""

    def __init__(self, reasons: Sequence[dict[str, Any]]) -> None:
        super().__init__("a condition failed")
        self.reasons = reasons

    def has_failed_condition(self, index: int) -> bool:
        """Returns whether the condition of the write at this index failed."""
        return len(self.reasons) > index and self.reasons[index].get("Code") == "ConditionalCheckFailed"


class Table:
    """One table. `new_id` generates the marks by which this worker recognizes its own writes.

    `retention_days` is how long an item is kept after its end, or 0 to keep it forever.
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
        try:
            response = self._client.get_item(TableName=self.name, Key=to_key_attributes(key), ConsistentRead=True)
        except (ClientError, BotoCoreError) as error:
            raise self._unavailable(error) from error
        return cast("AttributeMap | None", response.get("Item"))

    def query_partition(self, pk: str, since: str, until: str, **query_filter: str) -> Iterator[AttributeMap]:
        """Returns the items of one partition between two sort keys (inclusive), with strongly consistent reads."""
        values = {":pk": {"S": pk}, ":since": {"S": since}, ":until": {"S": until}}
        return self._read_pages(
            self._client.query,
            KeyConditionExpression="pk = :pk AND sk BETWEEN :since AND :until",
            ExpressionAttributeValues=values,
            ConsistentRead=True,
            **query_filter,
        )

    def read_items(self, keys: Sequence[PrimaryKey]) -> dict[PrimaryKey, AttributeMap]:
        """Returns the existing items among up to 100 keys, with strongly consistent reads."""
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
        """Returns the keys of a shard's items between two positions (inclusive). The index may lag by a moment."""
        values = {":shard": {"S": shard}, ":since": {"S": since}, ":until": {"S": until}}
        return self._read_pages(
            self._client.query,
            IndexName=DUE_INDEX,
            KeyConditionExpression="watch = :shard AND due BETWEEN :since AND :until",
            ExpressionAttributeValues=values,
        )

    def scan(self, *attribute_names: str) -> Iterator[AttributeMap]:
        """Returns every item in no particular order (eventually consistent), with only these attributes if given."""
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
        """Writes everything or nothing.

        `read_back` is the key of one of the items and its write_id. If DynamoDB's response is lost, the item is read to
        find out whether the transaction was written. The writes must return the old item if their condition fails.

        Raises TransactionError if a condition fails, ItemTooLargeError if retrying cannot help, and RetryLaterError if
        the table is unavailable.
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
        """Retries TransactionConflict, which is transient. Only a failed condition means that we lost the race."""
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
        """Returns whether a transaction was written although its response was an error or was lost."""
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
        """Returns when the table, and with it the stack, was created."""
        try:
            table = self._client.describe_table(TableName=self.name)["Table"]
            return table["CreationDateTime"]  # pyrefly: ignore[not-required-key-access]  # never missing
        except (ClientError, BotoCoreError) as error:
            raise self._unavailable(error) from error

    def _compute_backoff_seconds(self, attempt: int) -> float:
        return self._clock.jitter(0.02 * 2 ** min(attempt, 5))

    def _unavailable(self, error: BaseException) -> RetryLaterError:
        return unavailable(f"DynamoDB's table {self.name}", error, Code.LEDGER_UNAVAILABLE)

    def now(self) -> datetime:
        return self._clock.now()

    def update_item(self, key: PrimaryKey, **expressions: Any) -> AttributeMap:
        """Updates an item's attributes unconditionally, and returns those that `ReturnValues` names."""
        attempt = 0
        while True:
            try:
                response = self._client.update_item(TableName=self.name, Key=to_key_attributes(key), **expressions)
            except (ClientError, BotoCoreError) as error:
                if attempt == MAX_CONFLICT_TRIES - 1 or read_aws_error_code(error) != "TransactionConflictException":
                    raise self._unavailable(error) from error
                self._clock.sleep(self._compute_backoff_seconds(attempt))
                attempt += 1
            else:
                return cast("AttributeMap", response.get("Attributes", {}))


def _read_cancellation_reasons(error: ClientError) -> list[dict[str, Any]]:
    return cast(
        "list[dict[str, Any]]",
        cast("dict[str, Any]", error.response).get("CancellationReasons", []),
    )


def _has_only_conflicts(error: ClientError) -> bool:
    """Returns whether a transaction failed only because other transactions were writing the same items."""
    if error.response.get("Error", {}).get("Code") == "TransactionInProgressException":
        return True
    codes = {reason.get("Code") for reason in _read_cancellation_reasons(error)} - {"None", None}
    return codes == {"TransactionConflict"}
