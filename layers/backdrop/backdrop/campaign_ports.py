"""What campaigns alone need of the world, beside ports.py."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Protocol


class Manifests(Protocol):
    """The lists that people put into a bucket."""

    def lines(self, bucket: str, key: str) -> Iterator[str] | None:
        """An object's lines, read as they are asked for, each with its end; None where there is none.

        Raises RefusedError where it is no text.
        """
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
