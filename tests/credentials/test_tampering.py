"""Every change of a signed file is detected: of the picture, of the manifest, and of what no signature covers."""

from itertools import pairwise

import pytest
from PIL import Image  # noqa: F401  # opens the samples

from backdrop.imaging.formats import png
from backdrop_credentials.reading import FileVerdict, read_credentials
from tests.credentials.signed_files import FORMATS, sign
from tests.credentials.tampering import list_segments, tamper
from tests.signing_pki import build_issuers, to_pem

DETECTED = {FileVerdict.CHANGED, FileVerdict.DAMAGED}


@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize(("with_paid_credentials", "step"), [(False, 2), (True, 4)])
def test_change_of_a_byte_is_detected_in_every_segment(
    file_format: str, with_paid_credentials: bool, step: int
) -> None:
    signed = sign(file_format, paid_file=sign(file_format) if with_paid_credentials else None)
    assert read_credentials(signed, to_pem(build_issuers()[:1])).verdict is FileVerdict.TRUSTED
    tamperings = list(tamper(signed, step))
    undetected = [
        (one.segment, one.position, verdict)
        for one in tamperings
        if (verdict := read_credentials(one.data).verdict) not in DETECTED
    ]
    assert undetected == []
    assert len(tamperings) >= 500


def test_changed_chunk_of_a_png_has_a_right_checksum() -> None:
    """Otherwise the checksum would show the change, and not the signature."""
    tamperings = [one for one in tamper(sign("png")) if one.segment == "c2pa.claim.v2"]
    assert tamperings
    assert all(list(png.iter_chunks(one.data)) for one in tamperings)


@pytest.mark.parametrize("file_format", FORMATS)
def test_tried_segments_cover_the_whole_file(file_format: str) -> None:
    signed = sign(file_format)
    segments = list(list_segments(signed))
    assert (segments[0].start, segments[-1].end) == (0, len(signed))
    assert all(one.end == other.start for one, other in pairwise(segments))
    assert {"box c2pa", "box c2pa.claim.v2", "c2pa.claim.v2", "box c2pa.signature", "c2pa.signature"} < {
        segment.name for segment in segments
    }


@pytest.mark.parametrize("file_format", FORMATS)
def test_removed_or_added_bytes_are_detected(file_format: str) -> None:
    signed = sign(file_format)
    for changed in (signed + b"\0", signed[:-1], signed[: len(signed) // 2], signed[:-100] + bytes(100)):
        assert read_credentials(changed).verdict in DETECTED
