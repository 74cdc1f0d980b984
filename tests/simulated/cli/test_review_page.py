"""The review page's API: it lists what waits, shows exactly the reviewed file, and records who decided."""

from collections.abc import Mapping
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from backdrop.model.job import Job, JobStatus
from backdrop.model.review import DecisionChannel, ReviewDecision
from backdrop_cli.errors import CommandError, UsageError
from backdrop_cli.gallery.album import MissingReason
from backdrop_cli.review_page.review_api import ReviewApi
from backdrop_cli.review_page.review_entries import review_file
from backdrop_cli.served_pages.page_files import PageFiles
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import OUTPUT_BUCKET, World
from simulation.world.world_inspector import READABLE_BUCKET
from simulation.world.world_services import CALLER
from tests.simulated.command_user import build_cli_stack
from tests.simulated.deliver.test_fidelity import CHANGED_SCENE, SCENE_LANE, TRANSPARENT_PHOTO, build_world
from tests.simulated.intake.test_foreign_buckets import request_photo, upload_to
from tests.simulated.picture_decisions import APPROVED, REJECTED, decide
from tests.simulated.render.test_mandates import FOLDER, create_mandate
from tests.simulated.stage_worlds import KEY, assert_at_rest
from tests.simulated.upload_page_user import build_presigner
from tests.simulated.uploads_and_requests import send_request

ON_GRASS: dict[str, Any] = {"prompt": "on grass", "approval": "required"}


class Reviewer:
    """A person at the review page: the requests of the page's script."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.stack = build_cli_stack(world)
        self.files = PageFiles(self.stack.bucket_reader.read_file)
        self.api = ReviewApi(self.stack, build_presigner(), self.files)

    def list_pictures(self) -> list[Mapping[str, Any]]:
        return self.api.list_pictures({})["pictures"]

    def seen(self, number: int = 0) -> dict[str, Any]:
        """Returns what the page sends of a picture in the list."""
        entry = self.list_pictures()[number]
        return {name: entry[name] for name in ("job_id", "n", "sha256")}

    def job(self, key: str = KEY) -> Job:
        (job,) = [job for job in self.world.list_jobs(key) if not job.is_mask]
        return job


def build_reviewer(**fields: Any) -> Reviewer:
    """Returns a person whose photo's pictures wait for approval."""
    world = World()
    world.upload_photo(KEY, build_photo())
    world.upload_sidecar(KEY, **ON_GRASS | fields)
    world.run_until_empty()
    return Reviewer(world)


# -- what waits ------------------------------------------------------------------------------------------------------


def test_page_shows_the_worst_verdict_first_with_its_map() -> None:
    lane: dict[str, Any] = {"provider": SCENE_LANE, **ON_GRASS}
    world = build_world(TRANSPARENT_PHOTO, **lane)
    world.run_until_empty()
    world.downloads.override_by_provider[SCENE_LANE] = CHANGED_SCENE
    world.upload_photo("b.jpg", TRANSPARENT_PHOTO)
    world.upload_sidecar("b.jpg", **lane | {"prompt": "on sand"})
    world.run_until_empty()
    world.run_for(600)
    reviewer = Reviewer(world)
    assert [(one["name"], one["fidelity"]["verdict"]) for one in reviewer.list_pictures()] == [
        ("b.jpg", "changed"),
        (KEY, "same"),
    ]
    shown = reviewer.api.show_picture(reviewer.seen())["picture"]
    assert (shown["prompt"], shown["waits"]) == ("on sand", "10 min")
    assert dict(shown["facts"])["paid"].startswith("$0.075")
    assert shown["files"][0]["ratio"] == 1.25
    for link in (shown["before"], shown["files"][0]["after"], shown["fidelity"]["map"]):
        data, content_type = reviewer.files.read_link(link)
        assert isinstance(data, bytes)
        assert (Image.open(BytesIO(data)).format, content_type) == ("WEBP", "image/webp")


def test_picture_of_a_request_is_not_redone_on_the_page() -> None:
    world = World()
    world.upload_photo(KEY, build_photo())
    send_request(world, KEY, **ON_GRASS)
    world.run_until_empty()
    reviewer = Reviewer(world)
    shown = reviewer.api.show_picture(reviewer.seen())["picture"]
    assert not shown["can_redo"]
    assert "send a request" in dict(shown["facts"])["for another picture"]
    with pytest.raises(CommandError, match="send a request, or run a campaign"):
        reviewer.api.quote_redo(reviewer.seen() | {"prompt": "on sand"})


def test_new_pictures_appear_and_decided_ones_leave_the_list() -> None:
    reviewer = build_reviewer()
    assert [one["name"] for one in reviewer.list_pictures()] == [KEY]
    reviewer.world.upload_photo("b.jpg", build_photo("b"))
    reviewer.world.upload_sidecar("b.jpg", **ON_GRASS)
    reviewer.world.run_until_empty()
    assert {one["name"] for one in reviewer.list_pictures()} == {KEY, "b.jpg"}
    decide(reviewer.world, APPROVED, reviewer.job())
    assert [one["name"] for one in reviewer.list_pictures()] == ["b.jpg"]


