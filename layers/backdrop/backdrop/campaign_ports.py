"""What campaigns need of the world, and what waits for them, beside ports.py."""

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


class TaskTokens(Protocol):
    """Who waits in Step Functions; raises WaitError where it does not answer."""

    def succeed(self, token: str, output: str) -> bool:
        """Answer a task with its output (JSON); False where nobody can ever answer it: used, expired, foreign."""
        ...

    def fail(self, token: str, error: str, cause: str) -> bool:
        """Answer a task with the error that it ends with, and why."""
        ...


class Executions(Protocol):
    """Executions in Step Functions, by their ARNs."""

    def running(self, arn: str) -> bool:
        """Whether an execution runs still; one that cannot be looked at counts as running."""
        ...
