"""Warnings about a job that continues. Code decides by their fields, never by their text."""

from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from backdrop.model.codes import Code
from backdrop.model.record import Record, record
from backdrop.model.sentence import Sentence

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema


class WarningCode(StrEnum):
    """Codes of warnings; a warning may also have the code of an error."""

    CERTIFICATE_FAILED = "certificate_failed"
    CREDENTIALS_LEFT_OUT = "credentials_left_out"
    ENLARGED = "enlarged"
    FEWER_RESULTS = "fewer_results"
    FEWER_RETRIES = "fewer_retries"
    FIRST_PICTURE = "first_picture"
    FRAME_PADDED = "frame_padded"
    MASK_UNAVAILABLE = "mask_unavailable"
    MOVED = "moved"
    NOT_CURRENT = "not_current"
    OLD_PICTURE = "old_picture"
    OVER_MAX_BYTES = "over_max_bytes"
    PASSED_OVER = "passed_over"
    PHOTO_GONE = "photo_gone"
    PICTURE_REJECTED = "picture_rejected"
    PRODUCT_CHANGED = "product_changed"
    RETRIED = "retried"
    SAME_OUTPUTS = "same_outputs"
    SAME_VARIANTS = "same_variants"
    SCENE_ENLARGED = "scene_enlarged"
    SMALL_IN_FRAME = "small_in_frame"
    SMALLER_RESULT = "smaller_result"
    STRAY_PARTS = "stray_parts"
    SUBJECT_AT_BORDER = "subject_at_border"
    SUBJECT_MOVED = "subject_moved"
    TAG_NOT_READ = "tag_not_read"
    TINY_PHOTO = "tiny_photo"
    TRANSLUCENT_SUBJECT = "translucent_subject"
    TRANSPARENT_RESULT = "transparent_result"
    LEFT_OUT = "left_out"


@record
class JobWarning(Record):
    """One warning. `text` does not name its code. `picture_key`: the key of the picture concerned.

    `count`: how many warnings this one stands for, because the size of a job's item is limited.
    """

    code: WarningCode | Code
    text: Sentence
    picture_key: str = ""
    count: int = 1

    @property
    def text_with_code(self) -> str:
        """The warning as people read it: `enlarged: …`."""
        return f"{self.code}: {self.text}"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: "GetCoreSchemaHandler") -> "CoreSchema":
        """Also reads the texts of release 0.2.0. Most of them begin with their code."""
        from pydantic_core import core_schema

        return core_schema.no_info_after_validator_function(_remove_stored_code, handler(source))


def _remove_stored_code(stored: JobWarning) -> JobWarning:
    return replace(stored, text=Sentence(str(stored.text).removeprefix(f"{stored.code}: ")))
