"""What a person can do about a problem: said to who can fix a file, or to who can send a request again."""

from collections.abc import Mapping
from enum import StrEnum

from backdrop.model.record import Record, record
from backdrop.model.sentence import Sentence


class Then(StrEnum):
    """What follows once the advice was taken."""

    NOTHING = "nothing"
    RUNS = "runs"
    SEND_AGAIN = "send_again"
    WAITS = "waits"


_ENDINGS = {
    Then.NOTHING: ".",
    Then.RUNS: "; the photo runs again by itself.",
    Then.SEND_AGAIN: ", and send the request again.",
    Then.WAITS: ". Nothing to do for the uploader: the photo waits and goes by itself when this is mended.",
}
# A request is a message: nobody can fix it, and it is received once.
_ENDINGS_FOR_REQUESTS = _ENDINGS | {
    Then.NOTHING: ". Then send the request again.",
    Then.RUNS: "; then send the request again.",
    Then.WAITS: f"{_ENDINGS[Then.WAITS]} Then send the request again.",
}


@record
class Advice(Record):
    """`remedy`: what to do; None where there is nothing. `more`: what else there is to know.

    `for_requests`: the whole advice to who sent a request, where it differs by more than what follows.
    """

    remedy: Sentence | None = None
    then: Then = Then.NOTHING
    more: Sentence | None = None
    for_requests: Sentence | None = None

    @classmethod
    def to(cls, remedy: str, then: Then = Then.NOTHING) -> "Advice":
        """Advice in one sentence or several; with or without the last full stop."""
        return cls(remedy=Sentence(remedy).clause, then=then)

    def adding(self, more: str) -> "Advice":
        """The same with something else to know."""
        return self.but(more=Sentence(more if self.more is None else f"{self.more} {more}"))

    def cut(self, length: int) -> "Advice":
        """The same with at most so many characters of each text."""
        texts = {"remedy": self.remedy, "more": self.more, "for_requests": self.for_requests}
        return self.but(**{name: text.cut(length) for name, text in texts.items() if text is not None})

    @property
    def for_photo(self) -> Sentence:
        """To who can fix the photo or what speaks for it."""
        return self._rendered(_ENDINGS)

    @property
    def for_request(self) -> Sentence:
        """To who sent a request."""
        return self._rendered(_ENDINGS_FOR_REQUESTS) if self.for_requests is None else self.for_requests

    def _rendered(self, endings: Mapping[Then, str]) -> Sentence:
        ending = endings[self.then]
        advice = ending.lstrip(".,; ") if self.remedy is None else f"{self.remedy}{ending}"
        return Sentence(advice if self.more is None else f"{advice} {self.more}")
