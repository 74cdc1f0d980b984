"""Peak memory and CPU time of cutting out a 50-megapixel photo: `python -m bench.deliver_memory`.

Runs deliver's steps from the bytes of the photo and the provider's result to the signed file of each output, each in a
new process. Exits with code 1 if one needs more memory than deliver has. `--megapixels 100`: larger photos, which have
no limit.
"""

import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from math import sqrt
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from backdrop.imaging.brand_images import open_brand_image
from backdrop.imaging.measure import certify_file
from backdrop.imaging.metadata import embed_picture_metadata
from backdrop.imaging.output import OriginalPhoto, PaidPicture
from backdrop.imaging.prepare import load_upright_photo
from backdrop.imaging.sniff import sniff_file
from backdrop.imaging.verify import verify_result
from backdrop.instructions.output_schema import SQUARE_OUTPUT
from backdrop.model.marketplaces import list_marketplaces
from backdrop.model.output_spec import OutputSpec, parse_outputs
from bench.peak_memory import (
    MEGABYTE,
    MemoryFigure,
    find_exit_code,
    print_figures,
    read_peak_megabytes,
    run_in_fresh_process,
)

MAX_MEGABYTES = 512
MEGAPIXELS = 50
_ANSWER = (1_536, 1_024)
_THIS = "bench.deliver_memory"
_SHOP: dict[str, Any] = SQUARE_OUTPUT | {"name": "shop"}
_THUMB: dict[str, Any] = {"name": "thumb", "format": "webp", "width": 400}
LOGO_KEY, TABLE_KEY = "_backdrop/brand/logo.png", "_backdrop/backgrounds/table.jpg"
PACKSHOT: dict[str, Any] = {"shadow": {"type": "drop"}, "logo": {"image": LOGO_KEY}}
OUTPUTS: dict[str, list[dict[str, Any]]] = {
    "PNG at the photo's size": [{}],
    "WebP at its maximum size": [{"format": "webp"}],
    "WebP on white": [{"format": "webp", "background": "#ffffff"}],
    "JPEG on white": [{"format": "jpg", "background": "#ffffff"}],
    "JPEG on white, at most 3 MB": [{"format": "jpg", "background": "#ffffff", "max_bytes": 3_000_000}],
    "WebP, at most 1 MB": [{"format": "webp", "max_bytes": 1_000_000}],
    "white square": [SQUARE_OUTPUT],
    "shadow, logo, three outputs": [
        PACKSHOT,
        PACKSHOT | {"name": "web", "format": "jpg", "background": {"gradient": ["#ffffff", "#dddddd"]}},
        SQUARE_OUTPUT | {"name": "shop", "shadow": {"type": "contact"}},
    ],
    "reflection on a picture": [
        PACKSHOT | {"format": "png", "shadow": {"type": "reflection"}, "background": {"image": TABLE_KEY}}
    ],
    "PNG, white square, and thumb": [
        {},
        SQUARE_OUTPUT | {"name": "shop"},
        {"name": "thumb", "format": "webp", "width": 400},
    ],
    "all marketplaces, certified": [{"for": list_marketplaces()}],
    "marketplace at the photo's size, certified": [{"for": "amazon-main", "format": "png", "width": 7_000}],
    "the provider's picture": [{"size": "provider"}],
}


def measure_all(megapixels: int = MEGAPIXELS) -> Iterator[MemoryFigure]:
    """Yields one row for each list of outputs."""
    max_megabytes = MAX_MEGABYTES if megapixels == MEGAPIXELS else None
    with tempfile.TemporaryDirectory() as folder:
        run_in_fresh_process(_THIS, "make", folder, str(megapixels))
        for name in OUTPUTS:
            output_megabytes, peak, seconds = run_in_fresh_process(_THIS, "measure", folder, name).split()
            yield MemoryFigure(name, f"{output_megabytes} MB out", float(peak), max_megabytes, float(seconds))


def make_files(folder: Path, megapixels: int) -> None:
    """Writes a photo with grain, and a provider's smaller cut-out of it."""
    height = round(sqrt(megapixels * MEGABYTE / 1.5))
    size = round(height * 1.5), height
    grain = Image.merge("RGB", [Image.effect_noise((1_024, 1_024), 14)] * 3)
    photo = Image.merge("RGB", [Image.effect_noise((433, 289), 90) for _ in range(3)]).resize(size)
    for left in range(0, size[0], grain.width):
        for top in range(0, size[1], grain.height):
            box = (left, top, min(left + grain.width, size[0]), min(top + grain.height, size[1]))
            part = grain.crop((0, 0, box[2] - left, box[3] - top))
            photo.paste(Image.blend(photo.crop(box), part, 0.3), box)
    photo.save(folder / "photo.jpg", quality=85)
    cut_out = photo.resize(_ANSWER, Image.Resampling.BOX)
    matte = Image.new("L", _ANSWER)
    ImageDraw.Draw(matte).ellipse((200, 100, 1_300, 950), fill=255)
    cut_out.putalpha(matte)
    cut_out.save(folder / "answer.png")
    Image.effect_noise((6_000, 4_000), 60).convert("RGB").save(folder / "table.jpg", quality=90)
    logo = Image.new("RGBA", (3_000, 1_000))
    ImageDraw.Draw(logo).ellipse((0, 0, 2_999, 999), fill=(20, 60, 200, 255))
    logo.save(folder / "logo.png")


def _load_photo(folder: Path) -> Image.Image:
    """Reads the photo as deliver does, which does not keep its bytes."""
    return load_upright_photo((folder / "photo.jpg").read_bytes(), 200)


def _embed_metadata(spec: OutputSpec, file: bytes) -> bytes:
    return embed_picture_metadata(file, sniff_file(file).format or "png", "remove", spec.texts)


def measure(folder: Path, name: str) -> None:
    """Prints the cost of one job's outputs on one line."""
    answer = (folder / "answer.png").read_bytes()
    with Image.open(folder / "photo.jpg") as photo:
        size = photo.size
    began, made = time.process_time(), 0
    specs = parse_outputs({"output": OUTPUTS[name]})
    used = {image for spec in specs for image in spec.brand_images}
    pictures = {image: open_brand_image((folder / Path(image.key).name).read_bytes(), image.use) for image in used}
    picture = verify_result(answer, expect_alpha=True, max_megapixels=200)
    paid = PaidPicture(answer, picture, OriginalPhoto(size, False, lambda: _load_photo(folder)))
    for spec in specs:
        file = paid.build_output(spec, partial(_embed_metadata, spec), pictures)
        if spec.marketplace:
            certify_file(file.data, spec.marketplace, operation="remove", subject=file.subject)
        made += len(file.data)
        # As in deliver, frees the memory of this file before the next one is made.
        del file
    seconds = time.process_time() - began
    print(f"{made / MEGABYTE:.1f} {read_peak_megabytes():.0f} {seconds:.2f}")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["make", folder, megapixels]:
            make_files(Path(folder), int(megapixels))
        case ["measure", folder, name]:
            measure(Path(folder), name)
        case ["--megapixels", megapixels]:
            sys.exit(find_exit_code(print_figures(measure_all(int(megapixels)))))
        case _:
            sys.exit(find_exit_code(print_figures(measure_all())))
