"""The examples work: they are valid in editors, have no `lint` errors, and run in the simulated world."""

import importlib.util
import json
import re
import subprocess
import sys
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from PIL import Image, ImageDraw

from backdrop.model.job import JobStatus
from backdrop_local.photos import PHOTOS
from docs import make_photos
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import World
from simulation.world.world_inspector import INPUT_BUCKET
from tests.imaging.photos import encode_image, scene
from tests.simulated.campaigns.test_plan import Campaigner
from tests.simulated.command_user import Person
from tests.unit.examples import COSTS, EXAMPLES, EXPECTED_PICTURES, read_files

INSTRUCTIONS = sorted(EXAMPLES.rglob("*.json"))
SIZES = {
    "cup.jpg": (2000, 2000),
    "cup@banner.webp": (1600, 600),
    "cup_2@banner.webp": (1600, 600),
    "admiral.jpg": (800, 1000),
    "astronaut.jpg": (800, 1000),
}
TRANSPARENT = {"cup-cut-out.webp", "cup-cut-out@thumb.webp", "flower.png", "flower@small.webp"}
SEASONAL: dict[str, Any] = json.loads((EXAMPLES.parent / "seasonal-campaign" / "campaign.json").read_text())
ROOT = Path(__file__).parents[3]
PAGES = {ROOT / "docs" / "instructions.md": 12, ROOT / "README.md": 3}


def test_every_example_has_a_test() -> None:
    assert {path.name for path in EXAMPLES.iterdir() if path.is_dir()} == {*EXPECTED_PICTURES}


def test_every_example_is_on_the_page_and_tested() -> None:
    page = (ROOT / "examples" / "README.md").read_text()
    names = ("test_example_stacks.py", "test_python_client.py", "test_agent.py")
    tests = [ROOT / "tests" / "e2e" / name for name in names]
    tests += [ROOT / "tests" / "simulated" / "deliver" / "test_packshots.py", Path(__file__)]
    used = "".join(path.read_text() for path in tests)
    for path in (ROOT / "examples").iterdir():
        if path.is_dir():
            assert f"| [{path.name}]({path.name}/" in page, path.name
            assert path.name == "photos" or f'"{path.name}"' in used, path.name


def draw_picture(world: World, url: str) -> bytes:
    """Returns what the provider makes: a round cut-out, or an opaque picture in the shape of the portraits' frame."""
    (job,) = [job for job in world.list_jobs() if url in {link.url for link in job.links}]
    picture = scene(size=(800, 1000))
    if job.operation == "remove":
        mask = Image.new("L", picture.size)
        ImageDraw.Draw(mask).ellipse((100, 100, 700, 900), fill=255)
        picture.putalpha(mask)
    return encode_image(picture, "PNG")


@pytest.mark.parametrize("example", EXPECTED_PICTURES)
def test_example_produces_the_pictures_that_it_shows(example: str) -> None:
    world = World()
    world.downloads.choose_picture = partial(draw_picture, world)
    for name, data in read_files(example):
        world.s3.upload(INPUT_BUCKET, f"{example}/{name}", data)
    world.run_until_empty()
    assert {job.status for job in world.list_jobs()} == {JobStatus.STORED}
    pictures = {name.removeprefix(f"{example}/"): data for name, data in world.read_pictures().items()}
    assert sorted(pictures) == sorted(
        f"{photo}/{name}" for photo, names in EXPECTED_PICTURES[example].items() for name in names
    )
    for key, data in pictures.items():
        name, picture = key.rpartition("/")[2], Image.open(BytesIO(data))
        assert picture.size == SIZES.get(name, picture.size), name
        min_alpha = picture.getchannel("A").getextrema()[0] if picture.mode == "RGBA" else 255
        assert (min_alpha == 0) == (name in TRANSPARENT), name
    assert sum(job.charged for job in world.list_jobs()) == round(COSTS[example] * 1_000_000)
    assert [world.read_report(f"{example}/{photo}") for photo in EXPECTED_PICTURES[example]] == [None] * len(
        EXPECTED_PICTURES[example]
    )


