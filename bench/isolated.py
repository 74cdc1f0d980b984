"""What a child process per photo costs: `python -m bench.isolated`.

Prepares one photo with and without, alternately.
"""

from io import BytesIO
from statistics import median
from time import perf_counter

from PIL import Image

from backdrop.imaging.isolated import ForkedProcesses
from backdrop.imaging.prepare import prepare_photo
from backdrop.imaging.same_process import SAME_PROCESS, Isolation
from backdrop.model.capabilities import PHOTO_LIMITS

ROUNDS = 15
SIZE = 4_000, 3_000


def make_photo() -> bytes:
    """Returns a JPEG of 12 megapixels on its side, with grain."""
    clouds = Image.effect_noise((433, 289), 90).resize(SIZE)
    exif = Image.Exif()
    exif[0x0112] = 6
    file = BytesIO()
    picture = Image.blend(clouds, Image.effect_noise(SIZE, 14), 0.3).convert("RGB")
    picture.save(file, "JPEG", quality=88, exif=exif.tobytes())
    return file.getvalue()


def main() -> None:
    processes, photo = ForkedProcesses(), make_photo()
    processes.start()
    seconds: dict[str, list[float]] = {"in a child": [], "in the worker": []}
    places: dict[str, Isolation] = {"in a child": processes, "in the worker": SAME_PROCESS}
    for _ in range(ROUNDS + 1):
        for name, place in places.items():
            began = perf_counter()
            place.run(prepare_photo, photo, PHOTO_LIMITS, 100)
            seconds[name].append(perf_counter() - began)
    processes.stop()
    # The first round loads libraries.
    child, worker = (median(times[1:]) for times in seconds.values())
    print(
        f"{len(photo) / 1e6:.1f} MB: {child:.3f} s in a child, {worker:.3f} s in the worker, {child / worker:.2f} times"
    )
    print(f"difference: {child - worker:.3f} s per photo")


if __name__ == "__main__":
    main()
