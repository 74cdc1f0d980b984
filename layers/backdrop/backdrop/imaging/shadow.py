"""Draws the shadow of a cut-out under it: a contact shadow, a drop shadow, or a reflection.

A shadow is computed from the subject at a working size, because it is blurred anyway, and scaled to the canvas strip by
strip. Outside it, the canvas is unchanged to the last bit.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from backdrop.imaging.matte_parts import MIN_VISIBLE_ALPHA
from backdrop.imaging.output_layout import OutputLayout
from backdrop.imaging.overlay import draw_over
from backdrop.imaging.strip_resize import resize_in_strips
from backdrop.model.composition import CONTACT, DROP, REFLECTION, Shadow
from backdrop.model.frame import Box, Size

if TYPE_CHECKING:
    from PIL.Image import Image

_WORKING_SIDE = 1_024
"""The longest side at which a shadow is computed, in pixels."""
_VISIBLE_ALPHA = [0] * MIN_VISIBLE_ALPHA + [*range(MIN_VISIBLE_ALPHA, 256)]
"""Keeps a matte's noise, which no one sees, from casting a shadow."""
_MIN_BLUR = 0.6
"""The smallest blur, in working pixels, so that no edge shows steps."""

# The shapes, as shares of the subject's longer side.
_CONTACT_BAND, _CONTACT_SQUASH, _CONTACT_BLUR, _AMBIENT_BLUR = 0.08, 0.3, 0.05, 0.14
_AMBIENT_STRENGTH = 0.45
_DROP_OFFSET, _DROP_BLUR = 0.04, 0.08
_REFLECTION_LENGTH, _REFLECTION_BLUR = 0.3, 0.02


def draw_shadow(canvas: "Image", subject: "Image", layout: OutputLayout, shadow: Shadow) -> None:
    """Draws the shadow of an RGBA subject, placed by `layout`, on an RGB or RGBA canvas, which is changed."""
    from PIL import Image

    layer = build_shadow_layer(_shrink_to_working_size(subject, layout), shadow)
    box = layer.getbbox()
    if box is None:
        return
    scale = canvas.height / layer.height
    first, last = (box[1] - 1) * scale, (box[3] + 1) * scale
    # Bilinear, because Lanczos would surround a shadow with ripples.
    for top, strip in resize_in_strips(layer, canvas.size, (0, 0, *layer.size), Image.Resampling.BILINEAR):
        if top + strip.height <= first or top >= last:
            continue
        draw_over(canvas, strip, (0, top))


def build_shadow_layer(placed: "Image", shadow: Shadow) -> "Image":
    """Returns the shadow as an RGBA picture of the same size as the placed subject (RGBA)."""
    from PIL import Image

    placed.putalpha(placed.getchannel("A").point(_VISIBLE_ALPHA))
    box = placed.getchannel("A").getbbox()
    if box is None:
        return Image.new("RGBA", placed.size)
    return _BUILDERS[shadow.type](placed, box, shadow)


def _shrink_to_working_size(subject: "Image", layout: OutputLayout) -> "Image":
    """Returns the whole output with the subject in its place, at the working size."""
    from PIL import Image

    scale = min(1.0, _WORKING_SIDE / max(layout.size))
    size = _scale_size(layout.size, scale)
    placed = Image.new("RGBA", size)
    left, upper = round(layout.content_offset[0] * scale), round(layout.content_offset[1] * scale)
    for top, strip in resize_in_strips(
        subject, _scale_size(layout.content_size, scale), layout.crop_box, Image.Resampling.BILINEAR
    ):
        placed.paste(strip, (left, upper + top))
    return placed


def _scale_size(size: Size, scale: float) -> Size:
    return max(round(size[0] * scale), 1), max(round(size[1] * scale), 1)


def _build_contact(placed: "Image", box: Box, shadow: Shadow) -> "Image":
    """The lowest part of the subject, squashed onto the ground, and around it a wider, weaker shade."""
    from PIL import Image, ImageChops

    left, upper, right, ground = box
    length = max(right - left, ground - upper)
    band = max(round(length * _CONTACT_BAND), 1)
    height = max(round(band * _CONTACT_SQUASH), 1)
    foot = placed.getchannel("A").crop((left, max(ground - band, upper), right, ground))
    seam = Image.new("L", placed.size)
    seam.paste(foot.resize((right - left, height), Image.Resampling.BILINEAR), (left, ground - height // 2))
    near = _blur(seam, length * _CONTACT_BLUR * shadow.softness, flatness=0.6)
    far = _blur(seam, length * _AMBIENT_BLUR * shadow.softness, flatness=0.35)
    return _fill_black(ImageChops.lighter(near, _scale_values(far, _AMBIENT_STRENGTH)), shadow)


def _build_drop(placed: "Image", box: Box, shadow: Shadow) -> "Image":
    """The whole subject, moved down and to the right, as if lit from the upper left."""
    from PIL import Image

    left, upper, right, lower = box
    length = max(right - left, lower - upper)
    offset = max(round(length * _DROP_OFFSET), 1)
    mask = Image.new("L", placed.size)
    mask.paste(placed.getchannel("A"), (offset // 2, offset))
    return _fill_black(_blur(mask, length * _DROP_BLUR * shadow.softness), shadow)


def _build_reflection(placed: "Image", box: Box, shadow: Shadow) -> "Image":
    """The subject upside down below its lowest point, fading out."""
    from PIL import Image, ImageChops, ImageOps

    left, upper, right, ground = box
    length = max(right - left, ground - upper)
    height = max(min(round(length * _REFLECTION_LENGTH), ground - upper), 1)
    mirrored = Image.new("RGBA", placed.size)
    mirrored.paste(ImageOps.flip(placed.crop((left, ground - height, right, ground))), (left, ground))
    mirrored = _blur(mirrored, length * _REFLECTION_BLUR * shadow.softness)
    # It begins at full strength at the ground. Above the ground, it is 0, although the blur reaches there.
    fade = Image.new("L", placed.size)
    ramp = Image.linear_gradient("L").transpose(Image.Transpose.FLIP_TOP_BOTTOM).resize((placed.width, height))
    fade.paste(_scale_values(ramp, shadow.strength), (0, ground))
    mirrored.putalpha(ImageChops.multiply(mirrored.getchannel("A"), fade))
    return mirrored


def _blur(picture: "Image", radius: float, *, flatness: float = 1.0) -> "Image":
    """Blurs by a radius in pixels. `flatness`: the vertical radius, as a share of the horizontal one."""
    from PIL import ImageFilter

    return picture.filter(ImageFilter.GaussianBlur((max(radius, _MIN_BLUR), max(radius * flatness, _MIN_BLUR))))


def _scale_values(mask: "Image", factor: float) -> "Image":
    return mask.point([round(one * factor) for one in range(256)])


def _fill_black(mask: "Image", shadow: Shadow) -> "Image":
    """Returns a black picture with this mask (L), weakened to the shadow's strength, as its alpha."""
    from PIL import Image

    layer = Image.new("RGBA", mask.size)
    layer.putalpha(_scale_values(mask, shadow.strength))
    return layer


_BUILDERS: Mapping[str, Callable[["Image", Box, Shadow], "Image"]] = {
    CONTACT: _build_contact,
    DROP: _build_drop,
    REFLECTION: _build_reflection,
}
