"""Every promise holds in 150 seeds, and in scenes and seeds that once broke a promise. `make proof` runs 10,000."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from simulation.product_hash import choose_unseen_seeds
from simulation.scenarios.seed_runner import run_seed
from simulation.scenarios.simulation_plan import (
    DELIVERY_FAULT_SEEDS,
    FIRST_FEATURE_SEED,
    FIRST_MANDATE_SEED,
    FIRST_PRODUCT_SEED,
    REMOVAL_SEEDS,
    SEEDS_PER_FEATURE_SEED,
    has_features,
)

SEEDS = range(23)
FEATURE_SEEDS = range(FIRST_FEATURE_SEED, FIRST_FEATURE_SEED + 15 * SEEDS_PER_FEATURE_SEED, SEEDS_PER_FEATURE_SEED)
PRODUCT_SEEDS = range(FIRST_PRODUCT_SEED, FIRST_PRODUCT_SEED + 15 * SEEDS_PER_FEATURE_SEED, SEEDS_PER_FEATURE_SEED)
MANDATE_SEEDS = range(FIRST_MANDATE_SEED, FIRST_MANDATE_SEED + 20 * SEEDS_PER_FEATURE_SEED, SEEDS_PER_FEATURE_SEED)
# Few, because they take long: one in which nothing can be used, and one in which nothing can be stored.
UNDELIVERED_SEEDS = DELIVERY_FAULT_SEEDS[:11:10]
REMOVERS_SEEDS = REMOVAL_SEEDS[:6]
UNSEEN = choose_unseen_seeds(Path(__file__).parents[2])
# Few, because a worker of pytest takes over whole tests of others.
SEEDS_PER_TEST = 2
ONCE_BROKEN = {
    "slow_probe_was_still_in_flight_when_the_next_one_started": (930002,),
    "replaced_bad_file_was_still_reported_while_defaults_blocked_it": (2000216,),
    "redrive_without_effect_deleted_the_dead_letter": (11694212588334033,),
    "execution_with_unknown_status_counts_as_running_for_a_while": (931272,),
    "withheld_picture_of_a_probe_shows_that_the_photo_was_refused": (932383,),
    "partly_refused_photo_is_tried_again_after_a_new_upload": (940262,),
    "photo_that_crashes_workers_before_a_retry_is_given_up": (941377,),
    "late_write_of_a_finished_job_replaces_the_newer_picture": (5204,),
    "cancelled_job_is_reported_while_its_lane_is_closed": (6968, 15981417304025004),
    "refused_request_is_the_first_message_about_new_bytes": (8143,),
    "crashed_price_check_reserves_what_the_last_job_needs": (4000293,),
    "job_is_written_after_its_photo_was_deleted": (4000035, 2983944882636020),
    "new_tags_of_a_canceled_photo_wait_for_corrected_defaults": (4030462,),
    "wrong_clocks_change_the_order_of_refusals": (4043315,),
    "redriven_jobs_fail_again_before_the_redrive_ends": (4048015,),
    "worker_crashes_after_another_has_removed_its_mark": (2164469035305193,),
    "ledger_answers_reads_again_after_it_refused_to_store_an_id": (4044471,),
    "mask_of_a_redriven_picture_waits_after_its_photo_was_deleted": (4046150,),
    "mandate_is_created_after_a_picture_that_wants_a_mask": (4040730, 4043365),
    "two_workers_replace_another_photos_equal_picture": (4061465,),
    "tags_after_a_cancel_were_hidden_by_a_sidecar": (4065357,),
    "canceled_job_is_written_after_its_delayed_message_was_handled": (4083310,),
    "provider_forgets_stuck_work_while_reconcile_is_slowed_down": (4081109,),
    "wrong_clock_hides_which_picture_of_a_removed_variant_is_the_last": (4089920,),
    "command_for_all_pictures_decides_some_before_it_fails": (4080835,),
    "request_asks_for_what_the_sidecars_provider_cannot_do": (700101, 700154, 700482, 700911, 700985, 701299),
}


@dataclass(frozen=True)
class Scene:
    """A seed with chosen faults and a kind of provider (empty for the seed's own)."""

    seed: int
    faults: tuple[str, ...]
    kind: str = ""


SCENES = {
    "refused_resend_says_nothing_about_the_first_call": Scene(
        1, ("charge_and_hang_up", "forgetful_look_up", "out_of_money", "throttled_call"), "own_id"
    ),
    "rejected_resend_leaves_the_first_call_uncertain": Scene(0, ("rejected_resend",), "own_id"),
    "outdated_job_is_not_sent_again": Scene(18, ("forgetful_look_up", "hang_up", "rejected_resend"), "own_id"),
    "lost_call_reserves_its_slot_until_its_timeout": Scene(1, ("lingering_call",), "unaskable"),
    "lost_answer_is_looked_up_after_its_message_is_lost": Scene(7, ("message_gone_in_doubt",)),
    "answer_is_spooled_until_the_ledger_accepts_it": Scene(
        19, ("access_to_table_denied", "table_gone", "table_gone_for_long")
    ),
    "job_outlives_its_message_in_a_forgotten_lane": Scene(0, ("paused_for_days",)),
    "lane_resumes_by_itself_when_the_account_is_funded": Scene(0, ("refused_for_days",)),
    "other_bytes_of_a_given_up_key_are_given_up_too": Scene(2, ("double_event", "duplicate_message", "poisoned_photo")),
}


def split(seeds: range) -> list[Any]:
    """Returns these seeds in parts, each with its first seed as its name."""
    parts = [seeds[start : start + SEEDS_PER_TEST] for start in range(0, len(seeds), SEEDS_PER_TEST)]
    return [pytest.param(part, id=str(part[0])) for part in parts]


def broken(seeds: Iterable[int]) -> dict[str, str]:
    """Returns the violations in each of these seeds, by the command that repeats the run."""
    runs = [run_seed(seed) for seed in seeds]
    failed = (run for run in runs if run.broken_invariants or run.error)
    return {f"make simulate SEED={run.plan.seed}": run.error or str(run.violations[0][1]) for run in failed}


@pytest.mark.parametrize("seeds", split(SEEDS))
def test_every_promise_holds_under_faults(seeds: range) -> None:
    assert broken(seeds) == {}


@pytest.mark.parametrize("seeds", split(FEATURE_SEEDS))
def test_every_promise_holds_with_names_frames_and_marketplaces(seeds: range) -> None:
    assert broken(seeds) == {}


@pytest.mark.parametrize("seeds", split(PRODUCT_SEEDS))
def test_every_promise_holds_with_retries_masks_and_approvals(seeds: range) -> None:
    assert broken(seeds) == {}


@pytest.mark.parametrize("seeds", split(MANDATE_SEEDS))
def test_every_promise_holds_with_mandates(seeds: range) -> None:
    assert broken(seeds) == {}


@pytest.mark.parametrize("seeds", split(UNDELIVERED_SEEDS))
def test_every_promise_holds_while_nothing_can_be_delivered(seeds: range) -> None:
    assert broken(seeds) == {}


@pytest.mark.parametrize("seeds", split(REMOVERS_SEEDS))
def test_every_promise_holds_with_several_removers(seeds: range) -> None:
    assert broken(seeds) == {}


@pytest.mark.parametrize("seeds", split(UNSEEN))
def test_every_promise_holds_in_unseen_seeds(seeds: range) -> None:
    assert broken(seeds) == {}


@pytest.mark.parametrize("seeds", ONCE_BROKEN.values(), ids=[*ONCE_BROKEN])
def test_seeds_that_once_broke_a_promise_now_keep_it(seeds: tuple[int, ...]) -> None:
    assert broken(seeds) == {}


def test_scenes_keep_their_histories() -> None:
    """No scene has features: their draws change whenever a feature is added."""
    assert not any(has_features(scene.seed) for scene in SCENES.values())


@pytest.mark.parametrize("scene", SCENES.values(), ids=[*SCENES])
def test_fixed_scenes_do_not_break_again(scene: Scene) -> None:
    run = run_seed(scene.seed, scene.faults, scene.kind)
    assert run.error == ""
    assert [str(violation) for _, violation in run.violations] == []
