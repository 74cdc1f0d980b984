"""New instructions for photos that already have some: the page offers the same choice as `drop`, with both costs."""

from pathlib import Path

import pytest

from backdrop_cli.errors import CommandError, UsageError
from simulation.world.simulated_stack import World
from simulation.world.world_inspector import INPUT_BUCKET
from tests.simulated.command_user import Person
from tests.simulated.upload_page_user import PageUser


@pytest.fixture
def page_user() -> PageUser:
    return PageUser(World())


def test_new_instructions_replace_those_of_an_earlier_upload(page_user: PageUser) -> None:
    page_user.drag("red.jpg")
    page_user.send()
    page_user.world.run_until_empty()
    plan = page_user.request_plan(prompt="on snow")
    assert (plan["photos"], plan["price"], plan["choice"]) == (1, "$0.06", None)
    assert plan["rows"][0]["note"] == "it is already in the bucket; its earlier instructions are replaced"
    page_user.send(prompt="on snow")
    page_user.world.run_until_empty()
    assert len(page_user.world.input_bucket.objects["shoes/red.jpg"]) == 1
    assert len(page_user.world.provider.received_job_ids) == 2


def test_instructions_that_were_bought_before_cost_nothing(page_user: PageUser) -> None:
    page_user.drag("red.jpg")
    for prompt in ("on sand", "on snow"):
        page_user.send(prompt=prompt)
        page_user.world.run_until_empty()
    plan = page_user.request_plan(prompt="on sand")
    assert (plan["photos"], plan["price"], plan["images"]) == (1, "$0.00", 0)


@pytest.mark.parametrize("sidecar", ["shoes/red.jpg.json", "shoes/red.json"])
def test_persons_instructions_need_an_answer_and_show_both_costs(page_user: PageUser, sidecar: str) -> None:
    page_user.world.s3.upload(INPUT_BUCKET, sidecar, b'{"operation": "remove"}')
    page_user.drag("red.jpg", "blue.jpg")
    plan = page_user.request_plan()
    assert (plan["undecided"], plan["choice"]) == (
        True,
        {"photos": 1, "replace": "at most $0.12 for 2 images", "keep": "at most $0.07 for 2 images"},
    )
    with pytest.raises(CommandError, match="nothing was sent; choose whether to replace the instructions"):
        page_user.api.start_upload({"plan": plan["plan"], "agreed": True})
    assert [row["note"] for row in plan["rows"]] == ["a person wrote other instructions for it", ""]
    assert page_user.world.input_bucket.list_keys() == [sidecar]


@pytest.mark.parametrize(("answer", "price", "kept"), [("replace", "$0.06", 0), ("keep", "$0.01", 1)])
def test_answer_determines_whose_instructions_apply(page_user: PageUser, answer: str, price: str, kept: int) -> None:
    page_user.world.upload_sidecar("shoes/red.jpg", operation="remove")
    page_user.drag("red.jpg")
    plan = page_user.request_plan(answer=answer)
    assert (plan["undecided"], plan["price"], plan["kept"], plan["choice"]["photos"]) == (False, price, kept, 1)
    page_user.send(answer=answer)
    page_user.world.run_until_empty()
    assert page_user.view_progress()["cost"] == price


def test_identical_sidecar_by_a_person_needs_no_confirmation(page_user: PageUser) -> None:
    page_user.world.upload_sidecar("shoes/red.jpg", operation="replace", prompt="on sand")
    page_user.drag("red.jpg")
    assert page_user.request_plan()["choice"] is None


