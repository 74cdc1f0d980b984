"""Compares and composes equal pictures only once: a test that crashes after each call repeats a delivery often."""

from collections.abc import Callable, Generator
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from backdrop.deliver import fidelity_checks, own_pixels
from backdrop.imaging.fidelity import FidelityMeasurement, measure_fidelity
from backdrop.imaging.own_pixels import ComposedScene, compose_own_pixels

if TYPE_CHECKING:
    from PIL.Image import Image

    from backdrop.model.frame import Canvas


@pytest.fixture(scope="session", autouse=True)
def compare_equal_pictures_once() -> Generator[None]:
    """Keeps the measurement of each combination of photo, mask, and picture.

    A measurement takes a tenth of a second, depends on nothing else, and is not changed afterwards.
    `tests/imaging` tests it.
    """
    measurements: dict[object, FidelityMeasurement] = {}

    def measure_once(photo: "Image", mask: "Image", result: "Image", min_score: float | None) -> FidelityMeasurement:
        key = hash((*map(_read_contents, (photo, mask, result)), min_score))
        if key not in measurements:
            measurements[key] = measure_fidelity(photo, mask, result, min_score)
        return measurements[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fidelity_checks, "measure_fidelity", measure_once)
        yield


@pytest.fixture(scope="session", autouse=True)
def compose_equal_pictures_once() -> Generator[None]:
    """Keeps the picture of each combination of scene, photo, and matte, and returns copies of it.

    Composing one takes a twentieth of a second, and depends on nothing else. The photo is still loaded each time.
    `tests/imaging` tests it.
    """
    compositions: dict[object, ComposedScene] = {}

    def compose_once(
        scene: "Image",
        load_photo: "Callable[[], Image | None]",
        matte: "Image | None",
        canvas: "Canvas | None",
        max_pixels: int,
    ) -> ComposedScene:
        photo = load_photo()
        key = hash((*map(_read_contents, (scene, photo, matte)), repr(canvas), max_pixels))
        if key not in compositions:
            compositions[key] = compose_own_pixels(scene, lambda: photo, matte, canvas, max_pixels)
        composed = compositions[key]
        return replace(composed, picture=composed.picture.copy())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(own_pixels, "compose_own_pixels", compose_once)
        yield


def _read_contents(picture: "Image | None") -> object:
    return picture and (picture.mode, picture.size, picture.tobytes())
