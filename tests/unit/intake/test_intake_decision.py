"""Intake's two decision tables, for every combination of their facts."""

from collections.abc import Mapping, Sequence
from enum import Flag
from functools import cache
from itertools import product
from typing import Any

import pytest

from backdrop.intake.decide import (
    AFTER_RESOLVING,
    BEFORE_RESOLVING,
    CallInputChange,
    CancelMarkState,
    CrashCount,
    Decision,
    EventDelivery,
    EventKind,
    History,
    Inspection,
    InstructionChange,
    JobMatch,
    OwnInstructions,
    PhotoInBucket,
    PlanDecision,
    PlanResult,
    ReportedProblems,
    ReportState,
    RequestedBy,
    SettlePeriod,
)
from backdrop.model.decision_table import Column, DecisionTable, Rule
from tests.unit.table_cases import Case, count_combinations, iterate_cases

TABLES = [pytest.param(BEFORE_RESOLVING, id="before"), pytest.param(AFTER_RESOLVING, id="after")]
type Tested = DecisionTable[Any]


@cache
def list_cases(table: Tested) -> Sequence[Case[Any]]:
    return list(iterate_cases(table))


def decide[D](table: DecisionTable[D], *given: Flag) -> set[D]:
    """Returns every decision of a table for these values of these facts, over all values of the others."""
    return {one.rule.then for facts in product(*given) for one in iterate_cases(table, *facts)}


def decide_before(*given: Flag) -> set[Decision]:
    return decide(BEFORE_RESOLVING, *given)


def decide_after(*given: Flag) -> set[PlanDecision]:
    return decide(AFTER_RESOLVING, *given)


# -- the form of both tables -------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", TABLES)
def test_every_combination_of_facts_is_decided(table: Tested) -> None:
    assert sum(case.size for case in list_cases(table)) == count_combinations(table)


@pytest.mark.parametrize("table", TABLES)
def test_no_rule_above_the_one_that_decides_matches(table: Tested) -> None:
    for case in list_cases(table):
        above = table.rules[: table.rules.index(case.rule)]
        assert all(case.facts[column] in values for column, values in case.rule.cells.items())
        assert all(excludes(case, rule) for rule in above)


def excludes(case: Case[Any], rule: Rule[Any]) -> bool:
    """Whether the rule matches for none of the possible values of the facts that were not read."""
    return any(column in case.facts and case.facts[column] not in values for column, values in rule.cells.items())


@pytest.mark.parametrize("table", TABLES)
def test_every_rule_is_reached(table: Tested) -> None:
    reached = {case.rule.reason for case in list_cases(table)}
    assert [rule.reason for rule in table.rules if rule.reason not in reached] == []


@pytest.mark.parametrize("table", TABLES)
def test_every_rule_but_the_last_changes_a_decision(table: Tested) -> None:
    for at, rule in enumerate(table.rules[:-1]):
        without = DecisionTable(table.columns, [*table.rules[:at], *table.rules[at + 1 :]])
        reached = (case for case in list_cases(table) if case.rule is rule)
        later = (one.rule.then for case in reached for one in iterate_cases(without, *case.facts.values()))
        assert any(then != rule.then for then in later), rule.reason


@pytest.mark.parametrize("table", TABLES)
def test_every_rule_names_columns_of_its_table_and_a_reason(table: Tested) -> None:
    assert all({*rule.cells} <= {*table.columns} and len(rule.cells) == len(rule.when) for rule in table.rules)
    assert all(rule.reason.endswith(".") for rule in table.rules)
    assert len({rule.reason for rule in table.rules}) == len(table.rules)


# -- before resolving --------------------------------------------------------------------------------------------

REQUESTED = EventKind.RERUN | EventKind.REQUEST
UNCHANGED = (History.KNOWN, PhotoInBucket.SAME, InstructionChange.UNCHANGED)
OPENED = (CrashCount.TOLERABLE, ReportState.CURRENT)


def test_event_without_a_change_never_resolves_a_photo() -> None:
    found = decide_before(*UNCHANGED, *OPENED, ~REQUESTED, CallInputChange.UNCHANGED)
    assert found == {Decision.IGNORE, Decision.REDELIVER, Decision.REOPEN}


