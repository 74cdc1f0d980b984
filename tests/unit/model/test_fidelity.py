"""The fidelity score becomes a verdict at the default or a requested minimum."""

import pytest

from backdrop.model.codec import from_json, to_json
from backdrop.model.fidelity import (
    DEFAULT_MIN_SCORE,
    FROZEN_SIMILARITY,
    CannotSayReason,
    Fidelity,
    FidelityVerdict,
    calibrate_score,
    judge_score,
)


def test_frozen_similarity_becomes_default_minimum_score() -> None:
    assert calibrate_score(FROZEN_SIMILARITY) == DEFAULT_MIN_SCORE


def test_score_rises_with_similarity_from_zero_to_one() -> None:
    scores = [calibrate_score(similarity / 100) for similarity in range(-10, 111)]
    assert scores == sorted(scores)
    assert (scores[0], scores[-1]) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("score", "min_score", "verdict"),
    [
        (0.9, None, FidelityVerdict.SAME),
        (0.899, None, FidelityVerdict.CHANGED),
        (0.899, 0.5, FidelityVerdict.SAME),
        (0.95, 0.97, FidelityVerdict.CHANGED),
        (0.0, 0.0, FidelityVerdict.SAME),
    ],
)
def test_requested_minimum_replaces_the_default(
    score: float, min_score: float | None, verdict: FidelityVerdict
) -> None:
    assert judge_score(score, min_score) is verdict
    assert Fidelity.from_score(score, min_score).verdict is verdict


@pytest.mark.parametrize("fidelity", [Fidelity.from_score(0.93), *map(Fidelity.from_reason, CannotSayReason)], ids=repr)
def test_fidelity_survives_a_round_trip_as_json(fidelity: Fidelity) -> None:
    assert from_json(Fidelity, to_json(fidelity)) == fidelity


def test_verdict_of_an_earlier_version_is_still_read() -> None:
    stored = '{"verdict": "same", "score": 0.957, "reason": null, "version": 2, "map_key": "_backdrop/changes/1.png"}'
    read = from_json(Fidelity, stored)
    assert (read.verdict, read.score, read.version) == (FidelityVerdict.SAME, 0.957, 2)


def test_missing_verdict_has_a_reason_and_no_score() -> None:
    fidelity = Fidelity.from_reason(CannotSayReason.MASK_EMPTY)
    assert (fidelity.verdict, fidelity.score) == (FidelityVerdict.CANNOT_SAY, None)


@pytest.mark.parametrize(
    ("score", "text"),
    [(0.97, "same product 0.97"), (1.0, "same product 1.00"), (0.899, "product changed 0.899")],
)
def test_score_is_shown_without_rounding_up_to_the_minimum(score: float, text: str) -> None:
    assert Fidelity.from_score(score).text == text


def test_every_reason_has_a_text_of_its_own() -> None:
    assert len({reason.text for reason in CannotSayReason}) == len(CannotSayReason)
    assert len({(verdict.text, verdict.mark) for verdict in FidelityVerdict}) == len(FidelityVerdict)
