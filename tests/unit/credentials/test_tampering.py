"""Every change of a signed file is detected: of the picture, of the manifest, and of what no signature covers."""

from collections import Counter

import pytest
from PIL import Image  # noqa: F401  # opens the samples

from backdrop_credentials.reading import FileVerdict, read_credentials
from tests.signing_pki import build_issuers, to_pem
from tests.unit.credentials.signed_files import FORMATS, sign

TAMPERINGS_PER_FORMAT = 400
DETECTED = {FileVerdict.CHANGED, FileVerdict.DAMAGED}


@pytest.mark.parametrize("file_format", FORMATS)
def test_change_of_any_byte_is_detected(file_format: str) -> None:
    signed, roots = sign(file_format), to_pem(build_issuers()[:1])
    assert read_credentials(signed, roots).verdict is FileVerdict.TRUSTED
    step = max(1, len(signed) // TAMPERINGS_PER_FORMAT)
    verdicts = Counter[FileVerdict]()
    for position in range(0, len(signed), step):
        changed = bytearray(signed)
        changed[position] ^= 1 << position % 8
        verdict = read_credentials(bytes(changed), roots).verdict
        # Without its magic bytes, or the header of the manifest, a file has no credentials that it could claim.
        assert verdict in DETECTED or verdict is FileVerdict.NONE, (position, verdict)
        verdicts[verdict] += 1
    assert verdicts.total() >= TAMPERINGS_PER_FORMAT
    assert verdicts[FileVerdict.NONE] <= verdicts.total() * 0.05, verdicts


@pytest.mark.parametrize("file_format", FORMATS)
def test_removed_or_added_bytes_are_detected(file_format: str) -> None:
    signed = sign(file_format)
    for changed in (signed + b"\0", signed[:-1], signed[: len(signed) // 2], signed[:-100] + bytes(100)):
        assert read_credentials(changed).verdict in DETECTED
