"""Warnings about a job that continues. Code decides by their fields, never by their text."""

from enum import StrEnum

from backdrop.model.codes import Code
from backdrop.model.record import Record, record
from backdrop.model.sentence import Sentence


class WarningCode(StrEnum):
    """Codes of warnings; a warning may also have the code of an error."""

    CERTIFICATE_FAILED = "certificate_failed"
    ENLARGED = "enlarged"
    FEWER_RESULTS = "fewer_results"
    FIRST_PICTURE = "first_picture"
    FRAME_PADDED = "frame_padded"
    MOVED = "moved"
    NOT_CURRENT = "not_current"
    OLD_PICTURE = "old_picture"
    OVER_MAX_BYTES = "over_max_bytes"
    PASSED_OVER = "passed_over"
    SAME_OUTPUTS = "same_outputs"
    SAME_VARIANTS = "same_variants"
    SMALLER_RESULT = "smaller_result"
    SUBJECT_AT_BORDER = "subject_at_border"
    TAG_NOT_READ = "tag_not_read"
    LEFT_OUT = "left_out"


@record
class JobWarning(Record):
    """One warning. `text` is shown in receipts. `picture_key`: the key of the picture concerned.

    `count`: how many warnings this one stands for, because the size of a job's item is limited.
    """

    code: WarningCode | Code
    text: Sentence
    picture_key: str = ""
    count: int = 1

    @classmethod
    def from_code(cls, code: WarningCode | Code, message: str | Sentence, *, picture_key: str = "") -> "JobWarning":
        """Returns a warning whose text begins with its code, so that readers of receipts can distinguish it."""
        return cls(code=code, text=Sentence(f"{code}: {message}"), picture_key=picture_key)
