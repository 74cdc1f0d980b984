"""An in-memory implementation of the Work port: the objects under `_backdrop/work/`, and the links to them."""

from dataclasses import dataclass, field

from backdrop.model.codes import Code
from backdrop.model.errors import RetryLaterError
from backdrop.model.ids import sha256_hex

OUT_THERE = "https://work.example"


@dataclass
class FakeWork:
    """`reached`: whether providers can reach this storage. `broken`: the storage is unavailable."""

    reached: bool = True
    broken: bool = False
    lent: dict[str, bytes] = field(default_factory=dict[str, bytes])
    results: dict[str, bytes] = field(default_factory=dict[str, bytes])

    def create_download_link(self, data: bytes, *, provider_url: str) -> str | None:
        """Returns a made-up address."""
        self._check()
        if not self.reached:
            return None
        address = f"{OUT_THERE}/{sha256_hex(data)}?X-Amz-Signature=1"
        self.lent[address] = data
        return address

    def create_upload_link(self, name: str, *, provider_url: str) -> str | None:
        """Returns a made-up address."""
        self._check()
        return f"{OUT_THERE}/{name}?X-Amz-Signature=2" if self.reached else None

    def save_result(self, name: str, data: bytes) -> None:
        """Keeps the result so that the test can check it."""
        self._check()
        self.results[name] = data

    def has_result(self, name: str) -> bool:
        self._check()
        return name in self.results

    def _check(self) -> None:
        if self.broken:
            raise RetryLaterError(Code.STORAGE_UNAVAILABLE, "S3 does not answer.", 5)
