"""The checker sees a photo that is asked something else than lies there, too early, twice, or not at all."""

from collections.abc import Sequence
from typing import Any

import pytest

from simulation.invariants.job_ends import check_deleted_photos
from simulation.invariants.resolutions import (
    BLOCKED,
    ExpectedResolution,
    Resolution,
    ResolutionWrite,
    check_blocked_photos,
    check_duplicate_jobs,
    check_final_resolutions,
    check_outputs,
    check_paired_uploads,
    check_picture_versions,
    check_removed_variants,
    check_requests_recorded,
    check_resolution,
)
from simulation.invariants.violations import Invariant, JsonObject, PlainLedger, Violation
from tests.unit.checker_items import KEY, PICTURE, job, ledger, source

CUT, SEA = {"operation": "remove"}, {"operation": "replace", "prompt": "at sea"}
ASKED, UNSAID = Resolution({"": CUT}), Resolution({}, frozenset({("", "no_instructions")}))
DEFAULTS = "shoes/_backdrop.json"


def names(breaches: Sequence[Violation]) -> list[str]:
    """The broken promises."""
    return [breach.invariant.name for breach in breaches]


def wanted(**changes: Any) -> dict[str, Any]:
    """A stored job with its instructions."""
    facts: dict[str, Any] = {
        "variant": "",
        "instructions": CUT,
        "links": [{"url": "u"}],
        "warnings": [],
        "results": [result()],
    }
    return job(**facts | {"queued_at": "2026-11-20T09:00:30Z"} | changes)


def result(key: str = PICTURE, version: str = "v1") -> dict[str, str]:
    """A picture that was handed over."""
    return {"key": key, "version_id": version}


def place(*problems: str, jobs: dict[str, str] | None = None, **changes: Any) -> dict[str, Any]:
    """A photo's place that names its one job, or has problems."""
    seen = "2026-11-20T09:00:30Z"
    wrong = [{"code": code, "variant": "", "origin": "photo", "first_seen": seen} for code in problems]
    named = ({} if problems else {"": "j1"}) if jobs is None else jobs
    photo = {"etag": "e1", "version_id": "v1", "sha256": "aa"}
    facts = {
        "photo": photo,
        "instructions_fingerprint": "a",
        "recent_request_ids": [],
        "problems": wrong,
        "jobs": named,
    }
    return source() | facts | changes


def write(before: JsonObject | None, after: JsonObject, *said: Resolution, **changes: Any) -> list[str]:
    """What is wrong with a write of a photo's place, when all this may have been said."""
    facts: dict[str, Any] = {
        "resolutions_with_request": None,
        "is_requested": False,
        "has_own_instructions": True,
        "settle_seconds": 20.0,
    }
    return names(check_resolution(ResolutionWrite(before, after, said, **facts | changes), {"j1": wanted()}))


def test_what_a_photo_names_was_said_while_its_worker_lived() -> None:
    assert write(None, place(), UNSAID, ASKED) == []
    assert write(None, place(), Resolution({"": SEA}), BLOCKED) == [Invariant.INSTRUCTIONS_FOLLOWED.name]
    assert write(None, place("no_instructions"), ASKED) == [Invariant.INSTRUCTIONS_FOLLOWED.name]
    assert write(None, place(jobs={}, blocked_by_defaults=DEFAULTS), BLOCKED) == []
    assert write(None, place("crashed"), ASKED) == [], "nobody opened it"


def test_a_request_leads_to_its_jobs_or_changes_none() -> None:
    assert write(None, place(), resolutions_with_request=[ASKED]) == []
    assert write(None, place(), ASKED, resolutions_with_request=[Resolution({"": SEA})]) == [
        Invariant.INSTRUCTIONS_FOLLOWED.name
    ]
    assert write(place(), place("unknown_field", jobs={"": "j1"}), resolutions_with_request=[UNSAID]) == []
    assert write(place(), place("unknown_field"), resolutions_with_request=[UNSAID]) == [
        Invariant.INSTRUCTIONS_FOLLOWED.name
    ]


def test_what_was_resolved_stays_so_until_something_of_its_own_changes() -> None:
    before = place(jobs={"": "j0"})
    assert write(before, place(), ASKED) == [Invariant.RESOLVED_AGAIN_ONLY_FOR_A_CAUSE.name]
    assert write(before, place(), ASKED, is_requested=True) == []
    assert write(before | {"was_missing": True}, place(), ASKED) == []
    assert write(before, place(instructions_fingerprint="b"), ASKED) == []
    assert write(place(jobs={}, blocked_by_defaults=DEFAULTS), place(), ASKED) == [], "it was held"


