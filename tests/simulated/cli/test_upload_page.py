"""The upload page's API: it shows the price first, uploads instructions before photos, buys each photo once, and shows
every result.
"""

import json
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

import pytest

from backdrop.model.codes import Code
from backdrop.model.job import JobStatus
from backdrop.model.provider_result import RetryClass
from backdrop_cli.errors import CommandError, UsageError
from simulation.world.call_behavior import build_refusal
from simulation.world.sample_images import build_photo, build_rotated_photo
from simulation.world.simulated_stack import World
from tests.simulated.command_user import Person
from tests.simulated.picture_decisions import APPROVED, REJECTED, decide
from tests.simulated.upload_page_user import FORM_FIELDS, PageUser, describe_file
from tests.simulated.uploads_and_requests import send_request, upload_defaults

WILD = ("сумка & 鞄.jpg", "a${filename}b.jpg", '"><img src=x>.jpg', "ü/zwei  Leer.jpg", "100%+.jpg", "Name's.JPG")


@pytest.fixture
def page_user() -> PageUser:
    return PageUser(World())


# -- the price -------------------------------------------------------------------------------------------------


def test_price_is_shown_and_nothing_is_written(page_user: PageUser) -> None:
    page_user.drag("red.jpg", "blue.jpg")
    plan = page_user.request_plan()
    assert (plan["photos"], plan["price"], plan["asks"]) == (2, "$0.12", False)
    assert [row["key"] for row in plan["rows"]] == ["shoes/red.jpg", "shoes/blue.jpg"]
    assert page_user.world.input_bucket.list_keys() == []


def test_tiny_photo_for_a_frame_is_reported_before_it_is_sent(page_user: PageUser) -> None:
    page_user.drag("red.jpg", sideways=build_rotated_photo("sideways"))
    plan = page_user.request_plan(options={"--frame": "4:5"})
    assert plan["warnings"] == ["2 warnings (tiny_photo): Use a larger photo."]
    (text,) = plan["rows"][0]["warnings"]
    assert text.startswith("The photo is only ")
    assert page_user.request_plan()["warnings"] == []


@pytest.mark.parametrize(
    ("seen", "code"), [({"shows_nothing": True}, "photo_shows_nothing"), ({"is_own": True}, "own_picture")]
)
def test_what_the_browser_sees_in_a_file_prevents_its_purchase(
    page_user: PageUser, seen: dict[str, bool], code: str
) -> None:
    page_user.drag("red.jpg", "blue.jpg")
    red = describe_file("red.jpg", page_user.files["red.jpg"])
    objections = page_user.api.check_files({"files": [red | seen]})["objections"]
    assert [one["code"] for one in objections.values()] == [code]
    plan = page_user.request_plan()
    assert [[one["code"] for one in row["problems"]] for row in plan["rows"]] == [[code], []]
    assert (plan["photos"], plan["price"]) == (1, "$0.06")


def test_picture_that_is_bought_under_another_key_costs_nothing(page_user: PageUser) -> None:
    page_user.drag("red.jpg")
    page_user.world.upload_photo("elsewhere/cup.jpg", page_user.files["red.jpg"], prompt="on sand")
    page_user.world.run_until_empty()
    plan = page_user.request_plan()
    assert (plan["price"], plan["already_bought"], plan["rows"][0]["price"]) == ("$0.00", 1, "$0.00")
    page_user.send()
    page_user.world.run_until_empty()
    assert len(page_user.world.provider.received_job_ids) == 1


def test_equal_photos_under_two_names_are_priced_once(page_user: PageUser) -> None:
    page_user.drag("red.jpg", copy=build_photo("red.jpg"))
    assert page_user.request_plan()["price"] == "$0.06"


@pytest.mark.parametrize(
    ("photos", "kind", "asks"), [(17, "replace", True), (50, "remove", False), (51, "remove", True)]
)
def test_more_than_fifty_photos_or_a_dollar_needs_confirmation(
    page_user: PageUser, photos: int, kind: str, asks: bool
) -> None:
    page_user.drag(*(f"{n}.jpg" for n in range(photos)))
    plan = page_user.request_plan(kind=kind)
    assert plan["asks"] is asks
    if asks:
        with pytest.raises(CommandError, match="nothing was sent; confirm"):
            page_user.api.start_upload({"plan": plan["plan"], "agreed": False})
    assert len(page_user.api.start_upload({"plan": plan["plan"], "agreed": asks})["keys"]) == photos


