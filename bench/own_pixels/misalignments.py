"""Forced misalignments: the stand-in's scenes of the demo's photos, with the subject moved, scaled, or turned.

A misalignment is detected if the scene is refused, or shifted and scaled so that the subjects match. So that refusing
everything is no success, the refusals of unchanged products are counted, too.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from math import hypot

from PIL import Image, ImageOps

from backdrop.imaging.alignment import find_alignment
from backdrop.imaging.own_pixels import OwnPixelsError, compose_own_pixels
from backdrop_local.photos import load_photo
from backdrop_local.standin.pictures import cut_out, draw_background
from bench.fidelity.corpus import UNCHANGED_KINDS, build_unchanged_pair
from bench.fidelity.damage import STRENGTHS
from bench.fidelity.photos import build_photos

MIN_DETECTED_SHARE = 0.95
MAX_OFFSET = 1 / 400
"""How far a corner of the subject's box may be from its counterpart, as a share of the picture's longer side. This is
what own pixels replace around the subject."""
PHOTOS = ("coffee", "flower", "astronaut")
_SHIFTS = (0.01, 0.02, 0.04, 0.06, 0.1, 0.2)
_SCALES = (0.6, 0.8, 0.9, 0.95, 0.98, 1.02, 1.05, 1.1, 1.25, 1.6)
_TURNS = (-20, -8, -3, 3, 8, 20)
_DIRECTIONS = ((1, 0), (-1, 0), (0, 1), (0, -1))


@dataclass(frozen=True, slots=True)
class SubjectChange:
    """What a provider did to a subject: its scale and shift (shares of the picture), its turn in degrees."""

    name: str
    scale: float = 1.0
    dx: float = 0.0
    dy: float = 0.0
    turn: float = 0.0
    is_mirrored: bool = False


_UNCHANGED = SubjectChange("unchanged")


@dataclass(frozen=True, slots=True)
class MisalignmentFigure:
    """What became of one scene. `max_offset`: its farthest corner, as a share of the picture; None if refused."""

    photo: str
    change: SubjectChange
    max_offset: float | None

    @property
    def is_forced(self) -> bool:
        """Whether the subject was changed at all."""
        return self.change != _UNCHANGED

    @property
    def is_refused(self) -> bool:
        return self.max_offset is None

    @property
    def is_detected(self) -> bool:
        return self.max_offset is None or self.max_offset <= MAX_OFFSET


def list_changes() -> Iterator[SubjectChange]:
    """Yields the forced misalignments of each photo."""
    for share in _SHIFTS:
        for x, y in _DIRECTIONS:
            yield SubjectChange(f"moved by {share:.0%}", dx=share * x, dy=share * y)
    for scale in _SCALES:
        yield SubjectChange(f"scaled to {scale:.0%}", scale=scale)
        yield SubjectChange(f"scaled to {scale:.0%} and moved", scale=scale, dx=0.015, dy=-0.01)
    for turn in _TURNS:
        yield SubjectChange(f"turned by {abs(turn)}°", turn=turn)
    yield SubjectChange("mirrored", is_mirrored=True)


def measure_misalignments() -> Iterator[MisalignmentFigure]:
    """Yields one figure per photo and change. The first one of each photo is its scene without a change."""
    cut_outs = {name: cut_out(_open_photo(name)).to_image() for name in PHOTOS}
    for name, subject in cut_outs.items():
        photo = _open_photo(name)
        ground = draw_background(photo.size, "a wooden table in a kitchen", None, 7)
        for change in (_UNCHANGED, *list_changes()):
            yield MisalignmentFigure(name, change, _measure(photo, subject, ground, change))
    others = dict(zip(PHOTOS, [*PHOTOS[1:], PHOTOS[0]], strict=True))
    for name, other in others.items():
        photo = _open_photo(name)
        ground = draw_background(photo.size, "a wooden table in a kitchen", None, 7)
        stranger = ImageOps.pad(cut_outs[other], photo.size, color=(0, 0, 0, 0))
        ground.paste(stranger, (0, 0), stranger)
        offset = None if _is_refused(photo, cut_outs[name], ground) else 1.0
        yield MisalignmentFigure(name, SubjectChange("replaced by another subject"), offset)


def measure_false_refusals() -> Iterator[bool]:
    """Yields whether each unchanged product of the held-out photos of `bench.fidelity` is refused.

    The changes of light, place, size, and quality are the stronger ones.
    """
    for build in build_photos()[1::2]:
        photo = build()
        for kind in UNCHANGED_KINDS:
            pair = build_unchanged_pair(photo, kind, STRENGTHS - 1)
            yield _is_refused(pair.photo, pair.cut_out, pair.result)


def _open_photo(name: str) -> Image.Image:
    return Image.open(io.BytesIO(load_photo(name))).convert("RGB")


def _is_refused(photo: Image.Image, subject: Image.Image, scene: Image.Image) -> bool:
    try:
        compose_own_pixels(scene, photo.copy, subject.getchannel("A"), None, 100_000_000)
    except OwnPixelsError:
        return True
    return False


def _measure(photo: Image.Image, subject: Image.Image, ground: Image.Image, change: SubjectChange) -> float | None:
    scene, matte = ground.copy(), subject.getchannel("A")
    changed = _change_subject(subject, change)
    scene.paste(changed, (0, 0), changed)
    if _is_refused(photo, subject, scene):
        return None
    if change.turn or change.is_mirrored:
        return 1.0
    alignment, (width, height) = find_alignment(photo, scene, matte), photo.size
    left, top, right, bottom = matte.getbbox() or (0, 0, width, height)
    offsets = list[float]()
    for x, y in ((left, top), (right, top), (left, bottom), (right, bottom)):
        found_x, found_y = alignment.locate_in_result((x, y), photo.size, scene.size)
        true_x = width * (0.5 + change.dx) + (x - width / 2) * change.scale
        true_y = height * (0.5 + change.dy) + (y - height / 2) * change.scale
        offsets.append(hypot(found_x - true_x, found_y - true_y) / max(photo.size))
    return max(offsets)


def _change_subject(subject: Image.Image, change: SubjectChange) -> Image.Image:
    """Returns the cut-out with a change, at its own size. What leaves it is cut off."""
    width, height = subject.size
    turned = ImageOps.mirror(subject) if change.is_mirrored else subject
    if change.turn:
        turned = turned.rotate(change.turn, Image.Resampling.BICUBIC)
    left = width * (0.5 - (0.5 + change.dx) / change.scale)
    top = height * (0.5 - (0.5 + change.dy) / change.scale)
    return turned.transform(
        subject.size,
        Image.Transform.AFFINE,
        (1 / change.scale, 0, left, 0, 1 / change.scale, top),
        Image.Resampling.BICUBIC,
    )
