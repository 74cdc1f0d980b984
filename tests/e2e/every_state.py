"""Photos whose jobs are in every state, with messages in every queue, while the stack is changed."""

import json
from typing import Any

from backdrop.model.job import JobStatus
from tests.e2e.deployed_stack import DeployedStack, eventually
from tests.e2e.folder import Folder

STATUSES_BEFORE = {
    "stored.jpg": "stored",
    "refused.jpg": "refused",
    "rejected.jpg": "dead",
    "broken.jpg": "dead",
    "held.jpg": "held",
    "unknown.jpg": "unknown",
    "waiting.jpg": "accepted",
    "replaced.jpg": "superseded",
    "deleted.jpg": "cancelled",
    "out-of-money.jpg": "accepted",
    "in-flight.jpg": "submitting",
    "paid.jpg": "paid",
}
"""Each photo, and the status of its first job before the change."""
ENDS = {
    "stored.jpg": ("stored", 1),
    "refused.jpg": ("refused", 0),
    "rejected.jpg": ("dead", 0),
    "broken.jpg": ("dead", 1),
    "held.jpg": ("held", 1),
    "unknown.jpg": ("stored", 2),
    "waiting.jpg": ("stored", 1),
    "replaced.jpg": ("stored", 1),
    "deleted.jpg": ("cancelled", 0),
    "out-of-money.jpg": ("stored", 1),
    "in-flight.jpg": ("stored", 1),
    "paid.jpg": ("stored", 1),
    "late.jpg": ("stored", 1),
}
"""Each photo, its current job's final status, and its number of charges: a lost call is sent twice."""
FAILED = ("refused.jpg", "rejected.jpg", "broken.jpg", "held.jpg")
CAMPAIGN_PHOTOS = ("one.jpg", "two.jpg")
QUEUES = ("IntakeQueueUrl", "IdeogramQueueUrl", "DeliverQueueUrl")
MALFORMED_MESSAGE = "not a message of any release"


