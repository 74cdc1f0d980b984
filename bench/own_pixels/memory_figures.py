"""Peak memory and CPU time of own pixels at 50 megapixels, from the files to the PNG, each in a new process."""

import sys
import tempfile
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageDraw

from backdrop.imaging.color import to_srgb
from backdrop.imaging.decode import decode
from backdrop.imaging.formats import read_header
from backdrop.imaging.own_pixels import compose_own_pixels
from backdrop.imaging.prepare import load_upright_photo
from backdrop.model.frame import parse_frame, plan_canvas
from bench.peak_memory import MEGABYTE, MemoryFigure, read_peak_megabytes, run_in_fresh_process

MAX_MEGABYTES, MAX_SECONDS = 512, 20
_THIS = "bench.own_pixels.memory_figures"
_SIZE, _SCENE_SIZE = (8_660, 5_774), (1_536, 1_024)
_FRAME, _FRAMED_SCENE_SIZE = "4:5", (1_024, 1_280)
PHOTOS = {
    "JPEG": "50 megapixels",
    "PNG with alpha": "50 megapixels with its own transparency",
    "framed": "27 megapixels on a canvas of 50",
}


def measure_memory() -> Iterator[MemoryFigure]:
    """Yields one figure per kind of photo."""
    with tempfile.TemporaryDirectory() as folder:
        for kind, outcome in PHOTOS.items():
            run_in_fresh_process(_THIS, "make", folder, kind)
            peak, seconds, megabytes = run_in_fresh_process(_THIS, "measure", folder, kind).split()
            yield MemoryFigure(kind, f"{outcome}, {megabytes} MB out", float(peak), MAX_MEGABYTES, float(seconds))


def make_files(folder: Path, kind: str) -> None:
    """Writes a photo with grain, its matte, and a provider's scene with the same subject."""
    size = (6_328, 4_219) if kind == "framed" else _SIZE
    fine, coarse = (
        Image.merge("RGB", [Image.effect_noise(noise_size, 90) for _ in range(3)]).resize(
            size, Image.Resampling.BICUBIC
        )
        for noise_size in ((433, 289), (60, 40))
    )
    photo = Image.blend(fine, coarse, 0.6)
    grain = Image.merge("RGB", [Image.effect_noise((1_024, 1_024), 14)] * 3)
    for left in range(0, size[0], grain.width):
        for top in range(0, size[1], grain.height):
            box = (left, top, min(left + grain.width, size[0]), min(top + grain.height, size[1]))
            photo.paste(Image.blend(photo.crop(box), grain.crop((0, 0, box[2] - left, box[3] - top)), 0.3), box)
    matte = _draw_matte(_SCENE_SIZE)
    matte.save(folder / "matte.png")
    canvas = plan_canvas(size, parse_frame(_FRAME)) if kind == "framed" else None
    scene_size = _FRAMED_SCENE_SIZE if canvas else _SCENE_SIZE
    scene = Image.linear_gradient("L").resize(scene_size).convert("RGB")
    place = canvas.resize(*scene_size) if canvas else None
    subject_size = (place.photo_width, place.photo_height) if place else scene_size
    offset = (place.photo_left, place.photo_top) if place else (0, 0)
    scene.paste(photo.resize(subject_size, Image.Resampling.BOX), offset, _draw_matte(subject_size))
    scene.save(folder / "scene.png")
    if kind == "PNG with alpha":
        photo.putalpha(_draw_matte(size))
        photo.save(folder / "photo", "PNG", compress_level=1)
    else:
        photo.save(folder / "photo", "JPEG", quality=85)


def _draw_matte(size: tuple[int, int]) -> Image.Image:
    matte = Image.new("L", size)
    ImageDraw.Draw(matte).ellipse(tuple(side * share for share in (0.13, 0.85) for side in size), fill=255)
    return matte


def measure(folder: Path, kind: str) -> None:
    """Prints the peak in megabytes, CPU seconds, and the size of the PNG in megabytes on one line."""
    began = time.process_time()
    scene_data = (folder / "scene.png").read_bytes()
    scene = to_srgb(decode(scene_data, read_header(scene_data, "png")))
    with Image.open(folder / "matte.png") as file:
        matte = None if kind == "PNG with alpha" else file.convert("L")
    with Image.open(folder / "photo") as file:
        size = file.size
    canvas = plan_canvas(size, parse_frame(_FRAME)) if kind == "framed" else None
    # The only references to the photo and its bytes are the arguments, so that they are freed early.
    composed = compose_own_pixels(
        scene, load_upright_photo((folder / "photo").read_bytes(), 200), matte, canvas, 50 * MEGABYTE
    )
    png = BytesIO()
    composed.picture.save(png, "PNG", compress_level=4)
    seconds = time.process_time() - began
    print(f"{read_peak_megabytes():.0f} {seconds:.2f} {png.tell() / MEGABYTE:.0f}")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["make", folder, kind]:
            make_files(Path(folder), kind)
        case ["measure", folder, kind]:
            measure(Path(folder), kind)
        case _:
            sys.exit("Usage: make or measure, a folder, and a kind of photo")
