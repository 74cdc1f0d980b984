"""The fidelity verdict separates damaged from unchanged products on a part of the corpus of `bench.fidelity`."""

import pytest

from bench.fidelity.limits import LIMITS
from bench.fidelity.scores import (
    MAX_FALSE_ALARMS,
    MIN_AUC,
    MaskScore,
    PairScore,
    WordFigures,
    WordScore,
    compute_auc,
    compute_false_alarms,
    list_scores,
    measure_corpus,
)

PHOTOS = (20, 31)


@pytest.fixture(scope="module")
def measured() -> list[PairScore | WordScore | MaskScore]:
    return list(measure_corpus(PHOTOS))


@pytest.fixture(scope="module")
def scores(measured: list[PairScore | WordScore | MaskScore]) -> list[PairScore]:
    return [one for one in measured if isinstance(one, PairScore)]


def test_words_with_other_letters_are_found(measured: list[PairScore | WordScore | MaskScore]) -> None:
    assert WordFigures.from_scores([one for one in measured if isinstance(one, WordScore)]).meets_targets


def test_scores_separate_damaged_from_unchanged_products(scores: list[PairScore]) -> None:
    compared = [one for one in scores if one.kind not in LIMITS]
    unchanged, damaged = (list_scores(compared, is_damaged=is_damaged) for is_damaged in (False, True))
    assert compute_auc(unchanged, damaged) >= MIN_AUC
    assert compute_false_alarms(unchanged, damaged) <= MAX_FALSE_ALARMS


def test_right_masks_get_a_verdict(scores: list[PairScore]) -> None:
    assert all(one.score is not None for one in scores)
