"""Compares equal pictures only once: a test that crashes after each call repeats a delivery a hundred times."""

from collections.abc import Generator
from typing import TYPE_CHECKING

import pytest

from backdrop.deliver import fidelity_checks
from backdrop.imaging.fidelity import FidelityMeasurement, measure_fidelity

if TYPE_CHECKING:
    from PIL.Image import Image


@pytest.fixture(scope="session", autouse=True)
def compare_equal_pictures_once() -> Generator[None]:
    """Keeps the measurement of each combination of photo, mask, and picture.

    A measurement takes a tenth of a second, depends on nothing else, and is not changed afterwards.
    `tests/unit/imaging` tests it.
    """
    measurements: dict[object, FidelityMeasurement] = {}

    def measure_once(photo: "Image", mask: "Image", result: "Image", min_score: float | None) -> FidelityMeasurement:
        pictures = [(one.mode, one.size, one.tobytes()) for one in (photo, mask, result)]
        key = hash((*pictures, min_score))
        if key not in measurements:
            measurements[key] = measure_fidelity(photo, mask, result, min_score)
        return measurements[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fidelity_checks, "measure_fidelity", measure_once)
        yield