def test_known_jobs_are_not_read_again_when_the_page_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    reviewer = build_reviewer()
    reviewer.list_pictures()

    def read_jobs(_keys: object) -> None:
        raise AssertionError("it is known")

    monkeypatch.setattr(reviewer.stack.redrive_service.ledger_queries, "read_jobs", read_jobs)
    assert [one["name"] for one in reviewer.list_pictures()] == [KEY]


def test_only_the_bytes_under_review_are_shown() -> None:
    reviewer = build_reviewer()
    review = reviewer.job().reviews[0]
    other = BytesIO()
    Image.new("RGB", (64, 64), "red").save(other, "PNG")
    reviewer.world.s3.upload(OUTPUT_BUCKET, review.key, other.getvalue())
    assert reviewer.files.make_thumbnail(review_file(review)) is MissingReason.GONE
    (file,) = reviewer.api.show_picture(reviewer.seen())["picture"]["files"]
    assert (file["after"], file["no_after"]) == ("", "This version of the picture is no longer in the bucket.")
    assert reviewer.files.read_link(file["full"])[0] is MissingReason.GONE


def test_full_size_is_the_reviewed_file_itself() -> None:
    reviewer = build_reviewer()
    review = reviewer.job().reviews[0]
    (file,) = reviewer.api.show_picture(reviewer.seen())["picture"]["files"]
    version = reviewer.world.s3.buckets[OUTPUT_BUCKET].find_current(review.key)
    assert version
    assert reviewer.files.read_link(file["full"]) == (version.data, "image/png")


def test_file_that_no_page_has_shown_cannot_be_requested() -> None:
    reviewer = build_reviewer()
    link = reviewer.files.register_full_size(review_file(reviewer.job().reviews[0]))
    assert Reviewer(reviewer.world).files.read_link(link)[0] is MissingReason.GONE


def test_photos_with_the_same_key_in_two_buckets_have_different_names() -> None:
    reviewer = build_reviewer()
    upload_to(reviewer.world, KEY)
    request_photo(reviewer.world, KEY, **ON_GRASS)
    assert {one["name"] for one in reviewer.list_pictures()} == {KEY, f"@{READABLE_BUCKET}/{KEY}"}


# -- decisions -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("decision", "status"), [("approved", JobStatus.STORED), ("rejected", JobStatus.REJECTED)])
def test_decision_records_the_callers_identity_and_the_page(decision: str, status: JobStatus) -> None:
    reviewer = build_reviewer()
    assert reviewer.api.decide(reviewer.seen() | {"decision": decision}) == {"left": 0}
    reviewer.world.run_until_empty()
    (review,) = reviewer.job().reviews
    assert (review.decision, review.decided_by, review.decided_via) == (decision, CALLER, DecisionChannel.PAGE)
    assert reviewer.job().status is status
    assert_at_rest(reviewer.world)


def test_second_reviewer_learns_who_decided_what_and_when() -> None:
    reviewer = build_reviewer()
    seen = reviewer.seen()
    decide(reviewer.world, REJECTED, reviewer.job(), by="bob")
    for answer in (reviewer.api.decide(seen | {"decision": "approved"}), reviewer.api.show_picture(seen)):
        assert 'was rejected by "bob" (claimed by shop.review-tool) on 2026-11-20' in answer["ended"]
    assert reviewer.job().reviews[0].decision is ReviewDecision.REJECTED


def test_second_open_page_sees_the_first_pages_decision() -> None:
    first = build_reviewer()
    second = Reviewer(first.world)
    object.__setattr__(second.stack, "read_caller", lambda: "arn:aws:iam::123456789012:user/bob")
    seen = second.seen()
    first.api.decide(first.seen() | {"decision": "rejected"})
    for answer in (second.api.decide(seen | {"decision": "approved"}), second.api.show_picture(seen)):
        assert f"was rejected by {CALLER} on 2026-11-20" in answer["ended"]
    assert second.list_pictures() == []


def test_decision_that_is_sent_twice_counts_once() -> None:
    reviewer = build_reviewer(num_images=2)
    seen = reviewer.seen()
    first = reviewer.api.decide(seen | {"decision": "approved"})
    assert first == reviewer.api.decide(seen | {"decision": "approved"}) == {"left": 1}
    assert [one["n"] for one in reviewer.list_pictures()] == [2]


def test_decision_about_another_file_is_refused() -> None:
    reviewer = build_reviewer()
    seen = reviewer.seen() | {"sha256": "0" * 64}
    assert "another file now" in reviewer.api.decide(seen | {"decision": "approved"})["ended"]
    assert "another file now" in reviewer.api.show_picture(seen)["ended"]
    assert reviewer.job().reviews[0].decision is None


def test_picture_whose_photo_changed_is_not_decided() -> None:
    reviewer = build_reviewer()
    seen = reviewer.seen()
    reviewer.world.upload_sidecar(KEY, **ON_GRASS | {"prompt": "on sand"})
    reviewer.world.run_until_empty()
    assert "is superseded" in reviewer.api.show_picture(seen)["ended"]
    assert reviewer.api.decide(seen | {"decision": "approved"})["ended"]


