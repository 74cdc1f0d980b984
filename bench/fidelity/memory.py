"""Prints the memory in MB that measuring adds to a decoded photo of 50 megapixels."""

from PIL import Image

from backdrop.imaging.fidelity import measure_fidelity
from bench.fidelity.photos import draw_photo
from bench.peak_memory import read_peak_megabytes

LARGE = (7072, 7072)
RESULT = (1024, 1024)


def main() -> None:
    drawn = draw_photo(0)
    photo = drawn.photo.resize(LARGE, Image.Resampling.BILINEAR)
    result, mask = drawn.photo.resize(RESULT), drawn.matte.resize(RESULT)
    # Imports what measuring imports, which the functions have loaded anyway.
    measure_fidelity(drawn.photo.resize((64, 64)), drawn.matte.resize((64, 64)), drawn.photo.resize((64, 64)))
    before = read_peak_megabytes()
    measure_fidelity(photo, mask, result)
    print(f"{read_peak_megabytes() - before:.1f}")


if __name__ == "__main__":
    main()
