"""Packshots through the deployed stack: shadows, backgrounds, logos, and texts, measured on the delivered pixels."""

import io
import json
from pathlib import Path
from typing import Any, cast

import pytest
from PIL import Image, IptcImagePlugin
from PIL.ImageFile import ImageFile

from tests.e2e.deployed_stack import eventually
from tests.e2e.folder import Folder

pytestmark = pytest.mark.usefixtures("composed_pictures")

BLUE = (0, 0, 255)
LOGO_NAME = "_backdrop/brand/logo.png"
PIXELS = 400
BRAND_KIT = Path(__file__).parents[2] / "examples" / "brand-kit"
SQUARE: dict[str, Any] = {"width": PIXELS, "height": PIXELS, "fit": "pad", "trim": True, "margin": "25%"}


def put_image(folder: Folder, name: str, color: tuple[int, int, int], kind: str = "PNG") -> str:
    """Uploads an image of one color, and returns its key."""
    data = io.BytesIO()
    Image.new("RGB", (60, 20), color).save(data, kind)
    folder.put(name, data.getvalue())
    return folder.key(name)


def read_color(picture: Image.Image, x: int, y: int) -> tuple[int, ...]:
    return cast("tuple[int, ...]", picture.getpixel((x, y)))


def read_job(folder: Folder, name: str) -> dict[str, Any]:
    job = folder.job(name)
    assert job
    return job


