"""Files that a caller uploads before a call. Each belongs to its account, and the stand-in chooses its name."""

from backdrop_local.standin.bill import derive_uuid
from backdrop_local.standin.picture_store import BytesCache


class UploadStore:
    """The most recent uploads, in a fixed amount of memory."""

    def __init__(self, seed: int, max_bytes: int) -> None:
        self._seed = seed
        self._count = 0
        self._contents = BytesCache(max_bytes)

    def create_name(self, provider: str) -> str:
        """Returns a new UUID for the next upload."""
        self._count += 1
        return derive_uuid(f"{self._seed}/{provider}/upload/{self._count}")

    def keep(self, provider: str, account: str, name: str, content: bytes) -> None:
        """Keeps a file under a name of this account."""
        self._contents.put(f"{provider}/{account}/{name}", content)

    def find(self, provider: str, account: str, name: str) -> bytes | None:
        """Returns the file. None if this account has no file with that name, or it is no longer kept."""
        return self._contents.get(f"{provider}/{account}/{name}")