def test_command_line_replaces_what_the_page_wrote(
    page_user: PageUser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page_user.drag("red.jpg")
    page_user.send()
    page_user.world.run_until_empty()
    (tmp_path / "shoes").mkdir()
    (tmp_path / "shoes" / "red.jpg").write_bytes(page_user.files["red.jpg"])
    person = Person(page_user.world, monkeypatch)
    data = person.run("drop", str(tmp_path / "shoes"), "--prompt", "on snow", "--wait", "--json").data
    assert (data["uploaded"], data["sidecars_replaced"], data["usd"]) == (1, 1, 0.06)


def test_existing_photos_show_what_they_cost(page_user: PageUser) -> None:
    page_user.drag("red.jpg")
    page_user.send()
    page_user.world.run_until_empty()
    page_user.drag("blue.jpg")
    page_user.send()
    page_user.world.run_until_empty()
    drops = page_user.api.read_progress({"drops": []})["drops"]
    assert (drops[-1]["cost"], drops[-1]["earlier"]) == ("$0.12", "$0.06 of it before this run")


def test_page_writes_size_and_format_into_the_sidecar(page_user: PageUser) -> None:
    page_user.drag("red.jpg")
    options = {"--format": "jpg", "--size": "200x200", "--fit": "pad", "--background": "white", "--trim": "yes"}
    page_user.send(options=options)
    page_user.world.run_until_empty()
    (job,) = page_user.world.list_jobs()
    expected = {"format": "jpg", "width": 200, "height": 200, "fit": "pad", "background": "#ffffff", "trim": True}
    assert job.instructions["output"] == expected


def test_page_buys_each_of_several_pictures(page_user: PageUser) -> None:
    page_user.drag("red.jpg")
    variants = {"--variants": "beach=on a beach, at noon\n\ncut-out=remove\n", "--for": "etsy\nshopify"}
    assert page_user.request_plan(prompt="", options=variants)["price"] == "$0.07"
    page_user.send(prompt="", options=variants)
    page_user.world.run_until_empty()
    jobs = {job.variant: job.instructions for job in page_user.world.list_jobs()}
    assert {name: fields["operation"] for name, fields in jobs.items()} == {"beach": "replace", "cut-out": "remove"}
    assert jobs["beach"]["prompt"] == "on a beach, at noon"
    assert jobs["cut-out"]["output"] == {"for": ["etsy", "shopify"]}


AMAZON = "“Amazon, main image”"
NEEDS_WHITE = f"{AMAZON} requires a white background"


@pytest.mark.parametrize(
    ("kind", "options", "text"),
    [
        ("replace", {}, f"{NEEDS_WHITE}. Choose “No background”, or leave {AMAZON} out."),
        ("replace", {"--variants": "a=at sea\nb=remove"}, f"{NEEDS_WHITE}. Choose “No background”, or leave"),
        (
            "remove",
            {"--logo": "_backdrop/logo.png"},
            f"{AMAZON} does not accept pictures with a logo. Choose no logo, or leave {AMAZON} out.",
        ),
        (
            "remove",
            {"--shadow": "drop"},
            f"{NEEDS_WHITE}, and a shadow darkens it. Choose no shadow, or leave {AMAZON} out.",
        ),
    ],
)
def test_conflict_with_a_marketplace_says_what_to_choose(
    page_user: PageUser, kind: str, options: dict[str, str], text: str
) -> None:
    page_user.drag("red.jpg")
    with pytest.raises(UsageError) as caught:
        page_user.request_plan(kind=kind, options={"--for": "amazon-main\netsy", **options})
    assert str(caught.value).startswith(text)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"--format": "gif"}, "“File format” is"),
        ({"--frame": "100:1"}, "“Shape”: '100:1' is not a frame"),
        ({"--size": "big"}, "“Size in pixels”: 'big' is not a size"),
        ({"--size": "20000x5"}, "“Size in pixels”: width is 20000"),
        (
            {"--for": "etsy", "--size": "9x9"},
            "“Size in pixels”: width: etsy requires a shortest side of at least 635 pixels; this makes it 9$",
        ),
        ({"--variants": "beach"}, "one per line.”: 'beach' has no name"),
        ({"--sidecar": "x.json"}, "reload the page"),
        ({"--format": 3}, "reload the page"),
        (["--trim"], "reload the page"),
    ],
)
def test_page_refuses_options_that_it_does_not_offer(page_user: PageUser, options: object, message: str) -> None:
    page_user.drag("red.jpg")
    with pytest.raises(UsageError, match=message):
        page_user.request_plan(options=options)