@pytest.mark.parametrize("shadow", ["contact", "drop", "reflection"])
def test_white_stays_pure_outside_the_shadow(folder: Folder, shadow: str) -> None:
    outputs = [
        SQUARE | {"background": "white"},
        SQUARE | {"name": "plain", "background": "white", "shadow": "none"},
    ]
    folder.drop("red.jpg", {"operation": "remove", "shadow": shadow, "output": outputs})
    folder.wait_until_stored("red.jpg")
    shaded, plain = (folder.picture("red.jpg", name) for name in ("red.png", "red@plain.png"))
    assert (shaded.mode, shaded.size) == ("RGB", (PIXELS, PIXELS))
    assert shaded.tobytes() != plain.tobytes()
    for border in ((0, 0, PIXELS, 20), (0, 0, 20, PIXELS), (PIXELS - 20, 0, PIXELS, PIXELS // 2)):
        assert shaded.crop(border).getextrema() == ((255, 255),) * 3


def test_gradient_and_picture_are_behind_the_subject(folder: Folder) -> None:
    table = put_image(folder, "_backdrop/backgrounds/table.jpg", (0, 128, 0), "JPEG")
    outputs = [
        SQUARE | {"background": {"gradient": ["#ffffff", "#204060"]}},
        SQUARE | {"name": "table", "background": {"image": table}},
    ]
    folder.drop("red.jpg", {"operation": "remove", "output": outputs})
    folder.wait_until_stored("red.jpg")
    gradient, picture = (folder.picture("red.jpg", name) for name in ("red.png", "red@table.png"))
    assert (read_color(gradient, 0, 0), read_color(gradient, 0, PIXELS - 1)) == ((255, 255, 255), (0x20, 0x40, 0x60))
    assert read_color(picture, 2, 2) == pytest.approx((0, 128, 0), abs=3)


def test_logo_is_in_its_corner_of_a_new_background(folder: Folder) -> None:
    logo = put_image(folder, LOGO_NAME, BLUE)
    fields = {"logo": {"image": logo, "position": "bottom-right", "width": "25%", "margin": 0}}
    folder.drop("red.jpg", folder.instructions | fields)
    folder.wait_until_stored("red.jpg")
    picture = folder.picture("red.jpg", "red.png").convert("RGB")
    assert read_color(picture, picture.width - 1, picture.height - 1) == BLUE
    assert read_color(picture, 0, 0) != BLUE
    assert len(folder.charges()) == 1


def test_texts_are_in_file_receipt_and_event(folder: Folder) -> None:
    texts: dict[str, object] = {"alt": "A red box", "title": "Box", "copyright": "© 2026 Example"}
    output = {"format": "jpg", "background": "white"}
    folder.drop("red.jpg", {"operation": "remove", "output": output, **texts})
    job = folder.wait_until_stored("red.jpg")
    picture = folder.picture("red.jpg", "red.jpg")
    packet = cast("bytes", picture.info["xmp"]).decode()
    assert all(f">{text}</rdf:li>" in packet for text in texts.values())
    found = IptcImagePlugin.getiptcinfo(cast("ImageFile", picture))
    assert found
    assert (found[2, 5], found[2, 116]) == (b"Box", "© 2026 Example".encode())
    event = folder.wait_for_event("red.jpg")
    for results in (job["results"], event["detail"]["job"]["results"]):
        assert {name: results[0][name] for name in texts} == texts


def test_changed_shadow_is_delivered_again_for_free(folder: Folder) -> None:
    folder.drop("red.jpg", {"operation": "remove", "output": SQUARE})
    first = folder.wait_until_stored("red.jpg")
    before = folder.picture("red.jpg", "red.png").tobytes()
    folder.put("red.jpg.json", json.dumps({"operation": "remove", "output": SQUARE, "shadow": "drop"}))
    eventually(lambda: folder.picture("red.jpg", "red.png").tobytes() != before, "the shadow is drawn")
    job = folder.wait_until_stored_again("red.jpg")
    assert (job["job_id"], job["cost"]) == (first["job_id"], first["cost"])
    assert len(job["attempts"]) == 1


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        pytest.param({"logo": "{folder}_backdrop/logo.png"}, "logo_unusable", id="logo-missing"),
        pytest.param({"logo": "{folder}_backdrop/text.png"}, "logo_unusable", id="logo-not-a-picture"),
        pytest.param(
            {"output": {"background": {"image": "{folder}_backdrop/text.png"}}}, "background_unusable", id="background"
        ),
        pytest.param({"logo": "brand/logo.png"}, "invalid_value", id="key-of-a-photo"),
        pytest.param({"shadow": "contacts"}, "invalid_value", id="misspelled"),
        pytest.param({"operation": "replace", "prompt": "x", "shadow": "drop"}, "conflicting_fields", id="replace"),
    ],
)
def test_bad_composition_is_refused_before_the_purchase(folder: Folder, fields: dict[str, Any], code: str) -> None:
    folder.put("_backdrop/text.png", "no picture")
    text = json.dumps({"operation": "remove"} | fields).replace("{folder}", folder.key(""))
    folder.drop("red.jpg", text)
    entry = folder.wait_for_error("red.jpg", code)
    assert (entry["money"], folder.pictures("red.jpg"), folder.charges("x")) == ("not_spent", [], [])


def test_brand_kit_gives_a_folder_one_look(folder: Folder) -> None:
    kit = BRAND_KIT / "shop" / "_backdrop.json"
    assert BRAND_KIT.name == "brand-kit"
    folder.put(LOGO_NAME, (BRAND_KIT / LOGO_NAME).read_bytes())
    folder.put("_backdrop.json", kit.read_text().replace(LOGO_NAME, folder.key(LOGO_NAME)))
    folder.drop("red.jpg")
    eventually(
        lambda: [job["status"] for job in (folder.receipt("red.jpg") or {"jobs": []})["jobs"]] == ["stored"] * 2,
        "both variants are stored",
        lambda: (folder.receipt("red.jpg"), folder.report("red.jpg")),
    )
    assert folder.pictures("red.jpg") == [
        f"red-{variant}@{output}" for variant in ("packshot", "table") for output in ("shop.jpg", "web.webp")
    ]
    assert folder.picture("red.jpg", "red-packshot@shop.jpg").size == (2000, 2000)
    assert read_job(folder, "red.jpg")["results"][0]["copyright"] == "© 2026 Example Ltd."
