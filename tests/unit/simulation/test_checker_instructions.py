"""The checks of resolutions find photos whose jobs do not follow their instructions, or come too early or twice."""

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
    check_mask,
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
CUT_RESOLUTION, WITHOUT_INSTRUCTIONS = Resolution({"": CUT}), Resolution({}, frozenset({("", "no_instructions")}))
DEFAULTS = "shoes/_backdrop.json"


def names(violations: Sequence[Violation]) -> list[str]:
    return [violation.invariant.name for violation in violations]


def stored_job(**changes: Any) -> dict[str, Any]:
    """Returns a stored job with its instructions."""
    facts: dict[str, Any] = {
        "variant": "",
        "instructions": CUT,
        "links": [{"url": "u"}],
        "warnings": [],
        "results": [result()],
    }
    return job(**facts | {"queued_at": "2026-11-20T09:00:30Z", "ended_at": "2026-11-20T09:01:30Z"} | changes)


def result(key: str = PICTURE, version: str = "v1", n: int = 1) -> dict[str, Any]:
    """Returns a delivered picture."""
    return {"key": key, "version_id": version, "n": n}


def photo_source(*problems: str, jobs: dict[str, str] | None = None, **changes: Any) -> dict[str, Any]:
    """Returns a source that names its one job, or has problems."""
    first_seen = "2026-11-20T09:00:30Z"
    problem_items = [{"code": code, "variant": "", "origin": "photo", "first_seen": first_seen} for code in problems]
    current_jobs = ({} if problems else {"": "j1"}) if jobs is None else jobs
    photo = {"etag": "e1", "version_id": "v1", "sha256": "aa"}
    facts = {
        "photo": photo,
        "instructions_fingerprint": "a",
        "recent_request_ids": [],
        "problems": problem_items,
        "jobs": current_jobs,
    }
    return source() | facts | changes


def write(before: JsonObject | None, after: JsonObject, *possible: Resolution, **changes: Any) -> list[str]:
    """Returns the violations of a write if these resolutions were possible."""
    facts: dict[str, Any] = {
        "resolutions_with_request": None,
        "is_requested": False,
        "has_own_instructions": True,
        "settle_seconds": 20.0,
    }
    return names(check_resolution(ResolutionWrite(before, after, possible, **facts | changes), {"j1": stored_job()}))


def test_new_jobs_must_follow_the_instructions() -> None:
    assert write(None, photo_source(), WITHOUT_INSTRUCTIONS, CUT_RESOLUTION) == []
    assert write(None, photo_source(), Resolution({"": SEA}), BLOCKED) == [Invariant.INSTRUCTIONS_FOLLOWED.name]
    assert write(None, photo_source("no_instructions"), CUT_RESOLUTION) == [Invariant.INSTRUCTIONS_FOLLOWED.name]
    assert write(None, photo_source(jobs={}, blocked_by_defaults=DEFAULTS), BLOCKED) == []
    assert write(None, photo_source("crashed"), CUT_RESOLUTION) == [], "no worker opened it"


def test_request_leads_to_its_jobs_or_changes_none() -> None:
    assert write(None, photo_source(), resolutions_with_request=[CUT_RESOLUTION]) == []
    assert write(None, photo_source(), CUT_RESOLUTION, resolutions_with_request=[Resolution({"": SEA})]) == [
        Invariant.INSTRUCTIONS_FOLLOWED.name
    ]
    assert (
        write(
            photo_source(),
            photo_source("unknown_field", jobs={"": "j1"}),
            resolutions_with_request=[WITHOUT_INSTRUCTIONS],
        )
        == []
    )
    assert write(photo_source(), photo_source("unknown_field"), resolutions_with_request=[WITHOUT_INSTRUCTIONS]) == [
        Invariant.INSTRUCTIONS_FOLLOWED.name
    ]


