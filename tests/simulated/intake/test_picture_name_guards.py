"""Each guard of the names of pictures is needed: without it, a test of the names fails."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

import pytest

from backdrop.aws.ledger import Ledger
from backdrop.deliver.pictures import Pictures
from backdrop.intake import job_planner, name_claims
from backdrop.intake.name_claims import NameClaims
from backdrop.model.job import Job, Problem, Source
from backdrop.model.picture_names import NameClaim, holds_name
from tests.simulated.intake import test_picture_names as names

type Patch = Callable[[pytest.MonkeyPatch], None]


def change_claim_condition(condition: str, patch: pytest.MonkeyPatch) -> None:
    """Claims a name under another condition."""
    build = vars(Ledger)["_build_name_put"]

    def build_changed(self: Ledger, source: Source, name: str, replaced: NameClaim | None) -> dict[str, Any]:
        put = build(self, source, name, replaced)
        return {"Put": put["Put"] | {"ConditionExpression": condition}}

    patch.setattr(Ledger, "_build_name_put", build_changed)


ALL_VALUES = "(source_id = :source OR source_id = :before OR lock_version = :lock_version)"


def change_holder_rule(rule: Callable[[Source, Sequence[Job], str], bool], patch: pytest.MonkeyPatch) -> None:
    patch.setattr(name_claims, "holds_name", rule)


def ignore_deletion(source: Source, jobs: Sequence[Job], name: str) -> bool:
    return holds_name(replace(source, was_missing=False), jobs, name)


def release_at_deletion(source: Source, jobs: Sequence[Job], name: str) -> bool:
    return not source.was_missing and holds_name(source, jobs, name)


def forget_expired_jobs(source: Source, jobs: Sequence[Job], name: str) -> bool:
    known_ids = {job.job_id for job in jobs}
    known = {variant: job_id for variant, job_id in source.jobs.items() if job_id in known_ids}
    return holds_name(replace(source, jobs=known), jobs, name)


def return_value(value: object) -> Callable[..., object]:
    def function(*_: object) -> object:
        return value

    return function


def find_no_holder(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(NameClaims, "_find_other_holder", return_value(None))


def write_under_any_claim(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Pictures, "_find_other_claim", return_value(None))


def leave_replaced_picture(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Pictures, "_redeliver_name_holder", return_value(None))


def allow_repeated_names(patch: pytest.MonkeyPatch) -> None:
    def refuse_nothing(planned: Sequence[Job], _: datetime) -> tuple[Sequence[Job], Sequence[Problem]]:
        return planned, ()

    patch.setattr(job_planner, "_refuse_repeated_names", refuse_nothing)


def overlook_default_names(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(NameClaims, "_find_default_holder", return_value(None))


def overlook_endangered_names(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(name_claims, "list_endangered_names", return_value([]))


def list_races() -> Iterator[Callable[[], None]]:
    for nth in range(1, 12):
        yield partial(names.test_two_photos_at_the_same_moment_do_not_share_a_name, nth)
    for release in (names.delete_photo, names.rename_picture):
        for nth in range(1, 14):
            yield partial(names.test_returning_photo_and_its_successor_do_not_share_a_name, release, nth)


@pytest.mark.parametrize(
    ("remove_guard", "scenes"),
    [
        pytest.param(
            partial(change_claim_condition, f"attribute_not_exists(pk) OR attribute_exists(pk) OR {ALL_VALUES}"),
            list_races,
            id="a name can be claimed although another photo has just claimed it",
        ),
        pytest.param(
            partial(
                change_claim_condition,
                "attribute_not_exists(pk) OR source_id = :source OR "
                "(source_id = :before AND lock_version <= :lock_version) OR source_id = :before",
            ),
            list_races,
            id="a name can be taken over although its photo has just claimed it again",
        ),
        pytest.param(
            find_no_holder,
            lambda: [names.test_second_photo_with_the_name_is_refused_before_the_purchase],
            id="a name is taken from a photo that needs it",
        ),
        pytest.param(
            partial(change_holder_rule, ignore_deletion),
            lambda: [partial(names.test_name_is_free_when_its_photo_no_longer_needs_it, names.delete_photo)],
            id="a deleted photo keeps its name forever",
        ),
        pytest.param(
            partial(change_holder_rule, release_at_deletion),
            lambda: [names.test_deleted_photo_keeps_its_name_until_its_call_has_ended],
            id="a deleted photo loses its name during its call",
        ),
        pytest.param(
            partial(change_holder_rule, forget_expired_jobs),
            lambda: [names.test_photo_whose_jobs_have_expired_keeps_its_name],
            id="a photo loses its name when the ledger deletes its jobs",
        ),
        pytest.param(
            write_under_any_claim,
            lambda: [names.test_repeated_delivery_of_a_deleted_photo_does_not_replace_the_successors_picture],
            id="a picture is written under the name of another photo",
        ),
        pytest.param(
            leave_replaced_picture,
            lambda: [partial(names.test_late_delivery_does_not_replace_the_picture_of_a_returning_photo, 9)],
            id="a late picture stays in place of another photo's",
        ),
        pytest.param(
            allow_repeated_names,
            lambda: [names.test_variants_with_the_same_name_buy_nothing],
            id="two pictures of one photo have the same name",
        ),
        pytest.param(
            overlook_default_names,
            lambda: [partial(names.test_photo_without_a_suffix_keeps_its_default_names, "shoes/two")],
            id="a name is taken from a photo that has it by default",
        ),
        pytest.param(
            overlook_endangered_names,
            lambda: [partial(names.test_photo_without_a_suffix_keeps_its_default_names, "shoes/one.jpg")],
            id="a picture replaces another photo's in the default layout",
        ),
    ],
)
def test_without_the_guard_a_promise_is_broken(
    monkeypatch: pytest.MonkeyPatch, remove_guard: Patch, scenes: Callable[[], Sequence[Callable[[], None]]]
) -> None:
    remove_guard(monkeypatch)

    def passes(scene: Callable[[], None]) -> bool:
        try:
            scene()
        except (AssertionError, ValueError):
            return False
        return True

    assert not all(map(passes, scenes()))