def test_price_is_confirmed_only_once(page_user: PageUser) -> None:
    page_user.drag("red.jpg")
    plan = page_user.request_plan()
    page_user.api.start_upload({"plan": plan["plan"]})
    with pytest.raises(CommandError, match="already sent"):
        page_user.api.start_upload({"plan": plan["plan"]})


def test_cost_beyond_the_budget_is_shown(page_user: PageUser) -> None:
    page_user = PageUser(World(budget=50_000))
    page_user.drag("red.jpg")
    assert ["Today's budget has $0.05 left" in one for one in page_user.request_plan()["warnings"]] == [True]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"prompt": "  "}, "describe the new background, or choose one"),
        ({"prompt": "x" * 10_001}, "10,000"),
        ({"style": "goldn hour"}, "golden_hour"),
        ({"folder": "a/../b"}, "is not a folder of the bucket"),
        ({"kind": "buy everything"}, "reload the page"),
        ({"prompt": ["on sand"]}, "reload the page"),
        ({"prompt": "\ud800"}, "reload the page"),
    ],
)
def test_contradictory_instructions_are_explained_in_a_sentence(
    page_user: PageUser, fields: dict[str, Any], words: str
) -> None:
    page_user.drag("red.jpg")
    with pytest.raises(UsageError, match=words):
        page_user.request_plan(**fields)


@pytest.mark.parametrize("name", ["", "../x.jpg", "a//b.jpg", "/x.jpg", "a\0.jpg"])
def test_name_that_cannot_be_a_key_is_refused(page_user: PageUser, name: str) -> None:
    with pytest.raises(UsageError):
        page_user.api.plan_upload({**FORM_FIELDS, "files": [describe_file(name, build_photo())]})


def test_folder_defaults_in_the_bucket_apply(page_user: PageUser) -> None:
    page_user.drag("red.jpg")
    silent = page_user.request_plan(kind="folder")
    assert [row["problems"][0]["code"] for row in silent["rows"]] == ["no_instructions"]
    page_user.world.s3.upload("photos", "shoes/_backdrop.json", b'{"operation": "remove"}')
    plan = page_user.request_plan(kind="folder")
    assert (plan["photos"], plan["price"]) == (1, "$0.01")


# -- files that are not uploaded ----------------------------------------------------------------------------------


def test_file_of_another_type_is_named_and_not_uploaded(page_user: PageUser) -> None:
    page_user.drag("red.jpg", list=b"a list of shoes", empty=b"", raw=b"8BPS" + bytes(99))
    plan = page_user.request_plan()
    problems = {row["name"]: row["problems"][0]["code"] for row in plan["rows"] if row["problems"]}
    assert problems == {"list.jpg": "not_a_photo", "empty.jpg": "empty_file", "raw.jpg": "not_a_photo"}
    assert (plan["photos"], plan["refused"], plan["price"]) == (1, 3, "$0.06")


def test_identical_photos_count_once_and_equal_names_conflict(page_user: PageUser) -> None:
    files = [
        describe_file("red.jpg", build_photo("red")),
        describe_file("red.jpg", build_photo("red")),
        describe_file("blue.jpg", build_photo("blue")),
    ]
    assert page_user.api.plan_upload({**FORM_FIELDS, "files": files})["photos"] == 2
    plan = page_user.api.plan_upload({**FORM_FIELDS, "files": [*files, describe_file("red.jpg", build_photo("other"))]})
    assert (plan["photos"], plan["refused"]) == (1, 2)


def test_files_without_a_photos_suffix_are_skipped(page_user: PageUser) -> None:
    page_user.drag("red.jpg", "notes.txt", ".DS_Store", "red.jpg.json", "_backdrop/x.jpg")
    plan = page_user.request_plan()
    assert plan["passed_over"] == ["notes.txt", ".DS_Store", "red.jpg.json", "_backdrop/x.jpg"]
    assert plan["photos"] == 1


def test_upload_without_photos_costs_and_sends_nothing(page_user: PageUser) -> None:
    plan = page_user.request_plan()
    assert (plan["photos"], plan["price"], plan["rows"]) == (0, "$0.00", [])


def test_too_many_photos_are_refused_with_an_explanation(page_user: PageUser) -> None:
    with pytest.raises(UsageError, match="at a time, and there are 2,001; remove some"):
        page_user.api.plan_upload({**FORM_FIELDS, "files": [describe_file("a.jpg", b"")] * 2001})


# -- in progress -----------------------------------------------------------------------------------------------