def test_refused_request_about_new_bytes_leaves_no_jobs_for_the_earlier_bytes() -> None:
    refused = photo_source("unknown_field", photo={"etag": "e2", "version_id": "v2", "sha256": "bb"})
    assert write(photo_source(), refused, resolutions_with_request=[WITHOUT_INSTRUCTIONS]) == []
    assert write(
        photo_source(), refused | {"jobs": {"sea": "j1"}}, resolutions_with_request=[WITHOUT_INSTRUCTIONS]
    ) == [Invariant.INSTRUCTIONS_FOLLOWED.name]


def test_photo_is_resolved_again_only_for_a_cause() -> None:
    before = photo_source(jobs={"": "j0"})
    assert write(before, photo_source(), CUT_RESOLUTION) == [Invariant.RESOLVED_AGAIN_ONLY_FOR_A_CAUSE.name]
    assert write(before, photo_source(), CUT_RESOLUTION, is_requested=True) == []
    assert write(before | {"was_missing": True}, photo_source(), CUT_RESOLUTION) == []
    assert write(before, photo_source(instructions_fingerprint="b"), CUT_RESOLUTION) == []
    assert write(photo_source(jobs={}, blocked_by_defaults=DEFAULTS), photo_source(), CUT_RESOLUTION) == [], (
        "it was blocked"
    )


def test_partly_refused_photo_may_be_resolved_after_a_new_upload() -> None:
    before = photo_source("max_cost_exceeded", jobs={"": "j0"})
    again = photo_source(photo={"etag": "e1", "version_id": "v2", "sha256": "aa"})
    assert write(before, again, CUT_RESOLUTION) == []
    assert write(before, photo_source(), CUT_RESOLUTION) == [Invariant.RESOLVED_AGAIN_ONLY_FOR_A_CAUSE.name], (
        "the same upload"
    )
    request_refused = before | {"problems": [problem | {"origin": "request"} for problem in before["problems"]]}
    assert write(request_refused, again, CUT_RESOLUTION) == [Invariant.RESOLVED_AGAIN_ONLY_FOR_A_CAUSE.name]


def test_removed_instructions_must_not_end_jobs() -> None:
    assert write(
        photo_source(), photo_source("no_instructions", instructions_fingerprint="b"), WITHOUT_INSTRUCTIONS
    ) == [Invariant.RESOLVED_AGAIN_ONLY_FOR_A_CAUSE.name]
    other = photo_source("no_instructions", instructions_fingerprint="b", photo={"etag": "e2"})
    assert write(photo_source(), other, WITHOUT_INSTRUCTIONS) == [], "these are other bytes"
    restored = photo_source("no_instructions", instructions_fingerprint="b")
    assert write(photo_source(was_missing=True), restored, WITHOUT_INSTRUCTIONS) == [], "it was deleted in the meantime"


@pytest.mark.parametrize(
    ("before", "is_early"),
    [
        (None, True),
        (photo_source(jobs={}, settling_since="2026-11-20T09:00:15Z"), True),
        (photo_source(jobs={}, settling_since="2026-11-20T09:00:05Z"), False),
        (photo_source(jobs={}, settling_since="2026-11-20T09:02:25Z"), False),
        (photo_source("no_instructions"), False),
    ],
    ids=["at once", "too early", "in time", "a job from before the wait", "waited before"],
)
def test_photo_without_instructions_gets_its_settle_time(before: JsonObject | None, is_early: bool) -> None:
    assert (
        write(before, photo_source(instructions_fingerprint="b"), CUT_RESOLUTION, has_own_instructions=False)
        == [Invariant.SETTLE_TIME_RESPECTED.name] * is_early
    )
    assert (
        write(
            before,
            photo_source(instructions_fingerprint="b"),
            CUT_RESOLUTION,
            has_own_instructions=False,
            settle_seconds=None,
        )
        == []
    )


