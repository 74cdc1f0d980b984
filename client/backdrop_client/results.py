"""What a photo's job delivered: pictures, receipt, and cost."""

import mimetypes
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from backdrop_client.errors import ClientCode, GoneError, translate_errors
from backdrop_client.file_names import make_file_name
from backdrop_client.notebook import render_before_and_after
from backdrop_client.outcome import JsonObject, list_current_jobs
from backdrop_client.result_reader import ResultReader


@dataclass(frozen=True)
class Cost:
    """What a photo cost so far, in dollars. `unknown_usd` may have been charged, because an answer was lost."""

    usd: float = 0
    unknown_usd: float = 0


@dataclass(frozen=True)
class Picture:
    """A delivered picture. Its bytes are downloaded when they are first needed.

    `details`: its entry in the receipt. `variant`: "" for a photo without variants.
    """

    variant: str
    details: JsonObject
    _reader: ResultReader = field(repr=False)

    @property
    def key(self) -> str:
        """The key in the output bucket."""
        return self.details["key"]

    @property
    def content_type(self) -> str:
        return mimetypes.guess_type(self.key)[0] or "application/octet-stream"

    @property
    def verdict(self) -> str | None:
        """Whether the product is still the photo's: `same`, `changed`, or `cannot_say`; None if it was not checked."""
        fidelity = self.details["fidelity"]
        return fidelity and fidelity["verdict"]

    @cached_property
    def bytes(self) -> bytes:
        """Raises GoneError if the picture was deleted since, and NotAuthorizedError or UnreachableError."""
        with translate_errors():
            data = self._reader.read_output(self.key, self.details["version_id"])
        if data is None:
            hint = (
                "If it was deleted, ask the operator for the provider's own file: `backdrop show KEY`, with the "
                "photo's key, lists it under `_backdrop/paid/`."
            )
            raise GoneError(ClientCode.GONE, f"{self.key} is not in the output bucket.", hint)
        return data

    @property
    def image(self) -> Image.Image:
        """The picture as a new Pillow image."""
        return Image.open(BytesIO(self.bytes))

    def save(self, path: str | Path) -> Path:
        """Writes the file, and returns its path.

        A folder gets the file under the picture's own name, changed where some file system does not accept it.
        """
        target = Path(path)
        target = target / make_file_name(self.key.rpartition("/")[2]) if target.is_dir() else target
        target.write_bytes(self.bytes)
        return target


@dataclass(frozen=True)
class Result:
    """The pictures of a photo, with its receipt. Notebooks show the photo before and after."""

    key: str
    receipt: JsonObject
    pictures: Sequence[Picture]
    _read_photo: Callable[[], bytes] = field(repr=False)

    @property
    def cost(self) -> Cost:
        return read_cost(self.receipt)

    def _repr_html_(self) -> str:
        pictures = {one.key: partial(getattr, one, "bytes") for one in self.pictures}
        return render_before_and_after({"before": self._read_photo} | pictures)


def build_result(key: str, receipt: JsonObject | None, reader: ResultReader, read_photo: Callable[[], bytes]) -> Result:
    """Returns a photo's pictures so far; none without a receipt."""
    pictures = [
        Picture(job["variant"] or "", details, reader)
        for job in list_current_jobs(receipt)
        for details in job["results"]
    ]
    return Result(key, receipt or {}, pictures, read_photo)


def read_cost(receipt: Mapping[str, Any] | None) -> Cost:
    """Returns what all jobs of a photo cost, also those that were replaced."""
    if not receipt:
        return Cost()
    return Cost(receipt["total_usd"], sum(job["cost"]["unknown_usd"] for job in receipt["jobs"]))