def test_instructions_are_uploaded_before_their_photo(page_user: PageUser) -> None:
    page_user.drag("red.jpg")
    plan = page_user.request_plan(style="GOLDEN_HOUR")
    started = page_user.api.start_upload({"plan": plan["plan"]})
    assert page_user.world.input_bucket.list_keys() == []
    page_user.api.create_form({"drop": started["drop"], "key": "shoes/red.jpg"})
    stored_sidecar = page_user.world.input_bucket.objects["shoes/red.jpg.json"][-1].data
    assert json.loads(stored_sidecar or b"") == {"prompt": "on sand", "style": "GOLDEN_HOUR"}
    page_user.upload(started["drop"], "shoes/red.jpg", page_user.files["red.jpg"])
    page_user.world.run_until_empty()
    assert len(page_user.world.provider.received_job_ids) == 1
    assert len(page_user.world.input_bucket.objects["shoes/red.jpg.json"]) == 1


@pytest.mark.parametrize("name", WILD)
def test_file_name_in_any_script_is_returned_unchanged(page_user: PageUser, name: str) -> None:
    page_user.drag(name)
    number = page_user.send(folder="größe 42")
    page_user.world.run_until_empty()
    drop = page_user.view_progress()
    assert (drop["counts"], drop["results"][0]["name"]) == ({"stored": 1}, name)
    form = page_user.api.batches[number - 1].create_form(f"größe 42/{name}")
    assert form is not None
    assert form.fields["key"] == f"größe 42/{name}"


def test_pictures_are_listed_with_link_price_and_instructions(page_user: PageUser) -> None:
    page_user.drag("red.jpg", "blue.jpg")
    page_user.send()
    page_user.world.run_until_empty()
    drop = page_user.view_progress()
    assert (drop["counts"], drop["cost"], drop["over"], drop["known"]) == ({"stored": 2}, "$0.12", True, 2)
    first = drop["results"][0]
    assert (first["prompt"], first["cost"], first["kind"]) == ("on sand", "$0.06", "image")
    stem = PurePosixPath(first["name"]).stem
    (file,) = first["files"]
    assert urlsplit(file["full"]).path == f"/shoes/{stem}.jpg/{stem}.png"
    for link in (first["before"], file["after"]):
        small, content_type = page_user.api.files.read_link(link)
        assert isinstance(small, bytes)
        assert (small[8:12], content_type) == (b"WEBP", "image/webp")
    assert page_user.view_progress((1, 2))["results"] == []
    assert len(page_user.view_progress()["results"]) == 2


def test_photo_that_waits_for_approval_is_followed_until_its_result(page_user: PageUser) -> None:
    world = page_user.world
    upload_defaults(world, "shoes/", {"prompt": "on sand", "approval": "required"})
    page_user.drag("red.jpg", "blue.jpg")
    page_user.send(kind="folder")
    world.run_until_empty()
    drop = page_user.view_progress()
    assert (drop["counts"], drop["in_review"], drop["over"], drop["results"]) == ({"in_review": 2}, 2, True, [])
    assert {row["words"] for row in drop["rows"]} == {"awaiting approval"}
    for key, kind in (("shoes/red.jpg", APPROVED), ("shoes/blue.jpg", REJECTED)):
        decide(world, kind, world.list_jobs(key)[0])
    drop = page_user.view_progress()
    assert (drop["counts"], drop["in_review"], drop["over"]) == ({"stored": 1, "rejected": 1}, 0, True)
    assert sorted(one["kind"] for one in drop["results"]) == ["image", "problem"]
    assert 'rejected by "ann" (claimed by' in next(row["note"] for row in drop["rows"] if row["stage"] == "rejected")


def test_failure_has_its_hint(page_user: PageUser) -> None:
    page_user.world.provider.script.append(build_refusal(RetryClass.PERM, Code.UNSAFE_REQUEST))
    page_user.drag("red.jpg")
    page_user.send()
    page_user.world.run_until_empty()
    drop = page_user.view_progress()
    assert (drop["counts"], drop["over"]) == ({"refused": 1}, True)
    (problem,) = drop["results"]
    assert (problem["kind"], problem["code"], problem["hint"]) == (
        "problem",
        "unsafe_request",
        "Change the photo, or the prompt if there is one.",
    )


