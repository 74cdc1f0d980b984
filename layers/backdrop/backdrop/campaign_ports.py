"""What campaigns alone need of the world, beside ports.py."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Protocol


class Manifests(Protocol):
    """The lists that people put into a bucket."""

    def lines(self, bucket: str, key: str) -> Iterator[bytes] | None:
        """An object's lines, as core/manifest.py cuts them, read as they are asked for; None where there is none."""
        ...


class CampaignFiles(Protocol):
    """What campaigns write into the output bucket, which is called `bucket`."""

    @property
    def bucket(self) -> str: ...
    def writing(self, key: str, content_type: str) -> AbstractContextManager[Callable[[bytes], None]]:
        """Writes an object piece by piece; nothing is left of it where the block breaks off."""
        ...

    def put(self, key: str, data: bytes, content_type: str) -> None: ...
    def find(self, key: str) -> bytes | None: ...


class Mail(Protocol):
    """Whoever the stack's operator named to be told."""

    def send(self, subject: str, text: str) -> None: ...
