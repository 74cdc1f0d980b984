"""What a person can do about a problem: said to who can fix a file, or to who can send a request again."""

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum

from backdrop.model.record import Record, record
from backdrop.model.sentence import Sentence


class FollowUp(StrEnum):
    """What follows once the advice was taken."""

    NOTHING = "nothing"
    RUNS = "runs"
    SEND_AGAIN = "send_again"
    WAITS = "waits"


_PHOTO_ENDINGS = {
    FollowUp.NOTHING: ".",
    FollowUp.RUNS: "; the photo runs again by itself.",
    FollowUp.SEND_AGAIN: ", and send the request again.",
    FollowUp.WAITS: ". Nothing to do for the uploader: the photo waits and goes by itself when this is mended.",
}
# A request is a message: nobody can fix it, and it is received once.
_REQUEST_ENDINGS = _PHOTO_ENDINGS | {
    FollowUp.NOTHING: ". Then send the request again.",
    FollowUp.RUNS: "; then send the request again.",
    FollowUp.WAITS: f"{_PHOTO_ENDINGS[FollowUp.WAITS]} Then send the request again.",
}


@record
class Advice(Record):
    """`remedy`: what to do; None where there is nothing. `note`: what else there is to know.

    `custom_request_text`: the whole advice to who sent a request, where it differs by more than what follows.
    """

    remedy: Sentence | None = None
    follow_up: FollowUp = FollowUp.NOTHING
    note: Sentence | None = None
    custom_request_text: Sentence | None = None

    @classmethod
    def from_text(cls, remedy: str, follow_up: FollowUp = FollowUp.NOTHING) -> "Advice":
        """Advice in one sentence or several; with or without the last full stop."""
        return cls(remedy=Sentence(remedy).clause, follow_up=follow_up)

    def with_note(self, note: str) -> "Advice":
        """The same with something else to know."""
        return replace(self, note=Sentence(note if self.note is None else f"{self.note} {note}"))

    def truncate(self, length: int) -> "Advice":
        """The same with at most so many characters of each text."""
        texts = {"remedy": self.remedy, "note": self.note, "custom_request_text": self.custom_request_text}
        return replace(self, **{name: text.truncate(length) for name, text in texts.items() if text is not None})

    @property
    def text_for_photo(self) -> Sentence:
        """To who can fix the photo or what speaks for it."""
        return self._render(_PHOTO_ENDINGS)

    @property
    def text_for_request(self) -> Sentence:
        """To who sent a request."""
        return self._render(_REQUEST_ENDINGS) if self.custom_request_text is None else self.custom_request_text

    def _render(self, endings: Mapping[FollowUp, str]) -> Sentence:
        ending = endings[self.follow_up]
        advice = ending.lstrip(".,; ") if self.remedy is None else f"{self.remedy}{ending}"
        return Sentence(advice if self.note is None else f"{advice} {self.note}")
