"""The stand-in accepts, refuses, and responds as Ideogram's two v1 routes do."""

import io
import json
import re

import pytest
from PIL import Image

from backdrop_local.standin.pictures import read_id
from backdrop_local.standin.vocabulary import PRESETS
from tests.contract.standin_client import (
    IMAGE,
    JPEG,
    KEY,
    REMOVE,
    REPLACE,
    WAIT_SECONDS,
    File,
    StandinClient,
    palette,
    picture,
    text,
)

INVALID = {"error": "Invalid input provided."}
MEMBERS = [{"color_hex": "#b470b3", "color_weight": 0.6}, {"color_hex": "#7ae"}]
CUT = picture(size=(800, 600))[:-400]
REFERENCE: tuple[str, File] = ("style_reference_images", ("r.png", picture("PNG"), "image/png"))


def test_replacement_returns_every_documented_field(standin: StandinClient) -> None:
    answer = standin.replace(text("seed", "7"))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\+00:00", body["created"])
    (entry,) = body["data"]
    url = entry.pop("url")
    assert re.fullmatch(r"\d{2,5}x\d{2,5}", entry.pop("resolution"))
    assert entry == {
        "prompt": "a beach",
        "is_image_safe": True,
        "seed": 7,
        "style_type": "GENERAL",
    }
    assert re.fullmatch(
        re.escape(standin.url) + r"/cdn/ideogram/api/images/ephemeral/\w+\.png\?exp=\d+&sig=[0-9a-f]{64}",
        url,
    )


def test_removal_returns_no_prompt_resolution_or_seed(standin: StandinClient) -> None:
    (entry,) = standin.remove().json()["data"]
    assert set(entry) == {"is_image_safe", "url"}
    with Image.open(io.BytesIO(standin.fetch(entry["url"]).content)) as image:
        low, high = image.getchannel("A").getextrema()
    assert (low, high) == (0, 255)


def test_created_field_can_use_the_iso_separator(standin: StandinClient) -> None:
    standin.control("settings", {"created_form": "T"})
    assert re.match(r"\d{4}-\d\d-\d\dT", standin.replace().json()["created"])


def test_each_image_has_its_own_seed_link_and_picture(standin: StandinClient) -> None:
    entries = standin.replace(text("num_images", "8")).json()["data"]
    assert len({entry["seed"] for entry in entries}) == 8
    urls = [entry["url"] for entry in entries]
    assert [read_id(standin.fetch(url).content) for url in urls] == standin.jobs()[0]["results"]


def test_magic_prompt_returns_another_prompt(standin: StandinClient) -> None:
    (entry,) = standin.replace(text("magic_prompt", "ON")).json()["data"]
    assert entry["prompt"] != "a beach"


def test_links_can_be_on_the_real_host(standin: StandinClient) -> None:
    standin.control("settings", {"url_mode": "real"})
    assert standin.result_url().startswith("https://ideogram.ai/api/images/ephemeral/")


def test_composed_pictures_have_the_providers_size(standin: StandinClient) -> None:
    standin.control("settings", {"pictures": "composed"})
    (entry,) = standin.replace().json()["data"]
    content = standin.fetch(entry["url"]).content
    with Image.open(io.BytesIO(content)) as image:
        assert entry["resolution"] == f"{image.width}x{image.height}"
        assert 800_000 < image.width * image.height < 1_200_000
    assert [read_id(content)] == standin.jobs()[0]["results"]


def test_responses_are_reproducible_after_a_reset(
    standin: StandinClient,
) -> None:
    def results() -> list[object]:
        standin.control("reset")
        for prompt in ("one", "two", "one"):
            standin.replace(prompt=prompt)
        return [(job["id"], job["results"]) for job in standin.jobs()]

    first = results()
    assert first == results()
    assert len({str(job) for job in first}) == 3


@pytest.mark.parametrize("key", [None, "", "invalid", "invalid-7", "gone"])
@pytest.mark.parametrize(
    ("path", "error"),
    [
        (REPLACE, "Not authorized to generate an image."),
        (REMOVE, "Not authorized to remove background."),
    ],
)
def test_invalid_key_is_401(standin: StandinClient, path: str, error: str, key: str | None) -> None:
    standin.control("settings", {"revoked": ["gone"]})
    answer = standin.post(path, [IMAGE], key=key)
    assert (answer.status_code, answer.json()) == (401, {"error": error})
    assert standin.total_usd() == "0.00"


