"""Every promise holds in hundreds of seeds; and in scenes that once broke one, each named after it."""

from dataclasses import dataclass

import pytest

from proof.simulate.many import played

SEEDS = range(500)
AT_ONCE = 25


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


@pytest.mark.parametrize("first", [*SEEDS][::AT_ONCE])
def test_every_promise_holds_whatever_goes_wrong(first: int) -> None:
    runs = [played(seed) for seed in range(first, first + AT_ONCE)]
    assert [run.error for run in runs if run.error] == []
    assert {run.plan.seed: str(run.breaches[0][1]) for run in runs if run.broken} == {}


@pytest.mark.parametrize("scene", SCENES.values(), ids=[*SCENES])
def test_what_was_mended_stays_mended(scene: Scene) -> None:
    run = played(scene.seed, scene.faults, scene.kind)
    assert run.error == ""
    assert [str(breach) for _, breach in run.breaches] == []