def test_photo_refused_in_part_and_uploaded_again_may_be_resolved_again() -> None:
    before = place("max_cost_exceeded", jobs={"": "j0"})
    again = place(photo={"etag": "e1", "version_id": "v2", "sha256": "aa"})
    assert write(before, again, ASKED) == []
    assert write(before, place(), ASKED) == [Invariant.RESOLVED_AGAIN_ONLY_FOR_A_CAUSE.name], "the same upload"
    of_a_request = before | {"problems": [one | {"origin": "request"} for one in before["problems"]]}
    assert write(of_a_request, again, ASKED) == [Invariant.RESOLVED_AGAIN_ONLY_FOR_A_CAUSE.name]


def test_nothing_said_any_more_undoes_nothing() -> None:
    assert write(place(), place("no_instructions", instructions_fingerprint="b"), UNSAID) == [
        Invariant.RESOLVED_AGAIN_ONLY_FOR_A_CAUSE.name
    ]
    other = place("no_instructions", instructions_fingerprint="b", photo={"etag": "e2"})
    assert write(place(), other, UNSAID) == [], "it is another photo"
    back = place("no_instructions", instructions_fingerprint="b")
    assert write(place(was_missing=True), back, UNSAID) == [], "it was deleted meanwhile"


@pytest.mark.parametrize(
    ("before", "early"),
    [
        (None, True),
        (place(jobs={}, settling_since="2026-11-20T09:00:15Z"), True),
        (place(jobs={}, settling_since="2026-11-20T09:00:05Z"), False),
        (place(jobs={}, settling_since="2026-11-20T09:02:25Z"), False),
        (place("no_instructions"), False),
    ],
    ids=["at once", "too early", "in time", "a job from before it waited", "had waited in vain"],
)
def test_a_photo_without_a_word_of_its_own_is_given_time(before: JsonObject | None, early: bool) -> None:
    assert (
        write(before, place(instructions_fingerprint="b"), ASKED, has_own_instructions=False)
        == [Invariant.SETTLE_TIME_RESPECTED.name] * early
    )
    assert (
        write(before, place(instructions_fingerprint="b"), ASKED, has_own_instructions=False, settle_seconds=None) == []
    )


def test_no_two_jobs_are_there_for_the_same() -> None:
    again = wanted(job_id="j2", instructions=CUT | {"metadata": {"order": 7}})
    other = wanted(job_id="j2", instructions=CUT | {"revision": "2"})
    assert names(check_duplicate_jobs(None, again, [wanted(), again])) == [Invariant.NO_REPEAT_PURCHASES.name]
    assert check_duplicate_jobs(None, other, [wanted(), other]) == []
    assert check_duplicate_jobs(again, again, [wanted(), again]) == [], "told when it came"


@pytest.mark.parametrize(
    ("found", "now", "ever", "good"),
    [
        (place(), ASKED, [ASKED], True),
        (place(), Resolution({"": SEA}), [ASKED, Resolution({"": SEA})], True),
        (place(), Resolution({"": SEA}), [Resolution({"": SEA})], False),
        (place("no_instructions"), ASKED, [UNSAID, ASKED], False),
        (place("no_instructions"), BLOCKED, [UNSAID, BLOCKED], True),
        (place(jobs={}, blocked_by_defaults=DEFAULTS), ASKED, [BLOCKED, ASKED], False),
        (place("max_cost_exceeded"), ASKED, [ASKED], False),
    ],
    ids=["as said", "as once said", "never said", "not woken", "held since", "mended", "refused"],
)
def test_all_that_is_said_has_its_jobs_or_its_report(
    found: JsonObject, now: Resolution, ever: list[Resolution], good: bool
) -> None:
    breaches = check_final_resolutions(
        PlainLedger({"s1": found}, {"j1": wanted()}, {}), {KEY: ExpectedResolution(now, ever)}
    )
    assert names(breaches) == [] if good else [Invariant.INSTRUCTIONS_FOLLOWED.name]


