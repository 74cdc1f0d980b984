"""Makes one full-size cut-out from file to file, and prints its peak memory and its CPU times."""

import json
import sys
import time
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageOps

from backdrop.imaging.cutout import Matte, cut_out_full_size
from bench.peak_memory import read_peak_megabytes


def main(photo: Path, answer: Path) -> None:
    """Prints the peak memory in megabytes and the CPU seconds of each step as JSON."""
    Image.MAX_IMAGE_PIXELS = None
    data, cut_out = photo.read_bytes(), answer.read_bytes()
    moments = [time.process_time()]
    original = Image.open(BytesIO(data))
    original.load()
    ImageOps.exif_transpose(original, in_place=True)
    moments.append(time.process_time())
    result = cut_out_full_size(original, Matte.of(Image.open(BytesIO(cut_out)).convert("RGBA")))
    moments.append(time.process_time())
    file = BytesIO()
    result.save(file, "PNG", compress_level=4)
    moments.append(time.process_time())
    seconds = [after - before for before, after in zip(moments, moments[1:], strict=False)]
    figures = dict(zip(("decode", "cut", "encode"), seconds, strict=True))
    figures |= {"peak": read_peak_megabytes(), "png": file.tell() / 1e6}
    print(json.dumps(figures))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
