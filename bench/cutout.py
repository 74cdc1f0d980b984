"""The quality and cost of full-size cut-outs: errors of alpha and color compared with scaling, time, and memory.

The true cut-out is known (`bench/cutout_scenes.py`). A provider's result is the true cut-out at a quarter of the
photo's side, also in a blurred and in an eroded version. `python bench/cutout.py`, or with `quality`, `memory`, or
`png` for one table.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from backdrop.imaging.cutout import Matte, cut_out_full_size
from bench.cutout_scenes import CutoutScene, Pixels, build_scenes, composite

RATIO = 4
BAND = 9
PROVIDER_ANSWERS: dict[str, dict[str, Any]] = {"true": {}, "soft, 0.8 px": {"soft": 0.8}, "1 px too small": {"cut": 1}}
LARGE = (8660, 5774)
LARGE_ANSWER = (1536, 1024)
MAX_MEGABYTES = 512
# IEC 61966-2-1 to CIE XYZ, and the white point D65.
_TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
_WHITE = np.array([0.9505, 1.0, 1.089])


def scale_alpha(photo: Image.Image, provider: Image.Image) -> Image.Image:
    """Returns the photo with the provider's alpha, scaled with a bicubic filter."""
    result = photo.copy()
    result.putalpha(provider.getchannel("A").resize(photo.size, Image.Resampling.BICUBIC))
    return result


def enlarge(photo: Image.Image, provider: Image.Image) -> Image.Image:
    """Returns the provider's own picture, scaled up."""
    return provider.resize(photo.size, Image.Resampling.BICUBIC)


METHODS: dict[str, Callable[[Image.Image, Image.Image], Image.Image]] = {
    "enlarged": enlarge,
    "bicubic": scale_alpha,
    "full size": lambda photo, provider: cut_out_full_size(photo.copy(), Matte.of(provider)),
}


def measure_errors(scene: CutoutScene, result: Image.Image) -> tuple[float, float, float]:
    """Returns three errors: alpha's mean absolute error in percent, its sum near edges in thousands of pixels, and ΔE.

    ΔE (CIE76) is the mean near edges, of the cut-out over white and over black, each compared with the truth.
    """
    pixels = np.asarray(result).astype(float)
    alpha = pixels[..., 3] / 255
    off, band = np.abs(alpha - scene.alpha), find_edge(scene)
    apart = [
        np.linalg.norm(
            convert_to_lab(composite(alpha, pixels[..., :3], ground))
            - convert_to_lab(composite(scene.alpha, scene.subject, ground)),
            axis=-1,
        )
        for ground in ((255, 255, 255), (0, 0, 0))
    ]
    return 100 * float(off.mean()), float(off[band].sum()) / 1000, float(np.mean([one[band].mean() for one in apart]))


def find_edge(scene: CutoutScene) -> NDArray[np.bool_]:
    """Returns the pixels that are partly subject, and those around them."""
    partly = Image.fromarray((((scene.alpha > 0) & (scene.alpha < 1)) * 255).astype(np.uint8))
    return np.asarray(partly.filter(ImageFilter.MaxFilter(BAND))) > 0


def convert_to_lab(colors: Pixels) -> Pixels:
    """Converts sRGB (0 to 255) to CIE L*a*b*."""
    share = np.clip(colors, 0, 255) / 255
    light = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    xyz = light @ _TO_XYZ.T / _WHITE
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], -1)


def print_quality() -> None:
    """Prints the errors of each method on each scene."""
    print(f"{'answer':<16}{'scene':<30}" + "".join(f"{way:>24}" for way in METHODS))
    print(" " * 46 + f"{'MAE %   SAD k     ΔE':>24}" * len(METHODS))
    for answer, how in PROVIDER_ANSWERS.items():
        for scene in build_scenes():
            photo = scene.draw_photo()
            provider = scene.draw_provider_answer((photo.width // RATIO, photo.height // RATIO), **how)
            cells = [measure_errors(scene, make(photo, provider)) for make in METHODS.values()]
            print(f"{answer:<16}{scene.name:<30}" + "".join(f"{m:>10.2f}{s:>7.1f}{e:>7.1f}" for m, s, e in cells))


def print_memory() -> bool:
    """Prints the peak memory and CPU time of 50-megapixel cut-outs. Returns whether all stay within the limit."""
    print(f"\n{'50 megapixels':<16}{'peak MB':>10}{'decode s':>10}{'cut s':>10}{'encode s':>10}{'PNG MB':>10}")
    peaks = [_measure(turned) for turned in ("upright", "rotated")]
    return max(peaks) <= MAX_MEGABYTES


def _measure(turned: str) -> float:
    with tempfile.TemporaryDirectory() as folder:
        photo, answer = Path(folder, "photo.jpg"), Path(folder, "answer.png")
        subprocess.run([sys.executable, "-m", "bench.cutout", "make", photo, answer, turned], check=True)
        process = subprocess.run(
            [sys.executable, "-m", "bench.cutout_large", photo, answer], check=True, capture_output=True, text=True
        )
    figures = json.loads(process.stdout)
    cells = "".join(f"{figures[name]:>10.2f}" for name in ("decode", "cut", "encode", "png"))
    print(f"{turned:<16}{figures['peak']:>10.0f}{cells}")
    return figures["peak"]


def make_large(photo: Path, answer: Path, turned: str) -> None:
    """Writes a photo of 50 megapixels and a provider's result for it. `rotated`: turned by 90 degrees, with EXIF."""
    scene = build_scenes(*(side // 4 for side in LARGE))[3]
    large = scene.draw_photo().resize(LARGE, Image.Resampling.BICUBIC)
    scene.draw_provider_answer(LARGE_ANSWER).save(answer)
    exif = Image.Exif()
    if turned == "rotated":
        large = large.transpose(Image.Transpose.ROTATE_90)
        exif[0x0112] = 6
    large.save(photo, "JPEG", quality=90, exif=exif)


def print_png() -> None:
    """Prints the time and size of PNG compression for a cut-out of 12 megapixels."""
    scene = build_scenes(2000, 1500)[3]
    cut = cut_out_full_size(scene.draw_photo(), Matte.of(scene.draw_provider_answer((1024, 768)))).resize(
        (4000, 3000), Image.Resampling.BICUBIC
    )
    print(f"\n{'compress_level':<16}{'seconds':>10}{'MB':>10}")
    for level in range(1, 10):
        began, file = time.process_time(), BytesIO()
        cut.save(file, "PNG", compress_level=level)
        print(f"{level:<16}{time.process_time() - began:>10.2f}{len(file.getvalue()) / 1e6:>10.2f}")


def main(arguments: list[str]) -> int:
    """Prints the tables. Returns 1 if the memory limit is exceeded."""
    if arguments[:1] == ["make"]:
        make_large(Path(arguments[1]), Path(arguments[2]), arguments[3])
        return 0
    tables: dict[str, Callable[[], object]] = {"quality": print_quality, "memory": print_memory, "png": print_png}
    return int(False in [tables[name]() for name in arguments or tables])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
