"""Peak memory and CPU time of own pixels at 50 megapixels, from the files to each format, each in a new process.

Each process does what deliver does for one image: it reads the photo for its mask, verifies the provider's file,
composes the picture, compares the product, and makes the outputs, with their metadata.
"""

import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from backdrop.deliver.fidelity_checks import MAX_COMPARED_SIDE, PhotoWithMask
from backdrop.deliver.original_photos import OriginalPhotos
from backdrop.deliver.own_pixels import OwnPixels
from backdrop.imaging.fidelity import measure_fidelity
from backdrop.imaging.metadata import embed_picture_metadata
from backdrop.imaging.output import PaidPicture
from backdrop.imaging.sniff import sniff_file
from backdrop.imaging.strip_resize import downscale
from backdrop.imaging.verify import verify_result
from backdrop.model.fidelity import OWN_PIXELS, PIXELS_FIELD, SUBJECT_FIELD
from backdrop.model.frame import Canvas, parse_frame, plan_canvas
from backdrop.model.ids import sha256_hex
from backdrop.model.job import Job
from backdrop.model.output_spec import OutputSpec, parse_outputs
from backdrop.ports import ListedObject, StoredObject
from bench.peak_memory import MEGABYTE, MemoryFigure, read_peak_megabytes, run_in_fresh_process
from bench.prepare_memory import swap_primaries

MAX_MEGABYTES, MAX_SECONDS = 512, 20
_THIS = "bench.own_pixels.memory_figures"
_SIZE, _SCENE_SIZE = (8_660, 5_774), (1_536, 1_024)
_FRAMED_SIZE, _FRAMED_SCENE_SIZE = (6_300, 4_200), (1_024, 1_280)
_FRAME = "4:5"
_MAX_MEGAPIXELS = 50
_NOW = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class PhotoKind:
    """A photo's file, with Pillow's format and options. `has_alpha`: its own transparency is the matte.

    `is_framed`: it is sent on a canvas. `max_megabytes`: None if decoding it alone takes more than that.
    """

    format: str
    options: Mapping[str, Any]
    size: tuple[int, int] = _SIZE
    has_alpha: bool = False
    is_framed: bool = False
    max_megabytes: int | None = MAX_MEGABYTES

    @property
    def canvas(self) -> Canvas | None:
        return plan_canvas(self.size, parse_frame(_FRAME)) if self.is_framed else None


_JPEG, _PNG = {"quality": 85}, {"compress_level": 1}
_WEBP, _TIFF = {"quality": 85, "method": 1}, {"compression": "tiff_adobe_deflate", "tiffinfo": {317: 2}}
PHOTOS: Mapping[str, PhotoKind] = {
    "JPEG": PhotoKind("JPEG", _JPEG),
    "PNG with alpha": PhotoKind("PNG", _PNG, has_alpha=True),
    "PNG with alpha and a profile": PhotoKind("PNG", {**_PNG, "icc_profile": swap_primaries()}, has_alpha=True),
    "TIFF with alpha": PhotoKind("TIFF", _TIFF, has_alpha=True),
    "WebP with alpha": PhotoKind("WEBP", _WEBP, has_alpha=True, max_megabytes=None),
    "JPEG in a frame": PhotoKind("JPEG", _JPEG, _FRAMED_SIZE, is_framed=True),
    "PNG with alpha in a frame": PhotoKind("PNG", _PNG, _FRAMED_SIZE, has_alpha=True, is_framed=True),
    "JPEG in a frame, scaled": PhotoKind("JPEG", _JPEG, is_framed=True),
    "PNG with alpha in a frame, scaled": PhotoKind("PNG", _PNG, has_alpha=True, is_framed=True),
}
OUTPUTS: Mapping[str, list[dict[str, Any]]] = {
    "PNG": [{}],
    "JPEG": [{"format": "jpg"}],
    "WebP": [{"format": "webp"}],
    "PNG, JPEG, and WebP": [{}, {"name": "web", "format": "jpg"}, {"name": "small", "format": "webp", "width": 1_600}],
}


@dataclass(frozen=True)
class _Folder:
    """An input bucket with one photo."""

    path: Path

    def read(self, bucket: str, key: str, *, max_bytes: int, known_etag: str | None = None) -> StoredObject:
        data = (self.path / key).read_bytes()
        return StoredObject("", None, len(data), _NOW, data)

    def read_tags(self, bucket: str, key: str) -> Mapping[str, str]:
        return {}

    def list_folder_keys(self, bucket: str, prefix: str, after: str = "") -> Iterator[str]:
        yield from ()

    def iterate_objects(self, bucket: str, after: str) -> Iterator[ListedObject]:
        yield from ()


def measure_memory() -> Iterator[MemoryFigure]:
    """Yields one figure per kind of photo and list of outputs."""
    for name, kind in PHOTOS.items():
        with tempfile.TemporaryDirectory() as folder:
            run_in_fresh_process(_THIS, "make", folder, name)
            megabytes = (Path(folder) / "photo").stat().st_size / MEGABYTE
            for outputs in OUTPUTS:
                peak, seconds, outcome = run_in_fresh_process(_THIS, "measure", folder, name, outputs).split(maxsplit=2)
                photo = f"{name}, {megabytes:.0f} MB, as {outputs}"
                yield MemoryFigure(photo, outcome.strip(), float(peak), kind.max_megabytes, float(seconds))


