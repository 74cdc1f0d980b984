"""Twelve common requests of a marketer: each is a line of instructions, and its effect is measured in the files."""

import json
from io import BytesIO
from typing import Any, cast

import pytest
from PIL import Image, ImageChops

from tests.e2e.deployed_stack import eventually
from tests.e2e.folder import Folder

pytestmark = pytest.mark.usefixtures("composed_pictures")

WHITE, BLUE = (255, 255, 255), (0, 0, 255)
MARKETPLACE_SIDE = 2_000


def request(folder: Folder, instructions: dict[str, Any], *names: str) -> list[Image.Image]:
    """Uploads a photo with these instructions, and returns its pictures as soon as there are exactly these."""
    folder.drop("red.jpg", instructions)
    eventually(
        lambda: folder.pictures("red.jpg") == sorted(names),
        f"{names} are delivered",
        lambda: (folder.pictures("red.jpg"), folder.report("red.jpg")),
    )
    return [folder.picture("red.jpg", name) for name in names]


def read_color(picture: Image.Image, x: int, y: int) -> tuple[int, ...]:
    return cast("tuple[int, ...]", picture.getpixel((x, y)))


def are_equal(first: Image.Image, second: Image.Image) -> bool:
    return ImageChops.difference(first.convert("RGB"), second.convert("RGB")).getbbox() is None


def test_seasonal_variants(folder: Folder) -> None:
    variants = {season: {"prompt": f"{folder.prompt}, {season}"} for season in ("summer", "winter")}
    summer, winter = request(folder, {"variants": variants}, "red-summer.png", "red-winter.png")
    assert summer.size == winter.size
    assert not are_equal(summer, winter)


def test_brand_colors(folder: Folder) -> None:
    colors = ["#0044CC", "white"]
    request(folder, {**folder.instructions, "color_palette": colors}, "red.png")
    (charge,) = folder.charges()
    (sent,) = [entry for entry in folder.stack.standin.see("requests")["requests"] if entry["job"] == charge["id"]]
    sizes = {part["name"]: part["size"] for part in sent["parts"]}
    assert sizes["color_palette"] == len(json.dumps({"members": [{"color_hex": "#0044cc"}, {"color_hex": "#ffffff"}]}))


@pytest.mark.parametrize(("frame", "ratio"), [("4:5", 4 / 5), ("9:16", 9 / 16)])
def test_shape_of_a_channel(folder: Folder, frame: str, ratio: float) -> None:
    (picture,) = request(folder, {**folder.instructions, "frame": frame}, "red.png")
    assert picture.width / picture.height == pytest.approx(ratio, abs=0.02)


def test_white_square_for_a_marketplace(folder: Folder) -> None:
    (picture,) = request(folder, {"operation": "remove", "output": {"for": "amazon-main"}}, "red@amazon-main.jpg")
    last = MARKETPLACE_SIDE - 1
    assert picture.size == (MARKETPLACE_SIDE, MARKETPLACE_SIDE)
    assert {read_color(picture, x, y) for x in (0, last) for y in (0, last)} == {WHITE}
    (result,) = folder.wait_until_stored("red.jpg")["results"]
    assert result["certificate"]["verdict"] == "passed"


def test_cut_out_and_white_from_one_purchase(folder: Folder) -> None:
    outputs = [{}, {"name": "white", "format": "jpg", "background": "white"}]
    cut_out, white = request(folder, {"operation": "remove", "output": outputs}, "red.png", "red@white.jpg")
    assert read_color(cut_out, 0, 0)[3] == 0
    assert min(read_color(white, 0, 0)) >= 254
    assert folder.wait_until_stored("red.jpg")["cost"]["usd"] == 0.01


def test_own_file_names(folder: Folder) -> None:
    output = {"name_template": "{sku}_front.{ext}"}
    folder.drop("red.jpg", {"operation": "remove", "metadata": {"sku": "4711"}, "output": output})
    folder.wait_until_stored("red.jpg")
    assert folder.list_outputs(folder.key("4711")) == ["_front.png"]


def test_product_name_in_the_prompt(folder: Folder) -> None:
    request(folder, {"prompt": "{words}", "rendering_speed": "TURBO", "metadata": {"words": folder.prompt}}, "red.png")
    assert len(folder.charges()) == 1


def test_shadow_on_pure_white(folder: Folder) -> None:
    square = {"width": 400, "height": 400, "fit": "pad", "trim": True, "margin": "25%", "background": "white"}
    outputs = [{**square, "name": "plain"}, {**square, "name": "shaded", "shadow": "drop"}]
    plain, shaded = request(folder, {"operation": "remove", "output": outputs}, "red@plain.png", "red@shaded.png")
    assert not are_equal(plain, shaded)
    assert shaded.crop((0, 0, 400, 20)).getextrema() == ((255, 255),) * 3


def test_several_sizes(folder: Folder) -> None:
    outputs = [{"name": "large", "width": 48}, {"name": "small", "width": 32}]
    large, small = request(folder, {"operation": "remove", "output": outputs}, "red@large.png", "red@small.png")
    assert (large.size, small.size) == ((48, 36), (32, 24))


def test_logo(folder: Folder) -> None:
    file = BytesIO()
    Image.new("RGB", (60, 20), BLUE).save(file, "PNG")
    folder.put("_backdrop/brand/logo.png", file.getvalue())
    logo = {"image": folder.key("_backdrop/brand/logo.png"), "width": "50%", "margin": "0%"}
    (picture,) = request(folder, {**folder.instructions, "logo": logo}, "red.png")
    assert read_color(picture, picture.width - 2, picture.height - 2)[:3] == pytest.approx(BLUE, abs=8)
    assert read_color(picture, 1, 1)[:3] != pytest.approx(BLUE, abs=8)


def test_crop_to_the_subject(folder: Folder) -> None:
    (picture,) = request(folder, {"operation": "remove", "output": {"trim": True}}, "red.png")
    assert picture.getchannel("A").getbbox() == (0, 0, *picture.size)


def test_alt_text(folder: Folder) -> None:
    alt = "A red shoe on white"
    (picture,) = request(folder, {"operation": "remove", "alt": alt, "output": {"format": "webp"}}, "red.webp")
    assert alt.encode() in picture.info["xmp"]
    (result,) = folder.wait_until_stored("red.jpg")["results"]
    assert result["alt"] == alt
