"""Every promise holds in 150 seeds, and in scenes and seeds that once broke one; `make proof` plays 10,000."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

from simulation.product_hash import choose_unseen_seeds
from simulation.scenarios.seed_runner import run_seed

SEEDS = range(50)
UNSEEN = choose_unseen_seeds(Path(__file__).parents[2])
AT_ONCE = 25
ONCE_BROKEN = {
    "a_probe_that_prepared_its_call_slowly_was_still_out_when_the_next_one_went": (930002,),
    "a_bad_file_that_refused_a_request_was_still_reported_after_it_was_replaced_while_defaults_held_it": (2000216,),
    "a_redrive_that_brought_nothing_on_its_way_took_the_dead_letter_away": (11694212588334033,),
    "an_execution_that_could_not_be_looked_at_counts_as_running_for_who_asks_soon_after_too": (931272,),
    "a_probe_whose_picture_was_withheld_shows_that_a_refusal_was_for_the_photo": (932383,),
    "a_photo_refused_in_part_and_uploaded_again_is_tried_again_under_the_folders_new_instructions": (940262,),
    "a_photo_that_kills_workers_before_the_second_call_of_a_lost_answer_is_given_up": (941377,),
    "a_request_asks_for_what_the_sidecars_provider_cannot_do": (700101, 700154, 700482, 700911, 700985, 701299),
}


@dataclass(frozen=True)
class Scene:
    """A seed under chosen faults, at a provider of some kind (an empty text: as the seed has it)."""

    seed: int
    faults: tuple[str, ...]
    kind: str = ""


SCENES = {
    "a_refusal_of_a_resend_takes_back_nothing_of_the_first_call": Scene(
        1, ("charge_and_hang_up", "forgetful_look_up", "out_of_money", "throttled_call"), "own_id"
    ),
    "a_resend_that_is_called_invalid_leaves_the_first_call_in_doubt": Scene(0, ("rejected_resend",), "own_id"),
    "what_its_photo_names_no_more_is_not_sent_again": Scene(
        18, ("forgetful_look_up", "hang_up", "rejected_resend"), "own_id"
    ),
    "a_lost_call_keeps_its_place_at_the_provider_until_it_could_have_ended": Scene(1, ("lingering_call",), "unaskable"),
    "a_lost_answer_is_asked_for_where_its_message_is_lost_too": Scene(7, ("message_gone_in_doubt",)),
    "an_answer_that_no_table_took_is_kept_until_one_does": Scene(
        19, ("access_to_table_denied", "table_gone", "table_gone_for_long")
    ),
    "a_job_outlives_its_message_while_a_person_forgets_the_lane": Scene(0, ("paused_for_days",)),
    "a_lane_opens_by_itself_when_the_account_is_filled_after_days": Scene(0, ("refused_for_days",)),
    "other_bytes_under_a_key_that_was_given_up_are_given_up_too": Scene(
        2, ("double_event", "duplicate_message", "poisoned_photo")
    ),
}


def broken(seeds: Iterable[int]) -> dict[str, str]:
    """What broke in each of these seeds, by the command that repeats it."""
    runs = [run_seed(seed) for seed in seeds]
    failed = (run for run in runs if run.broken_invariants or run.error)
    return {f"make simulate SEED={run.plan.seed}": run.error or str(run.violations[0][1]) for run in failed}


@pytest.mark.parametrize("first", [*SEEDS][::AT_ONCE])
def test_every_promise_holds_whatever_goes_wrong(first: int) -> None:
    assert broken(range(first, first + AT_ONCE)) == {}


@pytest.mark.parametrize("first", [*UNSEEN][::AT_ONCE])
def test_every_promise_holds_in_seeds_never_played_before(first: int) -> None:
    assert broken(range(first, first + AT_ONCE)) == {}


@pytest.mark.parametrize("seeds", ONCE_BROKEN.values(), ids=[*ONCE_BROKEN])
def test_seeds_that_once_broke_a_promise_keep_it(seeds: tuple[int, ...]) -> None:
    assert broken(seeds) == {}


@pytest.mark.parametrize("scene", SCENES.values(), ids=[*SCENES])
def test_what_was_mended_stays_mended(scene: Scene) -> None:
    run = run_seed(scene.seed, scene.faults, scene.kind)
    assert run.error == ""
    assert [str(breach) for _, breach in run.violations] == []