def test_second_job_for_the_same_work_is_found() -> None:
    duplicate = stored_job(job_id="j2", instructions=CUT | {"metadata": {"order": 7}})
    other = stored_job(job_id="j2", instructions=CUT | {"revision": "2"})
    assert names(check_duplicate_jobs(None, duplicate, [stored_job(), duplicate])) == [
        Invariant.NO_REPEAT_PURCHASES.name
    ]
    assert check_duplicate_jobs(None, other, [stored_job(), other]) == []
    assert check_duplicate_jobs(duplicate, duplicate, [stored_job(), duplicate]) == [], "found when it was created"


@pytest.mark.parametrize(
    ("found", "current", "earlier", "is_right"),
    [
        (photo_source(), CUT_RESOLUTION, [CUT_RESOLUTION], True),
        (photo_source(), Resolution({"": SEA}), [CUT_RESOLUTION, Resolution({"": SEA})], True),
        (photo_source(), Resolution({"": SEA}), [Resolution({"": SEA})], False),
        (photo_source("no_instructions"), CUT_RESOLUTION, [WITHOUT_INSTRUCTIONS, CUT_RESOLUTION], False),
        (photo_source("no_instructions"), BLOCKED, [WITHOUT_INSTRUCTIONS, BLOCKED], True),
        (photo_source(jobs={}, blocked_by_defaults=DEFAULTS), CUT_RESOLUTION, [BLOCKED, CUT_RESOLUTION], False),
        (photo_source("max_cost_exceeded"), CUT_RESOLUTION, [CUT_RESOLUTION], False),
    ],
    ids=["as now", "as before", "as never", "not woken", "still blocked", "fixed", "refused"],
)
def test_instructions_have_jobs_or_a_report_at_rest(
    found: JsonObject, current: Resolution, earlier: list[Resolution], is_right: bool
) -> None:
    violations = check_final_resolutions(
        PlainLedger({"s1": found}, {"j1": stored_job()}, {}), {KEY: ExpectedResolution(current, earlier)}
    )
    assert names(violations) == [] if is_right else [Invariant.INSTRUCTIONS_FOLLOWED.name]


def test_only_broken_defaults_block_photos_under_one_report() -> None:
    blocked, defaults_report = (
        photo_source(jobs={}, blocked_by_defaults=DEFAULTS),
        photo_source("unknown_field", key=DEFAULTS),
    )
    both = PlainLedger({"s1": blocked, "s2": defaults_report}, {}, {})
    assert check_blocked_photos(both, {DEFAULTS: {"unknown_field"}}) == []
    assert names(check_blocked_photos(both, {DEFAULTS: ()})) == [Invariant.BLOCKED_BY_BROKEN_DEFAULTS.name] * 2
    assert names(check_blocked_photos(PlainLedger({"s1": blocked}, {}, {}), {DEFAULTS: {"unknown_field"}})) == [
        Invariant.BLOCKED_BY_BROKEN_DEFAULTS.name
    ]


def test_photo_with_timely_instructions_has_no_unrelated_jobs() -> None:
    assert check_paired_uploads(ledger(stored_job()), [KEY]) == []
    assert names(check_paired_uploads(ledger(stored_job(), stored_job(job_id="j2")), [KEY])) == [
        Invariant.SETTLE_TIME_RESPECTED.name
    ]
    assert check_paired_uploads(ledger(stored_job(), stored_job(job_id="j2")), []) == []


def test_photo_that_was_given_up_may_lack_its_job() -> None:
    given_up = PlainLedger({"s1": photo_source("crashed")}, {"j1": stored_job()}, {})
    assert check_paired_uploads(given_up, [KEY]) == []
    twice = PlainLedger({"s1": photo_source("crashed")}, {"j1": stored_job(), "j2": stored_job(job_id="j2")}, {})
    assert names(check_paired_uploads(twice, [KEY])) == [Invariant.SETTLE_TIME_RESPECTED.name]
    refused = PlainLedger({"s1": photo_source("unknown_field")}, {"j1": stored_job()}, {})
    assert names(check_paired_uploads(refused, [KEY])) == [Invariant.SETTLE_TIME_RESPECTED.name]


