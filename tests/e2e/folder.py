"""One test's own folder in the input bucket: photos are dropped here, and what comes back is looked at."""

import hashlib
import io
import json
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlencode

from PIL import Image

from tests.e2e.shop import RECEIPTS, Shop, eventually

ERRORS = "_backdrop/errors/"
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
        tagging = {"Tagging": urlencode(tags)} if tags else {}
        self.shop.clients.s3.put_object(Bucket=self.shop.photos, Key=self.key(name), Body=content, **tagging)  # pyright: ignore[reportArgumentType]

    def photo(self, name: str) -> bytes:
        """The bytes that `drop` gives a photo of this name."""
        kind = {".png": "PNG", ".webp": "WEBP"}.get(PurePosixPath(name).suffix, "JPEG")
        return photo(self.key(name), kind)

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

    def job(self, name: str) -> dict[str, Any] | None:
        """The photo's first current job as its receipt shows it."""
        receipt = self.receipt(name)
        return receipt["jobs"][0] if receipt else None

    def wrong(self, name: str, code: str) -> dict[str, Any]:
        """The only entry of the photo's error report, once it has this code."""

        def look() -> dict[str, Any] | None:
            report = self.report(name)
            entries = report["errors"] if report else []
            return entries[0] if [entry["code"] for entry in entries] == [code] else None

        return eventually(look, f"{name} is reported {code}", lambda: self.report(name))

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

    def dead_letters(self, *names: str) -> list[dict[str, Any]]:
        """The dead letters of the jobs of these photos."""
        ids = {job["job_id"] for name in names for job in (self.receipt(name) or {"jobs": []})["jobs"]}
        return [letter for letter in self.shop.dead_letters.letters() if letter["attributes"].get("job_id") in ids]

    def events(self, name: str) -> list[dict[str, Any]]:
        """What the bus told of a photo."""
        heard = [letter["body"] for letter in self.shop.events.letters()]
        return [event for event in heard if event["detail"]["source"]["key"] == self.key(name)]
