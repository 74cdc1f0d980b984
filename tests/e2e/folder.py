"""One test's own folder in the input bucket, and everything that results from its photos."""

import hashlib
import io
import json
import time
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlencode

from PIL import Image

from tests.e2e.deployed_stack import LANES, RECEIPTS_PREFIX, DeployedStack, eventually
from tests.e2e.queues import Message

ERRORS_PREFIX = "_backdrop/errors/"
QUEUE_OUTPUTS = ("IntakeQueueUrl", *LANES.values(), "DeliverQueueUrl")
END_STATUSES = frozenset({"stored", "refused", "dead", "held", "superseded", "cancelled"})


def photo(text: str, kind: str = "JPEG", size: tuple[int, int] = (64, 48)) -> bytes:
    """Returns a small photo whose bytes depend on the text."""
    color = tuple(hashlib.sha256(text.encode()).digest()[:3])
    encoded = io.BytesIO()
    image = Image.new("RGB", size, color)
    image.paste((255, 255, 255), (size[0] // 4, size[1] // 4, size[0] // 2, size[1] // 2))
    image.info["comment"] = text.encode()
    image.save(encoded, kind, **({"comment": text.encode()} if kind == "JPEG" else {}))
    return encoded.getvalue()


class Folder:
    """A folder of the input bucket that belongs to one test. No other test uses its `prompt`."""

    def __init__(self, stack: DeployedStack, name: str) -> None:
        self.stack = stack
        self.name = name
        self.started_at = time.time()
        self.prompt = f"a quiet beach at dawn, {name}"

    @property
    def instructions(self) -> dict[str, object]:
        """The instructions for a cheap new background."""
        return {"prompt": self.prompt, "rendering_speed": "TURBO"}

    def key(self, name: str) -> str:
        """Returns the key of a file in this folder."""
        return f"{self.name}/{name}"

    # -- uploads -------------------------------------------------------------------------------------------

    def put(self, name: str, data: bytes | str, tags: dict[str, str] | None = None) -> None:
        """Uploads a file, with or without tags."""
        content = data.encode() if isinstance(data, str) else data
        tagging: dict[str, Any] = {"Tagging": urlencode(tags)} if tags else {}
        self.stack.clients.s3.put_object(Bucket=self.stack.input_bucket, Key=self.key(name), Body=content, **tagging)

    def photo(self, name: str) -> bytes:
        """Returns the bytes that `drop` uploads under this name."""
        kind = {".png": "PNG", ".webp": "WEBP"}.get(PurePosixPath(name).suffix, "JPEG")
        return photo(self.key(name), kind)

    def stripped_size(self, name: str) -> int:
        """Returns how many bytes of a JPEG with this comment are sent: all except the comment and its 4-byte header."""
        return len(self.photo(name)) - len(self.key(name).encode()) - 4

    def drop(
        self, name: str, instructions: dict[str, object] | str | None = None, *, tags: dict[str, str] | None = None
    ) -> None:
        """Uploads a photo, preceded by its sidecar if there is one."""
        if instructions is not None:
            text = instructions if isinstance(instructions, str) else json.dumps(instructions, ensure_ascii=False)
            self.put(f"{name}.json", text)
        self.put(name, self.photo(name), tags)

    def delete(self, name: str) -> None:
        """Deletes a file of this folder."""
        self.stack.clients.s3.delete_object(Bucket=self.stack.input_bucket, Key=self.key(name))

    # -- work in progress ----------------------------------------------------------------------------------

    def ledger(self) -> list[dict[str, Any]]:
        """Returns the ledger's items of this folder."""
        pages = self.stack.clients.dynamodb.get_paginator("scan").paginate(
            TableName=self.stack.outputs["LedgerTableName"],
            FilterExpression="begins_with(#key, :folder)",
            ExpressionAttributeNames={"#key": "key"},
            ExpressionAttributeValues={":folder": {"S": self.key("")}},
        )
        return [dict(item) for page in pages for item in page["Items"]]

    def item(self, job_id: str) -> dict[str, Any]:
        """Returns a job's item in the ledger."""
        (item,) = [item for item in self.ledger() if item["sk"]["S"] == f"job#{job_id}"]
        return item

    def message(self, job_id: str, kind: str = "job") -> dict[str, str]:
        """Returns the message about a job that its lane (`job`) or deliver (`deliver`) receives."""
        return {"kind": kind, "source_id": self.item(job_id)["pk"]["S"].removeprefix("source#"), "job_id": job_id}

    def wait_until_queues_empty(self) -> None:
        """Waits until no queue contains a message about this folder. Ignores messages about other folders."""
        for _ in range(2):
            eventually(lambda: not self._messages_in(*QUEUE_OUTPUTS), f"no message about {self.name} in any queue")

    def wait_until_unpaid(self, name: str) -> None:
        """Waits until the photo's job is accepted but not paid, and checks that the photo has no error report."""
        eventually(lambda: self.is_unpaid(name), f"{name} waits", lambda: (self.job(name), self.report(name)))
        assert self.report(name) is None

    def is_unpaid(self, name: str) -> bool:
        """Whether the photo's jobs are accepted but not paid. Reads the ledger, because the receipt may be older."""
        items = [item for item in self.ledger() if item["key"]["S"] == self.key(name) and "status" in item]
        jobs = [json.loads(item["body"]["S"]) for item in items]
        return bool(jobs) and all(job["status"] == "accepted" and not _money(job) for job in jobs)

    def wait_until_resumed(self, *names: str) -> None:
        """Runs reconcile, which sends probes, until all photos are stored, bought once, and without problems.

        Runs it repeatedly, like the schedule on AWS, because the result of an earlier call may pause the lane again.
        """

        def all_stored() -> bool:
            self.stack.run_reconcile()
            return all(self.is_stored(name) for name in names)

        eventually(all_stored, f"{names} are stored without a command", lambda: [self.job(name) for name in names])
        for name in names:
            self.wait_until_stored(name)
        eventually(lambda: self.stack.provider_report() is None, "no report of the provider")
        assert len(self.charges()) == len(names)

    def close(self) -> None:
        """Deletes the photos of open jobs and waits, so that this test does not affect the next one. Purges the lanes
        last. A message that a worker still holds belongs to a job that has ended, so it has no effect.
        """
        self.stack.reset()
        for key in {item["key"]["S"] for item in self.ledger() if _is_open(item)}:
            self.delete(key.removeprefix(self.key("")))
        eventually(lambda: not self._open_work(), f"no work in {self.name}", self._open_work)
        self.stack.purge_lanes()

    def _open_work(self) -> list[object]:
        """Returns open jobs, and messages that could still have an effect on another test: those for intake, and those
        that deliver is working on. A lane's messages do nothing once their job has ended.
        """
        jobs = [item["sk"]["S"] for item in self.ledger() if _is_open(item)]
        in_delivery = [message for message in self._messages_in("DeliverQueueUrl") if message.receives]
        return [*jobs, *self._messages_in("IntakeQueueUrl"), *in_delivery]

    def _messages_in(self, *queues: str) -> list[Message]:
        """Returns the messages about this folder, queue by queue."""
        messages = [message for queue in queues for message in self.stack.queue(queue).messages()]
        # Read after the messages, so that it has the source of each of them.
        sources = {item["pk"]["S"].removeprefix("source#") for item in self.ledger()}
        marks = {f'"{self.name}/', f'"{self.name}%2F', *sources}
        return [one for one in messages if any(mark in one.body for mark in marks) and not _is_delayed_recheck(one)]

    # -- results -------------------------------------------------------------------------------------------

    def receipt(self, name: str) -> dict[str, Any] | None:
        """Returns the current receipt."""
        return self._read_json_or_none(f"{RECEIPTS_PREFIX}{self.key(name)}.json")

    def report(self, name: str) -> dict[str, Any] | None:
        """Returns the current error report."""
        return self._read_json_or_none(f"{ERRORS_PREFIX}{self.key(name)}.json")

    def _read_json_or_none(self, key: str) -> dict[str, Any] | None:
        try:
            return self.stack.read_json(key)
        except self.stack.clients.s3.exceptions.NoSuchKey:
            return None

    def wait_for_status(self, name: str, status: str) -> dict[str, Any]:
        """Returns the photo's current job as soon as it has this status. Fails if the job ends with another status."""

        def poll() -> dict[str, Any] | None:
            job = self.job(name)
            current = job["status"] if job else None
            assert current == status or current not in END_STATUSES, f"{name} is {current}: {self.report(name)}"
            return job if current == status else None

        return eventually(poll, f"{name} is {status}", lambda: (self.job(name), self.report(name)))

    def wait_until_stored(self, name: str) -> dict[str, Any]:
        """Returns the photo's current job as soon as it is stored and the photo has no error report."""
        job = self.wait_for_status(name, "stored")
        eventually(lambda: self.report(name) is None, f"{name} has no error report")
        return job

    def wait_until_stored_again(self, name: str) -> dict[str, Any]:
        """Returns the photo's current job as soon as it is stored, even if the receipt still shows another final
        status.
        """
        eventually(
            lambda: self.is_stored(name), f"{name} is stored after all", lambda: (self.job(name), self.report(name))
        )
        return self.wait_until_stored(name)

    def is_stored(self, name: str) -> bool:
        """Whether the photo's job is stored according to its receipt."""
        return (self.job(name) or {"status": ""})["status"] == "stored"

    def job(self, name: str) -> dict[str, Any] | None:
        """Returns the first job of the photo's receipt."""
        receipt = self.receipt(name)
        return receipt["jobs"][0] if receipt else None

    def wait_for_error(self, name: str, code: str, status: str = "") -> dict[str, Any]:
        """Returns the only entry of the photo's error report as soon as it has this code, and this status if given."""

        def poll() -> dict[str, Any] | None:
            report = self.report(name)
            entries = report["errors"] if report else []
            has_code = [entry["code"] for entry in entries] == [code]
            return entries[0] if has_code and entries[0]["status"].startswith(status) else None

        return eventually(poll, f"{name} is reported as {code}", lambda: self.report(name))

    def assert_held(self, name: str) -> None:
        """Asserts that the answer to the photo's only call is lost, that its charge is unknown, and what the report
        advises.
        """
        job = self.wait_for_status(name, "held")
        entry = self.wait_for_error(name, "charge_unknown", "held")
        assert (entry["retryable"], entry["money"]) == (False, "unknown")
        assert "revision" in entry["hint"]
        assert (job["cost"]["usd"], job["cost"]["unknown_usd"]) == (0, 0.03)
        assert [(attempt["outcome"], attempt["money"]) for attempt in job["attempts"]] == [("lost", "unknown")]
        assert self.pictures(name) == []

    def pictures(self, name: str) -> list[str]:
        """Returns the names of a photo's pictures."""
        return self.list_outputs(f"{self.key(name)}/")

    def list_outputs(self, prefix: str) -> list[str]:
        """Returns the keys in the output bucket under a prefix, without the prefix."""
        page = self.stack.clients.s3.list_objects_v2(Bucket=self.stack.output_bucket, Prefix=prefix)
        return [entry.get("Key", "").removeprefix(prefix) for entry in page.get("Contents", [])]

    def picture(self, name: str, picture: str) -> Image.Image:
        """Returns one of a photo's pictures, decoded."""
        key = f"{self.key(name)}/{picture}"
        data = self.stack.clients.s3.get_object(Bucket=self.stack.output_bucket, Key=key)["Body"].read()
        image = Image.open(io.BytesIO(data))
        image.load()
        return image

    def assert_no_results(self, *names: str) -> None:
        """Asserts that none of these files has a picture, receipt, error report, or dead letter."""
        for name in names:
            assert self.pictures(name) == []
            assert self.receipt(name) is None
            assert self.report(name) is None
        assert self.dead_letters(*names) == []

    # -- charges and messages ------------------------------------------------------------------------------

    def charges(self, prompt: str | None = None) -> list[dict[str, Any]]:
        """Returns what the provider charged for this folder's prompt, or for the given one."""
        return self.stack.find_charges(hashlib.sha256((prompt or self.prompt).encode()).hexdigest())

    def add_fault(self, name: str, args: dict[str, object] | None = None, **rule: object) -> None:
        """Makes the provider fail for prompts of this folder only."""
        self.stack.standin.add_fault(name, args, prompt_regex=self.name, **rule)

    def dead_letters(self, *names: str) -> list[Message]:
        """Returns the dead letters of the jobs of these photos."""
        ids = {job["job_id"] for name in names for job in (self.receipt(name) or {"jobs": []})["jobs"]}
        letters = self.stack.queue("DeadLetterQueueUrl").messages()
        return [letter for letter in letters if letter.attributes.get("job_id") in ids]

    def events(self, name: str) -> list[dict[str, Any]]:
        """Returns the events about a photo that the stack has sent to its bus."""
        events = self.stack.event_recorder.read_all()
        return [event for event in events if event["detail"].get("source", {}).get("key") == self.key(name)]

    def wait_for_event(self, name: str) -> dict[str, Any]:
        """Waits for the photo's only event, which may be sent repeatedly with the same ID."""
        events = eventually(lambda: self.events(name), f"an event about {name}")
        assert len({event["detail"]["event_id"] for event in events}) == 1
        return events[0]


def _is_open(item: dict[str, Any]) -> bool:
    """Whether this is a job that is not paid yet, or that is paid but not delivered yet."""
    return item.get("status", {}).get("S") in ("accepted", "paid")


def _is_delayed_recheck(message: Message) -> bool:
    """Whether this is an unreceived message for a second check by intake minutes later, in case a worker died."""
    return message.receives == 0 and any(f'"kind": "{kind}"' in message.body for kind in ("folder", "recheck"))


def _money(job: dict[str, Any]) -> int:
    """Returns what a job's attempts cost, may have cost, or reserve, in micro-dollars."""
    return sum(attempt["charged"] + attempt["unknown"] + attempt["reserved"] for attempt in job["attempts"])