def test_request_that_was_not_handled_is_found() -> None:
    handled = ledger(photo_source=photo_source(recent_request_ids=["m1"]))
    assert check_requests_recorded(handled, {"m1": KEY}) == []
    assert names(check_requests_recorded(handled, {"m2": KEY})) == [Invariant.INSTRUCTIONS_FOLLOWED.name]


def test_removed_variant_keeps_pictures_and_has_a_warning() -> None:
    without_warning, current_source = stored_job(variant="snow"), photo_source(jobs={"sea": "j2"})
    with_warning = without_warning | {"warnings": [{"code": "not_current"}]}
    assert check_removed_variants(ledger(with_warning, photo_source=current_source), {PICTURE: "j1"}) == []
    assert names(check_removed_variants(ledger(without_warning, photo_source=current_source), {PICTURE: "j1"})) == [
        Invariant.DOCUMENTS_MATCH_LEDGER.name
    ]
    assert check_removed_variants(ledger(without_warning, photo_source=current_source), {PICTURE: "j0"}) == [], (
        "they are another job's pictures"
    )
    assert names(check_removed_variants(ledger(with_warning, photo_source=current_source), {})) == [
        Invariant.PICTURES_MATCH_JOBS.name
    ]


def test_clock_of_a_worker_may_hide_which_job_of_a_removed_variant_came_last() -> None:
    first = stored_job(job_id="j0", variant="snow", warnings=[{"code": "not_current"}])
    last, current_source = stored_job(variant="snow"), photo_source(jobs={"sea": "j2"})
    assert names(check_removed_variants(ledger(first, last, photo_source=current_source), {PICTURE: "j1"})) == [
        Invariant.DOCUMENTS_MATCH_LEDGER.name
    ]
    early = last | {"ended_at": "2026-11-20T08:01:30Z"}
    assert check_removed_variants(ledger(first, early, photo_source=current_source), {PICTURE: "j1"}) == []


def test_stored_job_has_one_picture_per_output() -> None:
    two = {"instructions": CUT | {"output": [{}, {"name": "web", "format": "webp"}]}, "variant": "snow"}
    keys = [f"{KEY}/red-snow.png", f"{KEY}/red-snow@web.webp", f"{KEY}/red-snow_2.png", f"{KEY}/red-snow_2@web.webp"]
    links = [{"url": "u"}, {"url": None}, {"url": "u"}]
    results = [result(key, n=1 + ("_2" in key)) for key in keys]
    assert check_outputs(ledger(stored_job())) == []
    assert check_outputs(ledger(stored_job(**two, links=links, results=results))) == []
    first_is_rejected = {"reviews": [{"n": 1, "decision": "rejected"}, {"n": 2, "decision": "approved"}]}
    assert check_outputs(ledger(stored_job(**two, links=links, results=results[2:], **first_is_rejected))) == []
    assert names(check_outputs(ledger(stored_job(**two, links=links, results=results, **first_is_rejected)))) == [
        Invariant.PICTURES_MATCH_JOBS.name
    ]
    assert check_outputs(ledger(stored_job(variant="@mask", results=[]))) == []
    assert names(check_outputs(ledger(stored_job(**two)))) == [Invariant.PICTURES_MATCH_JOBS.name]
    assert check_outputs(ledger(stored_job(**two, warnings=[{"code": "unsafe_result"}]))) == []


BUYS_MASK = SEA | {"subject": {"mask": "buy"}}


def find_mask_problems(
    *instructions: dict[str, Any], mask: bool, transparent: bool = False, cut_out: bool | None = False
) -> list[Violation]:
    """Checks a photo with these jobs, with a mask or without, and with another cut-out or not."""
    jobs: dict[str, JsonObject] = {
        str(n): job("accepted", instructions=one, operation=one["operation"]) for n, one in enumerate(instructions)
    }
    source = photo_source(jobs={name: name for name in jobs} | ({"@mask": "m"} if mask else {}))
    return check_mask(source, jobs, is_transparent=transparent, had_cut_out=cut_out, has_mandate=False)


