"""Files that a caller uploads ahead of a call: each is the caller's own, under a name that the stand-in gives."""

from backdrop_local.standin.bill import derive_uuid
from backdrop_local.standin.picture_store import BytesCache


class UploadStore:
    """The last uploads, within a fixed amount of memory."""

    def __init__(self, seed: int, max_bytes: int) -> None:
        self._seed = seed
        self._count = 0
        self._contents = BytesCache(max_bytes)

    def create_name(self, provider: str) -> str:
        """A fresh UUID for the next upload."""
        self._count += 1
        return derive_uuid(f"{self._seed}/{provider}/upload/{self._count}")

    def keep(self, provider: str, account: str, name: str, content: bytes) -> None:
        """Keep a file under a name of this account."""
        self._contents.put(f"{provider}/{account}/{name}", content)

    def find(self, provider: str, account: str, name: str) -> bytes | None:
        """The file; None if this account has none of that name, or it is no longer kept."""
        return self._contents.get(f"{provider}/{account}/{name}")
