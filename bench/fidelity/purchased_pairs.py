"""Measures pairs that someone has bought: a photo, a mask of its subject, and the provider's result."""

import glob
from collections.abc import Iterator
from pathlib import Path

from PIL import Image, ImageOps

from backdrop.imaging.color import to_srgb
from backdrop.imaging.fidelity import measure_fidelity
from backdrop.imaging.mask_checks import find_mask_problem
from backdrop.model.fidelity import Fidelity


def measure_folder(folder: Path) -> Iterator[str]:
    """Yields a line of tab-separated values per pair. Writes each change map as `NAME.changes.png`.

    A mask may be a cut-out, which has an alpha channel, or a gray picture that is white where the subject is. The line
    of a pair that is incomplete, or cannot be read, says so.
    """
    yield "name\tverdict\tscore\treason"
    for path in sorted(folder.glob("*.photo.*")):
        name = path.name.split(".photo.", maxsplit=1)[0]
        paths = {role: next(folder.glob(f"{glob.escape(name)}.{role}.*"), None) for role in ("result", "mask")}
        if missing := " and ".join(f"{name}.{role}.*" for role, found in paths.items() if found is None):
            yield f"{name}\t\t\tnot measured: {missing} is missing"
            continue
        try:
            photo, result, mask = (_read(one) for one in (path, *paths.values()) if one)
        except OSError as error:
            yield f"{name}\t\t\tnot measured: {error}"
            continue
        mask = mask if mask.mode == "RGBA" else mask.convert("L")
        alpha = mask.getchannel("A") if mask.mode == "RGBA" else mask
        if problem := find_mask_problem(photo, mask):
            fidelity = Fidelity.from_reason(problem)
        else:
            measurement = measure_fidelity(photo, alpha, result)
            fidelity = measurement.fidelity
            if measurement.change_map:
                measurement.change_map.save(folder / f"{name}.changes.png")
        score = "" if fidelity.score is None else f"{fidelity.score:.3f}"
        yield f"{name}\t{fidelity.verdict}\t{score}\t{fidelity.reason or ''}"


def _read(path: Path) -> Image.Image:
    with Image.open(path) as picture:
        return to_srgb(ImageOps.exif_transpose(picture))
