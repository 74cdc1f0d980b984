"""Mandates: which one owns a photo, and whether it covers a call."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backdrop.model.mandate import (
    Mandate,
    MandateAccount,
    MandateRegistry,
    MandateState,
    ObstacleKind,
    WhenSpent,
)
from tests.unit.ledger_items import build_stored_job

TODAY, TOMORROW = "2026-11-25", "2026-11-26"
JOB = build_stored_job(operation="replace", instructions={"operation": "replace", "prompt": "on a beach"})


def build_account(**facts: Any) -> MandateAccount:
    """Returns an account of a mandate for 100 micro-dollars. Fields of the mandate and of the account can be given."""
    fields: dict[str, Any] = {
        "name": "anna",
        "bucket": "photos",
        "prefix": "agents/anna/",
        "limit": 100,
        "created_at": datetime(2026, 11, 25, tzinfo=UTC),
        "created_by": "ops",
    }
    amounts = {name: facts.pop(name) for name in MandateAccount.__dataclass_fields__ if name in facts}
    return MandateAccount(Mandate(**fields | facts), **amounts)


REGISTRY = MandateRegistry(names_by_location={"photos/agents/anna/": "anna", "photos/agents/ben/": "ben"})


@pytest.mark.parametrize(
    ("bucket", "key", "name"),
    [
        ("photos", "agents/anna/cup.jpg", "anna"),
        ("photos", "agents/anna/deep/er/cup.jpg", "anna"),
        ("photos", "agents/anna.jpg", None),
        ("photos", "agents/annabel/cup.jpg", None),
        ("photos", "agents/anna", None),
        ("photos", "cup.jpg", None),
        ("other", "agents/anna/cup.jpg", None),
        ("photos", "x/agents/anna/cup.jpg", None),
    ],
)
def test_mandate_owns_the_photos_below_its_prefix(bucket: str, key: str, name: str | None) -> None:
    assert REGISTRY.find_name(bucket, key) == name


FOLDERS = st.lists(st.sampled_from("ab"), min_size=1, max_size=4).map(lambda names: "/".join(names) + "/")


@given(st.lists(FOLDERS, max_size=8), FOLDERS)
def test_each_photo_has_at_most_one_owner(prefixes: list[str], folder: str) -> None:
    registry = MandateRegistry()
    for n, prefix in enumerate(prefixes):
        if registry.find_overlapping("photos", prefix) is None:
            registry = registry.with_owner(build_account(name=str(n), prefix=prefix).mandate)
    owners = [name for one, name in registry.names_by_location.items() if f"photos/{folder}".startswith(one)]
    assert len(owners) <= 1
    assert registry.find_name("photos", f"{folder}cup.jpg") == (owners[0] if owners else None)


@pytest.mark.parametrize(
    ("facts", "kind"),
    [
        ({}, None),
        ({"confirmed": 40}, None),
        ({"confirmed": 41}, ObstacleKind.SPENT),
        ({"reserved": 41}, ObstacleKind.SPENT),
        ({"unknown": 41}, ObstacleKind.SPENT),
        ({"limit": 59}, ObstacleKind.SPENT),
        ({"per_day": 60}, None),
        ({"per_day": 59}, ObstacleKind.PRICE_OF_A_DAY),
        ({"per_day": 60, "by_day": {TODAY: 1}}, ObstacleKind.SPENT_TODAY),
        ({"per_day": 100, "by_day": {TODAY: 41}}, ObstacleKind.SPENT_TODAY),
        ({"per_day": 100, "by_day": {TOMORROW: 41}}, None),
        ({"per_picture": 60}, None),
        ({"per_picture": 59}, ObstacleKind.PRICE),
        ({"until": TODAY}, None),
        ({"until": "2026-11-24"}, ObstacleKind.EXPIRED),
        ({"until": "2026-11-24", "state": MandateState.SUSPENDED}, ObstacleKind.EXPIRED),
        ({"until": "2026-11-24", "state": MandateState.ENDED}, ObstacleKind.ENDED),
        ({"operations": ("remove",)}, ObstacleKind.OPERATION),
        ({"state": MandateState.SUSPENDED}, ObstacleKind.SUSPENDED),
        ({"is_overcharged": True}, ObstacleKind.SUSPENDED),
        ({"state": MandateState.ENDED}, ObstacleKind.ENDED),
        ({"state": MandateState.ENDED, "is_overcharged": True}, ObstacleKind.ENDED),
        ({"state": MandateState.RELEASED}, ObstacleKind.RELEASED),
    ],
)
def test_call_is_covered_only_within_every_limit(facts: dict[str, Any], kind: ObstacleKind | None) -> None:
    obstacle = build_account(**facts).find_obstacle(JOB, 60, TODAY)
    assert (obstacle.kind if obstacle else None) == kind


def test_price_of_a_picture_includes_its_share_of_the_mask() -> None:
    job = replace(JOB, mask_quoted=10, instructions=JOB.instructions | {"num_images": 2})
    assert build_account(per_picture=35, limit=1000).find_obstacle(job, 60, TODAY) is None
    assert build_account(per_picture=34, limit=1000).find_obstacle(job, 60, TODAY)


@pytest.mark.parametrize("kind", ObstacleKind)
def test_only_what_may_pass_lets_a_job_wait(kind: ObstacleKind) -> None:
    facts: dict[ObstacleKind, dict[str, Any]] = {
        ObstacleKind.SPENT: {"limit": 1},
        ObstacleKind.SPENT_TODAY: {"per_day": 60, "by_day": {TODAY: 1}},
        ObstacleKind.SUSPENDED: {"state": MandateState.SUSPENDED},
        ObstacleKind.EXPIRED: {"until": "2026-11-24"},
        ObstacleKind.ENDED: {"state": MandateState.ENDED},
        ObstacleKind.RELEASED: {"state": MandateState.RELEASED},
        ObstacleKind.PRICE: {"per_picture": 1},
        ObstacleKind.PRICE_OF_A_DAY: {"per_day": 59},
        ObstacleKind.OPERATION: {"operations": ("remove",)},
    }
    for when_spent in WhenSpent:
        obstacle = build_account(when_spent=when_spent, **facts[kind]).find_obstacle(JOB, 60, TODAY)
        assert obstacle
        may_pass = kind in (ObstacleKind.SPENT, ObstacleKind.SPENT_TODAY, ObstacleKind.SUSPENDED)
        assert (obstacle.kind, obstacle.may_wait) == (kind, when_spent is WhenSpent.WAIT and may_pass)


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        ({}, "active"),
        ({"is_overcharged": True}, "suspended"),
        ({"until": TODAY}, "active"),
        ({"until": "2026-11-24"}, "expired"),
        ({"until": "2026-11-24", "is_overcharged": True}, "expired"),
        ({"until": "2026-11-24", "state": MandateState.RELEASED}, "released"),
    ],
)
def test_state_depends_on_the_day(facts: dict[str, Any], state: str) -> None:
    assert build_account(**facts).state_on(TODAY).value == state


@pytest.mark.parametrize(
    ("facts", "command"),
    [
        ({"until": "2026-11-24"}, "`backdrop mandate raise NAME --until DATE`"),
        ({"state": MandateState.ENDED}, "`backdrop mandate release`"),
        ({"state": MandateState.RELEASED}, "`backdrop rerun KEY`"),
        ({"state": MandateState.SUSPENDED}, "`backdrop mandate resume`"),
        ({"limit": 1}, "`backdrop mandate raise`"),
    ],
)
def test_advice_fits_what_stopped_the_job(facts: dict[str, Any], command: str) -> None:
    obstacle = build_account(**facts).find_obstacle(JOB, 60, TODAY)
    assert obstacle
    hints = [str(error.hint) for error in (obstacle.to_error(), obstacle.to_wait_reason())][: 1 + obstacle.may_wait]
    assert all(command in hint for hint in hints)
    assert not any("customer does not need" in hint for hint in hints)


def test_amounts_of_the_latest_two_days_are_kept() -> None:
    by_day = {"2026-11-23": 1, TODAY: 3, "2026-11-24": 2, "2026-11-22": 1}
    assert build_account(by_day=by_day).list_old_days() == ["2026-11-22", "2026-11-23"]


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"state": MandateState.SUSPENDED}, "suspended"),
        ({"is_overcharged": True}, "suspended"),
        ({"state": MandateState.ENDED}, "has ended"),
        ({"state": MandateState.RELEASED, "is_overcharged": True}, "has ended"),
        ({"until": "2026-11-24"}, "ended with 2026-11-24"),
        ({"until": "2026-11-24", "state": MandateState.SUSPENDED}, "ended with 2026-11-24"),
    ],
)
def test_nothing_is_usable_of_a_mandate_that_is_stopped(facts: dict[str, Any], message: str) -> None:
    account = build_account(**facts, per_day=50)
    stop = account.find_stop(TODAY)
    assert stop
    assert message in stop.message
    assert (account.left, account.usable_on(TODAY), account.left_on(TODAY)) == (100, 0, 0)


def test_mandate_is_usable_on_its_last_day() -> None:
    account = build_account(until=TODAY, per_day=50)
    assert (account.find_stop(TODAY), account.usable_on(TODAY), account.left_on(TODAY)) == (None, 100, 50)
