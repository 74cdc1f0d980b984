"""A provider's API key around a call: looked up before it, looked up afresh when it is refused, and never told."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from backdrop.model.api_key import ApiKey
from backdrop.model.codes import Code
from backdrop.model.errors import WaitError
from backdrop.model.provider_result import Answer, Class
from backdrop.providers.http import Reply

REFUSED = (401, 403)


@dataclass(frozen=True)
class Keyring:
    """`who` is the provider's name for people; `key` looks its key up, `key(True)` past any cache."""

    who: str
    key: Callable[[bool], ApiKey]

    def ready(self) -> str | Answer:
        """A key that a header can carry; or PAUSE where there is none."""
        key = self.key(False)
        if not fits_a_header(key.text):
            key = self.key(True)
        if not fits_a_header(key.text):
            why = key.missing or "it holds characters that no header can carry"
            return Answer(Class.PAUSE, Code.PROVIDER_KEY_MISSING, f"There is no API key for {self.who}: {why}.")
        return key.text

    def other_than(self, refused: str) -> str | None:
        """The key past any cache; None where it is no other, or its store does not answer: the refusal stands."""
        try:
            fresh = self.key(True).text
        except WaitError:
            return None
        return fresh if fresh != refused and fits_a_header(fresh) else None

    def carry[T](self, key: str, send: Callable[[str], Reply | T], deadline: float) -> Reply | T:
        """What comes of a request; of a second one with a fresh key where the first was refused and time is left."""
        said = send(key)
        if isinstance(said, Reply) and said.status in REFUSED and time.monotonic() < deadline - 1:
            fresh = self.other_than(key)
            if fresh:
                return _without_key(send(fresh), fresh)
        return _without_key(said, key)


def fits_a_header(key: str) -> bool:
    """Whether a text can be a header's value."""
    return bool(key) and key.isascii() and key.isprintable() and " " not in key


def _without_key[T](said: Reply | T, key: str) -> Reply | T:
    """The answer, should the provider repeat the key in its words; a picture has none."""
    if not isinstance(said, Reply) or said.headers.get("Content-Type", "").startswith("image/"):
        return said
    return replace(said, body=said.body.replace(key.encode(), b"(key)"))