def test_only_declared_keys_are_valid(standin: StandinClient) -> None:
    standin.control("settings", {"keys": {"k1": {"account": "main"}}})
    assert standin.replace(key="k1").status_code == 200
    assert standin.replace(key=KEY).status_code == 401


def test_key_is_checked_before_slots_and_form(
    standin: StandinClient,
) -> None:
    standin.control("settings", {"in_flight_limit_by_account": {"full": 0}})
    standin.control("settings", {"keys": {"k1": {"account": "full"}, KEY: {"account": "free"}}})
    no_form = [text("num_images", "99")]
    assert standin.post(REPLACE, no_form, key="wrong").status_code == 401
    assert standin.post(REPLACE, no_form, key="k1").status_code == 429
    assert standin.post(REPLACE, no_form).status_code == 400


@pytest.mark.parametrize(
    "further",
    [
        *([text("rendering_speed", speed)] for speed in ("FLASH", "TURBO", "DEFAULT", "QUALITY")),
        *([text("magic_prompt", magic)] for magic in ("AUTO", "ON", "OFF")),
        [text("num_images", "1")],
        [text("seed", "0")],
        [text("seed", "2147483647")],
        [text("style_codes", "AAFF5733"), text("style_codes", "0133ff57")],
        [palette('{"name":"PASTEL"}')],
        [palette('{"name":"PASTEL"}', "application/json; charset=utf-8")],
        [palette(json.dumps({"members": MEMBERS}))],
        [REFERENCE, REFERENCE],
    ],
    ids=str,
)
def test_every_documented_value_is_accepted(standin: StandinClient, further: list[tuple[str, File]]) -> None:
    assert standin.replace(*further).status_code == 200


def test_all_62_presets_are_accepted(standin: StandinClient) -> None:
    assert len(PRESETS) == 62
    refused = [p for p in PRESETS if not standin.replace(text("style_preset", p)).ok]
    assert refused == []


@pytest.mark.parametrize(
    "further",
    [
        [text("rendering_speed", "BALANCED")],
        [text("rendering_speed", "turbo")],
        [text("magic_prompt", "auto")],
        [text("num_images", "0")],
        [text("num_images", "9")],
        [text("num_images", "2.0")],
        [text("num_images", "")],
        [text("num_images", "1"), text("num_images", "1")],
        [text("seed", "-1")],
        [text("seed", "2147483648")],
        [text("style_preset", "golden hour")],
        [text("style_preset", "GOLDEN_HOURS")],
        [text("style_codes", "AAFF573")],
        [text("style_codes", "AAFF573G")],
        [text("style_codes[]", "AAFF5733")],
        [text("style_type", "GENERAL")],
        [text("negative_prompt", "rain")],
        [text("resolution", "1024x1024")],
        [("prompt", ("p.txt", "a beach", "text/plain"))],
        [palette('{"name":"PASTEL"}', "text/plain")],
        [text("color_palette", '{"name":"PASTEL"}')],
        [palette('{"name":"pastel"}')],
        [palette("{")],
        [palette("[]")],
        [palette("{}")],
        [palette(json.dumps({"name": "PASTEL", "members": MEMBERS}))],
        [palette(json.dumps({"members": []}))],
        [palette(json.dumps({"members": MEMBERS * 5}))],
        [palette(json.dumps({"members": [{"color_weight": 0.5}]}))],
        [palette(json.dumps({"members": [{"color_hex": "#12345"}]}))],
        [palette(json.dumps({"members": [{"color_hex": "#123", "color_weight": 0.04}]}))],
        [palette(json.dumps({"members": [{"color_hex": "#123", "color_weight": 1.1}]}))],
        [palette(json.dumps({"members": [{"ColorPaletteMember": MEMBERS[0]}]}))],
        [palette('{"name":"PASTEL"}'), palette('{"name":"PASTEL"}')],
        [text("style_codes", "AAFF5733"), REFERENCE],
        [text("style_codes", "AAFF5733"), text("style_preset", "AURA")],
        [text("style_preset", "AURA"), REFERENCE],
        [("style_reference_images", ("r.gif", picture("GIF"), "image/gif"))],
        [("style_reference_images", ("r.png", b"not an image", "image/png"))],
    ],
    ids=str,
)
def test_undocumented_value_is_400_and_free(standin: StandinClient, further: list[tuple[str, File]]) -> None:
    answer = standin.replace(*further)
    assert (answer.status_code, answer.json()) == (400, INVALID)
    assert standin.total_usd() == "0.00"
    assert standin.see("requests")["requests"][-1]["outcome"]