def test_first_event_of_an_unchanged_photo_is_ignored() -> None:
    nothing_new = (RequestedBy.PHOTO, CancelMarkState.IN_FORCE)
    assert decide_before(*UNCHANGED, *OPENED, ~REQUESTED, EventDelivery.FIRST, *nothing_new) == {Decision.IGNORE}


def test_only_a_repeated_event_is_delivered_again() -> None:
    assert Decision.REDELIVER not in decide_before(EventDelivery.FIRST)
    nothing_new = (RequestedBy.PHOTO, CancelMarkState.IN_FORCE, CallInputChange.UNCHANGED)
    assert decide_before(*UNCHANGED, *OPENED, ~REQUESTED, EventDelivery.REPEATED, *nothing_new) == {Decision.REDELIVER}


def test_canceled_photo_that_is_requested_again_is_reopened() -> None:
    overruled = (CancelMarkState.OVERRULED, CallInputChange.UNCHANGED)
    assert decide_before(*UNCHANGED, *OPENED, ~REQUESTED & ~EventKind.SETTLE_TIMEOUT, *overruled) == {Decision.REOPEN}


def test_missing_photo_is_neither_bought_nor_waited_for() -> None:
    found = decide_before(PhotoInBucket.MISSING, ~EventKind.SETTLE_TIMEOUT)
    assert found == {Decision.CANCEL, Decision.READ_AGAIN}
    assert decide_before(PhotoInBucket.MISSING, ~EventKind.SETTLE_TIMEOUT, ~History.NEW_IN_PREFETCH) == {
        Decision.CANCEL
    }


def test_requested_photo_is_resolved_whatever_was_decided_before() -> None:
    assert decide_before(REQUESTED, ~PhotoInBucket.MISSING, *OPENED) == {Decision.RESOLVE}


def test_repeated_request_is_not_resolved_while_nothing_changed() -> None:
    assert Decision.RESOLVE not in decide_before(
        EventKind.REPEATED_REQUEST, EventDelivery.REPEATED, *UNCHANGED, CallInputChange.UNCHANGED
    )


def test_photo_without_complete_instructions_waits_while_time_is_left() -> None:
    new = (History.NEW, PhotoInBucket.NEW, InstructionChange.CHANGED, JobMatch.NO_JOBS, Inspection.PASSED, *OPENED)
    event = (EventKind.OBJECT_CHANGED, EventDelivery.FIRST)
    assert decide_before(*new, *event, ~OwnInstructions.COMPLETE, SettlePeriod.TIME_LEFT) == {Decision.WAIT}
    assert decide_before(*new, *event, OwnInstructions.COMPLETE) == {Decision.RESOLVE}


def test_waiting_photo_is_resolved_when_its_time_is_over() -> None:
    waiting = (
        History.WAITING,
        EventKind.SETTLE_TIMEOUT,
        ~PhotoInBucket.MISSING,
        JobMatch.NO_JOBS | JobMatch.OTHER_BYTES,
        *OPENED,
    )
    assert decide_before(*waiting, SettlePeriod.OVER) == {Decision.RESOLVE}


def test_obsolete_settle_timeout_does_not_read_the_bucket() -> None:
    found = iterate_cases(BEFORE_RESOLVING, EventKind.SETTLE_TIMEOUT, EventDelivery.FIRST, History.KNOWN)
    assert [(one.rule.then, PhotoInBucket in one.facts) for one in found] == [(Decision.IGNORE, False)]


def test_restored_bytes_get_their_jobs_back() -> None:
    back = (
        PhotoInBucket.OTHER_BYTES,
        JobMatch.SAME_BYTES | JobMatch.EXPIRED,
        EventKind.OBJECT_CHANGED,
        EventDelivery.FIRST,
        *OPENED,
    )
    assert decide_before(*back, OwnInstructions.NONE, History.KNOWN) == {Decision.REOPEN}
    assert decide_before(*back, InstructionChange.UNCHANGED, ReportedProblems.NONE, History.KNOWN) == {Decision.REOPEN}


