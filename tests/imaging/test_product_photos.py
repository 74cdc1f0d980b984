"""Photos that request a mask or another try: the placeholder cut-outs fit them, and no result shows their product."""

import io

import pytest
from PIL import Image

from backdrop.imaging.fidelity import measure_fidelity
from backdrop.imaging.mask_checks import find_mask_problem
from backdrop.model.fidelity import FidelityVerdict
from backdrop_local.standin.pictures.compose import remove_background, replace_background
from fault_bench.faulted_run import build_product_photo_for


@pytest.mark.parametrize("seed", range(1, 6))
def test_product_has_a_mask_and_always_differs(seed: int) -> None:
    for n in range(0, 200, 10):
        file = build_product_photo_for(f"seed-{seed}/{n:04}.jpg")
        photo, cut_out, result = (
            Image.open(io.BytesIO(picture))
            for picture in (
                file,
                remove_background(file, "cut-out", placeholder=True).png,
                replace_background(file, f"a quiet beach at dawn, {n}", None, n, "result", placeholder=True).png,
            )
        )
        assert find_mask_problem(photo, cut_out) is None
        fidelity = measure_fidelity(photo, cut_out.getchannel("A"), result).fidelity
        assert fidelity.verdict is FidelityVerdict.CHANGED, f"seed-{seed}/{n:04}.jpg: {fidelity}"
