"""Photos whose jobs stand in every state of the ledger, and messages in every queue, held there meanwhile."""

import json
from typing import Any

from backdrop.core.job import Status
from tests.e2e.folder import Folder
from tests.e2e.shop import Shop, eventually

STANDS = {
    "stored.jpg": "stored",
    "refused.jpg": "refused",
    "rejected.jpg": "dead",
    "broken.jpg": "dead",
    "held.jpg": "held",
    "unknown.jpg": "unknown",
    "waiting.jpg": "accepted",
    "replaced.jpg": "superseded",
    "withdrawn.jpg": "cancelled",
    "poor.jpg": "accepted",
    "in-flight.jpg": "submitting",
    "paid.jpg": "paid",
}
"""Each photo, and how its first job stands before the change."""
ENDS = {
    "stored.jpg": ("stored", 1),
    "refused.jpg": ("refused", 0),
    "rejected.jpg": ("dead", 0),
    "broken.jpg": ("dead", 1),
    "held.jpg": ("held", 1),
    "unknown.jpg": ("stored", 2),
    "waiting.jpg": ("stored", 1),
    "replaced.jpg": ("stored", 1),
    "withdrawn.jpg": ("cancelled", 0),
    "poor.jpg": ("stored", 1),
    "in-flight.jpg": ("stored", 1),
    "paid.jpg": ("stored", 1),
    "late.jpg": ("stored", 1),
}
"""How its current job ends after it, and how often its call was billed: a lost answer is sent once more."""
CAMPAIGN = ("one.jpg", "two.jpg")
NO_MESSAGE = "nobody wrote this message"


