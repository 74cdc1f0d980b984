"""A worker that dies, or a message that comes twice, in the middle of a call: nothing is paid a second time."""

import re

from tests.e2e.folder import Folder
from tests.e2e.shop import eventually

LONG_AGO = "2020-01-01T00:00:00Z"


def taken(folder: Folder) -> str:
    """The id of the only photo's job, once the provider has taken it."""
    eventually(folder.charges, "the provider took the job")
    return eventually(lambda: folder.job("red.jpg"), "a receipt")["job_id"]


def end_lease(folder: Folder, job_id: str) -> None:
    """Lets a job's lease be over."""
    item = folder.item(job_id)
    item["body"]["S"], leases = re.subn(r'("lease_until":)"[^"]+"', rf'\1"{LONG_AGO}"', item["body"]["S"])
    assert leases == 1
    folder.shop.clients.dynamodb.put_item(TableName=folder.shop.outputs["LedgerTableName"], Item=item)


def test_a_worker_that_dies_in_the_call_leads_to_one_more_that_the_receipt_tells_of(folder: Folder) -> None:
    folder.fault("accept_then_wait", times=1)
    folder.drop("red.jpg", folder.wish)
    job_id = taken(folder)
    folder.shop.kill_render_workers()
    folder.shop.standin.control("release")
    end_lease(folder, job_id)
    with folder.shop.running("render", IDEOGRAM_TIMEOUT_SECONDS="10"):
        folder.shop.send("IdeogramQueueUrl", folder.message(job_id))
        job = folder.stored("red.jpg")
    assert [one["outcome"] for one in job["attempts"]] == ["lost", "answered"]
    assert [charge["usd"] for charge in folder.charges()] == ["0.03"] * 2


def test_a_worker_that_dies_in_the_call_is_left_to_a_person_where_that_is_the_policy(folder: Folder) -> None:
    folder.fault("accept_then_wait", times=1)
    folder.drop("red.jpg", folder.wish)
    job_id = taken(folder)
    folder.shop.kill_render_workers()
    folder.shop.standin.control("release")
    end_lease(folder, job_id)
    with folder.shop.running("render", IDEOGRAM_TIMEOUT_SECONDS="3", ON_LOST_ANSWER="hold"):
        folder.shop.send("IdeogramQueueUrl", folder.message(job_id))
        folder.assert_held("red.jpg")
    assert [charge["usd"] for charge in folder.charges()] == ["0.03"]


def test_a_job_under_lease_is_left_alone_by_a_second_message(folder: Folder) -> None:
    folder.fault("accept_then_wait", {"ms": 600_000})
    folder.drop("red.jpg", folder.wish)
    folder.shop.send("IdeogramQueueUrl", folder.message(taken(folder)))
    folder.handed_back("red.jpg")
    folder.shop.standin.control("release")
    folder.stored("red.jpg")
    assert len(folder.charges()) == 1