def test_interrupted_upload_is_listed_after_the_page_is_reopened(page_user: PageUser) -> None:
    page_user.drag("red.jpg", "blue.jpg")
    plan = page_user.request_plan()
    started = page_user.api.start_upload({"plan": plan["plan"]})
    page_user.upload(started["drop"], "shoes/red.jpg", page_user.files["red.jpg"])
    blue = {"drop": started["drop"], "key": "shoes/blue.jpg"}
    page_user.api.create_form(blue)
    assert page_user.api.check_arrival(blue) == {"arrived": False}
    page_user.world.run_until_empty()
    drop = page_user.view_progress()
    assert {row["key"]: row["stage"] for row in drop["rows"]} == {"shoes/red.jpg": "stored", "shoes/blue.jpg": "here"}
    page_user.upload(started["drop"], "shoes/blue.jpg", page_user.files["blue.jpg"])
    page_user.world.run_until_empty()
    assert page_user.view_progress()["counts"] == {"stored": 2}
    assert len(page_user.world.provider.received_job_ids) == 2


def test_incomplete_file_or_old_photo_does_not_count_as_uploaded(page_user: PageUser) -> None:
    page_user.world.upload_photo("shoes/red.jpg", build_photo("old one"), operation="remove")
    page_user.world.run_until_empty()
    page_user.drag("red.jpg")
    plan = page_user.request_plan()
    assert plan["rows"][0]["note"] == "it replaces the photo of that name"
    started = page_user.api.start_upload({"plan": plan["plan"]})
    red = {"drop": started["drop"], "key": "shoes/red.jpg"}
    assert page_user.api.create_form(red)["form"]
    assert page_user.api.check_arrival(red) == {"arrived": False}
    page_user.world.upload_photo("shoes/red.jpg", page_user.files["red.jpg"][:-1])
    assert page_user.api.check_arrival(red) == {"arrived": False}
    page_user.world.upload_photo("shoes/red.jpg", page_user.files["red.jpg"])
    assert page_user.api.check_arrival(red) == {"arrived": True}


@pytest.mark.parametrize("key", ["shoes/other.jpg", "_backdrop.json", ""])
def test_key_outside_the_upload_gets_no_form(page_user: PageUser, key: str) -> None:
    page_user.drag("red.jpg")
    number = page_user.send()
    with pytest.raises(UsageError, match="not a photo of this upload"):
        page_user.api.create_form({"drop": number, "key": key})
    with pytest.raises(UsageError, match="reload the page"):
        page_user.api.create_form({"drop": number + 1, "key": "shoes/red.jpg"})


# -- photos that exist already ---------------------------------------------------------------------------------


def test_repeated_upload_sends_nothing_and_shows_the_results(page_user: PageUser) -> None:
    page_user.drag("red.jpg")
    page_user.send()
    page_user.world.run_until_empty()
    again = page_user.request_plan()
    assert (again["photos"], again["there"], again["price"]) == (0, 1, "$0.00")


def test_failed_photo_is_uploaded_again(page_user: PageUser) -> None:
    page_user.world.provider.script.append(build_refusal(RetryClass.PERM, Code.UNSAFE_REQUEST))
    page_user.drag("red.jpg")
    page_user.send()
    page_user.world.run_until_empty()
    again = page_user.request_plan()
    assert (again["photos"], again["price"]) == (1, "$0.06")
    assert again["rows"][0]["note"] == "it was uploaded before, but failed or was canceled; it is sent again"


def test_canceled_photo_is_uploaded_again(page_user: PageUser, monkeypatch: pytest.MonkeyPatch) -> None:
    page_user.drag("red.jpg")
    page_user.send()
    page_user.world.run_until_empty("intake")
    Person(page_user.world, monkeypatch).run("cancel", "shoes/", "--yes")
    page_user.world.run_for(2)
    again = page_user.request_plan()
    assert (again["photos"], again["price"]) == (1, "$0.06")
    page_user.send()
    page_user.world.run_until_empty()
    assert [job.status for job in page_user.world.list_jobs()] == [JobStatus.STORED]


def test_failed_photo_costs_what_its_failed_request_asked_for(page_user: PageUser) -> None:
    page_user.drag("red.jpg")
    page_user.send(kind="remove", prompt="")
    page_user.world.run_until_empty()
    page_user.world.provider.script.append(build_refusal(RetryClass.PERM, Code.UNSAFE_REQUEST))
    send_request(page_user.world, "shoes/red.jpg", prompt="on a beach")
    page_user.world.run_until_empty()
    again = page_user.request_plan(kind="remove", prompt="")
    assert (again["photos"], again["price"]) == (1, "$0.06")