def make_files(folder: Path, kind: PhotoKind) -> None:
    """Writes a photo with grain, its matte, and a provider's scene with the same subject."""
    fine, coarse = (
        Image.merge("RGB", [Image.effect_noise(noise_size, 90) for _ in range(3)]).resize(
            kind.size, Image.Resampling.BICUBIC
        )
        for noise_size in ((433, 289), (60, 40))
    )
    photo = Image.blend(fine, coarse, 0.6)
    grain = Image.merge("RGB", [Image.effect_noise((1_024, 1_024), 14)] * 3)
    for left in range(0, photo.width, grain.width):
        for top in range(0, photo.height, grain.height):
            box = (left, top, min(left + grain.width, photo.width), min(top + grain.height, photo.height))
            photo.paste(Image.blend(photo.crop(box), grain.crop((0, 0, box[2] - left, box[3] - top)), 0.3), box)
    _draw_matte(_SCENE_SIZE).save(folder / "matte.png")
    scene_size = _FRAMED_SCENE_SIZE if kind.canvas else _SCENE_SIZE
    scene = Image.linear_gradient("L").resize(scene_size).convert("RGB")
    place = kind.canvas.resize(*scene_size) if kind.canvas else None
    subject_size = (place.photo_width, place.photo_height) if place else scene_size
    offset = (place.photo_left, place.photo_top) if place else (0, 0)
    scene.paste(photo.resize(subject_size, Image.Resampling.BOX), offset, _draw_matte(subject_size))
    scene.save(folder / "scene.png")
    if kind.has_alpha:
        photo.putalpha(_draw_matte(kind.size))
    photo.save(folder / "photo", kind.format, **kind.options)


def _draw_matte(size: tuple[int, int]) -> Image.Image:
    matte = Image.new("L", size)
    ImageDraw.Draw(matte).ellipse(tuple(side * share for share in (0.13, 0.85) for side in size), fill=255)
    return matte


def measure(folder: Path, kind: PhotoKind, outputs: str) -> None:
    """Prints the peak in megabytes, CPU seconds, and the outcome on one line."""
    job = _build_job(folder, kind, outputs)
    photos = OriginalPhotos(_Folder(folder), 2 * _MAX_MEGAPIXELS)
    began, made, size = time.process_time(), 0, (0, 0)
    original = _load_with_mask(folder, kind, photos, job)
    data = (folder / "scene.png").read_bytes()
    picture = PaidPicture(data, verify_result(data, expect_alpha=False, max_megapixels=2 * _MAX_MEGAPIXELS))
    warnings = list(OwnPixels(photos, _MAX_MEGAPIXELS).compose(job, 1, picture, original))
    shown, pixels = kind.canvas, downscale(picture.pixels, MAX_COMPARED_SIDE / max(picture.size))
    if shown:
        shown = shown.resize(*pixels.size)
        left, top = shown.photo_left, shown.photo_top
        pixels = pixels.crop((left, top, left + shown.photo_width, top + shown.photo_height))
    fidelity = measure_fidelity(original.photo, original.mask, pixels).fidelity
    for spec in parse_outputs(job.instructions):
        file = picture.build_output(spec, partial(_embed_metadata, spec))
        made, size = made + len(file.data), (file.width, file.height)
        # As in deliver, frees the memory of this file before the next one is made.
        del file
    seconds = time.process_time() - began
    codes = ", ".join(warning.code for warning in warnings) or fidelity.verdict
    print(f"{read_peak_megabytes():.0f} {seconds:.2f} {size[0]} x {size[1]}, {made / MEGABYTE:.0f} MB out, {codes}")


def _load_with_mask(folder: Path, kind: PhotoKind, photos: OriginalPhotos, job: Job) -> PhotoWithMask:
    photo = photos.load(job)
    if photo is None:
        raise FileNotFoundError(folder / "photo")
    reduced = downscale(photo, MAX_COMPARED_SIDE / max(photo.size))
    if kind.has_alpha:
        return PhotoWithMask(reduced, reduced.getchannel("A"), has_own_alpha=True)
    with Image.open(folder / "matte.png") as file:
        return PhotoWithMask(reduced, file.convert("L"), has_own_alpha=False)


def _build_job(folder: Path, kind: PhotoKind, outputs: str) -> Job:
    return Job(
        job_id="",
        content_id="",
        source_id="",
        bucket="",
        key="photo",
        version_id=None,
        sha256=sha256_hex((folder / "photo").read_bytes()),
        canvas=kind.canvas,
        variant="",
        operation="replace",
        provider="ideogram",
        purchase_spec={},
        instructions={SUBJECT_FIELD: {PIXELS_FIELD: OWN_PIXELS}, "output": OUTPUTS[outputs]},
        provenance={},
        quoted=0,
        queued_at=_NOW,
    )


def _embed_metadata(spec: OutputSpec, file: bytes) -> bytes:
    return embed_picture_metadata(file, sniff_file(file).format or "png", "replace", spec.texts)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["make", folder, kind]:
            make_files(Path(folder), PHOTOS[kind])
        case ["measure", folder, kind, outputs]:
            measure(Path(folder), PHOTOS[kind], outputs)
        case _:
            sys.exit("Usage: make or measure, a folder, and a kind of photo")