@pytest.mark.parametrize(
    "parts",
    [
        [IMAGE],
        [IMAGE, text("prompt", "")],
        [IMAGE, text("prompt", "  ")],
        [text("prompt", "p")],
        [IMAGE, IMAGE, text("prompt", "p")],
        [("image", (None, JPEG)), text("prompt", "p")],
        [("image", ("in.jpg", JPEG)), text("prompt", "p")],
        [("image", ("in.jpg", JPEG, "application/octet-stream")), text("prompt", "p")],
        [("image", ("in.jpg", b"", "image/jpeg")), text("prompt", "p")],
        [("image", ("in.jpg", b"hello", "image/jpeg")), text("prompt", "p")],
        [("image", ("in.jpg", CUT, "image/jpeg")), text("prompt", "p")],
        [("image", ("in.gif", picture("GIF"), "image/png")), text("prompt", "p")],
        [("image", ("in.jpg", JPEG + bytes(10_000_000), "image/jpeg")), text("prompt", "p")],
    ],
    ids=lambda parts: str(parts)[:90],
)
def test_form_without_image_or_prompt_is_400(standin: StandinClient, parts: list[tuple[str, File]]) -> None:
    answer = standin.post(REPLACE, parts)
    assert (answer.status_code, answer.json()) == (400, INVALID)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_image_is_identified_by_its_bytes(standin: StandinClient, kind: str) -> None:
    image: tuple[str, File] = ("image", ("in", picture(kind), "image/png"))
    assert standin.post(REMOVE, [image]).status_code == 200


@pytest.mark.parametrize("further", [text("prompt", "p"), text("num_images", "1"), IMAGE], ids=str)
def test_removal_accepts_only_the_image(standin: StandinClient, further: tuple[str, File]) -> None:
    assert standin.post(REMOVE, [IMAGE, further]).status_code == 400


def test_settings_relax_uncertain_rules(standin: StandinClient) -> None:
    big: tuple[str, File] = ("image", ("in.jpg", JPEG + bytes(11_000_000), "image/jpeg"))
    pair = [text("style_codes", "AAFF5733"), text("style_preset", "AURA")]
    never = [text("style_codes", "AAFF5733"), REFERENCE]
    relaxed = {"strict": False, "exclusive_styles": False, "max_image_bytes": 25_000_000}
    standin.control("settings", relaxed)
    assert standin.replace(text("style_type", "GENERAL"), *pair).status_code == 200
    assert standin.post(REMOVE, [big]).status_code == 200
    assert standin.replace(*never).status_code == 400


def test_body_that_is_not_a_form_is_415(standin: StandinClient) -> None:
    answer = standin.http.post(standin.url + REPLACE, json={}, headers={"Api-Key": KEY}, timeout=WAIT_SECONDS)
    assert (answer.status_code, answer.json()) == (415, {"error": "Unsupported media type"})


def test_malformed_form_is_400(standin: StandinClient) -> None:
    answer = standin.http.post(
        standin.url + REPLACE,
        data=b"--B\r\nContent-Disposition: form-data; name=",
        headers={"Api-Key": KEY, "Content-Type": "multipart/form-data; boundary=B"},
        timeout=WAIT_SECONDS,
    )
    assert (answer.status_code, answer.json()) == (400, INVALID)


def test_request_above_50_mb_is_413_in_html(standin: StandinClient) -> None:
    answer = standin.post(REMOVE, [("image", ("in.jpg", bytes(50_000_001), "image/jpeg"))])
    assert answer.status_code == 413
    assert answer.headers["content-type"].startswith("text/html")


def test_wrong_path_or_method_is_a_json_error(standin: StandinClient) -> None:
    missing = standin.post("/ideogram/v1/ideogram-v4/replace-background", [IMAGE])
    verb = standin.fetch(standin.url + REPLACE)
    assert (missing.status_code, missing.json()) == (404, {"detail": "Not Found"})
    assert (verb.status_code, verb.json()) == (405, {"detail": "Method Not Allowed"})