def test_who_is_held_is_held_by_what_is_broken_and_each_folder_is_told_of() -> None:
    held, told = place(jobs={}, blocked_by_defaults=DEFAULTS), place("unknown_field", key=DEFAULTS)
    both = PlainLedger({"s1": held, "s2": told}, {}, {})
    assert check_blocked_photos(both, {DEFAULTS: {"unknown_field"}}) == []
    assert names(check_blocked_photos(both, {DEFAULTS: ()})) == [Invariant.BLOCKED_BY_BROKEN_DEFAULTS.name] * 2
    assert names(check_blocked_photos(PlainLedger({"s1": held}, {}, {}), {DEFAULTS: {"unknown_field"}})) == [
        Invariant.BLOCKED_BY_BROKEN_DEFAULTS.name
    ]


def test_a_photo_and_its_word_are_one_purchase() -> None:
    assert check_paired_uploads(ledger(wanted()), [KEY]) == []
    assert names(check_paired_uploads(ledger(wanted(), wanted(job_id="j2")), [KEY])) == [
        Invariant.SETTLE_TIME_RESPECTED.name
    ]
    assert check_paired_uploads(ledger(wanted(), wanted(job_id="j2")), []) == []


def test_a_photo_that_is_given_up_names_none_of_the_jobs_that_it_had_and_had_no_two() -> None:
    given_up = PlainLedger({"s1": place("crashed")}, {"j1": wanted()}, {})
    assert check_paired_uploads(given_up, [KEY]) == []
    twice = PlainLedger({"s1": place("crashed")}, {"j1": wanted(), "j2": wanted(job_id="j2")}, {})
    assert names(check_paired_uploads(twice, [KEY])) == [Invariant.SETTLE_TIME_RESPECTED.name]
    refused = PlainLedger({"s1": place("unknown_field")}, {"j1": wanted()}, {})
    assert names(check_paired_uploads(refused, [KEY])) == [Invariant.SETTLE_TIME_RESPECTED.name]


def test_every_request_is_heard() -> None:
    heard = ledger(place=place(recent_request_ids=["m1"]))
    assert check_requests_recorded(heard, {"m1": KEY}) == []
    assert names(check_requests_recorded(heard, {"m2": KEY})) == [Invariant.INSTRUCTIONS_FOLLOWED.name]


def test_a_variant_taken_away_leaves_its_pictures_and_says_so() -> None:
    left, named = wanted(variant="snow"), place(jobs={"sea": "j2"})
    told = left | {"warnings": [{"code": "not_current"}]}
    assert check_removed_variants(ledger(told, place=named), {PICTURE: "j1"}) == []
    assert names(check_removed_variants(ledger(left, place=named), {PICTURE: "j1"})) == [
        Invariant.DOCUMENTS_MATCH_LEDGER.name
    ]
    assert check_removed_variants(ledger(left, place=named), {PICTURE: "j0"}) == [], "others' pictures lie there"
    assert names(check_removed_variants(ledger(told, place=named), {})) == [Invariant.PICTURES_MATCH_JOBS.name]


def test_each_output_of_each_image_is_there_and_nothing_else() -> None:
    two = {"instructions": CUT | {"output": [{}, {"name": "web", "format": "webp"}]}, "variant": "snow"}
    keys = [f"{KEY}/red-snow.png", f"{KEY}/red-snow@web.webp", f"{KEY}/red-snow_2.png", f"{KEY}/red-snow_2@web.webp"]
    links = [{"url": "u"}, {"url": None}, {"url": "u"}]
    assert check_outputs(ledger(wanted())) == []
    assert check_outputs(ledger(wanted(**two, links=links, results=[result(key) for key in keys]))) == []
    assert names(check_outputs(ledger(wanted(**two)))) == [Invariant.PICTURES_MATCH_JOBS.name]
    assert check_outputs(ledger(wanted(**two, warnings=[{"code": "unsafe_result"}]))) == []


def test_what_was_handed_over_last_is_what_lies_there() -> None:
    assert check_picture_versions(ledger(wanted()), {PICTURE: "v1"}) == []
    assert names(check_picture_versions(ledger(wanted()), {PICTURE: "v2"})) == [Invariant.NEWEST_DELIVERED.name]


def test_nothing_waits_of_a_photo_that_is_gone() -> None:
    assert check_deleted_photos(ledger(wanted()), [KEY], ()) == []
    assert check_deleted_photos(ledger(wanted(status="unknown")), [KEY], ["j1"]) == [], "its lane is paused"
    waits = ledger(place=place(settling_since="2026-11-20T09:00:00Z"))
    for one in (ledger(wanted(status="accepted")), ledger(wanted(status="unknown")), waits):
        assert names(check_deleted_photos(one, [KEY], ())) == [Invariant.ONLY_CURRENT_JOBS_BOUGHT.name]
