"""Text for people can be shown and composed. The type checker and the interpreter reject decisions based on it."""

# Each `pyrefly: ignore` below is an error that the type checker finds. Where it finds none, `make check` fails.
import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from backdrop.model.advice import Advice, FollowUp
from backdrop.model.codec import from_json, to_json
from backdrop.model.codes import Code
from backdrop.model.errors import BackdropError, InstructionError
from backdrop.model.job import Origin, Problem
from backdrop.model.job_warning import JobWarning, WarningCode
from backdrop.model.sentence import Sentence
from tests.unit.ledger_items import NOW

TEXT = Sentence("The file is empty.")


@pytest.mark.parametrize("stored", ["moved: from one to another", "from one to another"])
def test_code_that_release_0_2_0_stored_in_a_warning_is_not_repeated(stored: str) -> None:
    warning = from_json(JobWarning, json.dumps({"code": "moved", "text": stored}))
    assert warning == JobWarning(code=WarningCode.MOVED, text=Sentence("from one to another"))
    assert warning.text_with_code == "moved: from one to another"


@pytest.mark.parametrize(
    ("text", "closed"), [("It is empty", "It is empty."), ("It is empty.", "It is empty."), ("Is it?", "Is it?")]
)
def test_closed_sentence_ends_with_one_mark(text: str, closed: str) -> None:
    assert str(Sentence(text).closed) == closed


def test_sentence_is_rendered_unchanged() -> None:
    assert (str(TEXT), f"{TEXT} Again.", f"{TEXT:>20}") == (
        "The file is empty.",
        "The file is empty. Again.",
        "  The file is empty.",
    )
    assert (str(TEXT.truncate(8)), str(TEXT.clause), str(Sentence(TEXT))) == (
        "The file",
        "The file is empty",
        "The file is empty.",
    )


# -- rejected by the type checker ---------------------------------------------------------------------------------


def decisions_by_a_sentence(sentence: Sentence, other: Sentence, problem: Problem, warning: JobWarning) -> list[Any]:
    """Never called. Only the type checker reads it."""
    return [
        sentence == other,  # pyrefly: ignore[deprecated]
        sentence != other,  # pyrefly: ignore[deprecated]
        sentence == "The file is empty.",  # pyrefly: ignore[deprecated]
        problem.message == "The file is empty.",  # pyrefly: ignore[deprecated]
        problem.hint == other,  # pyrefly: ignore[deprecated]
        warning.text == "moved",  # pyrefly: ignore[deprecated]
        "empty" in sentence,  # pyrefly: ignore[not-iterable]
        "empty" in problem.message,  # pyrefly: ignore[not-iterable]
        sentence < other,  # pyrefly: ignore[unsupported-operation]
        sentence.startswith("The"),  # pyrefly: ignore[missing-attribute]
        sentence[:3],  # pyrefly: ignore[bad-index]
        len(sentence),  # pyrefly: ignore[bad-argument-type]
        re.search("empty", sentence),  # pyrefly: ignore[no-matching-overload]
        re.fullmatch("empty", problem.message),  # pyrefly: ignore[no-matching-overload]
    ]


# -- rejected only at runtime -------------------------------------------------------------------------------------


DECISIONS: list[Callable[[Any], object]] = [
    lambda sentence: sentence == "The file is empty.",
    lambda sentence: "The file is empty." == sentence,  # noqa: SIM300 - the side that the type checker does not check
    lambda sentence: sentence in ["The file is empty."],
    lambda sentence: dict[Any, int]().get(sentence),
    lambda sentence: {sentence},
    lambda sentence: bool(sentence),
    lambda sentence: sentence or "nothing",
]


@pytest.mark.parametrize("decide", DECISIONS)
def test_decision_by_a_sentence_raises(decide: Callable[[Any], object]) -> None:
    with pytest.raises(TypeError):
        decide(TEXT)


# -- records that contain sentences ----------------------------------------------------------------------------------


def test_records_with_sentences_are_compared_as_a_whole() -> None:
    one, same, other = (JobWarning(code=WarningCode.MOVED, text=Sentence(text)) for text in ("a", "a", "b"))
    assert one == same
    assert one != other
    assert [one, same].count(one) == 2


ADVICE = replace(
    Advice.from_text("Correct it", FollowUp.RUNS).with_note("2 photos wait."), custom_request_text=Sentence("Send it.")
)
PROBLEMS = [
    Problem.from_error(BackdropError(Code.NOT_A_PHOTO, "It is a text."), NOW),
    replace(
        Problem.from_error(BackdropError(Code.NOT_A_PHOTO, "It is a text.", "Do this."), NOW), origin=Origin.REQUEST
    ),
    Problem.from_error(InstructionError.at("_backdrop.json", "output[1]", Code.INVALID_VALUE, "is 7", ADVICE), NOW),
]


@pytest.mark.parametrize("problem", PROBLEMS)
def test_problem_is_unchanged_after_a_round_trip_through_the_ledger(problem: Problem) -> None:
    text = to_json(problem)
    assert json.loads(text)["message"] == str(problem.message)
    assert from_json(Problem, text) == problem
    assert str(from_json(Problem, text).hint) == str(problem.hint)


def test_sentence_is_stored_as_text_in_the_ledger() -> None:
    text = to_json(PROBLEMS[0]).replace('"It is a text."', "7")
    with pytest.raises(ValidationError):
        from_json(Problem, text)


# -- advice ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("then", FollowUp)
def test_request_advice_says_to_send_it_again(then: FollowUp) -> None:
    advice = Advice.from_text("Correct it.", then).with_note("2 photos wait.")
    assert str(advice.text_for_photo).startswith("Correct it")
    assert str(advice.text_for_request).count("send the request again") == 1
    assert all(str(one).endswith("2 photos wait.") for one in (advice.text_for_photo, advice.text_for_request))
    assert "automatically" not in str(advice.text_for_request) or then is FollowUp.WAITS


def test_hint_of_a_problem_fits_its_reader() -> None:
    reported = Problem.from_error(BackdropError(Code.SIDECAR_TOO_LARGE, "It is large."), NOW)
    assert "automatically" in str(reported.hint)
    assert "send the request again" in str(replace(reported, origin=Origin.REQUEST).hint)
