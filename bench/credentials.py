"""What Content Credentials cost, and which changes of a signed file are detected: `python -m bench.credentials`.

Writes docs/results/credentials.md. Exits with code 1 if a figure exceeds its limit, or if a change is not detected.
"""

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from math import sqrt
from pathlib import Path
from statistics import median

from PIL import Image

from backdrop.deliver.manifest import PictureFacts
from backdrop_credentials.reading import FileVerdict, read_credentials
from backdrop_credentials.signing import MAX_MANIFEST_BYTES, PictureSigner
from simulation.run_environment import describe_environment
from tests.credentials.signed_files import FORMATS, build_facts, sign
from tests.credentials.tampering import tamper
from tests.signing_pki import build_chain, build_keys, build_leaf_key, build_signer, to_key_pem

PAGE = Path(__file__).parents[1] / "docs" / "results" / "credentials.md"
MAX_MILLISECONDS = 60
ROUNDS = 9
MEGAPIXELS = (1, 4)
LARGE_MEGAPIXELS = 16
SAVE_OPTIONS = {"png": {"compress_level": 1}, "jpg": {"quality": 90}, "webp": {"quality": 90}}
KMS_KEY = "in KMS, ECDSA certificates"
SIGNERS: dict[str, Callable[[], PictureSigner]] = {
    KMS_KEY: build_signer,
    "PEM, ECDSA certificates": lambda: build_signer(build_keys(key_pem=to_key_pem(build_leaf_key()))),
    "in KMS, RSA certificates of 2,048 bits": lambda: build_signer(build_keys(build_chain(rsa_bits=2048))),
}


@dataclass(frozen=True)
class SigningRow:
    """The cost of signing one file. `milliseconds`: of processor time, from the facts to the file that was read back.

    `max_bytes`, `max_milliseconds`: None without a limit.
    """

    picture: str
    key: str
    megabytes: float
    added_bytes: int
    milliseconds: float
    max_bytes: int | None = MAX_MANIFEST_BYTES
    max_milliseconds: int | None = MAX_MILLISECONDS

    @property
    def is_over(self) -> bool:
        is_large = self.max_bytes is not None and self.added_bytes > self.max_bytes
        return is_large or (self.max_milliseconds is not None and self.milliseconds > self.max_milliseconds)


@dataclass(frozen=True)
class TamperingRow:
    """The changes of one file. `undetected`: those after which `verify` takes it for unchanged, or for unsigned."""

    file: str
    tried: Counter[str]
    undetected: Counter[str]


def build_picture(file_format: str, megapixels: int) -> bytes:
    """Returns noise, which is larger than a photo of this size."""
    side = round(sqrt(megapixels * 1_000_000))
    noise = Image.effect_noise((side, side), 20)
    picture, file = Image.merge("RGB", (noise, noise.transpose(Image.Transpose.ROTATE_180), noise)), BytesIO()
    picture.save(file, FORMATS[file_format], **SAVE_OPTIONS[file_format])
    return file.getvalue()


def measure_signing() -> Iterator[SigningRow]:
    """Signs plain outputs: the provider's file is the picture itself, without or with a signature."""
    for file_format in FORMATS:
        for megapixels in MEGAPIXELS:
            data = build_picture(file_format, megapixels)
            name = f"{FORMATS[file_format]}, {megapixels} MP"
            for key, make_signer in SIGNERS.items():
                yield _measure_signature(name, key, make_signer(), data, build_facts(file_format, data))
            facts = build_facts(file_format, sign(file_format, data=data))
            row = _measure_signature(f"{name}, from a signed file", KMS_KEY, build_signer(), data, facts)
            yield replace(row, max_bytes=None)
        data = build_picture(file_format, LARGE_MEGAPIXELS)
        name = f"{FORMATS[file_format]}, {LARGE_MEGAPIXELS} MP"
        row = _measure_signature(name, KMS_KEY, build_signer(), data, build_facts(file_format, data))
        yield replace(row, max_milliseconds=None)


def _measure_signature(name: str, key: str, signer: PictureSigner, data: bytes, facts: PictureFacts) -> SigningRow:
    signed, milliseconds = b"", list[float]()
    for _ in range(ROUNDS):
        started = time.process_time()
        signed = signer.measure(facts).sign(data)
        milliseconds.append((time.process_time() - started) * 1000)
    return SigningRow(name, key, len(data) / 1_000_000, len(signed) - len(data), median(milliseconds))


def measure_tampering() -> Iterator[TamperingRow]:
    for file_format, name in FORMATS.items():
        for ingredient, paid_file in (("", None), (", from a signed file", sign(file_format))):
            tried, undetected = Counter[str](), Counter[str]()
            for one in tamper(sign(file_format, paid_file=paid_file)):
                tried[one.segment] += 1
                verdict = read_credentials(one.data).verdict
                undetected[one.segment] += verdict not in (FileVerdict.CHANGED, FileVerdict.DAMAGED)
            yield TamperingRow(f"{name}{ingredient}", tried, undetected)


def _format_missed(signing: Iterable[SigningRow]) -> Iterator[str]:
    missed = [f"{row.picture}, {row.key}: {row.milliseconds:.0f} ms" for row in signing if row.is_over]
    if missed:
        yield f"**Over a limit**: {'; '.join(missed)}."
        yield ""


def format_page(signing: Sequence[SigningRow], tampering: Iterable[TamperingRow]) -> str:
    return "\n".join(
        [
            "# Content Credentials",
            "",
            f"Written by `python -m bench.credentials` on {describe_environment()}.",
            "",
            *_format_missed(signing),
            "## What a signature adds",
            "",
            f"Limits: {MAX_MANIFEST_BYTES:,} bytes, and for pictures with up to {MEGAPIXELS[-1]} megapixels (MP),"
            f" {MAX_MILLISECONDS} ms of processor time without KMS's answer (the median of {ROUNDS} signatures). The"
            " time includes reading the provider's file, which is as large, and verifying the new one. If the"
            " provider's file is signed, its manifest is added, which this limit does not include. The pictures are"
            " noise, which is larger than a photo.",
            "",
            "| picture | key | MB | bytes added | ms |",
            "|---|---|--:|--:|--:|",
            *(
                f"| {row.picture} | {row.key} | {row.megabytes:.1f} | {row.added_bytes:,} | {row.milliseconds:.0f} |"
                for row in signing
            ),
            "",
            "## Which changes are detected",
            "",
            "One bit is changed at a time, in every segment of the file. *Box* is what wraps a part of the manifest:"
            " each of its bytes is tried, and some of every other segment.",
            "",
            "| file | tried | not detected | tried in each segment |",
            "|---|--:|--:|---|",
            *(
                f"| {row.file} | {row.tried.total():,} | {row.undetected.total()} | {_format_counts(row.tried)} |"
                for row in tampering
            ),
            "",
        ]
    )


def _format_counts(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def main() -> int:
    """Measures, and writes the page whatever the result."""
    signing, tampering = list(measure_signing()), list(measure_tampering())
    page = format_page(signing, tampering)
    PAGE.write_text(page)
    print(page)
    return int(any(row.is_over for row in signing) or any(row.undetected.total() for row in tampering))


if __name__ == "__main__":
    sys.exit(main())
