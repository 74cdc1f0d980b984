"""The `verify` command: shows what files state about themselves (Content Credentials), and whether that holds."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backdrop_cli.errors import EXIT_FAILURE, EXIT_OK, NothingFoundError, UsageError
from backdrop_cli.screen import Screen

if TYPE_CHECKING:
    from backdrop_credentials.reading import Claims, FileReport

_MARKS = {
    "none": ("–", "dim", "has no Content Credentials; this says nothing about how it was made"),
    "remote": ("?", "dim", "has none of its own, but links to Content Credentials elsewhere, which are not fetched"),
    "trusted": ("✓", "green", "is as it was signed, by a signer whose root you trust"),
    "not_trusted": (
        "✓",
        "yellow",
        "is as it was signed, but no root that you trust vouches for the signer, or its certificate was revoked or is "
        "unsuitable",
    ),
    "expired": (
        "✓",
        "yellow",
        "is as it was signed; the signer's certificate has expired since, or nothing proves that it was valid",
    ),
    "changed": ("✗", "red", "was changed after it was signed, so nothing that it states holds"),
    "damaged": (
        "✗",
        "red",
        "is in a format that has no Content Credentials, or the file or what it states is damaged",
    ),
}


def run_verify(screen: Screen, paths: Sequence[Path], roots: Path | None) -> int:
    """Prints the report of each file. Returns 1 if one was changed or is damaged.

    `roots`: a PEM file with the root certificates that are trusted. With it, also returns 1 unless all files are signed
    by trusted signers.
    """
    if find_spec("c2pa") is None:
        raise UsageError("the package c2pa-python is not installed; install the wheel with its extra: backdrop[verify]")
    from backdrop_credentials.reading import FileVerdict, read_credentials

    trusted_pem = _read_roots(roots) if roots else ""
    if missing := [path for path in paths if not path.is_file()]:
        raise UsageError(f"{missing[0]} is not a file on this machine")
    reports: list[tuple[Path, FileReport]] = []
    for path in paths:
        report = read_credentials(_read_file(path), trusted_pem)
        reports.append((path, report))
        mark, style, text = _MARKS[report.verdict.value]
        if trusted_pem and report.verdict is not FileVerdict.TRUSTED:
            mark, style = "✗", "red"
        screen.print_bullet(mark, f"{path} {text}.", style)
        for line in _describe(report):
            screen.print_bullet(" ", line)
    screen.print_json({"files": [_build_document(path, report) for path, report in reports]})
    verdicts = {report.verdict for _, report in reports}
    if not any(verdict.has_credentials for verdict in verdicts):
        raise NothingFoundError("no Content Credentials found in these files")
    good = {FileVerdict.TRUSTED} if trusted_pem else {*FileVerdict} - {FileVerdict.CHANGED, FileVerdict.DAMAGED}
    return EXIT_OK if verdicts <= good else EXIT_FAILURE


def _read_file(path: Path) -> bytes:
    """Raises UsageError if the file cannot be read: it may not be damaged."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error


def _read_roots(path: Path) -> str:
    """Returns the root certificates of a PEM file. Raises UsageError if it has none."""
    from backdrop_credentials.certificates import CertificateError, parse_certificates

    try:
        certificates = list(parse_certificates(path.read_text()))
    except UnicodeDecodeError as error:
        raise UsageError(f"--roots {path} is not text; give a PEM file with BEGIN CERTIFICATE") from error
    except OSError as error:
        raise UsageError(f"--roots {path} cannot be read: {error.strerror}") from error
    except CertificateError as error:
        raise UsageError(f"--roots {path} cannot be used: {error}") from error
    if not certificates:
        raise UsageError(f"--roots {path} contains no certificate; give a PEM file with BEGIN CERTIFICATE")
    return "".join(certificate.pem for certificate in certificates)


def _describe(report: "FileReport") -> Iterator[str]:
    """Returns the reasons of a verdict, and what the file states, unless it was changed."""
    yield from (f"reason: {reason}" for reason in report.reasons)
    if report.claims and report.verdict.is_unchanged:
        yield from _describe_claims(report.claims)


def _describe_claims(claims: "Claims") -> Iterator[str]:
    yield f"signed by {claims.signer}, {claims.signed_at or 'without a time stamp'}; made with {claims.generator}"
    yield from claims.actions
    if claims.source_types:
        yield f"digital source type: {', '.join(claims.source_types)}"
    yield from (f"made from: {ingredient}" for ingredient in claims.ingredients)
    if claims.job:
        yield f"job {claims.job.get('job_id')}, photo with SHA-256 {claims.job.get('photo_sha256')}"
    if claims.prompt:
        yield f"prompt: {claims.prompt}"


def _build_document(path: Path, report: "FileReport") -> dict[str, Any]:
    return {
        "file": str(path),
        "verdict": report.verdict.value,
        "reasons": list(report.reasons),
        "claims": report.claims and asdict(report.claims),
    }