class EveryState:
    """Such photos in a stack that nobody else uses."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.folder = Folder(shop, "under-way")
        self.campaign = Folder(shop, "campaign")
        assert {*STANDS.values()} == {*Status}

    def wish(self, name: str, **more: object) -> dict[str, object]:
        """A background that is asked for this photo alone, so that a fault strikes no other."""
        return {**self.folder.wish, "prompt": self.prompt(name), **more}

    def prompt(self, name: str) -> str:
        return f"{self.folder.prompt}, for {name}"

    def drop(self, name: str, fault: str = "", args: dict[str, object] | None = None, **rule: Any) -> None:
        """A photo, and what befalls its call."""
        provider: str = rule.pop("provider", "ideogram")
        if fault:
            self.shop.standin.fault(fault, args, prompt_regex=name, **rule)
        self.folder.drop(name, self.wish(name, provider=provider))

    # -- before --------------------------------------------------------------------------------------------

    def fill(self) -> str:
        """Returns once all stand where they shall stay; the execution of a campaign that waits for its photos."""
        self._to_their_ends()
        self._paid_or_in_doubt()
        execution = self._on_the_way()
        for name, status in STANDS.items():
            eventually(
                lambda name=name, status=status: self.first(name) == status, name, lambda name=name: self.jobs(name)
            )
        self.switch("IntakeQueueUrl", on=False)
        self.drop("late.jpg")
        for queue in ("IntakeQueueUrl", "IdeogramQueueUrl", "DeliverQueueUrl"):
            eventually(self.shop.queue(queue).messages, f"messages in {queue}")
        return execution

    def _to_their_ends(self) -> None:
        """With a dead letter of a job, and one of a message that nobody can read."""
        self.shop.send("IntakeQueueUrl", NO_MESSAGE)
        self.shop.standin.fault("balance", {"usd": "0"}, provider="segmind")
        with self.shop.running("render", IDEOGRAM_TIMEOUT_SECONDS="5", ON_LOST_ANSWER="hold"):
            self.drop("stored.jpg")
            self.drop("refused.jpg", "status", {"code": 422})
            self.drop("rejected.jpg", "status", {"code": 400}, times=1)
            self.drop("broken.jpg", "html_error", {"code": 200}, route="cdn")
            self.drop("held.jpg", "accept_then_drop")
            self.drop("poor.jpg", provider="segmind")
            for name in ("stored.jpg", "refused.jpg", "rejected.jpg", "broken.jpg", "held.jpg"):
                self.folder.ended(name, STANDS[name])
        eventually(lambda: self.shop.provider_report("segmind"), "Segmind's lane is paused")
        letters = self.shop.queue("DeadLetterQueueUrl")
        eventually(lambda: len(letters.messages()) == 3, "three dead letters", letters.messages)

    def _paid_or_in_doubt(self) -> None:
        """One paid and not handed over; one lost, and the worker that waits for the lost call to end dies before."""
        self.switch("DeliverQueueUrl", on=False)
        self.drop("paid.jpg", provider="1min")
        eventually(lambda: self.first("paid.jpg") == "paid", "it is paid")
        self.drop("unknown.jpg", "accept_then_drop", times=1)
        eventually(lambda: self.first("unknown.jpg") == "unknown", "the answer is lost")
        self.switch("IdeogramQueueUrl", on=False)
        self.shop.kill_render_workers()

    def _on_the_way(self) -> str:
        """One at its provider; others wait in a lane which hands nothing out, two of them for a campaign."""
        for name in CAMPAIGN:
            self.campaign.drop(name)
        given = {"name": "campaign", "prefix": self.campaign.key(""), "instructions": self.campaign.wish}
        begun = self.shop.clients.stepfunctions.start_execution(
            stateMachineArn=self.shop.outputs["CampaignStateMachineArn"], input=json.dumps(given)
        )
        self.drop("in-flight.jpg", "poll_stuck", provider="runware")
        for name in ("waiting.jpg", "replaced.jpg", "withdrawn.jpg"):
            self.drop(name)
        for name in ("replaced.jpg", "withdrawn.jpg"):
            eventually(lambda name=name: self.first(name) == "accepted", f"{name} is accepted")
        self.folder.put("replaced.jpg", self.folder.photo("another.jpg"))
        self.folder.remove("withdrawn.jpg")
        eventually(lambda: self._accepted() == len(CAMPAIGN), "the campaign's photos wait", self.campaign.ledger)
        return begun["executionArn"]

    def _accepted(self) -> int:
        """How many jobs of the campaign wait in their lane."""
        return sum(item.get("status", {}).get("S") == "accepted" for item in self.campaign.ledger())

    # -- after ---------------------------------------------------------------------------------------------

    def go_on(self) -> None:
        """Everything may go its way again; a worker that died has its message put back, as reconcile does."""
        self.shop.standin.control("faults", method="DELETE")
        for queue in ("IntakeQueueUrl", "DeliverQueueUrl", "IdeogramQueueUrl"):
            self.switch(queue, on=True)
        self.shop.send("IdeogramQueueUrl", self.folder.message(self.jobs("unknown.jpg")[0]["job_id"]))
        self.shop.set_right()

    def ended(self, execution: str) -> None:
        """All come to their right ends, and none was paid twice."""
        for name, (status, charges) in ENDS.items():
            self.folder.ended(name, status)
            assert len(self.folder.charges(self.prompt(name))) == charges, name
        for name in CAMPAIGN:
            self.campaign.stored(name)
        assert len(self.campaign.charges()) == len(CAMPAIGN)
        states = self.shop.clients.stepfunctions
        eventually(lambda: states.describe_execution(executionArn=execution)["status"] == "SUCCEEDED", "the campaign")
        assert {one["job_id"] for name in ENDS for one in self.jobs(name)} == {
            one["job_id"] for name in ENDS for one in (self.folder.receipt(name) or {"jobs": []})["jobs"]
        }
        self.shop.check_the_books()

    # -- what there is -------------------------------------------------------------------------------------

    def jobs(self, name: str) -> list[dict[str, Any]]:
        """A photo's jobs as the ledger has them, oldest first."""
        found = [
            item for item in self.folder.ledger() if item["key"]["S"] == self.folder.key(name) and "status" in item
        ]
        return sorted((json.loads(item["body"]["S"]) for item in found), key=lambda job: job["queued_at"])

    def first(self, name: str) -> str:
        """How its first job stands; "" where it has none."""
        return next((job["status"] for job in self.jobs(name)), "")

    def switch(self, queue: str, *, on: bool) -> None:
        """Whether a queue's messages are handed out."""
        functions, arn = self.shop.clients.functions, self.shop.queue_arn(queue)
        (mapping,) = functions.list_event_source_mappings(EventSourceArn=arn)["EventSourceMappings"]
        functions.update_event_source_mapping(UUID=mapping.get("UUID", ""), Enabled=on)

    def is_on(self, queue: str) -> bool:
        """Whether they are."""
        arn = self.shop.queue_arn(queue)
        (mapping,) = self.shop.clients.functions.list_event_source_mappings(EventSourceArn=arn)["EventSourceMappings"]
        return mapping.get("State", "").startswith("Enabl")