def test_picture_that_no_longer_needs_approval_is_not_called_bought_again() -> None:
    reviewer = build_reviewer(num_images=2)
    seen = reviewer.seen(1)
    decide(reviewer.world, REJECTED, reviewer.job())
    reviewer.world.upload_sidecar(KEY, **ON_GRASS | {"num_images": 2, "approval": "none"})
    reviewer.world.run_until_empty()
    ended = reviewer.api.show_picture(seen)["ended"]
    assert ended == f"{KEY} no longer waits for approval, because the job is stored."


@pytest.mark.parametrize("change", [{"sha256": ""}, {"job_id": ""}, {"n": -1}, {"decision": "maybe"}, {"n": "1"}])
def test_decision_without_the_seen_file_is_refused(change: dict[str, Any]) -> None:
    reviewer = build_reviewer()
    with pytest.raises(UsageError, match="reload the page"):
        reviewer.api.decide(reviewer.seen() | {"decision": "approved"} | change)


# -- redo ------------------------------------------------------------------------------------------------------------


def test_redo_costs_at_most_what_the_person_agreed_to() -> None:
    reviewer = build_reviewer()
    prompt = reviewer.seen() | {"prompt": "on sand"}
    quote = reviewer.api.quote_redo(prompt)
    discarded = "This discards 1 picture bought before: 1 waiting for approval."
    words = "The new picture costs at most $0.06."
    assert quote == {"price": "$0.06", "micro_usd": 60_000, "words": words, "discarded": discarded}
    prompt |= {"discarded": discarded}
    with pytest.raises(CommandError, match="nothing was changed; the price is now at most"):
        reviewer.api.redo(prompt | {"micro_usd": 59_999})
    for agreed in (None, True):
        with pytest.raises(UsageError):
            reviewer.api.redo(prompt | {"micro_usd": agreed})
    outcome = "New pictures wait for approval when they are made."
    assert reviewer.api.redo(prompt | {"micro_usd": quote["micro_usd"]}) == {
        "sidecar": f"{KEY}.json",
        "outcome": outcome,
    }
    reviewer.world.run_until_empty()
    statuses = {job.instructions["prompt"]: job.status for job in reviewer.world.list_jobs(KEY)}
    assert statuses == {"on grass": JobStatus.SUPERSEDED, "on sand": JobStatus.REVIEW}


def test_redo_names_the_approved_picture_that_it_discards() -> None:
    reviewer = build_reviewer(num_images=2)
    prompt = reviewer.seen(1) | {"prompt": "on sand"}
    before = reviewer.api.quote_redo(prompt)
    reviewer.api.decide(reviewer.seen() | {"decision": "approved"})
    with pytest.raises(CommandError, match="another person has just decided"):
        reviewer.api.redo({**prompt, **before})
    assert reviewer.api.quote_redo(prompt)["discarded"] == (
        "This discards 2 pictures bought before: 1 already approved, 1 waiting for approval."
    )


def test_redo_of_one_variant_keeps_the_others() -> None:
    reviewer = build_reviewer(variants={"beach": {"prompt": "on a beach"}, "forest": {"prompt": "in a forest"}})
    seen = next(
        {name: one[name] for name in ("job_id", "n", "sha256")}
        for one in reviewer.list_pictures()
        if one["tags"] == ["beach"]
    )
    prompt = seen | {"prompt": "on sand"}
    reviewer.api.redo({**prompt, **reviewer.api.quote_redo(prompt)})
    reviewer.world.run_until_empty()
    assert sorted(job.status for job in reviewer.world.list_jobs(KEY)) == ["review", "review", "superseded"]


def test_price_of_a_redo_names_what_the_mandate_does_not_cover() -> None:
    world = World()
    create_mandate(world, limit=60_000)
    world.upload_photo(f"{FOLDER}red.jpg", build_photo())
    world.upload_sidecar(f"{FOLDER}red.jpg", **ON_GRASS)
    world.run_until_empty()
    reviewer = Reviewer(world)
    words = reviewer.api.quote_redo(reviewer.seen() | {"prompt": "on sand"})["words"]
    assert words.startswith("The new picture costs at most $0.06. $0.00 of the mandate anna's $0.06 is left, and")
    assert "These pictures would be refused. Raise the mandate" in words


def test_redo_of_a_decided_picture_names_the_decision() -> None:
    reviewer = build_reviewer()
    seen = reviewer.seen()
    decide(reviewer.world, APPROVED, reviewer.job(), by="bob")
    assert (
        'was approved by "bob" (claimed by shop.review-tool)'
        in reviewer.api.quote_redo(seen | {"prompt": "on sand"})["ended"]
    )


@pytest.mark.parametrize(("prompt", "words"), [("", "describe the new background"), ("on grass", "already has these")])
def test_redo_that_buys_nothing_says_so(prompt: str, words: str) -> None:
    reviewer = build_reviewer()
    with pytest.raises((CommandError, UsageError), match=words):
        reviewer.api.quote_redo(reviewer.seen() | {"prompt": prompt})
