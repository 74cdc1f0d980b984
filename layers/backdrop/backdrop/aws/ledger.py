"""The ledger in DynamoDB: one table, and one conditional write or transaction for each transition."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import batched
from typing import Any

from backdrop.aws.items import (
    AMOUNT_NAMES,
    JOB_KEY_PREFIX,
    PRICE_CHECK_KEY,
    REQUEST_KEY_PREFIX,
    SOURCE_SORT_KEY,
    WAITING_KEY_PREFIX,
    AttributeMap,
    PrimaryKey,
    budget_day_key,
    budget_share_key,
    build_primary_key,
    content_owner_key,
    content_owner_to_item,
    mandate_day_attribute,
    mandate_key,
    name_claim_key,
    name_claim_to_item,
    parse_budget_day,
    parse_content_owner,
    parse_mandate_account,
    parse_name_claim,
    parse_record,
    parse_share_count,
    reviewed_job_key,
    reviewed_job_to_item,
    to_item,
    to_key_attributes,
    waiting_job_to_item,
    waiting_key,
)
from backdrop.aws.table import MAX_BATCH_GET_KEYS, MAX_SORT_KEY, Table, TransactionError
from backdrop.model.bill_records import BillState, UsageDay
from backdrop.model.circuit import ProviderHealth
from backdrop.model.codes import Code
from backdrop.model.errors import (
    ConflictError,
    ContentOwnedError,
    ItemTooLargeError,
    MandateChangedError,
    PlacesChangedError,
    RetryLaterError,
    ShareEmptyError,
)
from backdrop.model.image_request import ImageRequest
from backdrop.model.item_size import truncate_item
from backdrop.model.job import ContentOwner, Job, JobStatus, LedgerItem, Source
from backdrop.model.mandate import Mandate, MandateAccount, MandateRegistry
from backdrop.model.picture_names import NameClaim
from backdrop.model.place_leases import PROVIDERS_THAT_COUNT_IMAGES, PlaceLeases
from backdrop.model.price_check import PriceCheck
from backdrop.model.schedule import ReconcileState
from backdrop.model.transitions import BudgetChange, Transition

NO_NAMES: Mapping[str, NameClaim | None] = {}
BUDGET_REACHED_DELAY_SECONDS = 10.0
BUDGET_RESERVED_DELAY_SECONDS = 2.0
REGISTRY_CHANGED_DELAY_SECONDS = 1.0
REGISTRY_KEY = build_primary_key(MandateRegistry())
ADD_AMOUNTS = "ADD reserved :reserved, confirmed :confirmed, #unknown :unknown, committed :committed"


class Ledger:
    """Reads and writes photos, jobs, requests, and lanes. Every write is conditional, and writes everything or nothing.

    A write raises:

    - ConflictError if an item has changed since it was read
    - ContentOwnedError if a transition claims content that has another owner
    - PlacesChangedError if the places of the call's lane have changed since they were read
    - MandateChangedError if the mandate that pays for a claim has changed, or does not cover it
    - ShareEmptyError if a claim's share of the day's budget does not cover it, or if shares have what the day lacks
    - RetryLaterError if the day's budget does not cover a claim, or the table is unavailable
    - ItemTooLargeError if an item exceeds DynamoDB's limit, so that retrying does not help

    `on_transition` is called once for each written transition, even if the write was retried.
    """

    def __init__(self, table: Table, on_transition: Callable[[Transition], None] = lambda _: None) -> None:
        self._table = table
        self._on_transition = on_transition

    def read_photo(self, source_id: str) -> tuple[Source | None, Sequence[Job]]:
        """Returns a photo's source item and all its jobs, including ended ones, with strongly consistent reads."""
        source: Source | None = None
        jobs: list[Job] = []
        for item in self._table.query_partition(f"source#{source_id}", JOB_KEY_PREFIX, SOURCE_SORT_KEY):
            if item["sk"]["S"] == SOURCE_SORT_KEY:
                source = parse_record(Source, item)
            elif item["sk"]["S"].startswith(JOB_KEY_PREFIX):
                jobs.append(parse_record(Job, item))
        return source, jobs

    def read_sources(self, source_ids: Sequence[str]) -> Mapping[str, Source]:
        """Returns the items of photos (at most 100) by their IDs, in one request. Omits photos that have none."""
        found = self._table.read_items([(f"source#{source_id}", SOURCE_SORT_KEY) for source_id in source_ids])
        sources = (parse_record(Source, item) for item in found.values())
        return {source.source_id: source for source in sources}

    def read_unrecorded(self, source_ids: Sequence[str]) -> tuple[Sequence[str], MandateRegistry]:
        """Returns the IDs (of at most 99) without a ledger item, and the mandates' registry, in one request.

        A source item is always written before its jobs.
        """
        keys = [(f"source#{source_id}", SOURCE_SORT_KEY) for source_id in source_ids]
        found = self._table.read_items([*keys, REGISTRY_KEY])
        unrecorded = [source_id for source_id, key in zip(source_ids, keys, strict=True) if key not in found]
        return unrecorded, _parse_registry(found.get(REGISTRY_KEY))

    def find_job(self, source_id: str, job_id: str) -> Job | None:
        item = self._table.read_item((f"source#{source_id}", f"{JOB_KEY_PREFIX}{job_id}"))
        return parse_record(Job, item) if item else None

    def read_for_render(
        self, source_id: str, job_id: str, provider: str
    ) -> tuple[Job | None, ProviderHealth, PlaceLeases, MandateRegistry]:
        """Reads the job, the health and places of the provider's lane, and the mandates' registry in one request."""
        job_key = (f"source#{source_id}", f"{JOB_KEY_PREFIX}{job_id}")
        found = self._table.read_items([job_key, *_list_lane_keys(provider), REGISTRY_KEY])
        job = found.get(job_key)
        return (
            parse_record(Job, job) if job else None,
            *_parse_lane(provider, found),
            _parse_registry(found.get(REGISTRY_KEY)),
        )

    def read_lane(self, provider: str) -> tuple[ProviderHealth, PlaceLeases]:
        """Reads the health and the places of a lane in one request."""
        if provider not in PROVIDERS_THAT_COUNT_IMAGES:
            return self.read_health(provider), PlaceLeases(provider=provider)
        return _parse_lane(provider, self._table.read_items(_list_lane_keys(provider)))

    def read_places(self, provider: str) -> PlaceLeases:
        """Returns the places of a lane. They are all free if it has no item."""
        item = self._table.read_item(build_primary_key(PlaceLeases(provider=provider)))
        return parse_record(PlaceLeases, item) if item else PlaceLeases(provider=provider)

    def put_places(self, places: PlaceLeases) -> PlaceLeases:
        """Writes a lane's places and returns the stored places."""
        return self._write_items(places)

    def list_requests(self, source_id: str) -> Sequence[ImageRequest]:
        """Returns all requests that ever named the photo."""
        return self._query_requests(source_id)

    def list_pending_requests(self, source_id: str) -> Sequence[ImageRequest]:
        """Returns the unanswered requests only, because a nightly campaign adds an answered one each night."""
        return self._query_requests(source_id, FilterExpression="attribute_not_exists(outcome)")

    def _query_requests(self, source_id: str, **query_filter: str) -> Sequence[ImageRequest]:
        items = self._table.query_partition(
            f"source#{source_id}", REQUEST_KEY_PREFIX, f"{REQUEST_KEY_PREFIX}{MAX_SORT_KEY}", **query_filter
        )
        return [parse_record(ImageRequest, item) for item in items]

    def find_request(self, source_id: str, request_id: str) -> ImageRequest | None:
        item = self._table.read_item((f"source#{source_id}", f"{REQUEST_KEY_PREFIX}{request_id}"))
        return parse_record(ImageRequest, item) if item else None

    def put_request(self, request: ImageRequest) -> ImageRequest:
        """Writes a request, with its answer if there is one, and returns the stored request."""
        return self._write_items(request)

    def read_health(self, provider: str) -> ProviderHealth:
        """Returns a lane's health. A lane that has no item yet is running."""
        default_health = ProviderHealth(provider=provider)
        item = self._table.read_item(build_primary_key(default_health))
        return parse_record(ProviderHealth, item) if item else default_health

    def write_transition(self, transition: Transition) -> Job:
        """Writes one transition and returns the stored job."""
        return self._write_items(transition.job, transitions=[transition])

    def find_content_owner(self, content_id: str) -> ContentOwner | None:
        """Returns the job that pays or has paid for the content."""
        item = self._table.read_item(content_owner_key(content_id))
        return parse_content_owner(item) if item else None

    def find_reviewed_source_id(self, job_id: str) -> str | None:
        """Returns the ID of the photo of a job whose pictures wait, or have waited, for approval."""
        item = self._table.read_item(reviewed_job_key(job_id))
        return item["source_id"]["S"] if item else None

    def list_waiting_jobs(self, content_id: str, after: str = "") -> Iterator[Job]:
        """Returns the jobs that wait for the content's owner, sorted by job ID, starting with the ID `after`."""
        pk, first = waiting_key(content_id, after)
        waiting_items = self._table.query_partition(pk, first, waiting_key(content_id, MAX_SORT_KEY)[1])
        job_keys = (
            (f"source#{item['source_id']['S']}", f"{JOB_KEY_PREFIX}{item['sk']['S'].removeprefix(WAITING_KEY_PREFIX)}")
            for item in waiting_items
        )
        for batch in batched(job_keys, MAX_BATCH_GET_KEYS, strict=False):
            found = self._table.read_items(batch)
            jobs = (parse_record(Job, found[key]) for key in batch if key in found)
            yield from (job for job in jobs if job.status is JobStatus.ACCEPTED and job.waits_for)

    def find_name_claims(self, names: Iterable[str]) -> Mapping[str, NameClaim]:
        """Returns the claims of the names that a photo has claimed."""
        claims: dict[str, NameClaim] = {}
        for batch in batched((name_claim_key(name) for name in names), MAX_BATCH_GET_KEYS, strict=False):
            found = map(parse_name_claim, self._table.read_items(batch).values())
            claims |= {claim.name: claim for claim in found}
        return claims

    def put_source(
        self,
        source: Source,
        transitions: Sequence[Transition],
        request: ImageRequest | None = None,
        names: Mapping[str, NameClaim | None] = NO_NAMES,
    ) -> None:
        """Writes a source item, its jobs' transitions, and a request, and claims names, all or nothing.

        `names` maps each name to the claim that it replaces, which the caller has read; None if no photo has it.
        """
        self._write_items(
            source,
            *(step.job for step in transitions),
            *([request] if request else []),
            transitions=transitions,
            other_writes=[self._build_name_put(source, name, claim) for name, claim in names.items()],
        )

    def put_health(self, health: ProviderHealth) -> ProviderHealth:
        """Writes a lane's health and returns the stored health."""
        return self._write_items(health)

    # -- mandates ------------------------------------------------------------------------------------------

    def read_mandate_registry(self) -> MandateRegistry:
        return _parse_registry(self._table.read_item(REGISTRY_KEY))

    def find_mandate(self, name: str) -> MandateAccount | None:
        item = self._table.read_item(mandate_key(name))
        return parse_mandate_account(item) if item else None

    def list_mandates(self, names: Iterable[str]) -> Sequence[MandateAccount]:
        """Returns the mandates with these names, in no order."""
        batches = batched(map(mandate_key, names), MAX_BATCH_GET_KEYS, strict=False)
        return [parse_mandate_account(item) for batch in batches for item in self._table.read_items(batch).values()]

    def put_new_mandate(self, mandate: Mandate, registry: MandateRegistry, days: Iterable[str]) -> Mandate:
        """Writes a mandate and the registry that lists it.

        Claims of these days (UTC) that do not know the registry fail from now on. The days must include the current
        one, in every worker's clock, and the next one.
        """
        return self._write_with_registry(
            registry, days, lambda updates: self._write_items(mandate, registry, other_writes=updates)
        )

    def put_mandate_terms(self, mandate: Mandate, *, ends_overcharge: bool = False) -> None:
        """Replaces the terms of a mandate, and keeps its amounts."""
        written = self._increment_lock_version(mandate)
        self._put_terms([self._build_terms_update(written, ends_overcharge=ends_overcharge)], written)

    def release_mandate(self, mandate: Mandate, registry: MandateRegistry, days: Iterable[str]) -> None:
        """Writes an ended mandate as released, and the registry without it. `days`: as for a new mandate."""
        written, written_registry = self._increment_lock_version(mandate), self._increment_lock_version(registry)
        writes = [self._build_terms_update(written), self._build_conditional_put(written_registry)]
        self._write_with_registry(registry, days, lambda updates: self._put_terms([*writes, *updates], written))

    def _put_terms(self, writes: Sequence[dict[str, Any]], mandate: Mandate) -> None:
        try:
            self._table.transact(writes, read_back=(mandate_key(mandate.name), mandate.write_id))
        except TransactionError as error:
            raise ConflictError from error

    def _build_terms_update(self, mandate: Mandate, *, ends_overcharge: bool = False) -> dict[str, Any]:
        item = to_item(mandate)
        values = {f":{name}": item[name] for name in ("body", "lock_version", "write_id")}
        expression = "SET body = :body, lock_version = :lock_version, write_id = :write_id"
        return {
            "Update": {
                "TableName": self._table.name,
                "Key": to_key_attributes(mandate_key(mandate.name)),
                "UpdateExpression": f"{expression} REMOVE is_overcharged" if ends_overcharge else expression,
                "ConditionExpression": "lock_version = :before",
                "ExpressionAttributeValues": values | {":before": {"N": str(mandate.lock_version - 1)}},
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        }

    def _write_with_registry[T](
        self, registry: MandateRegistry, days: Iterable[str], write: Callable[[list[dict[str, Any]]], T]
    ) -> T:
        """Writes the registry's version into each day's item, and into all shares of its budget.

        The first try expects no shares, so that a stack without them reads nothing more.
        """
        share_counts = dict.fromkeys(days, 0)
        try:
            return write(self._build_registry_updates(registry, share_counts))
        except ConflictError:
            items = self._table.read_items([budget_day_key(day) for day in share_counts])
            counts = {day: parse_share_count(items.get(budget_day_key(day), {})) for day in share_counts}
            if counts == share_counts:
                raise
        return write(self._build_registry_updates(registry, counts))

    def _build_registry_updates(
        self, registry: MandateRegistry, share_counts: Mapping[str, int]
    ) -> list[dict[str, Any]]:
        """Fails if a day has got a share in the meantime, which would not have the version."""
        version = {":version": {"N": str(registry.lock_version + 1)}}
        updates: list[dict[str, Any]] = []
        for day, share_count in share_counts.items():
            day_update: dict[str, Any] = {
                "Key": to_key_attributes(budget_day_key(day)),
                "UpdateExpression": "SET registry_version = :version",
                "ConditionExpression": "share_count = :count" if share_count else "attribute_not_exists(share_count)",
                "ExpressionAttributeValues": version | ({":count": {"N": str(share_count)}} if share_count else {}),
            }
            # The mark is one that no grant has, because the share may not exist yet.
            share_updates = [
                {
                    "Key": to_key_attributes(budget_share_key(day, number)),
                    "UpdateExpression": "SET registry_version = :version, write_id = :write_id",
                    "ExpressionAttributeValues": version | {":write_id": {"S": self._table.new_id()}},
                }
                for number in range(1, share_count + 1)
            ]
            updates += [{"Update": {"TableName": self._table.name, **one}} for one in (day_update, *share_updates)]
        return updates

    # -- writes --------------------------------------------------------------------------------------------

    def read_reconcile_state(self) -> ReconcileState:
        item = self._table.read_item(build_primary_key(ReconcileState()))
        return parse_record(ReconcileState, item) if item else ReconcileState()

    def put_reconcile_state(self, state: ReconcileState) -> ReconcileState:
        """Writes reconcile's own item and returns the stored item."""
        return self._write_items(state)

    def read_bill_state(self) -> BillState:
        item = self._table.read_item(build_primary_key(BillState()))
        return parse_record(BillState, item) if item else BillState()

    def put_bill_state(self, state: BillState) -> BillState:
        """Writes the item of the comparison with the usage records, and returns the stored item."""
        return self._write_items(state)

    def read_price_check(self) -> PriceCheck:
        item = self._table.read_item(PRICE_CHECK_KEY)
        return parse_record(PriceCheck, item) if item else PriceCheck()

    def put_price_check(self, check: PriceCheck, budget_change: BudgetChange | None = None) -> PriceCheck:
        """Writes the item of the price check with its change to the day's budget, and returns the stored item."""
        return self._write_items(check, budget_change=budget_change)

    def read_usage_days(self, days: Sequence[str]) -> Mapping[str, UsageDay]:
        """Returns the usage records of these days (UTC), empty for a day that was never read."""
        empty = {day: UsageDay(day=day) for day in days}
        found = self._table.read_items([build_primary_key(day) for day in empty.values()])
        stored = (parse_record(UsageDay, item) for item in found.values())
        return empty | {day.day: day for day in stored}

    def put_usage_day(self, day: UsageDay) -> UsageDay:
        return self._write_items(day)

    def scan_jobs_of_days(self, days: Sequence[str]) -> Iterator[Job]:
        """Yields the jobs with a call that was claimed on one of these days (UTC), in no particular order.

        Reads the whole table (eventually consistent), because no index has the calls of a day.
        """
        marks = [f'"budget_day":"{day}"' for day in days]
        for item in self._table.scan("pk", "sk", "body"):
            if item["sk"]["S"].startswith(JOB_KEY_PREFIX) and any(mark in item["body"]["S"] for mark in marks):
                yield parse_record(Job, item)

    def _write_items[I: LedgerItem](
        self,
        first: I,
        *others: LedgerItem,
        transitions: Sequence[Transition] = (),
        other_writes: Sequence[dict[str, Any]] = (),
        budget_change: BudgetChange | None = None,
    ) -> I:
        """Writes the items, truncated if they are too large, and returns the first as stored.

        `budget_change`: one that belongs to no transition.
        """
        written, *other_items = (
            self._increment_lock_version(first),
            *map(self._increment_lock_version, others),
        )
        try:
            self._put_items([written, *other_items], transitions, other_writes, budget_change)
        except ItemTooLargeError:
            written = truncate_item(written)
            self._put_items([written, *map(truncate_item, other_items)], transitions, other_writes, budget_change)
        return written

    def _put_items(
        self,
        items: Sequence[LedgerItem],
        transitions: Sequence[Transition],
        other_writes: Sequence[dict[str, Any]],
        budget_change: BudgetChange | None,
    ) -> None:
        owner_transitions = [step for step in transitions if step.content_owner]
        budget_change = next((step.budget_change for step in transitions if step.budget_change), budget_change)
        writes = [*(self._build_conditional_put(item) for item in items), *other_writes]
        first_places = len(writes)
        places = (step.places for step in transitions if step.places)
        writes += [self._build_conditional_put(self._increment_lock_version(one)) for one in places]
        first_owner = len(writes)
        writes += [self._build_owner_put(step) for step in owner_transitions]
        writes += [self._build_waiting_put(step.job) for step in transitions if step.waits_for]
        writes += [self._build_review_put(step.job) for step in transitions if step.job.status is JobStatus.REVIEW]
        try:
            self._transact(writes, budget_change, items[0])
        except TransactionError as error:
            if any(error.has_failed_condition(index) for index in range(first_places)):
                raise ConflictError from error
            for index in range(first_places, first_owner):
                if error.has_failed_condition(index):
                    raise PlacesChangedError(parse_record(PlaceLeases, error.reasons[index]["Item"])) from error
            for index in range(first_owner, len(writes)):
                if error.has_failed_condition(index):
                    raise ContentOwnedError(parse_content_owner(error.reasons[index]["Item"])) from error
            if budget_change and budget_change.mandate and error.has_failed_condition(len(writes)):
                raise MandateChangedError(parse_mandate_account(error.reasons[len(writes)]["Item"])) from error
            raise _budget_error(budget_change or BudgetChange("", ""), error.reasons[-1].get("Item", {})) from error
        for step in transitions:
            self._on_transition(step)

    def _transact(
        self, writes: Sequence[dict[str, Any]], budget_change: BudgetChange | None, first: LedgerItem
    ) -> None:
        """Writes everything. The cap that an operator set for the day takes precedence over the stack's."""
        read_back = build_primary_key(first), first.write_id
        if budget_change is None:
            self._table.transact(writes, read_back=read_back)
            return
        if budget_change.mandate:
            writes = [*writes, self._build_mandate_update(budget_change, budget_change.mandate)]
        share = budget_change.share
        budget_update = (
            self._build_budget_update(budget_change)
            if share is None
            else self._build_share_update(budget_change, share)
        )
        try:
            self._table.transact([*writes, budget_update], read_back=read_back)
        except TransactionError as error:
            if any(error.has_failed_condition(index) for index in range(len(writes))):
                raise
            day = parse_budget_day(budget_change.day, error.reasons[-1].get("Item", {}))
            if day.cap is None:
                raise
            budget_update = self._build_budget_update(budget_change, operator_cap=day.cap)
            self._table.transact([*writes, budget_update], read_back=read_back)

    def _increment_lock_version[I: LedgerItem](self, item: I) -> I:
        """Also marks the item as this worker's write, so that the write can be recognized if its response is lost."""
        return replace(item, lock_version=item.lock_version + 1, write_id=self._table.new_id())

    def _build_conditional_put(self, item: LedgerItem) -> dict[str, Any]:
        """Writes the item only if it has not changed since it was read."""
        condition = "attribute_not_exists(pk)" if item.lock_version == 1 else "lock_version = :lock_version"
        put: dict[str, Any] = {
            "TableName": self._table.name,
            "Item": to_item(item, self._table.retention_days),
            "ConditionExpression": condition,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        if item.lock_version > 1:
            put["ExpressionAttributeValues"] = {":lock_version": {"N": str(item.lock_version - 1)}}
        return {"Put": put}

    def _build_name_put(self, source: Source, name: str, replaced: NameClaim | None) -> dict[str, Any]:
        """Claims a name. Succeeds if no photo has it, it is already this photo's, or its claim is the replaced one.

        The claim's lock version is that of the source item that is written with it, so that every new claim of a photo
        differs from its earlier ones.
        """
        claim = NameClaim(name=name, source_id=source.source_id, lock_version=source.lock_version + 1)
        replaced = replaced or claim
        return {
            "Put": {
                "TableName": self._table.name,
                "Item": name_claim_to_item(claim),
                "ConditionExpression": (
                    "attribute_not_exists(pk) OR source_id = :source OR "
                    "(source_id = :before AND lock_version = :lock_version)"
                ),
                "ExpressionAttributeValues": {
                    ":source": {"S": claim.source_id},
                    ":before": {"S": replaced.source_id},
                    ":lock_version": {"N": str(replaced.lock_version)},
                },
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        }

    def _build_owner_put(self, transition: Transition) -> dict[str, Any]:
        """Claims ownership of the content.

        Succeeds if the content has no owner, is already this job's, or belongs to the job that we have just seen fail.
        """
        owner = transition.content_owner
        if owner is None:
            raise TypeError("the transition claims no content")
        expected_owner = transition.expected_owner or owner
        put: dict[str, Any] = {
            "TableName": self._table.name,
            "Item": content_owner_to_item(owner),
            "ConditionExpression": (
                "attribute_not_exists(pk) OR job_id = :job OR (job_id = :before AND lock_version = :lock_version)"
            ),
            "ExpressionAttributeValues": {
                ":job": {"S": owner.job_id},
                ":before": {"S": expected_owner.job_id},
                ":lock_version": {"N": str(expected_owner.lock_version)},
            },
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        return {"Put": put}

    def _build_waiting_put(self, job: Job) -> dict[str, Any]:
        """Registers the job, so that the end of the content's owner can wake it."""
        return {"Put": {"TableName": self._table.name, "Item": waiting_job_to_item(job, self._table.now())}}

    def _build_review_put(self, job: Job) -> dict[str, Any]:
        """Lets decisions that name only the job find its photo."""
        return {"Put": {"TableName": self._table.name, "Item": reviewed_job_to_item(job)}}

    def _build_mandate_update(self, budget_change: BudgetChange, name: str) -> dict[str, Any]:
        """Updates the sums of the mandate that pays.

        A claim needs the terms that the worker knows, which cover its price, and room under their limits. An amount
        that no claim reserved suspends the mandate.
        """
        values = _list_amounts(budget_change)
        update: dict[str, Any] = {
            "TableName": self._table.name,
            "Key": to_key_attributes(mandate_key(name)),
            "UpdateExpression": f"{ADD_AMOUNTS}, #day :committed",
            "ExpressionAttributeNames": {"#unknown": "unknown", "#day": mandate_day_attribute(budget_change.day)},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        if budget_change.is_overcharged:
            update["UpdateExpression"] += " SET is_overcharged = :committed"
        account = budget_change.claim.account if budget_change.claim else None
        if account:
            mandate, total = account.mandate, budget_change.total
            values |= {":terms": mandate.lock_version, ":room": mandate.limit - total}
            conditions = ["lock_version = :terms", "attribute_not_exists(is_overcharged)"]
            conditions.append("(attribute_not_exists(committed) OR committed <= :room)")
            if mandate.per_day is not None:
                values[":day_room"] = mandate.per_day - total
                conditions.append("(attribute_not_exists(#day) OR #day <= :day_room)")
            update["ConditionExpression"] = " AND ".join(conditions)
            old_days = {f"#day{n}": mandate_day_attribute(day) for n, day in enumerate(account.list_old_days())}
            if old_days:
                update["UpdateExpression"] += f" REMOVE {', '.join(old_days)}"
                update["ExpressionAttributeNames"] |= old_days
        return {"Update": update | {"ExpressionAttributeValues": _to_number_attributes(values)}}

    def _build_budget_update(self, budget_change: BudgetChange, *, operator_cap: int | None = None) -> dict[str, Any]:
        """Updates the day's sums. A claim also needs room under the cap, and to know the mandates' latest registry."""
        values = _list_amounts(budget_change)
        update: dict[str, Any] = {
            "TableName": self._table.name,
            "Key": to_key_attributes(budget_day_key(budget_change.day)),
            "UpdateExpression": ADD_AMOUNTS,
            "ExpressionAttributeNames": {"#unknown": "unknown"},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        claim = budget_change.claim
        if claim:
            cap = claim.cap if operator_cap is None else operator_cap
            room = values[":room"] = cap - budget_change.total
            fits_under_cap = (
                "(attribute_not_exists(committed) OR committed <= :room)" if room >= 0 else "committed <= :room"
            )
            cap_condition = "attribute_not_exists(#cap)" if operator_cap is None else "#cap = :cap"
            values |= {} if operator_cap is None else {":cap": operator_cap}
            knows_registry = "attribute_not_exists(registry_version)"
            if claim.registry_version:
                values[":version"] = claim.registry_version
                knows_registry = f"({knows_registry} OR registry_version = :version)"
            update["ConditionExpression"] = f"{cap_condition} AND {fits_under_cap} AND {knows_registry}"
            update["ExpressionAttributeNames"]["#cap"] = "cap"
        return {"Update": update | {"ExpressionAttributeValues": _to_number_attributes(values)}}

    def _build_share_update(self, budget_change: BudgetChange, number: int) -> dict[str, Any]:
        """Updates a share's sums, and what is available in it. A claim needs that much, as on the day's item."""
        claim, total = budget_change.claim, budget_change.total
        values = _list_amounts(budget_change) | {":returned": -total}
        update: dict[str, Any] = {
            "TableName": self._table.name,
            "Key": to_key_attributes(budget_share_key(budget_change.day, number)),
            "UpdateExpression": f"{ADD_AMOUNTS}, available :returned",
            "ExpressionAttributeNames": {"#unknown": "unknown"},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        if claim:
            values |= {":price": total, ":version": claim.registry_version}
            has_enough = "available >= :price"
            knows_registry = "(attribute_not_exists(registry_version) OR registry_version = :version)"
            update["ConditionExpression"] = f"{has_enough} AND {knows_registry}"
        return {"Update": update | {"ExpressionAttributeValues": _to_number_attributes(values)}}


def _list_amounts(budget_change: BudgetChange) -> dict[str, int]:
    """Returns the values of ADD_AMOUNTS."""
    amounts = {f":{name}": getattr(budget_change, name) for name in AMOUNT_NAMES}
    return amounts | {":committed": budget_change.total}


def _to_number_attributes(values: Mapping[str, int]) -> AttributeMap:
    return {name: {"N": str(value)} for name, value in values.items()}


def _list_lane_keys(provider: str) -> list[PrimaryKey]:
    health, places = ProviderHealth(provider=provider), PlaceLeases(provider=provider)
    items = (health, places) if provider in PROVIDERS_THAT_COUNT_IMAGES else (health,)
    return [*map(build_primary_key, items)]


def _parse_lane(provider: str, found: Mapping[PrimaryKey, AttributeMap]) -> tuple[ProviderHealth, PlaceLeases]:
    """A lane that has no items yet is running, and its places are free."""
    health, places = ProviderHealth(provider=provider), PlaceLeases(provider=provider)
    health_item, places_item = found.get(build_primary_key(health)), found.get(build_primary_key(places))
    return (
        parse_record(ProviderHealth, health_item) if health_item else health,
        parse_record(PlaceLeases, places_item) if places_item else places,
    )


def _parse_registry(item: Mapping[str, Any] | None) -> MandateRegistry:
    return parse_record(MandateRegistry, item) if item else MandateRegistry()


def _budget_error(budget_change: BudgetChange, item: Mapping[str, Any]) -> RetryLaterError | ShareEmptyError:
    """Money that is spent stays spent until the day ends, but other jobs' reservations are settled within seconds."""
    day, claim = parse_budget_day(budget_change.day, item), budget_change.claim
    if claim and day.registry_version not in (0, claim.registry_version):
        message = "A mandate was created or released, so the photo's mandate must be looked up again."
        return RetryLaterError(Code.LEDGER_CONFLICT, message, REGISTRY_CHANGED_DELAY_SECONDS)
    if budget_change.share is not None or parse_share_count(item):
        return ShareEmptyError()
    if day.spent + budget_change.total > day.resolve_cap(claim.cap if claim else 0):
        return build_budget_error(Code.BUDGET_REACHED)
    return build_budget_error(Code.BUDGET_RESERVED)


def build_budget_error(code: Code) -> RetryLaterError:
    """Returns the error for a claim that today's budget does not cover (BUDGET_REACHED or BUDGET_RESERVED)."""
    if code is Code.BUDGET_REACHED:
        return RetryLaterError(code, "Today's budget does not cover the job.", BUDGET_REACHED_DELAY_SECONDS)
    message = "Calls in flight reserve the rest of today's budget."
    return RetryLaterError(Code.BUDGET_RESERVED, message, BUDGET_RESERVED_DELAY_SECONDS)