def test_seasonal_campaign_makes_six_scenes_of_each_photo() -> None:
    campaigner = Campaigner()
    for name in ("cup.jpg", "bowl.jpg"):
        campaigner.upload(f"{SEASONAL['prefix']}{name}", build_photo(name))
    campaigner.plan(**SEASONAL)
    cost = campaigner.buy_all()
    jobs = campaigner.world.list_jobs()
    assert (len(jobs), {job.status for job in jobs}) == (12, {JobStatus.STORED})
    assert sorted(campaigner.world.read_pictures()) == sorted(
        f"catalog/{photo}.jpg/{photo}-{scene}{form}.webp"
        for photo in ("cup", "bowl")
        for scene in SEASONAL["instructions"]["variants"]
        for form in ("", "@thumb")
    )
    assert cost == campaigner.quote_micro_usd()
    [(photos, usd)] = re.findall(r"catalog of (\d+), for \$(\d+)", (EXAMPLES.parent / "README.md").read_text())
    assert int(usd) == int(photos) * cost / 2 / 1_000_000 <= SEASONAL["max_total_usd"]


def test_examples_pass_lint_with_their_exact_price(monkeypatch: pytest.MonkeyPatch) -> None:
    result = Person(World(), monkeypatch).run("lint", str(EXAMPLES), "--json")
    assert (result.code, result.data["errors"]) == (0, [])
    # The sample photos are small, so that the repository is.
    assert {one["code"] for one in result.data["warnings"]} == {"enlarged"}
    # Two examples cut out the same photo, which is bought once.
    assert result.data["most_usd"] == round(sum(COSTS.values()) - 0.01, 2)


def test_request_script_without_arguments_shows_its_usage() -> None:
    command = [sys.executable, str(ROOT / "examples" / "from-python" / "request.py"), "bus"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "usage: python request.py BUS BUCKET KEY PROMPT\n")


def test_webhook_is_signed_as_the_published_example_of_standard_webhooks() -> None:
    specification = importlib.util.spec_from_file_location("signed_webhook", ROOT / "examples/signed-webhook/app.py")
    assert specification is not None
    assert specification.loader is not None
    app = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(app)
    message = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, '{"test": 2432232314}'
    signature = app.sign("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", *message)
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("path", INSTRUCTIONS, ids=lambda path: str(path.relative_to(EXAMPLES)))
def test_every_file_names_and_matches_its_schema(path: Path) -> None:
    document = json.loads(path.read_text())
    schema = (path.parent / document["$schema"]).resolve()
    kind = "folder-defaults" if path.name == "_backdrop.json" else "sidecar"
    assert schema == ROOT / "schemas" / f"{kind}.schema.json"
    errors = Draft202012Validator(json.loads(schema.read_text())).iter_errors(document)
    assert [error.message for error in errors] == []


@pytest.mark.parametrize(("page", "least"), PAGES.items(), ids=lambda one: getattr(one, "name", ""))
def test_all_json_on_the_pages_matches_the_schema(page: Path, least: int) -> None:
    schema = json.loads((ROOT / "schemas" / "sidecar.schema.json").read_text())
    shown = re.findall(r"```json\n(.*?)```", page.read_text(), re.DOTALL)
    assert len(shown) >= least
    for text in shown:
        given: Any = json.loads(text)
        entries: list[Any] = given if isinstance(given, list) else [given]
        for entry in entries:
            document = json.loads(entry["Detail"]) if "Detail" in entry else entry
            instructions = document.get("instructions", document)
            assert [error.message for error in Draft202012Validator(schema).iter_errors(instructions)] == [], text


def test_every_example_photo_is_credited() -> None:
    photos = {str(path.relative_to(EXAMPLES)): path for path in EXAMPLES.rglob("*.jpg")}
    assert {*photos} == {*make_photos.PHOTOS}
    credits_text = " ".join((EXAMPLES / "README.txt").read_text().split())
    for name in {*make_photos.PHOTOS.values()}:
        credit = next(photo.credit for photo in PHOTOS if photo.name == name)
        assert credit.split(",")[0].removesuffix(" on Flickr") in credits_text, name
