"""The simulated table behaves like the emulator's for the calls of the product's adapters."""

from collections.abc import Generator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from backdrop.aws.budget_shares import BudgetShares
from backdrop.aws.items import to_sortable_timestamp
from backdrop.aws.ledger import Ledger
from backdrop.aws.ledger_index import LedgerQueries
from backdrop.aws.table import Table
from backdrop.model import transitions
from backdrop.model.codes import Code
from backdrop.model.errors import (
    ConflictError,
    ContentOwnedError,
    MandateChangedError,
    RetryLaterError,
    ShareEmptyError,
)
from backdrop.model.image_request import CallbackOutcome, ImageRequest
from backdrop.model.job import Job, JobStatus, Source
from backdrop.model.mandate import Mandate
from backdrop.model.schedule import ItemKey, ReconcileState
from backdrop.model.transitions import ClaimLimits
from backdrop_cli.ledger_scan import LedgerScan
from simulation.world.simulated_stack import World
from tests.contract.services import SERVICES, TABLE, a_key, code_of, number, read, table_client, write
from tests.simulated.stage_worlds import KEY, NOW, OK, PRICE, build_job, claim


@pytest.fixture(scope="module", params=SERVICES)
def client(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Generator[Any]:
    with table_client(request.param, tmp_path_factory.mktemp("emulator")) as client:
        yield client


@pytest.fixture
def table(client: Any) -> Table:
    return Table(client, TABLE, World().clock)


@pytest.fixture
def ledger(table: Table) -> Ledger:
    return Ledger(table)


def a_photo() -> tuple[Source, Job]:
    """Returns a source and its job for this test only."""
    item_id = f"{number():064x}"
    names = {"source_id": item_id, "job_id": item_id, "content_id": item_id}
    return Source(source_id=item_id, bucket="photos", key=KEY), build_job(**names)


def create_job(ledger: Ledger, mandate: str | None = None) -> Job:
    """Returns a new photo's job, as it was written."""
    source, job = a_photo()
    ledger.put_source(source, [transitions.accept(replace(job, mandate=mandate))])
    written = ledger.find_job(source.source_id, job.job_id)
    assert written
    return written


# -- the ledger ---------------------------------------------------------------------------------------


def test_photo_and_its_jobs_are_read_as_written(ledger: Ledger) -> None:
    source, job = a_photo()
    jobs = [job, *(replace(job, job_id=f"{job.job_id}{n}") for n in range(5))]
    ledger.put_source(source, [transitions.Transition(item) for item in jobs])
    read_source, read_jobs = ledger.read_photo(source.source_id)
    assert read_source
    assert replace(read_source, lock_version=0, write_id="") == source
    assert [replace(item, lock_version=0, write_id="") for item in read_jobs] == jobs
    assert ledger.find_job(source.source_id, "another") is None


def test_write_from_an_older_state_is_a_conflict(ledger: Ledger) -> None:
    source, job = a_photo()
    ledger.put_source(source, [transitions.accept(job)])
    with pytest.raises(ConflictError):
        ledger.put_source(source, [])
    read_job = ledger.find_job(source.source_id, job.job_id)
    assert read_job
    ledger.write_transition(claim(read_job))
    with pytest.raises(ConflictError):
        ledger.write_transition(claim(read_job))


def test_content_has_only_one_owner(ledger: Ledger) -> None:
    source, job = a_photo()
    other, another_job = a_photo()
    ledger.put_source(source, [transitions.accept(job)])
    with pytest.raises(ContentOwnedError) as raised:
        ledger.put_source(other, [transitions.accept(replace(another_job, content_id=job.content_id))])
    assert raised.value.owner == transitions.build_content_owner(job)
    assert ledger.read_photo(other.source_id) == (None, [])


def test_name_has_only_one_photo(ledger: Ledger) -> None:
    (source, _), (other, _) = a_photo(), a_photo()
    name = f"photos/{source.source_id}.png"
    ledger.put_source(source, [], None, {name: None})
    with pytest.raises(ConflictError):
        ledger.put_source(other, [], None, {name: None})
    assert ledger.read_photo(other.source_id) == (None, [])
    claim_of_source = ledger.find_name_claims([name, "photos/free.png"])[name]
    assert (claim_of_source.source_id, claim_of_source.lock_version) == (source.source_id, 1)
    with pytest.raises(ConflictError):
        ledger.put_source(other, [], None, {name: replace(claim_of_source, lock_version=2)})
    ledger.put_source(other, [], None, {name: claim_of_source})
    assert ledger.find_name_claims([name])[name].source_id == other.source_id


def test_photo_can_claim_its_own_name_again(ledger: Ledger) -> None:
    source, _ = a_photo()
    name = f"photos/{source.source_id}.png"
    ledger.put_source(source, [], None, {name: None})
    ledger.put_source(replace(source, lock_version=1), [], None, {name: None})
    assert ledger.find_name_claims([name])[name].lock_version == 2


def test_reservations_of_a_mandate_stay_within_its_limits(ledger: Ledger) -> None:
    day, name = NOW + timedelta(days=number()), f"m{number()}"
    mandate = Mandate(
        name=name,
        bucket="photos",
        prefix=f"{name}/",
        limit=2 * PRICE,
        per_day=PRICE,
        created_at=NOW,
        created_by="ops",
    )
    registry = ledger.read_mandate_registry()
    ledger.put_new_mandate(mandate, registry.with_owner(mandate), [day.date().isoformat()])
    with pytest.raises(ConflictError):
        ledger.put_new_mandate(mandate, registry.with_owner(mandate), [day.date().isoformat()])
    version = ledger.read_mandate_registry().lock_version
    jobs = [create_job(ledger, name) for _ in range(2)]

    def claim_under_mandate(job: Job, at: datetime, known_version: int = version) -> Job:
        limits = ClaimLimits(10 * PRICE, ledger.find_mandate(name), known_version)
        return ledger.write_transition(
            transitions.claim(job, now=at, lease_until=at + timedelta(minutes=6), price=PRICE, limits=limits)
        )

    with pytest.raises(RetryLaterError):
        claim_under_mandate(jobs[0], day, version - 1)
    claimed = claim_under_mandate(jobs[0], day)
    with pytest.raises(MandateChangedError) as raised:
        claim_under_mandate(jobs[1], day)
    assert (raised.value.account.reserved, raised.value.account.by_day) == (PRICE, {day.date().isoformat(): PRICE})
    ledger.write_transition(transitions.record_result(claimed, 1, OK, day))
    account = ledger.find_mandate(name)
    assert account
    assert (account.reserved, account.confirmed, account.left_on(day.date().isoformat())) == (0, PRICE, 0)
    claim_under_mandate(jobs[1], day + timedelta(days=1))
    ledger.put_mandate_terms(replace(account.mandate, limit=PRICE))
    changed = ledger.find_mandate(name)
    assert changed
    assert (changed.mandate.limit, changed.committed) == (PRICE, 2 * PRICE)
    with pytest.raises(ConflictError):
        ledger.put_mandate_terms(account.mandate)


def test_mandate_of_a_new_day_keeps_the_sums_of_the_day_before_alone(ledger: Ledger) -> None:
    name, start = f"m{number()}", NOW + timedelta(days=number())
    mandate = Mandate(name=name, bucket="photos", prefix=f"{name}/", limit=9 * PRICE, created_at=NOW, created_by="ops")
    ledger.put_new_mandate(mandate, ledger.read_mandate_registry().with_owner(mandate), [])
    for days in range(4):
        at = start + timedelta(days=days)
        limits = ClaimLimits(10 * PRICE, ledger.find_mandate(name), ledger.read_mandate_registry().lock_version)
        claim_of_day = transitions.claim(create_job(ledger, name), now=at, lease_until=at, price=PRICE, limits=limits)
        ledger.write_transition(claim_of_day)
    account = ledger.find_mandate(name)
    assert account
    assert (len(account.by_day), account.committed) == (3, 4 * PRICE)


def test_reservations_of_a_day_stay_within_its_cap(ledger: Ledger, client: Any) -> None:
    day = NOW + timedelta(days=number())
    jobs: list[Job] = []
    for _ in range(2):
        source, job = a_photo()
        ledger.put_source(source, [transitions.accept(job)])
        jobs += [item for item in [ledger.find_job(source.source_id, job.job_id)] if item]
    claimed = ledger.write_transition(claim(jobs[0], day, cap=PRICE))
    with pytest.raises(RetryLaterError) as raised:
        ledger.write_transition(claim(jobs[1], day, cap=PRICE))
    assert raised.value.code is Code.BUDGET_RESERVED
    ledger.write_transition(transitions.record_result(claimed, 1, OK, day))
    with pytest.raises(RetryLaterError) as raised:
        ledger.write_transition(claim(jobs[1], day, cap=PRICE))
    assert raised.value.code is Code.BUDGET_REACHED
    sums = read(client, {"pk": {"S": f"budget#{day.date()}"}, "sk": {"S": "budget"}})
    assert {name: value["N"] for name, value in sums.items()} == {
        "reserved": "0",
        "confirmed": str(PRICE),
        "unknown": "0",
        "committed": str(PRICE),
    }


def claim_on_share(ledger: Ledger, job: Job, day: datetime, share: int, cap: int, version: int = 0) -> Job:
    limits = ClaimLimits(cap, registry_version=version, share=share)
    return ledger.write_transition(
        transitions.claim(job, now=day, lease_until=day + timedelta(minutes=6), price=PRICE, limits=limits)
    )


def test_shares_of_a_day_borrow_collect_and_return(ledger: Ledger, table: Table) -> None:
    """Two shares have half a price each after the cap was lowered and raised, and buy one picture together."""
    at, shares, queries = NOW + timedelta(days=number()), BudgetShares(table), LedgerQueries(table)
    day, cap, jobs = at.date().isoformat(), 4 * PRICE, [create_job(ledger) for _ in range(3)]
    with pytest.raises(ShareEmptyError):
        claim_on_share(ledger, jobs[0], at, 1, cap)
    assert [shares.find_share(day, PRICE, cap, number, 2) for number in (1, 2)] == [1, 2]
    claimed = claim_on_share(ledger, jobs[0], at, 1, cap)
    assert (shares.read(day).left(cap), shares.read(day).granted) == (3 * PRICE, 2 * PRICE)
    ledger.write_transition(transitions.record_result(claimed, 1, OK, at))
    assert shares.find_share(day, PRICE // 2, cap, 1, 2) == 1
    queries.set_day_cap(day, PRICE)
    assert [(share.committed, share.available) for share in shares.read(day).shares] == [(PRICE, 0), (0, 0)]
    with pytest.raises(RetryLaterError) as raised:
        shares.find_share(day, PRICE, cap, 2, 2)
    assert raised.value.code is Code.BUDGET_REACHED
    queries.set_day_cap(day, 2 * PRICE)
    assert [shares.find_share(day, PRICE // 2, cap, number, 20) for number in (1, 2)] == [1, 2]
    assert shares.find_share(day, PRICE, cap, 2, 2) == 1, "what both have is collected in one"
    claim_on_share(ledger, jobs[1], at, 1, cap)
    with pytest.raises(RetryLaterError) as raised:
        shares.find_share(day, PRICE, cap, 2, 2)
    assert raised.value.code is Code.BUDGET_RESERVED
    total = queries.read_budget_day(day)
    assert (total.reserved, total.confirmed, total.cap) == (PRICE, PRICE, 2 * PRICE)


def test_claim_without_a_share_counts_what_shares_were_granted(ledger: Ledger, table: Table) -> None:
    """As in a stack whose slots were reduced during the day, and for a worker of the previous release."""
    at, shares = NOW + timedelta(days=number()), BudgetShares(table)
    day, job = at.date().isoformat(), create_job(ledger)
    shares.find_share(day, PRICE, PRICE, 1, 2)
    with pytest.raises(ShareEmptyError):
        ledger.write_transition(claim(job, at, cap=PRICE))
    assert shares.find_share(day, PRICE, PRICE, None, 0) == 1
    assert shares.find_share(day, PRICE, 2 * PRICE, None, 0) is None
    ledger.write_transition(claim(job, at, cap=2 * PRICE))


def test_new_mandate_is_known_to_every_share(ledger: Ledger, table: Table) -> None:
    at, shares, name = NOW + timedelta(days=number()), BudgetShares(table), f"m{number()}"
    day, jobs = at.date().isoformat(), [create_job(ledger) for _ in range(2)]
    shares.find_share(day, PRICE, 9 * PRICE, 1, 2)
    mandate = Mandate(name=name, bucket="photos", prefix=f"{name}/", limit=PRICE, created_at=NOW, created_by="ops")
    ledger.put_new_mandate(mandate, ledger.read_mandate_registry().with_owner(mandate), [day])
    version = ledger.read_mandate_registry().lock_version
    shares.find_share(day, PRICE, 9 * PRICE, 2, 2)
    for share, job in enumerate(jobs, start=1):
        with pytest.raises(RetryLaterError) as raised:
            claim_on_share(ledger, job, at, share, 9 * PRICE, version - 1)
        assert raised.value.code is Code.LEDGER_CONFLICT
        claim_on_share(ledger, job, at, share, 9 * PRICE, version)


def test_due_items_are_listed_by_time(ledger: Ledger, table: Table) -> None:
    queries = LedgerQueries(table)
    expected: list[ItemKey] = []
    for minutes in (30, 10, 20):
        source, job = a_photo()
        at = NOW - timedelta(days=1000, minutes=minutes)
        ledger.put_source(source, [transitions.Transition(replace(job, queued_at=at))])
        expected.append(ItemKey(source.source_id, job.job_id))
    source, job = a_photo()
    ledger.put_source(
        source, [transitions.Transition(replace(job, status=JobStatus.STORED, queued_at=NOW - timedelta(days=1000)))]
    )
    assert list(queries.list_due(NOW - timedelta(days=900))) == [expected[0], expected[2], expected[1]]


def test_ledger_is_scanned_page_by_page(ledger: Ledger, table: Table) -> None:
    (source, job), (other, second) = a_photo(), a_photo()
    for owner, owned in ((source, job), (other, second)):
        ledger.put_source(owner, [transitions.Transition(owned)])
    scan = LedgerScan(table)
    scanned = {one.job_id for one in scan.scan_charged() if isinstance(one, Job)}
    assert {job.job_id, second.job_id} <= scanned
    counts = scan.count_jobs()
    assert counts.count(JobStatus.ACCEPTED, provider=job.provider) >= 2
    assert counts.oldest_waiting_since[job.provider] <= NOW


def test_reconcile_lock_is_held_by_one_run(ledger: Ledger) -> None:
    run = ledger.read_reconcile_state()
    locked = ledger.put_reconcile_state(replace(run, locked_until=NOW))
    with pytest.raises(ConflictError):
        ledger.put_reconcile_state(run)
    assert ledger.read_reconcile_state() == locked
    assert isinstance(locked, ReconcileState)


# -- transactions -----------------------------------------------------------------------------------------------


def transact(client: Any, *writes: dict[str, Any], token: str = "") -> None:
    named = [{kind: {"TableName": TABLE, **sent} for kind, sent in write.items()} for write in writes]
    client.transact_write_items(TransactItems=named, ClientRequestToken=token or f"token-{number()}")


IF_NEW = {"ConditionExpression": "attribute_not_exists(pk)"}


def test_transaction_is_atomic_and_reports_the_reasons(client: Any) -> None:
    old, new = a_key(), a_key()
    write(client, "put", Item=old | {"lock_version": {"N": "3"}})
    shown = IF_NEW | {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
    with pytest.raises(ClientError) as raised:
        transact(client, {"Put": {"Item": new, **IF_NEW}}, {"Put": {"Item": old, **shown}})
    assert code_of(raised) == "TransactionCanceledException"
    reasons = cast("dict[str, Any]", raised.value.response)["CancellationReasons"]
    assert [reason["Code"] for reason in reasons] == ["None", "ConditionalCheckFailed"]
    assert reasons[1]["Item"] == old | {"lock_version": {"N": "3"}}
    assert read(client, new) == {}


def test_transaction_can_delete_and_check_items(client: Any) -> None:
    gone, kept, new = a_key(), a_key(), a_key()
    for key in (gone, kept):
        write(client, "put", Item=key | {"lock_version": {"N": "3"}})
    exists = {"ConditionExpression": "attribute_exists(lock_version)"}
    transact(client, {"Delete": {"Key": gone}}, {"ConditionCheck": {"Key": kept, **exists}}, {"Put": {"Item": new}})
    assert (read(client, gone), read(client, kept)) == ({}, {"lock_version": {"N": "3"}})
    with pytest.raises(ClientError) as raised:
        transact(client, {"ConditionCheck": {"Key": gone, **exists}}, {"Delete": {"Key": kept}})
    assert code_of(raised) == "TransactionCanceledException"
    assert read(client, kept)


def test_repeated_request_token_changes_nothing(client: Any) -> None:
    key, token = a_key(), f"token-{number()}"
    for _ in range(2):
        transact(client, {"Put": {"Item": key, **IF_NEW}}, token=token)
    with pytest.raises(ClientError) as raised:
        transact(client, {"Put": {"Item": a_key()}}, token=token)
    assert code_of(raised) == "IdempotentParameterMismatchException"


def test_transaction_cannot_write_an_item_twice(client: Any) -> None:
    key = a_key()
    with pytest.raises(ClientError) as raised:
        transact(client, {"Put": {"Item": key}}, {"Delete": {"Key": key}})
    assert code_of(raised) == "ValidationException"


# -- reading ----------------------------------------------------------------------------------------------------


def test_index_contains_only_items_with_its_attributes(client: Any) -> None:
    shard = f"open#{number()}"
    for n in (3, 1, 2):
        item_key = {"pk": {"S": shard}, "sk": {"S": f"item{n}"}}
        write(
            client,
            "put",
            Item=item_key
            | {
                "watch": {"S": shard},
                "due": {"S": to_sortable_timestamp(NOW + timedelta(days=n))},
                "lock_version": {"N": "1"},
            },
        )
    write(client, "put", Item={"pk": {"S": shard}, "sk": {"S": "sparse"}, "watch": {"S": shard}})
    query: dict[str, Any] = {
        "TableName": TABLE,
        "IndexName": "watch",
        "KeyConditionExpression": "watch = :shard AND due <= :until",
        "ExpressionAttributeValues": {
            ":shard": {"S": shard},
            ":until": {"S": to_sortable_timestamp(NOW + timedelta(days=2))},
        },
    }
    page = client.query(**query, Limit=1)
    found = page["Items"]
    while "LastEvaluatedKey" in page:
        page = client.query(**query, Limit=1, ExclusiveStartKey=page["LastEvaluatedKey"])
        found += page["Items"]
    assert [item["sk"]["S"] for item in found] == ["item1", "item2"]
    assert all(item.keys() == {"pk", "sk", "watch", "due"} for item in found)


def test_item_that_loses_the_attributes_leaves_the_index(client: Any) -> None:
    key, shard = a_key(), f"open#{number()}"
    values = {":shard": {"S": shard}}
    write(client, "put", Item=key | {"watch": {"S": shard}, "due": {"S": "2026"}})
    write(client, "put", Item=key)
    found = client.query(
        TableName=TABLE,
        IndexName="watch",
        KeyConditionExpression="watch = :shard",
        ExpressionAttributeValues=values,
    )
    assert found["Items"] == []


def test_several_items_are_read_in_one_request(client: Any) -> None:
    keys = [a_key() for _ in range(3)]
    for key in keys[:2]:
        write(client, "put", Item=key)
    answer = client.batch_get_item(RequestItems={TABLE: {"Keys": keys, "ConsistentRead": True}})
    assert sorted(item["pk"]["S"] for item in answer["Responses"][TABLE]) == sorted(key["pk"]["S"] for key in keys[:2])
    assert answer.get("UnprocessedKeys", {}) == {}


def test_missing_table_raises_the_documented_error(client: Any) -> None:
    with pytest.raises(ClientError) as raised:
        client.get_item(TableName="another", Key=a_key(), ConsistentRead=True)
    assert code_of(raised) == "ResourceNotFoundException"


def test_creation_time_of_the_table_can_be_read(table: Table, client: Any) -> None:
    created_at = client.describe_table(TableName=TABLE)["Table"]["CreationDateTime"]
    assert created_at.tzinfo is not None
    assert table.read_created_at() == created_at


# -- requests ---------------------------------------------------------------------------------------------------


def build_request(item_id: str, **changes: Any) -> ImageRequest:
    """Builds a request for a new photo."""
    facts: dict[str, Any] = {"source_id": f"{number():064x}", "bucket": "photos", "key": KEY, "requested_at": NOW}
    facts |= changes
    return ImageRequest(request_id=item_id, **facts)


def test_request_is_written_and_read_with_its_photo(ledger: Ledger) -> None:
    source, job = a_photo()
    request = build_request("m-1", source_id=source.source_id, task_token="t", jobs={"": job.job_id})
    ledger.put_source(source, [transitions.accept(job)], request)
    (found,) = ledger.list_requests(source.source_id)
    assert replace(found, lock_version=0, write_id="") == request
    assert ledger.find_request(source.source_id, "m-1") == found
    assert ledger.find_request(source.source_id, "m-2") is None
    assert [read_job.job_id for read_job in ledger.read_photo(source.source_id)[1]] == [job.job_id]
    with pytest.raises(ConflictError):
        ledger.put_request(request)
    assert ledger.list_pending_requests(source.source_id) == [found]
    ledger.put_request(replace(found, answered_at=NOW, outcome=CallbackOutcome.SUCCESS))
    assert (ledger.list_pending_requests(source.source_id), len(ledger.list_requests(source.source_id))) == ([], 1)


def test_campaign_items_are_listed_in_order_of_keys(ledger: Ledger, table: Table) -> None:
    keys = [f"shoes/{n:04}.jpg" for n in range(130)]
    for key in reversed(keys):
        ledger.put_request(build_request(key, key=key, campaign="summer"))
    ledger.put_request(build_request("m", campaign="winter"))
    assert [request.key for request in LedgerQueries(table).list_campaign_requests("summer")] == keys
