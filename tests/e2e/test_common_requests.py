"""The common requests of a marketer, and their effects, measured in the files that the deployed stack delivers."""

import json
from io import BytesIO
from typing import Any, cast

import pytest
from PIL import Image, ImageChops

from backdrop.deliver.pictures import CACHE_CONTROL
from backdrop.imaging.xmp import SOURCE_TYPES
from tests.e2e.deployed_stack import eventually
from tests.e2e.folder import Folder

pytestmark = pytest.mark.usefixtures("composed_pictures")

WHITE, BLUE = (255, 255, 255), (0, 0, 255)
MARKETPLACE_SIDE, PIXELS, MAX_BYTES = 2_000, 400, 20_000
SEASONS = ("summer", "winter")
ALT = "A red shoe on white"
SQUARE: dict[str, Any] = {"width": PIXELS, "height": PIXELS, "fit": "pad", "trim": True, "margin": "25%"}
OUTPUTS: list[dict[str, Any]] = [
    {},
    {"for": "amazon-main"},
    {"name": "white", "format": "jpg", "background": "white", "max_bytes": MAX_BYTES},
    {"name": "small", "format": "webp", "width": 32},
    {"name": "trimmed", "trim": True},
    SQUARE | {"name": "plain", "background": "white"},
    SQUARE | {"name": "shaded", "background": "white", "shadow": "drop"},
    SQUARE | {"name": "gradient", "background": {"gradient": ["#ffffff", "#204060"]}},
]


def test_each_request_has_its_effect_in_the_files(folder: Folder) -> None:
    """Seasons in a brand's colors and style, a marketplace's files from one cut-out, and own names."""
    drop_seasons(folder)
    folder.drop("cut.jpg", {"operation": "remove", "alt": ALT, "output": OUTPUTS})
    output = {"name_template": "{sku}_front.{ext}"}
    folder.drop("named.jpg", {"operation": "remove", "metadata": {"sku": "4711"}, "output": output})
    check_seasons(folder)
    check_cut_out(folder)
    folder.wait_until_stored("named.jpg")
    assert folder.list_outputs(folder.key("4711")) == ["_front.png"]


def drop_seasons(folder: Folder) -> None:
    """Uploads a photo with two scenes, whose prompts contain the product's name."""
    file = BytesIO()
    Image.new("RGB", (60, 20), BLUE).save(file, "PNG")
    folder.put("_backdrop/brand/logo.png", file.getvalue())
    folder.put("style.txt", folder.photo("style.jpg"))
    instructions: dict[str, object] = {
        "rendering_speed": "TURBO",
        "metadata": {"words": folder.prompt},
        "variants": {season: {"prompt": f"{{words}}, {season}"} for season in SEASONS},
        "color_palette": ["#0044CC", "white"],
        "style_reference_images": [folder.key("style.txt")],
        "frame": "4:5",
        "logo": {"image": folder.key("_backdrop/brand/logo.png"), "width": "50%", "margin": "0%"},
    }
    folder.drop("seasons.jpg", instructions)


def check_seasons(folder: Folder) -> None:
    names = [f"seasons-{season}.png" for season in SEASONS]
    eventually(
        lambda: folder.pictures("seasons.jpg") == names,
        "both seasons are delivered",
        lambda: (folder.pictures("seasons.jpg"), folder.report("seasons.jpg")),
    )
    summer, winter = (folder.picture("seasons.jpg", name).convert("RGB") for name in names)
    assert not are_equal(summer, winter)
    for picture in (summer, winter):
        assert picture.width / picture.height == pytest.approx(4 / 5, abs=0.02)
        assert read_color(picture, picture.width - 2, picture.height - 2) == pytest.approx(BLUE, abs=8)
        assert read_color(picture, 1, 1) != pytest.approx(BLUE, abs=8)
    palette = len(json.dumps({"members": [{"color_hex": "#0044cc"}, {"color_hex": "#ffffff"}]}))
    for season in SEASONS:
        (charge,) = folder.charges(f"{folder.prompt}, {season}")
        requests = folder.stack.standin.see("requests")["requests"]
        (sent,) = [request for request in requests if request["job"] == charge["id"]]
        sizes = {part["name"]: part["size"] for part in sent["parts"]}
        assert (sizes["color_palette"], sizes["style_reference_images"]) == (palette, folder.stripped_size("style.jpg"))


def check_cut_out(folder: Folder) -> None:
    job = folder.wait_until_stored("cut.jpg")
    assert (job["cost"]["usd"], len(job["attempts"]), len(job["results"])) == (0.01, 1, len(OUTPUTS))
    cut_out, small, trimmed = (
        folder.picture("cut.jpg", f"cut{name}") for name in (".png", "@small.webp", "@trimmed.png")
    )
    assert read_color(cut_out, 0, 0)[3] == 0
    assert (small.format, small.size) == ("WEBP", (32, 24))
    assert trimmed.getchannel("A").getbbox() == (0, 0, *trimmed.size)
    for result in job["results"]:
        assert result["alt"] == ALT
        data = folder.stack.clients.s3.get_object(Bucket=folder.stack.output_bucket, Key=result["key"])["Body"].read()
        assert len(data) == result["bytes"]
        assert ALT.encode() in data
        assert SOURCE_TYPES["remove"].encode() in data
    check_white_background(folder, job)
    plain, shaded, gradient = (folder.picture("cut.jpg", f"cut@{name}.png") for name in ("plain", "shaded", "gradient"))
    assert not are_equal(plain, shaded)
    assert shaded.crop((0, 0, PIXELS, 20)).getextrema() == ((255, 255),) * 3
    assert (read_color(gradient, 0, 0), read_color(gradient, 0, PIXELS - 1)) == (WHITE, (0x20, 0x40, 0x60))


def check_white_background(folder: Folder, job: dict[str, Any]) -> None:
    """Checks a marketplace's picture and its certificate, and a file that may have only so many bytes."""
    marketplace, last = folder.picture("cut.jpg", "cut@amazon-main.jpg"), MARKETPLACE_SIDE - 1
    assert marketplace.size == (MARKETPLACE_SIDE, MARKETPLACE_SIDE)
    assert {read_color(marketplace, x, y) for x in (0, last) for y in (0, last)} == {WHITE}
    results = {result["output"]: result for result in job["results"]}
    assert results["amazon-main"]["certificate"]["verdict"] == "passed"
    assert results["white"]["bytes"] <= MAX_BYTES
    assert min(read_color(folder.picture("cut.jpg", "cut@white.jpg"), 0, 0)) >= 254
    key = results["white"]["key"]
    head = folder.stack.clients.s3.head_object(Bucket=folder.stack.output_bucket, Key=key)
    assert (head["ContentType"], head["CacheControl"]) == ("image/jpeg", CACHE_CONTROL)


def read_color(picture: Image.Image, x: int, y: int) -> tuple[int, ...]:
    return cast("tuple[int, ...]", picture.getpixel((x, y)))


def are_equal(first: Image.Image, second: Image.Image) -> bool:
    return ImageChops.difference(first.convert("RGB"), second.convert("RGB")).getbbox() is None
