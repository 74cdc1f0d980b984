"""Shadows of cut-outs: where they are, that nothing else changes, and what strength and softness do."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from backdrop.imaging import shadow as shadow_module
from tests.imaging.output_pictures import Pixels, build_output, open_output, read_pixels

TYPES = ("contact", "drop", "reflection")
SIDE = 200
BOX = (60, 40, 140, 150)
"""The left, top, right, and bottom of the subject."""
WHITE = (255, 255, 255)


def draw_subject(side: int = SIDE) -> Image.Image:
    picture = Image.new("RGBA", (side, side))
    scale = side / SIDE
    ImageDraw.Draw(picture).rectangle(
        (BOX[0] * scale, BOX[1] * scale, BOX[2] * scale - 1, BOX[3] * scale - 1), fill=(200, 40, 40, 255)
    )
    return picture


def render(picture: Image.Image | None = None, **fields: Any) -> Pixels:
    """Returns the pixels of an output that shows the subject."""
    return read_pixels(open_output(build_output(picture or draw_subject(), **fields)))


def find_darkness(**fields: Any) -> Pixels:
    """Returns how much darker than white each pixel of the output on white is."""
    return 255 - render(background="white", **fields)[:, :, :3].min(axis=2)


@pytest.mark.parametrize("kind", TYPES)
def test_pure_white_stays_pure_outside_the_shadow(kind: str) -> None:
    pixels = render(background="white", shadow=kind)[:, :, :3]
    far = np.ones((SIDE, SIDE), dtype=bool)
    reach = 40
    far[BOX[1] - reach : BOX[3] + reach, BOX[0] - reach : BOX[2] + reach] = False
    assert far.sum() > SIDE * SIDE / 5
    assert (pixels[far] == WHITE).all()


@pytest.mark.parametrize("kind", TYPES)
def test_subject_is_unchanged_by_its_shadow(kind: str) -> None:
    left, top, right, bottom = BOX
    backgrounds: tuple[dict[str, Any], ...] = ({}, {"background": "white"})
    for fields in backgrounds:
        plain, shaded = render(**fields), render(shadow=kind, **fields)
        assert (plain[top:bottom, left:right] == shaded[top:bottom, left:right]).all()
        assert (plain != shaded).any()


@pytest.mark.parametrize("kind", ["contact", "drop"])
def test_shadow_on_transparency_is_black_with_alpha(kind: str) -> None:
    pixels = render(shadow=kind)
    below = pixels[BOX[3] + 2, 100]
    assert tuple(below[:3]) == (0, 0, 0)
    assert 10 < below[3] < 160
    assert (pixels[5, 5] == 0).all()


def test_contact_shadow_is_only_at_the_ground() -> None:
    darkness = find_darkness(shadow="contact")
    assert darkness[BOX[3], 100] > 60
    assert darkness[: BOX[3] - 40, : BOX[0]].max() == 0


def test_drop_shadow_falls_down_and_to_the_right() -> None:
    darkness = find_darkness(shadow={"type": "drop", "softness": 0})
    middle = (BOX[1] + BOX[3]) // 2
    assert darkness[BOX[3] + 2, 100] > 80 > darkness[BOX[1] - 3, 100]
    assert darkness[middle, BOX[2]] > 40 > darkness[middle, BOX[0] - 3]


def test_reflection_mirrors_the_subject_and_fades() -> None:
    pixels = render(background="white", shadow={"type": "reflection", "softness": 0})
    near, far = pixels[BOX[3] + 3, 100], pixels[BOX[3] + 25, 100]
    assert near[0] > near[1] + 30
    assert near[1] < far[1] < 255
    assert (pixels[BOX[3] + 45, 100, :3] == 255).all()


@pytest.mark.parametrize("kind", TYPES)
def test_strength_darkens_and_zero_draws_nothing(kind: str) -> None:
    weak, strong = (find_darkness(shadow={"type": kind, "strength": one}) for one in (0.2, 0.9))
    assert strong[BOX[3] :].sum() > 2 * weak[BOX[3] :].sum() > 0
    assert (render(shadow={"type": kind, "strength": 0}) == render()).all()


@pytest.mark.parametrize("kind", ["contact", "drop"])
def test_softness_spreads_the_shadow(kind: str) -> None:
    sharp, soft = (np.count_nonzero(find_darkness(shadow={"type": kind, "softness": one})) for one in (0, 1))
    assert soft > 1.1 * sharp


@pytest.mark.parametrize("kind", TYPES)
def test_shadow_does_not_depend_on_the_working_size(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    exact = find_darkness(shadow=kind)
    monkeypatch.setattr(shadow_module, "_WORKING_SIDE", SIDE // 2)
    assert np.abs(exact - find_darkness(shadow=kind)).mean() < 2


@pytest.mark.parametrize("kind", TYPES)
def test_matte_noise_casts_no_shadow_and_leaves_white_pure(kind: str) -> None:
    noisy = draw_subject()
    noisy.paste((90, 90, 90, 3), (0, 0, SIDE, 20))
    assert (render(noisy, background="white", shadow=kind)[:20, :, :3] == 255).all()


def test_shadow_of_an_opaque_picture_draws_nothing() -> None:
    opaque = Image.new("RGB", (SIDE, SIDE), (10, 20, 30))
    assert (render(opaque, shadow="drop") == render(opaque)).all()


@given(
    kind=st.sampled_from(TYPES),
    strength=st.floats(0, 1),
    softness=st.floats(0, 1),
    box=st.tuples(*[st.integers(0, 30)] * 4),
    fit=st.sampled_from([{}, {"trim": True}, {"width": 23}, {"width": 50, "height": 40, "fit": "pad"}]),
)
def test_any_shadow_keeps_size_and_never_brightens(
    kind: str, strength: float, softness: float, box: tuple[int, int, int, int], fit: dict[str, Any]
) -> None:
    picture = Image.new("RGBA", (40, 40))
    # A smaller subject would be invisible once it is scaled.
    picture.paste((0, 0, 0, 255), (box[0], box[1], box[0] + 3 + box[2] % 10, box[1] + 3 + box[3] % 10))
    shadow = {"type": kind, "strength": strength, "softness": softness}
    plain = render(picture, background="gray", **fit)
    shaded = render(picture, background="gray", shadow=shadow, **fit)
    assert plain.shape == shaded.shape
    # Without a shadow, invisible alpha of up to 3 remains around a scaled subject.
    assert (shaded <= plain + 2).all()
