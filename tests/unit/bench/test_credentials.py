"""The page about Content Credentials, and when its bench fails."""

from collections import Counter
from pathlib import Path

import pytest

from bench import credentials
from bench.credentials import SigningRow, TamperingRow

SIGNED = SigningRow("PNG, 1 MP", "in KMS", 2.4, 13_831, 10.4)
TAMPERED = TamperingRow("PNG", Counter({"IHDR": 25, "box c2pa": 46}), Counter())


def test_page_has_a_row_for_each_signature_and_each_file() -> None:
    page = credentials.format_page([SIGNED], [TAMPERED])
    assert "| PNG, 1 MP | in KMS | 2.4 | 13,831 | 10 |" in page
    assert "| PNG | 71 | 0 | IHDR 25, box c2pa 46 |" in page


@pytest.mark.parametrize(
    ("row", "tampering", "code"),
    [
        (SIGNED, TAMPERED, 0),
        (SigningRow("PNG", "in KMS", 2.4, 15_361, 10), TAMPERED, 1),
        (SigningRow("PNG", "in KMS", 2.4, 30_000, 10, max_bytes=None), TAMPERED, 0),
        (SigningRow("PNG", "in KMS", 2.4, 13_831, 60.1), TAMPERED, 1),
        (SigningRow("PNG", "in KMS", 39, 13_831, 130, max_milliseconds=None), TAMPERED, 0),
        (SIGNED, TamperingRow("PNG", Counter({"IHDR": 25}), Counter({"IHDR": 1})), 1),
    ],
    ids=["within", "too large", "provider's own", "too slow", "large", "undetected"],
)
def test_excess_or_undetected_change_sets_the_exit_code(
    row: SigningRow, tampering: TamperingRow, code: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(credentials, "PAGE", tmp_path / "credentials.md")
    monkeypatch.setattr(credentials, "measure_signing", lambda: [row])
    monkeypatch.setattr(credentials, "measure_tampering", lambda: [tampering])
    assert credentials.main() == code
    assert credentials.PAGE.read_text().startswith("# Content Credentials")
