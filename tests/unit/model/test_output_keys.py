"""The keys of outputs: readable, unique, and never longer than S3 allows."""

from itertools import product

from hypothesis import example, given
from hypothesis import strategies as st

from backdrop.model.object_keys import MAX_S3_KEY_BYTES, picture_key
from tests.unit.ledger_items import quick

NAME = st.text("abc09-", min_size=1, max_size=40)


@quick
@example(900, "v" * 40, 20, "o" * 40)
@given(st.integers(1, 970), NAME | st.just(""), st.integers(1, 20), NAME | st.none())
def test_every_key_fits_into_s3(length: int, variant: str, n: int, output: str | None) -> None:
    source = f"@{'b' * 63}/{'k' * length}"[: 65 + 900]
    key = picture_key(source, variant=variant, n=n, extension="webp", output=output)
    assert len(key.encode()) <= MAX_S3_KEY_BYTES
    assert key.startswith(f"{source}/")
    assert key.endswith(".webp")
    assert "/" not in key.removeprefix(f"{source}/")


def test_pictures_of_the_longest_key_have_unique_keys() -> None:
    source = "@" + "b" * 63 + "/" + "k" * 900
    expected = list(product(("", "v" * 40, "v" * 39 + "w"), (1, 2, 20), (None, "o" * 40, "o" * 39 + "p")))
    keys = {picture_key(source, variant=v, n=n, extension="png", output=output) for v, n, output in expected}
    assert len(keys) == len(expected)
    assert max(len(key.encode()) for key in keys) <= MAX_S3_KEY_BYTES
