"""The known word that a person probably meant."""

import pytest

from backdrop.instructions.suggest import find_nearest
from backdrop.model.capabilities import PROVIDERS


@pytest.mark.parametrize(
    "word", ["onemin", "OneMin", "one-min", "one_min", "1min.ai", "oneminai", "1-min", "onemin.ai"]
)
def test_every_spelling_of_1min_suggests_it(word: str) -> None:
    assert find_nearest(word, PROVIDERS) == "1min"


def test_other_spelling_is_not_suggested_where_its_word_is_unknown() -> None:
    assert find_nearest("onemin", ["replace", "remove"]) is None


@pytest.mark.parametrize(("word", "name"), [("segmint", "segmind"), ("IDEOGRAMM", "ideogram"), ("runwear", "runware")])
def test_misspelled_provider_suggests_the_nearest(word: str, name: str) -> None:
    assert find_nearest(word, PROVIDERS) == name