def test_other_bytes_under_complete_instructions_are_resolved() -> None:
    others = (PhotoInBucket.OTHER_BYTES, JobMatch.OTHER_BYTES, OwnInstructions.COMPLETE, *OPENED)
    assert decide_before(*others, History.KNOWN, EventKind.OBJECT_CHANGED) == {Decision.RESOLVE}


def test_crash_count_is_reset_only_for_other_bytes() -> None:
    too_many_crashes = (CrashCount.TOO_MANY, ~EventKind.SETTLE_TIMEOUT)
    assert decide_before(*too_many_crashes, PhotoInBucket.OTHER_BYTES) == {Decision.RESET_CRASHES}
    assert Decision.RESET_CRASHES not in decide_before(*too_many_crashes, ~PhotoInBucket.OTHER_BYTES)


def test_outdated_report_is_withdrawn_before_anything_else() -> None:
    readable = (~EventKind.SETTLE_TIMEOUT, CrashCount.TOLERABLE, PhotoInBucket.SAME)
    assert decide_before(*readable, ReportState.OUTDATED) == {Decision.READ_AGAIN}


def test_photo_that_requests_what_executions_had_requested_reopens() -> None:
    uploaded = (~(REQUESTED | EventKind.SETTLE_TIMEOUT), OwnInstructions.COMPLETE, CallInputChange.UNCHANGED)
    assert decide_before(*UNCHANGED, *OPENED, *uploaded, RequestedBy.EXECUTIONS) == {Decision.REOPEN}


def test_changed_reference_counts_only_for_a_repeated_event() -> None:
    assert all(CallInputChange not in one.facts for one in iterate_cases(BEFORE_RESOLVING, EventDelivery.FIRST))
    changed = (*UNCHANGED, *OPENED, ~REQUESTED, EventDelivery.REPEATED, CallInputChange.CHANGED)
    assert decide_before(*changed) == {Decision.RESOLVE, Decision.WAIT}


def test_cancel_marks_are_read_only_for_unchanged_photos() -> None:
    read = [one.facts for one in list_cases(BEFORE_RESOLVING) if CancelMarkState in one.facts]
    assert all(matches(facts, UNCHANGED) for facts in read)


def matches(facts: Mapping[Column, Flag], given: Sequence[Flag]) -> bool:
    return all(facts[type(values)] in values for values in given)


# -- after resolving ---------------------------------------------------------------------------------------------


def test_resolved_instructions_are_applied_without_a_request() -> None:
    assert decide_after(~REQUESTED) == {PlanDecision.APPLY}


def test_request_with_jobs_is_applied() -> None:
    assert decide_after(EventKind.REQUEST, PlanResult.JOBS) == {PlanDecision.APPLY}


def test_rerun_without_instructions_keeps_the_jobs_of_a_request() -> None:
    assert decide_after(EventKind.RERUN, PlanResult.NO_INSTRUCTIONS, JobMatch.OTHER_BYTES) == {PlanDecision.REDELIVER}
    assert decide_after(EventKind.RERUN, PlanResult.NO_INSTRUCTIONS, JobMatch.NO_JOBS) == {PlanDecision.APPLY}
    assert decide_after(EventKind.RERUN, ~PlanResult.NO_INSTRUCTIONS) == {PlanDecision.APPLY}


def test_refused_request_changes_nothing_for_the_photo() -> None:
    refused = (EventKind.REQUEST, ~PlanResult.JOBS)
    assert decide_after(*refused, *UNCHANGED) == {PlanDecision.REFUSE_REQUEST}
    assert decide_after(*refused, JobMatch.SAME_BYTES | JobMatch.EXPIRED) == {PlanDecision.REFUSE_REQUEST}


def test_own_instructions_take_precedence_over_a_refused_request() -> None:
    new = (EventKind.REQUEST, ~PlanResult.JOBS, PhotoInBucket.NEW, JobMatch.NO_JOBS)
    assert decide_after(*new, OwnInstructions.COMPLETE, Inspection.PASSED) == {PlanDecision.SIDECAR_FIRST}
    assert decide_after(*new, OwnInstructions.COMPLETE, Inspection.FAILED) == {PlanDecision.APPLY}
    assert decide_after(*new, ~OwnInstructions.COMPLETE) == {PlanDecision.APPLY}