def test_mask_is_bought_if_and_only_if_a_picture_needs_it() -> None:
    assert find_mask_problems(BUYS_MASK, SEA, mask=True) == []
    assert find_mask_problems(SEA, mask=False) == []
    assert find_mask_problems(BUYS_MASK, CUT, mask=False) == []
    assert find_mask_problems(BUYS_MASK, mask=False, transparent=True) == []
    assert find_mask_problems(BUYS_MASK, mask=False, cut_out=True) == []
    assert find_mask_problems(BUYS_MASK, mask=False, cut_out=None) == [], "it was bought meanwhile"
    for problems in (
        find_mask_problems(BUYS_MASK, mask=False),
        find_mask_problems(SEA, mask=True),
        find_mask_problems(mask=True),
        find_mask_problems(BUYS_MASK, CUT, mask=True),
        find_mask_problems(BUYS_MASK, mask=True, transparent=True),
        find_mask_problems(BUYS_MASK, mask=True, cut_out=True),
        find_mask_problems(SEA, mask=True, cut_out=None),
    ):
        assert names(problems) == [Invariant.MASK_BOUGHT_ON_REQUEST.name]


@pytest.mark.parametrize(
    ("limit", "has_mandate", "is_excused"), [(0.07, False, False), (0.06, False, True), (9, True, True)]
)
def test_mask_may_be_missing_if_a_bought_picture_leaves_no_room_for_it(
    limit: float, *, has_mandate: bool, is_excused: bool
) -> None:
    attempt = {"charged": 60_000, "unknown": 0, "reserved": 0}
    instructions = BUYS_MASK | {"max_cost_usd": limit}
    picture = job("paid", attempt, instructions=instructions, operation="replace")
    named = photo_source(jobs={"": "picture"})
    problems = check_mask(named, {"picture": picture}, is_transparent=False, had_cut_out=False, has_mandate=has_mandate)
    assert (problems == []) is is_excused


@pytest.mark.parametrize(
    ("status", "decisions", "is_excused"),
    [
        ("stored", (), True),
        ("rejected", ("rejected",), True),
        ("review", (None,), True),
        ("paid", ("approved", "rejected"), True),
        ("paid", ("approved", None), False),
        ("paid", (), False),
        ("accepted", ("approved",), False),
    ],
)
def test_mask_may_be_missing_if_no_picture_is_compared_again(
    status: str, decisions: tuple[str | None, ...], *, is_excused: bool
) -> None:
    reviews = [{"decision": decision} for decision in decisions]
    picture = job(status, instructions=BUYS_MASK, operation="replace", reviews=reviews)
    named = photo_source(jobs={"": "picture"})
    problems = check_mask(named, {"picture": picture}, is_transparent=False, had_cut_out=False, has_mandate=False)
    assert (problems == []) is is_excused


def test_delivered_version_must_be_the_current_one() -> None:
    assert check_picture_versions(ledger(stored_job()), {PICTURE: ["v2", "v1"]}) == []
    assert names(check_picture_versions(ledger(stored_job()), {PICTURE: ["v2"]})) == [Invariant.NEWEST_DELIVERED.name]
    assert names(check_picture_versions(ledger(stored_job()), {})) == [Invariant.NEWEST_DELIVERED.name]


def test_deleted_photo_has_no_job_in_progress() -> None:
    assert check_deleted_photos(ledger(stored_job()), [KEY], ()) == []
    assert check_deleted_photos(ledger(stored_job(status="unknown")), [KEY], ["j1"]) == [], "its lane is paused"
    settling = ledger(photo_source=photo_source(settling_since="2026-11-20T09:00:00Z"))
    for found_ledger in (ledger(stored_job(status="accepted")), ledger(stored_job(status="unknown")), settling):
        assert names(check_deleted_photos(found_ledger, [KEY], ())) == [Invariant.ONLY_CURRENT_JOBS_BOUGHT.name]
