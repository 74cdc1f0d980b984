"""The closed list of codes: each has a disposition, a meaning, and a hint with the next step."""

import re

import pytest

from backdrop.model.circuit import REASON_BY_CODE
from backdrop.model.codes import Code, Disposition
from backdrop.model.error_catalog import ERROR_CATALOG, Cost, PaidFile
from backdrop.model.errors import (
    BackdropError,
    ConflictError,
    ContentOwnedError,
    InstructionError,
    MalformedMessageError,
    PhotoError,
    RefusedError,
    ResultError,
    RetryLaterError,
)
from backdrop.model.job import MoneyStatus, PictureLink, Problem
from backdrop.model.provider_result import ProviderResult, RetryClass
from tests.unit.ledger_items import LATER, NOW

ADVICE = re.compile(
    r"(^|[.,;:] )(add|ask|change|check|choose|compare|correct|crop|do nothing|find|keep|look|name|open|raise|read|"
    r"remove|replace|report|request|run|save|scale|search|set|shorten|store|the customer does not need to do anything|"
    r"you do not need to do anything|upload|use|"
    r"to buy it again, run) ?",
    re.IGNORECASE,
)


def test_exactly_the_listed_codes_are_explained() -> None:
    assert set(ERROR_CATALOG) == set(Code)


@pytest.mark.parametrize("code", Code)
def test_code_is_one_lowercase_word(code: Code) -> None:
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", code.value)
    assert code.value == code.name.lower()


@pytest.mark.parametrize("code", Code)
def test_hint_is_a_sentence_that_says_what_to_do(code: Code) -> None:
    hint = str(ERROR_CATALOG[code].hint)
    assert hint.endswith(".")
    assert ADVICE.search(hint)


@pytest.mark.parametrize("code", Code)
def test_operator_hint_addresses_the_operator_alone(code: Code) -> None:
    hint = str(ERROR_CATALOG[code].operator_hint)
    assert hint.endswith(".")
    assert ADVICE.search(hint)
    assert re.match("[A-Z]|docs/", hint)
    assert "customer does not" not in hint
    assert "Operator:" not in hint


@pytest.mark.parametrize("code", Code)
def test_meaning_is_a_sentence(code: Code) -> None:
    assert re.fullmatch(r"[A-Z].*\.", str(ERROR_CATALOG[code].meaning))


@pytest.mark.parametrize("code", Code)
def test_code_that_was_charged_is_not_refused(code: Code) -> None:
    facts = ERROR_CATALOG[code]
    # A mask is a job of its own.
    assert facts.cost in (Cost.NOTHING, Cost.PERHAPS_MASK) or facts.disposition is not Disposition.REFUSED


@pytest.mark.parametrize("code", Code)
def test_code_of_a_bought_picture_says_where_its_file_is(code: Code) -> None:
    facts = ERROR_CATALOG[code]
    is_bought = facts.cost in (Cost.PICTURE, Cost.PICTURE_NOT_DOWNLOAD, Cost.PAID_BEFORE)
    assert (facts.paid_file is not None) is is_bought


@pytest.mark.parametrize("code", [code for code, facts in ERROR_CATALOG.items() if facts.paid_file])
def test_hint_names_a_paid_file_only_if_it_is_kept(code: Code) -> None:
    is_kept = ERROR_CATALOG[code].paid_file in (PaidFile.KEPT, PaidFile.UNUSABLE_BUT_KEPT)
    assert ("under _backdrop/paid/" in str(ERROR_CATALOG[code].hint)) is is_kept


@pytest.mark.parametrize("code", [code for code, facts in ERROR_CATALOG.items() if facts.paid_file])
def test_no_hint_advises_to_pay_again_for_a_picture_that_a_free_redrive_may_deliver(code: Code) -> None:
    advice = ERROR_CATALOG[code].advice
    texts = (advice.text_for_photo, advice.text_for_operator, advice.text_for_request)
    assert not any("--pay-again" in str(text) for text in texts)


