"""How each difficult file is prepared: sent unchanged, converted, or refused with its own code."""

import pytest

from backdrop.imaging.prepare import PreparedPhoto, prepare_photo
from backdrop.model.errors import PhotoError
from tests.corpus.case import Case
from tests.corpus.make import corpus
from tests.corpus.reference import alpha_difference, decoded, difference, shrunk
from tests.corpus.scene import MARKS, Pixels, mark

MAX_DIFFERENCE = 2.0
"""The mean CIE76 difference that is just visible between two halves of one screen."""
_MEGAPIXELS = 100

TAKEN = [pytest.param(case, id=case.name) for case in corpus() if not case.code]
PASSING = [pytest.param(case, id=case.name) for case in corpus() if case.passes]
CHANGED = [pytest.param(case, id=case.name) for case in corpus() if not case.code and not case.passes]
TURNED = [pytest.param(case, id=case.name) for case in corpus() if "-orientation-" in case.name and not case.passes]
REFUSED = [pytest.param(case, id=case.name) for case in corpus() if case.code]


_FOUND: dict[str, PreparedPhoto] = {}


def prepared(case: Case) -> PreparedPhoto:
    """Prepares each file once for all tests."""
    if case.name not in _FOUND:
        _FOUND[case.name] = prepare_photo(case.data, case.limits, _MEGAPIXELS)
    return _FOUND[case.name]


def sent(case: Case) -> Pixels:
    """Returns the pixels that are sent, decoded by OpenCV."""
    data = prepared(case).data
    assert data is not None
    return decoded(data)


def expected(case: Case) -> Pixels:
    pixels = decoded(case.data) if case.pixels is None else case.pixels
    return case.seen(pixels) if case.seen else pixels


def test_corpus_has_enough_cases_of_each_kind() -> None:
    assert min(len(PASSING), len(TURNED), len(REFUSED)) >= 30
    assert len(CHANGED) >= 60


@pytest.mark.parametrize("case", PASSING)
def test_photo_within_the_limits_keeps_its_bytes(case: Case) -> None:
    found = prepared(case)

    assert found.data is None
    assert tuple(map(str, found.changes)) == case.changes
    assert (found.width, found.height) == found.original_size == decoded(case.data).shape[1::-1]


@pytest.mark.parametrize("case", CHANGED)
def test_sent_photo_is_within_the_limits_and_lists_its_changes(case: Case) -> None:
    found = prepared(case)

    assert found.data is not None
    assert len(found.data) <= case.limits.max_bytes
    assert found.format in case.limits.formats
    changes = [str(change) for change in found.changes]
    assert tuple(change for change in changes if not change.startswith(("reencoded:", "scaled:"))) == case.changes
    assert [change for change in changes if change.startswith(f"reencoded:{case.encoded}")]
    assert [change for change in changes if change.startswith(case.scaled)]
    assert case.scaled or found.original_size == (found.width, found.height)


@pytest.mark.parametrize("case", CHANGED)
def test_sent_photo_looks_like_the_original(case: Case) -> None:
    found = sent(case)
    reference = expected(case)
    if reference.shape[:2] != found.shape[:2]:
        reference = shrunk(reference, found.shape[1], found.shape[0])

    assert difference(found, reference) <= MAX_DIFFERENCE
    assert alpha_difference(found, reference) <= MAX_DIFFERENCE


@pytest.mark.parametrize("case", TURNED)
def test_each_corner_of_a_rotated_photo_is_in_place(case: Case) -> None:
    found = sent(case)

    for name, color in MARKS.items():
        seen = found[mark(name)][4:12, 4:12].reshape(-1, found.shape[2]).mean(axis=0)
        assert abs(seen[:3] - color).max() < 12, name


@pytest.mark.parametrize("case", REFUSED)
def test_unusable_file_is_refused_with_its_own_code(case: Case) -> None:
    with pytest.raises(PhotoError) as caught:
        prepared(case)

    assert caught.value.code is case.code
    assert str(caught.value.hint)


@pytest.mark.parametrize("case", CHANGED[::9])
def test_same_bytes_are_always_prepared_identically(case: Case) -> None:
    assert prepare_photo(case.data, case.limits, _MEGAPIXELS) == prepared(case)


@pytest.mark.parametrize("case", CHANGED)
def test_sent_photo_contains_no_metadata(case: Case) -> None:
    data = prepared(case).data or b""

    assert not any(word in data for word in (b"Exif", b"A camera", b"ICC_PROFILE", b"iCCP", b"eXIf", b"ICCP"))


@pytest.mark.parametrize("case", TAKEN)
def test_sent_photo_passes_unchanged_when_prepared_again(case: Case) -> None:
    """Preparing a photo twice changes nothing: what is sent is within the provider's limits."""
    data = prepared(case).data

    if data is not None:
        assert prepare_photo(data, case.limits, _MEGAPIXELS).data is None
