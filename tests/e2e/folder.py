"""One test's own folder in the input bucket: photos are dropped here, and what comes back is looked at."""

import hashlib
import io
import json
import time
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlencode

from PIL import Image

from tests.e2e.queues import Message
from tests.e2e.shop import LANES, RECEIPTS, Shop, eventually

ERRORS = "_backdrop/errors/"
QUEUES = ("IntakeQueueUrl", *LANES.values(), "DeliverQueueUrl")
ENDED = frozenset({"stored", "refused", "dead", "held", "superseded", "cancelled"})


def photo(text: str, kind: str = "JPEG", size: tuple[int, int] = (64, 48)) -> bytes:
    """A small photo that no other text gives."""
    color = tuple(hashlib.sha256(text.encode()).digest()[:3])
    encoded = io.BytesIO()
    image = Image.new("RGB", size, color)
    image.paste((255, 255, 255), (size[0] // 4, size[1] // 4, size[0] // 2, size[1] // 2))
    image.info["comment"] = text.encode()
    image.save(encoded, kind, **({"comment": text.encode()} if kind == "JPEG" else {}))
    return encoded.getvalue()


class Folder:
    """A folder of the input bucket that belongs to one test; `prompt` is no other test's."""

    def __init__(self, shop: Shop, name: str) -> None:
        self.shop = shop
        self.name = name
        self.began = time.time()
        self.prompt = f"a quiet beach at dawn, {name}"

    @property
    def wish(self) -> dict[str, object]:
        """The sidecar of a cheap new background."""
        return {"prompt": self.prompt, "rendering_speed": "TURBO"}

    def key(self, name: str) -> str:
        """The whole key of a name in this folder."""
        return f"{self.name}/{name}"

    # -- dropping ------------------------------------------------------------------------------------------

    def put(self, name: str, data: bytes | str, tags: dict[str, str] | None = None) -> None:
        """Any file, with or without tags."""
        content = data.encode() if isinstance(data, str) else data
        tagging: dict[str, Any] = {"Tagging": urlencode(tags)} if tags else {}
        self.shop.clients.s3.put_object(Bucket=self.shop.photos, Key=self.key(name), Body=content, **tagging)

    def photo(self, name: str) -> bytes:
        """The bytes that `drop` gives a photo of this name."""
        kind = {".png": "PNG", ".webp": "WEBP"}.get(PurePosixPath(name).suffix, "JPEG")
        return photo(self.key(name), kind)

    def bare_bytes(self, name: str) -> int:
        """How many bytes of such a JPEG are sent: the comment in it (two bytes of marker, two of length) is not."""
        return len(self.photo(name)) - len(self.key(name).encode()) - 4

    def drop(
        self, name: str, wish: dict[str, object] | str | None = None, *, tags: dict[str, str] | None = None
    ) -> None:
        """A photo whose sidecar, if it has one, is there already."""
        if wish is not None:
            self.put(f"{name}.json", wish if isinstance(wish, str) else json.dumps(wish, ensure_ascii=False))
        self.put(name, self.photo(name), tags)

    def remove(self, name: str) -> None:
        """Deletes a file."""
        self.shop.clients.s3.delete_object(Bucket=self.shop.photos, Key=self.key(name))

    # -- on the way ----------------------------------------------------------------------------------------

    def ledger(self) -> list[dict[str, Any]]:
        """The ledger's items of this folder."""
        pages = self.shop.clients.dynamodb.get_paginator("scan").paginate(
            TableName=self.shop.outputs["LedgerTableName"],
            FilterExpression="begins_with(#key, :folder)",
            ExpressionAttributeNames={"#key": "key"},
            ExpressionAttributeValues={":folder": {"S": self.key("")}},
        )
        return [dict(item) for page in pages for item in page["Items"]]

    def item(self, job_id: str) -> dict[str, Any]:
        """A job's item in the ledger."""
        (item,) = [item for item in self.ledger() if item["sk"]["S"] == f"job#{job_id}"]
        return item

    def message(self, job_id: str, kind: str = "job") -> dict[str, str]:
        """What its lane (`kind`: job), or deliver (deliver), is told about a job."""
        return {"kind": kind, "source_id": self.item(job_id)["pk"]["S"].removeprefix("source#"), "job_id": job_id}

    def settle(self) -> None:
        """Returns once no queue holds a message about this folder; those of other tests' photos stay unheeded."""
        for _ in range(2):
            for queue in QUEUES:
                eventually(lambda queue=queue: not self._lying_in(queue), f"nothing for {self.name} in {queue}")

    def handed_back(self, name: str) -> None:
        """Returns once render has given back a message of the photo's job to come again later."""
        lane = self.shop.queue("IdeogramQueueUrl")
        hidden = lane.visibility_seconds

        def look() -> bool:
            job = self.job(name)
            found = self._lying_in("IdeogramQueueUrl") if job else []
            return any(one.was_handed_back(hidden) for one in found if job and job["job_id"] in one.body)

        eventually(look, f"{name} is handed back", lambda: (self.job(name), lane.messages()))

    def waits(self, name: str) -> None:
        """Returns once the photo's job waits, unpaid; nothing is reported of it."""
        eventually(lambda: self.is_unpaid(name), f"{name} waits", lambda: (self.job(name), self.report(name)))
        assert self.report(name) is None

    def is_unpaid(self, name: str) -> bool:
        """Whether the ledger has the photo's job waiting, unpaid: a receipt may tell of a moment before."""
        items = [item for item in self.ledger() if item["key"]["S"] == self.key(name) and "status" in item]
        jobs = [json.loads(item["body"]["S"]) for item in items]
        return bool(jobs) and all(job["status"] == "accepted" and not _money(job) for job in jobs)

    def all_go(self, *names: str) -> None:
        """Reconcile lets probes out, all are bought once, and nothing is wrong any more.

        It comes again and again, as every five minutes: an answer of before may pause the lane behind its back.
        """

        def all_stored() -> bool:
            self.shop.set_right()
            return all(self.is_stored(name) for name in names)

        eventually(all_stored, f"{names} go by themselves", lambda: [self.job(name) for name in names])
        for name in names:
            self.stored(name)
        eventually(lambda: self.shop.provider_report() is None, "no report of the provider")
        assert len(self.charges()) == len(names)

    def close(self) -> None:
        """The test is over: what has not ended is withdrawn, and nothing of it is left for the next test to meet.

        The lanes are emptied last: a worker that still holds a message of a job that has ended does not miss it.
        """
        self.shop.tidy()
        for key in {item["key"]["S"] for item in self.ledger() if _is_open(item)}:
            self.remove(key.removeprefix(self.key("")))
        eventually(lambda: not self._moving(), f"{self.name} is at rest", self._moving)
        self.shop.empty_lanes()

    def _moving(self) -> list[object]:
        """Open jobs and messages on their way; a lane's message whose job has ended does nothing when it comes."""
        jobs = [item["sk"]["S"] for item in self.ledger() if _is_open(item)]
        return [*jobs, *self._lying_in("IntakeQueueUrl"), *self._lying_in("DeliverQueueUrl")]

    def _lying_in(self, queue: str) -> list[Message]:
        sources = {item["pk"]["S"].removeprefix("source#") for item in self.ledger()}
        ours = {f'"{self.name}/', f'"{self.name}%2F', *sources}
        lying = self.shop.queue(queue).messages()
        return [one for one in lying if any(mark in one.body for mark in ours) and not _is_second_look(one)]

    # -- what comes back -----------------------------------------------------------------------------------

    def receipt(self, name: str) -> dict[str, Any] | None:
        """The receipt as it is now."""
        return self._view(f"{RECEIPTS}{self.key(name)}.json")

    def report(self, name: str) -> dict[str, Any] | None:
        """The error report as it is now."""
        return self._view(f"{ERRORS}{self.key(name)}.json")

    def _view(self, key: str) -> dict[str, Any] | None:
        try:
            return self.shop.read_json(key)
        except self.shop.clients.s3.exceptions.NoSuchKey:
            return None

    def ended(self, name: str, status: str) -> dict[str, Any]:
        """The photo's current job, once it has come to this end."""

        def look() -> dict[str, Any] | None:
            job = self.job(name)
            found = job["status"] if job else None
            assert found == status or found not in ENDED, f"{name} is {found}: {self.report(name)}"
            return job if found == status else None

        return eventually(look, f"{name} is {status}", lambda: (self.job(name), self.report(name)))

    def stored(self, name: str) -> dict[str, Any]:
        """The photo's current job, once its pictures are there; nothing is wrong with the photo then."""
        job = self.ended(name, "stored")
        eventually(lambda: self.report(name) is None, f"{name} has no error report")
        return job

    def stored_after_all(self, name: str) -> dict[str, Any]:
        """The photo's current job, once it is stored, whatever other end its receipt still tells."""
        eventually(lambda: self.is_stored(name), f"{name} goes on", lambda: (self.job(name), self.report(name)))
        return self.stored(name)

    def is_stored(self, name: str) -> bool:
        """Whether the receipt says so by now."""
        return (self.job(name) or {"status": ""})["status"] == "stored"

    def job(self, name: str) -> dict[str, Any] | None:
        """The photo's first current job as its receipt shows it."""
        receipt = self.receipt(name)
        return receipt["jobs"][0] if receipt else None

    def wrong(self, name: str, code: str, status: str = "") -> dict[str, Any]:
        """The only entry of the photo's error report, once it has this code, and this status where one is given."""

        def look() -> dict[str, Any] | None:
            report = self.report(name)
            entries = report["errors"] if report else []
            known = [entry["code"] for entry in entries] == [code]
            return entries[0] if known and entries[0]["status"].startswith(status) else None

        return eventually(look, f"{name} is reported {code}", lambda: self.report(name))

    def assert_held(self, name: str) -> None:
        """The photo's only call is lost, its charge unknown, and the uploader is told what to do."""
        job = self.ended(name, "held")
        entry = self.wrong(name, "charge_unknown", "held")
        assert (entry["retryable"], entry["money"]) == (False, "unknown")
        assert "revision" in entry["hint"]
        assert (job["cost"]["usd"], job["cost"]["unknown_usd"]) == (0, 0.03)
        assert [(one["outcome"], one["money"]) for one in job["attempts"]] == [("lost", "unknown")]
        assert self.pictures(name) == []

    def pictures(self, name: str) -> list[str]:
        """The names of a photo's pictures."""
        return self.listed(f"{self.key(name)}/")

    def listed(self, prefix: str) -> list[str]:
        """The keys of the output bucket below a prefix, without the prefix."""
        found = self.shop.clients.s3.list_objects_v2(Bucket=self.shop.pictures, Prefix=prefix)
        return [entry.get("Key", "").removeprefix(prefix) for entry in found.get("Contents", [])]

    def picture(self, name: str, picture: str) -> Image.Image:
        """One of a photo's pictures, decoded."""
        key = f"{self.key(name)}/{picture}"
        data = self.shop.clients.s3.get_object(Bucket=self.shop.pictures, Key=key)["Body"].read()
        image = Image.open(io.BytesIO(data))
        image.load()
        return image

    def nothing_came_of(self, *names: str) -> None:
        """There is no picture, receipt, error report or dead letter of these."""
        for name in names:
            assert self.pictures(name) == []
            assert self.receipt(name) is None
            assert self.report(name) is None
        assert self.dead_letters(*names) == []

    # -- what it cost and what was told --------------------------------------------------------------------

    def charges(self, prompt: str | None = None) -> list[dict[str, Any]]:
        """What the provider charged for this folder's prompt, or for another."""
        return self.shop.bill_of(hashlib.sha256((prompt or self.prompt).encode()).hexdigest())

    def fault(self, name: str, args: dict[str, object] | None = None, **rule: object) -> None:
        """A fault of the provider that strikes this folder's prompt alone."""
        self.shop.standin.fault(name, args, prompt_regex=self.name, **rule)

    def dead_letters(self, *names: str) -> list[Message]:
        """The dead letters of the jobs of these photos."""
        ids = {job["job_id"] for name in names for job in (self.receipt(name) or {"jobs": []})["jobs"]}
        letters = self.shop.queue("DeadLetterQueueUrl").messages()
        return [letter for letter in letters if letter.attributes.get("job_id") in ids]

    def events(self, name: str) -> list[dict[str, Any]]:
        """What the bus told of a photo."""
        heard = self.shop.events.letters()
        return [event for event in heard if event["detail"].get("source", {}).get("key") == self.key(name)]

    def event(self, name: str) -> dict[str, Any]:
        """The only thing that the bus told of a photo, at least once; told again it has the same id."""
        told = eventually(lambda: self.events(name), f"an event of {name}")
        assert len({event["detail"]["event_id"] for event in told}) == 1
        return told[0]


def _is_open(item: dict[str, Any]) -> bool:
    """Whether this is a job that nobody has begun to pay for, or one that is paid and not handed over."""
    return item.get("status", {}).get("S") in ("accepted", "paid")


def _is_second_look(message: Message) -> bool:
    """Whether a message makes intake check again, minutes later, what is right unless a worker died; not yet taken."""
    return message.receives == 0 and any(f'"kind": "{kind}"' in message.body for kind in ("folder", "recheck"))


def _money(job: dict[str, Any]) -> int:
    """What a job's attempts cost, may have cost or reserve, in micro-dollars."""
    return sum(one["charged"] + one["unknown"] + one["reserved"] for one in job["attempts"])
