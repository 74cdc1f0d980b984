"""The guards of settlements, each removed once: a seed of the bill's worlds, or a test, must then fail.

`python -m simulation.bill --mutants` runs all of them.
"""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from simulation.mutation.mutant import Mutant, write_mutant
from simulation.mutation.mutation_address import PACKAGE, ROOT
from simulation.mutation.mutation_operators import (
    Mutation,
    force_false,
    force_true,
    remove,
    replace_code,
    replace_literal,
)

UNIT = "tests/unit/model/test_bill.py"
RECORDS = "tests/unit/model/test_bill_records.py"
SETTLEMENTS = "tests/unit/model/test_settlements.py"
RENDER = "tests/simulated/render/test_ask_the_bill.py"
RECONCILE = "tests/simulated/reconcile/test_bill.py"
TIMEOUT_SECONDS = 300


@dataclass(frozen=True)
class BillMutant:
    """The product without one guard. `killer`: the seed, or the test, that must fail with it."""

    mutant: Mutant
    killer: int | str


def _build(name: str, description: str, *changes: Mutation, killer: int | str) -> tuple[str, BillMutant]:
    return name, BillMutant(Mutant(name, description, changes, None), killer)


BILL_MUTANTS: Mapping[str, BillMutant] = dict(
    (
        _build(
            "settles-after-one-read",
            "An hour is final only once two reads half an hour apart agree.",
            force_true("model.bill_records:UsageHour.is_final#9e245b operand 2"),
            killer=f"{UNIT}::test_call_is_settled_once_its_hours_are_final",
        ),
        _build(
            "settles-before-the-hour-is-final",
            "Only reads after the hour's end plus `BillFinalMinutes` count.",
            remove("model.bill_records:UsageHour.is_final#9e245b argument 2"),
            killer=f"{UNIT}::test_call_is_settled_once_its_hours_are_final",
        ),
        _build(
            "settles-hours-that-shrank",
            "An hour that had more usage before settles nothing.",
            force_true("model.bill_records:UsageHour.is_final#9e245b operand 1"),
            force_false("model.bill:_list_hour_obstacles#5648a9 if 1"),
            killer=f"{UNIT}::test_shrunk_hour_and_call_without_endpoint_settle_nothing",
        ),
        _build(
            "ignores-the-next-hour",
            "A call may be billed before it was sent, if the provider's clock differs.",
            replace_literal("model.bill:BOUNDARY#7ed4d4 constant 1", "0"),
            killer=f"{UNIT}::test_call_may_be_billed_ten_minutes_before_it_is_sent_and_after_its_lease_ends",
        ),
        _build(
            "settles-some-of-several-as-free",
            "If only some of several calls were charged, all of them stay unknown.",
            force_true("model.bill:decide_group#ad358f if 6"),
            killer=f"{UNIT}::test_some_of_several_stay_unknown_with_their_number",
        ),
        _build(
            "settles-some-of-several-as-charged",
            "If only some of several calls were charged, all of them stay unknown.",
            force_true("model.bill:decide_group#ad358f if 5"),
            killer=f"{UNIT}::test_some_of_several_stay_unknown_with_their_number",
        ),
        _build(
            "takes-usage-of-others-for-its-own",
            "The usage of a shared key proves no charge.",
            force_true("model.bill:_is_exact#9d26d7 return 1"),
            killer=f"{UNIT}::test_shared_key_settles_only_as_not_charged",
        ),
        _build(
            "ignores-keys-that-are-not-listed",
            "The usage of a key that no one has listed may be the stack's own.",
            force_false("model.bill:_list_hour_obstacles#5648a9 if 4"),
            killer=f"{UNIT}::test_hour_with_something_that_is_not_understood_settles_nothing",
        ),
        _build(
            "settles-after-a-missing-charge",
            "If a certain charge is missing, nothing later is settled until a person has looked.",
            force_false("model.bill:_apply_group_guards#48390e conditional expression 6"),
            killer=f"{UNIT}::test_missing_charge_stops_later_settlements_until_a_person_has_looked",
        ),
        _build(
            "forgets-failures-that-may-be-billed",
            "A failure that the provider had accepted may have been billed.",
            force_false("model.bill:_may_be_billed_failure#9a283d operand 6"),
            killer=f"{UNIT}::test_accepted_call_that_failed_may_have_been_billed",
        ),
        _build(
            "requires-charges-of-other-hours",
            "A call that may be billed in an hour that is not compared need not be in those that are.",
            remove("model.bill:_clip#6c08b4 keyword 3"),
            killer=f"{UNIT}::test_truth_is_never_contradicted_by_some_of_the_hours",
        ),
        _build(
            "settles-calls-of-other-hours",
            "A call that may be billed in an hour that is not compared is not settled.",
            remove("model.bill:_clip#6c08b4 keyword 5"),
            killer=f"{UNIT}::test_hours_are_compared_before_those_that_they_are_connected_with",
        ),
        _build(
            "keeps-settlements-that-were-corrected",
            "A settlement is reopened when the records of its hours change.",
            force_false("reconcile.bill_reconciliation:_has_changed#7a9e70 comparison 2"),
            killer=5,
        ),
        _build(
            "resends-without-certainty",
            "A job that waits for the bill is sent again only if its call was certainly not charged.",
            force_true("model.transitions.payment:_continue_after_settlement#64cf88 if 3"),
            force_false("model.transitions.payment:_release_job#699efd if 1"),
            killer=3,
        ),
        _build(
            "resends-after-a-correction",
            "A correction withdraws the permission to send a call again.",
            force_false("model.transitions.payment:_continue_after_settlement#64cf88 conditional expression 1"),
            killer=f"{RENDER}::test_correction_before_the_second_call_prevents_it",
        ),
        _build(
            "resends-more-than-once",
            "A lost call is sent again at most once.",
            force_true("model.transitions.payment:can_wait_for_bill#54335f operand 4"),
            killer=f"{SETTLEMENTS}::test_second_lost_call_does_not_wait_even_if_the_first_was_corrected",
        ),
        _build(
            "compares-hours-without-their-calls",
            "Only hours of the current read are compared, because the ledger's calls are read for its period.",
            force_true("reconcile.bill_reconciliation:BillReconciliation.run#e5341e comprehension if 2"),
            killer=66,
        ),
        _build(
            "expects-charges-of-refused-submissions",
            "A submission that v2 refused was not accepted, so it is never billed.",
            force_true("model.bill:_may_be_billed_failure#9a283d operand 4"),
            killer=112,
        ),
        _build(
            "expects-charges-of-withheld-pictures",
            "Ideogram may not bill a picture that it withheld.",
            replace_literal("model.bill:_describe_call#b59d33 value 9", "0"),
            killer=38,
        ),
        _build(
            "keeps-a-settlement-after-a-late-answer",
            "A late answer with a cost replaces the settlement, which no correction may undo then.",
            force_true("model.transitions.payment:_keeps_settled_charge#a9b9f9 operand 2"),
            killer=54,
        ),
        _build(
            "ignores-usage-at-a-changed-price",
            "Usage that no call explains may be that of calls whose price has changed.",
            force_false("model.bill:_apply_group_guards#48390e operand 4"),
            killer=f"{UNIT}::test_usage_that_no_call_explains_may_be_that_of_calls_at_another_price",
        ),
        _build(
            "takes-any-price-of-a-shared-key-for-that-of-others",
            "Usage of a shared key at a price that no list has may be that of calls whose price has changed.",
            force_true("model.bill:_is_known_price#7fc66e operand 2"),
            killer=f"{UNIT}::test_shared_key_may_have_usage_at_any_listed_price",
        ),
        _build(
            "ignores-the-price-check",
            "If the price check found other prices, usage at one price may be that of calls at another.",
            force_false("model.bill:_apply_group_guards#48390e operand 3"),
            killer=f"{UNIT}::test_nothing_is_settled_while_prices_differ_from_the_list",
        ),
        _build(
            "forgets-how-long-a-call-may-take",
            "A call may be billed up to ten minutes after it ended.",
            replace_code("model.bill:_describe_call#b59d33 argument 25", "attempt.submitted_at"),
            killer=11,
        ),
        _build(
            "forgets-corrections-of-a-dead-run",
            "A correction is stored before the settlement is reopened, so that a run that dies does not lose it.",
            replace_code(
                "reconcile.bill_reconciliation:BillReconciliation._record_corrections#e6aec1 return 2",
                "state.with_corrections(found, now)",
            ),
            killer=162,
        ),
        _build(
            "retries-a-charged-call",
            "A call that was charged, as the records show, is not sent again (`retry_once`).",
            force_false("pipeline.recovery:Recovery.can_retry_purchase#74fcad if 2"),
            killer=13,
        ),
        _build(
            "retries-more-than-once",
            "Settlements do not permit a third call (`retry_once`).",
            force_false("pipeline.recovery:Recovery.can_retry_purchase#74fcad operand 4"),
            killer=13,
        ),
        _build(
            "keeps-an-outdated-count",
            "The number of charged calls is withdrawn when the records no longer show it.",
            remove("reconcile.bill_reconciliation:BillReconciliation._settle#b48800 statement 9"),
            force_true("reconcile.bill_reconciliation:BillReconciliation._reopen_settlements#1a516e if 1"),
            killer=f"{RECONCILE}::test_count_is_withdrawn_when_the_records_of_its_hours_shrink",
        ),
        _build(
            "forgets-a-count-of-more-hours",
            "A comparison of only some of the hours keeps the number of charged calls.",
            force_false("reconcile.bill_reconciliation:BillReconciliation._withdraw_count#32a836 operand 3"),
            killer=f"{RECONCILE}::test_count_stays_when_its_first_hour_leaves_the_week",
        ),
        _build(
            "reopens-for-usage-of-others",
            "Corrections of other software's usage change no settlement.",
            force_true("reconcile.bill_reconciliation:BillReconciliation._select_own_lines#274cae comprehension if 1"),
            killer=14,
        ),
        _build(
            "takes-an-earlier-read-for-the-last",
            "A read that began before the stored one proves nothing more.",
            force_false("model.usage_records:add_read#a3291a if 2"),
            killer=f"{RECORDS}::test_read_that_began_before_the_last_one_is_ignored",
        ),
        _build(
            "keeps-what-a-key-no-longer-means",
            "If the meaning of a key changes, what its lines had settled is unknown again.",
            force_false("reconcile.bill_reconciliation:BillReconciliation._store_read#7ab710 conditional expression 2"),
            killer=f"{RECONCILE}::test_settlements_are_reopened_if_a_key_turns_out_to_be_shared",
        ),
        _build(
            "accepts-what-no-person-has-seen",
            "Missing charges are accepted only as far as a person has seen them.",
            remove("model.bill:accept_missing#362139 argument 2"),
            killer=f"{UNIT}::test_only_as_many_missing_charges_are_accepted_as_a_person_has_seen",
        ),
        _build(
            "ignores-usage-where-no-call-is",
            "Usage in an hour without a call at its price belongs to no call.",
            force_false("model.bill:compare_bill#b55aaf if 2"),
            killer=f"{UNIT}::test_usage_in_an_hour_without_a_call_of_its_price_belongs_to_no_call",
        ),
        _build(
            "ignores-usage-of-the-next-hour",
            "An image that belongs to no call may be that of a call in the hour before.",
            force_false("model.bill:_apply_group_guards#48390e conditional expression 4"),
            killer=f"{UNIT}::test_call_is_not_settled_as_not_charged_before_an_hour_with_usage_of_no_call",
        ),
        _build(
            "takes-a-late-image-of-a-shared-key-for-that-of-others",
            "On a shared key, an image of the next hour that is not certainly another call's may be this call's.",
            force_false("model.bill:_LateUsage.blocks#ff0274 operand 3"),
            killer=95,
        ),
        _build(
            "settles-before-the-next-hour-of-a-shared-key",
            "On a shared key, a call is settled as not charged only once the next hour is final.",
            force_false("model.bill:_LateUsage.must_wait#5b31c2 operand 1"),
            killer=f"{UNIT}::test_call_of_a_shared_key_stays_open_until_the_next_hour_is_final",
        ),
        _build(
            "settles-before-the-next-hour-is-final",
            "A call is not settled as not charged while an image of the next hour may be its own.",
            force_false("model.bill:_LateUsage.must_wait#5b31c2 operand 4"),
            killer=f"{UNIT}::test_call_of_an_own_key_waits_for_an_image_of_the_next_hour_that_is_not_certainly_of_another_call",
        ),
        _build(
            "counts-a-waiting-call-among-several",
            "A call that waits for the next hour is not one of several that cannot be told apart.",
            remove("model.bill:GroupDecision.undecided#2037bf element 3"),
            killer=f"{UNIT}::test_waiting_call_is_not_counted_among_several_that_cannot_be_told_apart",
        ),
        _build(
            "forgets-what-an-hour-with-an-obstacle-shows",
            "An image of the next hour keeps a call open even if that hour cannot be compared.",
            force_false("model.bill:_LateUsage.__init__#53ae12 conditional expression 1"),
            killer=f"{UNIT}::test_image_of_the_next_hour_keeps_a_call_of_an_own_key_open_even_if_that_hour_cannot_be_compared",
        ),
        _build(
            "counts-what-is-settled-among-the-undecided",
            "The number of charged calls does not count those that are settled one by one.",
            remove("model.bill:decide_group#ad358f statement 26"),
            killer=f"{UNIT}::test_number_of_charged_calls_does_not_count_those_that_are_settled_one_by_one",
        ),
        _build(
            "forgets-a-stop-that-it-cannot-see",
            "A stop does not end because an hour cannot be compared.",
            force_false("model.bill:_find_stop#38c4b7 if 1"),
            killer=f"{UNIT}::test_stop_does_not_end_because_an_hour_cannot_be_compared",
        ),
        _build(
            "reopens-what-is-still-proven",
            "A change in one hour reopens only what the others do not prove.",
            force_false("reconcile.bill_reconciliation:_is_confirmed#354679 operand 1"),
            killer=f"{RECONCILE}::test_change_in_one_hour_reopens_only_what_the_other_hours_do_not_prove",
        ),
        _build(
            "reopens-jobs-that-have-changed",
            "A job that has changed since it was read is left to the next run.",
            force_false("reconcile.bill_reconciliation:BillReconciliation._write_change#517133 operand 2"),
            killer=f"{RECONCILE}::test_call_that_is_sent_again_before_its_settlement_is_reopened_is_reported_as_such",
        ),
        _build(
            "holds-after-a-conflict",
            "A job that another worker wrote is not held before it has been settled.",
            force_false("reconcile.bill_reconciliation:BillReconciliation._hold_undecidable_jobs#cfb55f operand 3"),
            killer=f"{RECONCILE}::test_job_that_another_worker_writes_is_settled_by_the_next_run_instead_of_held",
        ),
        _build(
            "ends-a-wait-for-a-billed-failure",
            "A job waits until its lost call is settled, even if an earlier failure was billed.",
            force_false("model.transitions.payment:_continue_after_settlement#64cf88 operand 2"),
            killer=f"{SETTLEMENTS}::test_billed_failure_does_not_end_the_wait_for_a_lost_call",
        ),
        _build(
            "settles-on-the-days-item",
            "A settlement changes the share of the day's budget on which the call was claimed.",
            remove("model.transitions.lifecycle:BudgetChange.of_attempt#4f046c keyword 1"),
            killer=3,
        ),
        _build(
            "keeps-the-settlement-of-a-call-that-was-not-taken",
            "A call that the provider did not take has no settlement, which a correction would turn into a charge.",
            remove("model.transitions.payment:_release_reservation#e482eb keyword 5"),
            killer=f"{SETTLEMENTS}::test_call_that_was_not_taken_after_all_has_no_settlement",
        ),
    )
)


def is_killed(mutant: BillMutant) -> bool:
    """Whether the mutant's killer fails with it. Raises RuntimeError if it neither passes nor fails."""
    if isinstance(mutant.killer, int):
        options = ("-m", "simulation.bill", "--seeds", "1", "--first", str(mutant.killer), "--processes", "1")
    else:
        options = ("-m", "pytest", "-q", "-p", "no:cacheprovider", mutant.killer)
    with TemporaryDirectory(prefix="mutant-") as folder:
        package = write_mutant(mutant.mutant, Path(folder))
        paths = (package, ROOT, PACKAGE.parent, ROOT / "client", ROOT / "cli", ROOT / "local")
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, paths)), "PYTHONDONTWRITEBYTECODE": "1"}
        completed = subprocess.run(
            [sys.executable, *options],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    if completed.returncode not in (0, 1) or "Traceback" in completed.stderr:
        raise RuntimeError(f"{mutant.mutant.name}: {completed.stdout[-500:]}{completed.stderr[-500:]}")
    return completed.returncode == 1
