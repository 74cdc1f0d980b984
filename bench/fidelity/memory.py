"""Prints the memory in MB that measuring adds to a decoded photo of 50 megapixels."""

from ctypes import CDLL
from pathlib import Path

from PIL import Image

from bench.fidelity.photos import draw_photo
from bench.fidelity.scores import judge_pair
from bench.peak_memory import MEGABYTE

LARGE = (7072, 7072)
RESULT = (1024, 1024)
KILOBYTE = 1024
STATUS, CLEAR_REFS, RESET_PEAK = Path("/proc/self/status"), Path("/proc/self/clear_refs"), "5"
"""Writing 5 resets the peak (Linux, proc_pid_clear_refs(5))."""


def main() -> None:
    drawn = draw_photo(0)
    photo = drawn.photo.resize(LARGE, Image.Resampling.BILINEAR)
    result = drawn.photo.resize(RESULT)
    cut_out = result.copy()
    cut_out.putalpha(drawn.matte.resize(RESULT))
    # Imports what measuring imports, which the functions have loaded anyway.
    judge_pair(*(picture.resize((64, 64)) for picture in (drawn.photo, cut_out, drawn.photo)))
    # What was freed must not count as available.
    CDLL("libc.so.6").malloc_trim(0)
    CLEAR_REFS.write_text(RESET_PEAK)
    before = read_megabytes("VmRSS")
    judge_pair(photo, cut_out, result)
    print(f"{read_megabytes('VmHWM') - before:.1f}")


def read_megabytes(field: str) -> float:
    """Returns a field of this process's status: `VmRSS` is its memory, `VmHWM` the peak since the last reset."""
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(f"{field}:"))
    return int(line.split()[1]) * KILOBYTE / MEGABYTE


if __name__ == "__main__":
    main()