@pytest.mark.parametrize("code", [*REASON_BY_CODE, Code.BUDGET_REACHED, Code.DELIVERY_BACKED_UP, Code.PAUSED_BY_PERSON])
def test_meaning_of_a_code_that_pauses_a_lane_says_photos_wait(code: Code) -> None:
    assert ERROR_CATALOG[code].disposition is Disposition.WAITING
    assert "the photo waits" in str(ERROR_CATALOG[code].hint)


def test_budget_code_names_the_command_that_raises_it_today() -> None:
    assert "`backdrop budget 300 --today`" in str(ERROR_CATALOG[Code.BUDGET_REACHED].hint)


def test_held_code_names_the_command_that_pays_again() -> None:
    held = {code for code, facts in ERROR_CATALOG.items() if facts.disposition is Disposition.HELD}
    assert held == {Code.CHARGE_UNKNOWN}
    assert "`backdrop redrive --pay-again`" in str(ERROR_CATALOG[Code.CHARGE_UNKNOWN].hint)


def test_error_has_its_codes_hint_unless_given_advice() -> None:
    assert str(BackdropError(Code.NOT_A_PHOTO, "x").hint) == str(ERROR_CATALOG[Code.NOT_A_PHOTO].hint)
    assert str(BackdropError(Code.NOT_A_PHOTO, "x", "Do this.").hint) == "Do this."
    assert str(BackdropError(Code.NOT_A_PHOTO, "It is a text.")) == "It is a text."


def test_error_classes_match_the_dispositions() -> None:
    assert issubclass(InstructionError, RefusedError)
    assert issubclass(PhotoError, RefusedError)
    assert not any(issubclass(kind, RefusedError) for kind in (ResultError, RetryLaterError, MalformedMessageError))
    assert not any(issubclass(kind, BackdropError) for kind in (ConflictError, ContentOwnedError))
    assert MalformedMessageError("x").code is Code.DAMAGED_MESSAGE


@pytest.mark.parametrize("code", Code)
def test_only_waiting_errors_are_retryable(code: Code) -> None:
    problem = Problem.from_error(BackdropError(code, "x"), NOW)
    assert problem.retryable is (ERROR_CATALOG[code].disposition is Disposition.WAITING)
    assert (problem.first_seen, problem.last_seen) == (NOW, NOW)


def test_repeated_problem_keeps_its_first_occurrence() -> None:
    first, again = (Problem.from_error(BackdropError(Code.NOT_A_PHOTO, "x"), moment) for moment in (NOW, LATER))
    assert (again.with_history(first).first_seen, again.with_history(first).last_seen) == (NOW, LATER)
    other = Problem.from_error(BackdropError(Code.EMPTY_FILE, "x"), LATER)
    assert other.with_history(first).first_seen == LATER


@pytest.mark.parametrize(
    ("answer", "money"),
    [
        (ProviderResult(RetryClass.AMBIG), MoneyStatus.UNKNOWN),
        (ProviderResult(RetryClass.AMBIG, charged=1), MoneyStatus.UNKNOWN),
        (ProviderResult(RetryClass.OK, charged=60_000), MoneyStatus.SPENT),
        (ProviderResult(RetryClass.PERM), MoneyStatus.NOT_SPENT),
        (ProviderResult(RetryClass.PERM, charged=60_000), MoneyStatus.SPENT),
        (ProviderResult(RetryClass.QUOTA), MoneyStatus.NOT_SPENT),
    ],
)
def test_retry_class_decides_the_money_status(answer: ProviderResult, money: MoneyStatus) -> None:
    assert answer.money is money


def test_result_with_one_usable_link_is_usable() -> None:
    assert not ProviderResult(RetryClass.OK).is_usable
    assert not ProviderResult(RetryClass.OK, links=(PictureLink(url=None),)).is_usable
    assert ProviderResult(RetryClass.OK, links=(PictureLink(url=None), PictureLink(url="https://x"))).is_usable