class EveryState:
    """Such photos in a stack that no other test uses."""

    def __init__(self, stack: DeployedStack) -> None:
        self._stack = stack
        self._folder = Folder(stack, "every-state")
        self._campaign_folder = Folder(stack, "campaign")
        self._execution = ""
        # The kept release has no approvals.
        assert {*STATUSES_BEFORE.values()} == {*JobStatus} - {JobStatus.REVIEW, JobStatus.REJECTED}

    def _prompt(self, name: str) -> str:
        """A prompt for this photo only, so that a fault affects no other photo."""
        return f"{self._folder.prompt}, for {name}"

    def _drop(self, name: str, fault: str = "", args: dict[str, object] | None = None, **rule: Any) -> None:
        """Uploads a photo. A fault, if given, affects its call."""
        provider: str = rule.pop("provider", "ideogram")
        if fault:
            self._stack.standin.add_fault(fault, args, prompt_regex=name, **rule)
        self._folder.drop(name, {**self._folder.instructions, "prompt": self._prompt(name), "provider": provider})

    # -- before the change -----------------------------------------------------------------------------------

    def fill(self) -> None:
        """Returns once every job has its status in STATUSES_BEFORE, which it keeps until `resume`."""
        self._fail_some_jobs()
        self._interrupt_two_jobs()
        self._fill_lanes()
        for name, status in STATUSES_BEFORE.items():
            eventually(
                lambda name=name, status=status: self._first_status(name) == status,
                f"{name} is {status}",
                lambda name=name: self._jobs(name),
            )
        self._set_enabled("IntakeQueueUrl", enabled=False)
        self._drop("late.jpg")
        for queue in QUEUES:
            eventually(self._stack.queue(queue).messages, f"messages in {queue}")

    def _fail_some_jobs(self) -> None:
        """Also leaves three dead letters: two for jobs, and one for a message that no handler can parse."""
        dead_letters = self._stack.queue("DeadLetterQueueUrl")
        self._stack.send("IntakeQueueUrl", MALFORMED_MESSAGE)
        self._stack.standin.add_fault("balance", {"usd": "0"}, provider="segmind")
        with self._stack.override_environment("render", IDEOGRAM_TIMEOUT_SECONDS="5", ON_LOST_ANSWER="hold"):
            self._drop("stored.jpg")
            self._drop("refused.jpg", "status", {"code": 422})
            self._drop("rejected.jpg", "status", {"code": 400}, times=1)
            self._drop("broken.jpg", "foreign_url", {"kind": "userinfo"})
            self._drop("held.jpg", "accept_then_drop")
            self._drop("out-of-money.jpg", provider="segmind")
            for name in ("stored.jpg", *FAILED):
                self._folder.wait_for_status(name, STATUSES_BEFORE[name])
        eventually(lambda: self._stack.provider_report("segmind"), "Segmind's lane is paused")
        eventually(lambda: len(dead_letters.messages()) == 3, "three dead letters", dead_letters.messages)

    def _interrupt_two_jobs(self) -> None:
        """Leaves one job that is paid but not delivered, and one with a lost answer because its worker was killed."""
        self._set_enabled("DeliverQueueUrl", enabled=False)
        self._drop("paid.jpg", provider="1min")
        self._drop("unknown.jpg", "accept_then_drop", times=1)
        eventually(lambda: self._first_status("paid.jpg") == "paid", "it is paid")
        eventually(lambda: self._first_status("unknown.jpg") == "unknown", "the answer is lost")
        self._set_enabled("IdeogramQueueUrl", enabled=False)
        self._stack.kill_render_workers()

    def _fill_lanes(self) -> None:
        """Leaves one call in flight at Runware, and other jobs in Ideogram's disabled lane, two for a campaign."""
        for name in CAMPAIGN_PHOTOS:
            self._campaign_folder.drop(name)
        campaign = {
            "name": self._campaign_folder.name,
            "prefix": self._campaign_folder.key(""),
            "instructions": self._campaign_folder.instructions,
        }
        execution = self._stack.clients.stepfunctions.start_execution(
            stateMachineArn=self._stack.outputs["CampaignStateMachineArn"], input=json.dumps(campaign)
        )
        self._execution = execution["executionArn"]
        self._drop("in-flight.jpg", "poll_stuck", provider="runware")
        for name in ("waiting.jpg", "replaced.jpg", "deleted.jpg"):
            self._drop(name)
        for name in ("replaced.jpg", "deleted.jpg"):
            eventually(lambda name=name: self._first_status(name) == "accepted", f"{name} is accepted")
        self._folder.put("replaced.jpg", self._folder.photo("another.jpg"))
        self._folder.delete("deleted.jpg")
        eventually(self._is_campaign_waiting, "the campaign's jobs wait", self._campaign_folder.ledger)

    def _is_campaign_waiting(self) -> bool:
        statuses = [item.get("status", {}).get("S") for item in self._campaign_folder.ledger()]
        return statuses.count("accepted") == len(CAMPAIGN_PHOTOS)

    # -- after the change ------------------------------------------------------------------------------------

    def check_unchanged(self) -> None:
        """Asserts that the deployment did not enable a disabled lane, and so bought nothing."""
        assert not any(map(self._is_enabled, ("IdeogramQueueUrl", "SegmindQueueUrl")))
        assert self._first_status("waiting.jpg") == "accepted"

    def resume(self) -> None:
        """Ends the faults, and enables every queue. Sends the killed worker's message again, as reconcile would."""
        self._stack.standin.control("faults", method="DELETE")
        for queue in QUEUES:
            self._set_enabled(queue, enabled=True)
        self._stack.send("IdeogramQueueUrl", self._folder.message(self._jobs("unknown.jpg")[0]["job_id"]))
        self._stack.run_reconcile()

    def has_ended(self) -> bool:
        """Whether the receipts show that every current job has ended."""
        return all((self._folder.job(name) or {}).get("status") == status for name, (status, _) in ENDS.items())

    def check_ends(self) -> None:
        """Asserts that every job ends as in ENDS, is in its receipt, and is bought once, and that the campaign
        succeeds.
        """
        for name, (status, charge_count) in ENDS.items():
            self._folder.wait_for_status(name, status)
            assert len(self._folder.charges(self._prompt(name))) == charge_count, name
        for name in CAMPAIGN_PHOTOS:
            self._campaign_folder.wait_until_stored(name)
        assert len(self._campaign_folder.charges()) == len(CAMPAIGN_PHOTOS)
        executions = self._stack.clients.stepfunctions
        eventually(
            lambda: executions.describe_execution(executionArn=self._execution)["status"] == "SUCCEEDED",
            "the campaign succeeds",
        )
        assert {job["job_id"] for name in ENDS for job in self._jobs(name)} == {
            job["job_id"] for name in ENDS for job in (self._folder.receipt(name) or {"jobs": []})["jobs"]
        }

    # -- the stack -------------------------------------------------------------------------------------------

    def _jobs(self, name: str) -> list[dict[str, Any]]:
        """A photo's jobs in the ledger, oldest first. Uses only fields that every release has."""
        bodies = [
            json.loads(item["body"]["S"])
            for item in self._folder.ledger()
            if item["key"]["S"] == self._folder.key(name) and "status" in item
        ]
        return sorted(bodies, key=lambda job: job["queued_at"])

    def _first_status(self, name: str) -> str:
        """The status of the photo's first job, or "" if there is no job."""
        return next((job["status"] for job in self._jobs(name)), "")

    def _set_enabled(self, queue: str, *, enabled: bool) -> None:
        self._stack.clients.functions.update_event_source_mapping(
            UUID=self._find_mapping(queue).get("UUID", ""), Enabled=enabled
        )

    def _is_enabled(self, queue: str) -> bool:
        return self._find_mapping(queue).get("State", "").startswith("Enabl")

    def _find_mapping(self, queue: str) -> Any:
        arn = self._stack.queue_arn(queue)
        (mapping,) = self._stack.clients.functions.list_event_source_mappings(EventSourceArn=arn)["EventSourceMappings"]
        return mapping
