"""A simulated stack whose pictures wait for approval: real photos with new backgrounds, and products that changed."""

from dataclasses import dataclass
from functools import cache
from io import BytesIO

from PIL import Image, ImageDraw, ImageEnhance

from backdrop_local.home import ROOT
from backdrop_local.standin.pictures import remove_background, replace_background
from simulation.world.simulated_provider import ProviderKind
from simulation.world.simulated_stack import World

PHOTOS = ROOT / "examples" / "photos"
SCENE_LANE, CUT_OUT_LANE = "segmind", "ideogram"
MINUTE = 60
MAX_SIDE_PIXELS = 1000


@dataclass(frozen=True)
class WaitingPhoto:
    """A photo, and how its new picture differs: `damage` of 0 leaves the product as it is."""

    key: str
    file: str
    prompt: str
    damage: int = 0
    has_mask: bool = True


WAITING_PHOTOS = (
    WaitingPhoto("cups/bluebells.jpg", "marketplace/cup.jpg", "on a pale kitchen counter, soft morning light"),
    WaitingPhoto("cups/espresso.jpg", "campaign/cup.jpg", "on dark slate, a single lamp from the left", damage=2),
    WaitingPhoto("cups/garden.jpg", "lifestyle/cup.jpg", "on a mossy stone, light through the leaves", damage=1),
    WaitingPhoto("portraits/admiral.jpg", "portraits/admiral.jpg", "in front of a plain studio wall", has_mask=False),
)


def build_review_world(photos: tuple[WaitingPhoto, ...] = WAITING_PHOTOS) -> World:
    """Returns a world in which one picture of each photo waits for a person."""
    world = World(other_providers={SCENE_LANE: ProviderKind.LOOKUP_BY_PROVIDER_ID})
    for photo in photos:
        add_waiting_picture(world, photo)
        world.run_for(7 * MINUTE)
    return world


def add_waiting_picture(world: World, photo: WaitingPhoto) -> None:
    """Lets a photo be bought, so that its picture waits."""
    data, cut_out, scene = draw_pictures(photo)
    world.downloads.override_by_provider |= {SCENE_LANE: scene, CUT_OUT_LANE: cut_out}
    subject = {"subject": {"mask": "buy"}} if photo.has_mask else {}
    world.upload_photo(photo.key, data)
    world.upload_sidecar(photo.key, prompt=photo.prompt, provider=SCENE_LANE, approval="required", **subject)
    world.run_until_empty()


@cache
def draw_pictures(photo: WaitingPhoto) -> tuple[bytes, bytes, bytes]:
    """Returns the photo, its cut-out, and the provider's picture of it."""
    data = _shrink((PHOTOS / photo.file).read_bytes())
    cut_out = remove_background(data, photo.key, max_pixels=0).png
    scene = replace_background(data, photo.prompt, None, 7, photo.key).png
    return data, cut_out, _damage(scene, cut_out, photo.damage)


def _shrink(data: bytes) -> bytes:
    """Returns a photo that the simulated stack accepts: it limits pictures to one megapixel."""
    picture, file = Image.open(BytesIO(data)).convert("RGB"), BytesIO()
    picture.thumbnail((MAX_SIDE_PIXELS, MAX_SIDE_PIXELS))
    picture.save(file, "JPEG", quality=92)
    return file.getvalue()


def _damage(scene: bytes, cut_out: bytes, amount: int) -> bytes:
    """Redraws parts of the product, as a model does that makes up a pattern."""
    picture, mask = Image.open(BytesIO(_shrink(scene))), Image.open(BytesIO(cut_out)).getchannel("A")
    box = mask.resize(picture.size).getbbox()
    if amount and box:
        left, top, right, bottom = box
        width, height = right - left, bottom - top
        layer = picture.copy()
        draw = ImageDraw.Draw(layer)
        for n in range(3 * amount):
            x, y = left + width * (0.25 + 0.16 * (n % 3)), top + height * (0.35 + 0.18 * (n // 3))
            draw.ellipse((x, y, x + width * 0.11, y + height * 0.11), fill=(196, 64 + 30 * n, 48))
        layer = ImageEnhance.Brightness(layer).enhance(1.02)
        picture = Image.composite(
            layer, picture, mask.resize(picture.size).point([255 * (v > 200) for v in range(256)])
        )
    file = BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()
