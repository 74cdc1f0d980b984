"""What you can do about a problem: correct a file, or send a request again."""

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum

from backdrop.model.record import Record, record
from backdrop.model.sentence import Sentence


class FollowUp(StrEnum):
    """What happens after the reader has followed the advice."""

    NOTHING = "nothing"
    RUNS = "runs"
    OWNER_RERUNS = "owner_reruns"
    SEND_AGAIN = "send_again"
    WAITS = "waits"


_PHOTO_ENDINGS = {
    FollowUp.NOTHING: ".",
    FollowUp.RUNS: ". The photo then runs again automatically.",
    FollowUp.OWNER_RERUNS: ". The owner then runs `backdrop rerun KEY` with the photo's key.",
    FollowUp.SEND_AGAIN: ". Then send the request again.",
    FollowUp.WAITS: (
        ". The customer does not need to do anything: the photo waits, and continues automatically when this is fixed."
    ),
}
# A request is a message: it cannot be corrected, and it is received once.
_REQUEST_ENDINGS = _PHOTO_ENDINGS | {
    FollowUp.NOTHING: ". Then send the request again.",
    FollowUp.RUNS: ". Then send the request again.",
    FollowUp.OWNER_RERUNS: ". Then send the request again.",
    FollowUp.WAITS: f"{_PHOTO_ENDINGS[FollowUp.WAITS]} Then send the request again.",
}
# For those who carry out the remedy themselves, and so do need to do something.
_OPERATOR_ENDINGS = _PHOTO_ENDINGS | {FollowUp.WAITS: ". The photo continues automatically when the cause is gone."}
NOTHING_TO_DO = "You do not need to do anything. The photo continues automatically when the cause is gone."


@record
class Advice(Record):
    """`remedy`: what to do; None if there is nothing to do. `note`: what else to know.

    `for_operator`: whether only an operator can carry out the remedy. Reports, which customers read too, say so.

    `custom_request_text`: the whole advice for the sender of a request, if it differs in more than the last sentence.
    """

    remedy: Sentence | None = None
    for_operator: bool = False
    follow_up: FollowUp = FollowUp.NOTHING
    note: Sentence | None = None
    custom_request_text: Sentence | None = None

    @classmethod
    def from_text(cls, remedy: str, follow_up: FollowUp = FollowUp.NOTHING, *, for_operator: bool = False) -> "Advice":
        """Accepts one or more sentences, with or without the final period."""
        return cls(remedy=Sentence(remedy).clause, for_operator=for_operator, follow_up=follow_up)

    def with_note(self, note: str) -> "Advice":
        return replace(self, note=Sentence(note if self.note is None else f"{self.note} {note}"))

    def truncate(self, length: int) -> "Advice":
        """Keeps at most `length` characters of each text."""
        texts = {"remedy": self.remedy, "note": self.note, "custom_request_text": self.custom_request_text}
        return replace(self, **{name: text.truncate(length) for name, text in texts.items() if text is not None})

    @property
    def for_unsent_photo(self) -> "Advice":
        """The advice about a photo, or about instructions, that were only checked: nothing runs or waits."""
        return replace(self, follow_up=FollowUp.NOTHING)

    @property
    def is_only_for_photos(self) -> bool:
        """Whether the text for the photo does not help the sender of a request: nothing then runs automatically."""
        return self.custom_request_text is not None or self.follow_up is FollowUp.RUNS

    @property
    def text_for_photo(self) -> Sentence:
        """The advice for the person who can correct the photo or its instructions."""
        is_for_reader = self.remedy is not None and not self.for_operator
        return self._render(_OPERATOR_ENDINGS if is_for_reader else _PHOTO_ENDINGS, operator_mark="Operator: ")

    @property
    def text_for_request(self) -> Sentence:
        """The advice for the sender of a request."""
        if self.custom_request_text is not None:
            return self.custom_request_text
        return self._render(_REQUEST_ENDINGS, operator_mark="Operator: ")

    @property
    def text_for_operator(self) -> Sentence:
        """The advice for an operator, without what it says to the customer."""
        if self.remedy is None and self.follow_up is FollowUp.WAITS:
            return Sentence(NOTHING_TO_DO if self.note is None else f"{NOTHING_TO_DO} {self.note}")
        return self._render(_OPERATOR_ENDINGS)

    def _render(self, endings: Mapping[FollowUp, str], operator_mark: str = "") -> Sentence:
        ending = endings[self.follow_up]
        advice = ending.lstrip(".,; ") if self.remedy is None else f"{self.remedy}{ending}"
        if self.for_operator and operator_mark:
            advice = f"{operator_mark}{advice[:1].lower()}{advice[1:]}"
        return Sentence(advice if self.note is None else f"{advice} {self.note}")
