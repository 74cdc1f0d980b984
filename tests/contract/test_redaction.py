"""No secret of ours, and nothing that opens our bucket, stays in what a provider says."""

import base64

import pytest

from backdrop.providers.redaction import quote_provider, redact_key

KEY = "SG_0123456789abcdef+/x"
SIGNATURE = "0f" * 32
LINK = (
    "https://bucket.s3.amazonaws.com/_backdrop/work/inputs/abc?X-Amz-Algorithm=AWS4-HMAC-SHA256&"
    f"X-Amz-Security-Token={'To%2Fken' * 40}&X-Amz-Signature={SIGNATURE}"
)


@pytest.mark.parametrize("before", ["", "a", "Bearer "])
@pytest.mark.parametrize("after", ["", "z", "\n"])
def test_key_is_removed_in_base64_too(before: str, after: str) -> None:
    encoded = base64.b64encode(f"{before}{KEY}{after}".encode())
    body = redact_key(b"key " + KEY.encode() + b" encoded " + encoded, KEY)
    assert KEY.encode() not in body
    assert all(part not in body for part in (encoded[len(before) + 4 : -6],))


def test_short_text_is_no_key() -> None:
    assert redact_key(b"a picture", "p") == b"a picture"


@pytest.mark.parametrize("length", [len(LINK), 400, 200, 100, 60, 50])
def test_no_part_of_our_link_is_quoted(length: int) -> None:
    for part in (LINK[:length], LINK[-length:]):
        text = quote_provider(f"the image at {part} cannot be read")
        assert SIGNATURE[:40] not in text
        assert "Token=" not in text
        assert text.endswith("cannot be read")


def test_words_are_short_and_printable() -> None:
    assert quote_provider("\x1b[31mno\u202e credits") == "\ufffd[31mno\ufffd credits"
    assert len(quote_provider("no credits " * 1_000)) == 300
