"""What people should know of a job that goes on all the same: code decides by its fields, and never by the words."""

from enum import StrEnum

from backdrop.model.codes import Code
from backdrop.model.record import Record, record
from backdrop.model.sentence import Sentence


class WarningCode(StrEnum):
    """What a warning is about, where it is not one of the codes that an error has."""

    ENLARGED = "enlarged"
    FEWER_RESULTS = "fewer_results"
    FIRST_PICTURE = "first_picture"
    MOVED = "moved"
    NOT_CURRENT = "not_current"
    OLD_PICTURE = "old_picture"
    PASSED_OVER = "passed_over"
    SAME_VARIANTS = "same_variants"
    SMALLER_RESULT = "smaller_result"
    TAG_NOT_READ = "tag_not_read"
    LEFT_OUT = "left_out"


@record
class JobWarning(Record):
    """One warning. `text`: as receipts show it. `picture_key`: the key of the file that it is about.

    `count`: of how many warnings it is what is left, since a job's item is limited.
    """

    code: WarningCode | Code
    text: Sentence
    picture_key: str = ""
    count: int = 1

    @classmethod
    def from_code(cls, code: WarningCode | Code, message: str | Sentence, *, picture_key: str = "") -> "JobWarning":
        """A warning whose text begins with its code, by which those who read receipts tell it from others."""
        return cls(code=code, text=Sentence(f"{code}: {message}"), picture_key=picture_key)
