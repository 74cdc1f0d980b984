"""Finds outputs whose `cover` would cut off part of a photo's subject."""

from collections.abc import Iterator

from backdrop.imaging.output_layout import compute_layout
from backdrop.model.frame import MAX_CROP_SHARE, Box, Canvas, FloatBox, Size
from backdrop.model.job import Job
from backdrop.model.output_spec import COVER, OutputSpec, format_output_name, parse_outputs


def may_crop(output: OutputSpec) -> bool:
    """Whether the output can cut off a part of the photo. After `trim`, the photo's own shape no longer matters."""
    return output.fit == COVER and not output.trim


def find_crops(job: Job, photo: Size, subject_box: Box | None) -> Iterator[str]:
    """Yields a sentence for each such output of a job.

    `subject_box`: None if the photo does not show where its subject is. Without a
    subject, the whole photo counts, because the subject may be anywhere in it.
    """
    left, top, right, bottom = subject_box or (0, 0, *photo)
    canvas = job.canvas or Canvas(
        width=photo[0], height=photo[1], photo_left=0, photo_top=0, photo_width=photo[0], photo_height=photo[1]
    )
    across, down = canvas.photo_width / photo[0], canvas.photo_height / photo[1]
    shown = (
        canvas.photo_left + left * across,
        canvas.photo_top + top * down,
        canvas.photo_left + right * across,
        canvas.photo_top + bottom * down,
    )
    for output in parse_outputs(job.instructions):
        if may_crop(output):
            lost_share = _measure_loss(shown, compute_layout(canvas.width, canvas.height, output).crop_box)
            if lost_share > MAX_CROP_SHARE:
                part = "the subject" if subject_box else "the photo, perhaps of its subject"
                variant = f" of the variant {job.variant}" if job.variant else ""
                yield f"In {format_output_name(output)}{variant}, cover cuts off {lost_share:.0%} of {part}."


def _measure_loss(box: FloatBox, crop_box: FloatBox) -> float:
    """Returns the share of a box that is outside the crop box."""
    width = max(0.0, min(box[2], crop_box[2]) - max(box[0], crop_box[0]))
    height = max(0.0, min(box[3], crop_box[3]) - max(box[1], crop_box[1]))
    return 1 - width * height / ((box[2] - box[0]) * (box[3] - box[1]))
