"""Framed photos: drawn on the canvas of their frame before the purchase, and stored for render."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from backdrop.imaging.prepare import prepare_framed_photo
from backdrop.intake.batch_cache import BatchCache
from backdrop.model.capabilities import MAX_FILE_BYTES, PHOTO_LIMITS
from backdrop.model.codes import Code
from backdrop.model.errors import ConflictError, InstructionError
from backdrop.model.frame import (
    FRAME_FIELD,
    SUBJECT_FIELDS,
    Box,
    Canvas,
    Size,
    parse_frame,
    plan_canvas,
    plan_subject_canvas,
)
from backdrop.model.ids import sha256_hex, to_canonical_json
from backdrop.model.job_warning import JobWarning, WarningCode
from backdrop.model.object_keys import framed_photo_name
from backdrop.model.sentence import Sentence
from backdrop.ports import CallInputStore, InputBucket, Run, run_here

MIN_PHOTO_SHARE = 0.25
"""The share of a frame's area below which a photo in it is reported. A 16:9 photo in 9:16 fills 32%."""


@dataclass(frozen=True, slots=True)
class StoredCanvas:
    """The canvas of a stored framed photo, and what the customer should read before the purchase."""

    canvas: Canvas
    warnings: tuple[JobWarning, ...]


class FramedPhotos:
    def __init__(self, photos: InputBucket, inputs: CallInputStore, max_megapixels: int, run: Run = run_here) -> None:
        self._photos = photos
        self._inputs = inputs
        self._max_megapixels = max_megapixels
        self._run = run
        self.cache = BatchCache[tuple[str, str], StoredCanvas]()

    def draw_and_store(
        self, bucket: str, key: str, image_sha256: str, purchase_spec: Mapping[str, Any]
    ) -> StoredCanvas:
        """Draws the photo on the canvas that a job's purchase fields describe, and stores the file that will be sent.

        Raises PhotoError if the photo cannot be opened, InstructionError if its subject must be placed but is unknown,
        and ConflictError if the bucket no longer has these bytes.
        """
        frame_spec = {name: purchase_spec[name] for name in (FRAME_FIELD, *SUBJECT_FIELDS) if name in purchase_spec}
        identity = image_sha256, to_canonical_json(frame_spec)
        return self.cache.get(identity, partial(self._draw, bucket, key, image_sha256, frame_spec))

    def _draw(self, bucket: str, key: str, image_sha256: str, frame_spec: Mapping[str, Any]) -> StoredCanvas:
        stored = self._photos.read(bucket, key, max_bytes=MAX_FILE_BYTES)
        if stored is None or stored.data is None or sha256_hex(stored.data) != image_sha256:
            raise ConflictError
        framed = self._run(
            prepare_framed_photo, stored.data, partial(_plan_canvas, frame_spec), PHOTO_LIMITS, self._max_megapixels
        )
        self._inputs.put(framed_photo_name(image_sha256, framed.canvas), framed.data)
        warnings = (*_build_border_warnings(framed.touched_sides), *_build_share_warnings(framed.canvas))
        return StoredCanvas(framed.canvas, warnings)


def _plan_canvas(frame_spec: Mapping[str, Any], photo: Size, subject_box: Box | None) -> Canvas:
    frame = parse_frame(frame_spec[FRAME_FIELD])
    if not any(name in frame_spec for name in SUBJECT_FIELDS):
        return plan_canvas(photo, frame)
    if subject_box is None:
        message = (
            "The instructions place the subject in the frame, but the photo has no transparent part that shows where "
            "its subject is."
        )
        raise InstructionError(Code.FRAME_NEEDS_MASK, message)
    return plan_subject_canvas(photo, subject_box, frame, frame_spec["subject_size"], frame_spec["position"])


def _build_border_warnings(touched_sides: tuple[str, ...]) -> tuple[JobWarning, ...]:
    if not touched_sides:
        return ()
    borders = f"{' and '.join(touched_sides)} border{'s' if touched_sides[1:] else ''}"
    message = f"the subject touches the photo's {borders}, so the frame may not show all of it"
    return (JobWarning(code=WarningCode.SUBJECT_AT_BORDER, text=Sentence(message)),)


def _build_share_warnings(canvas: Canvas) -> tuple[JobWarning, ...]:
    share = canvas.photo_width * canvas.photo_height / (canvas.width * canvas.height)
    if share >= MIN_PHOTO_SHARE:
        return ()
    message = f"the photo fills only {share:.0%} of the frame, so its subject is small in the picture"
    return (JobWarning(code=WarningCode.SMALL_IN_FRAME, text=Sentence(message)),)
