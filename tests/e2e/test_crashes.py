"""A call whose worker dies is sent once more, and the receipt shows both charges."""

import re

from tests.e2e.deployed_stack import eventually
from tests.e2e.folder import Folder

LONG_AGO = "2020-01-01T00:00:00Z"


def wait_for_accepted_job(folder: Folder) -> str:
    """Returns the ID of the photo's job as soon as the provider has accepted it."""
    eventually(folder.charges, "the provider accepted the job")
    return eventually(lambda: folder.job("red.jpg"), "a receipt")["job_id"]


def expire_lease(folder: Folder, job_id: str) -> None:
    """Makes a job's lease expire."""
    item = folder.item(job_id)
    item["body"]["S"], leases = re.subn(r'("lease_until":)"[^"]+"', rf'\1"{LONG_AGO}"', item["body"]["S"])
    assert leases == 1
    folder.stack.clients.dynamodb.put_item(TableName=folder.stack.outputs["LedgerTableName"], Item=item)


def test_call_of_a_dead_worker_is_sent_once_more(folder: Folder) -> None:
    folder.add_fault("accept_then_wait", times=1)
    folder.drop("red.jpg", folder.instructions)
    job_id = wait_for_accepted_job(folder)
    folder.stack.kill_render_workers()
    folder.stack.standin.control("release")
    expire_lease(folder, job_id)
    with folder.stack.override_environment("render", IDEOGRAM_TIMEOUT_SECONDS="10"):
        folder.stack.send("IdeogramQueueUrl", folder.message(job_id))
        job = folder.wait_until_stored("red.jpg")
    assert [attempt["outcome"] for attempt in job["attempts"]] == ["lost", "answered"]
    assert [charge["usd"] for charge in folder.charges()] == ["0.03"] * 2
