"""The `check` command: measures pictures on this machine by the rules of marketplaces."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from backdrop.imaging.measure import measure_file
from backdrop.instructions.suggest import find_nearest
from backdrop.model.certificate import Certificate, Verdict
from backdrop.model.errors import PhotoError
from backdrop.model.marketplaces import list_marketplaces, load_marketplace
from backdrop.model.object_keys import ObjectKind, classify_key
from backdrop_cli.errors import EXIT_FAILURE, EXIT_OK, NothingFoundError, UsageError
from backdrop_cli.formatting import format_count
from backdrop_cli.instruction_options import split_names
from backdrop_cli.lint_report import format_local_path
from backdrop_cli.parallel import parallel_map
from backdrop_cli.screen import Screen
from backdrop_cli.upload_targets import resolve_targets

COLUMNS = {"picture": "left", "marketplace": "left", "result": "left", "why": "words"}
PROMISE = "Backdrop only measures files. A marketplace may check more, and it decides whether to accept a picture."


@dataclass(frozen=True)
class CheckedPicture:
    """A file, and its certificates, or why it cannot be measured."""

    path: Path
    certificates: tuple[Certificate, ...] = ()
    error: PhotoError | None = None

    @property
    def verdicts(self) -> list[Verdict]:
        return [Verdict.FAILED] if self.error else [one.verdict for one in self.certificates]


def run_check(screen: Screen, paths: Sequence[Path], marketplaces: Sequence[str], *, is_ai_made: bool) -> int:
    """Prints the certificates of all pictures, and returns the exit code. `is_ai_made`: their background is."""
    names = [_validate_name(name) for name in dict.fromkeys(split_names(marketplaces))]
    if not names:
        raise UsageError(f"choose a marketplace with --for: {', '.join(list_marketplaces())}")
    files = [
        target.folder.local_path(key)
        for target in resolve_targets(paths)
        for key in sorted(target.keys)
        if classify_key(key) is ObjectKind.PHOTO
    ]
    if not files:
        raise NothingFoundError(f"no pictures found in {', '.join(map(str, paths))}")
    operation = "replace" if is_ai_made else None
    with screen.spinner("measuring every picture"):
        pictures = [*parallel_map(lambda path: _check_picture(path, names, operation), files)]
    counts = Counter(verdict for picture in pictures for verdict in picture.verdicts)
    screen.print_json(_build_document(pictures, counts))
    screen.print_table(COLUMNS, (row for picture in pictures for row in _build_rows(picture)))
    screen.print()
    counted = ", ".join(f"{counts[verdict]:,} {verdict.text}" for verdict in Verdict)
    totals = f"{format_count(len(pictures), 'picture')} for {', '.join(names)}"
    screen.print(f"{totals}, {format_count(counts.total(), 'result')}: {counted}", "bold")
    screen.print(PROMISE, "dim")
    return EXIT_FAILURE if counts[Verdict.FAILED] else EXIT_OK


def _validate_name(name: str) -> str:
    known_names = list_marketplaces()
    if (lowered := name.strip().lower()) in known_names:
        return lowered
    nearest = find_nearest(name, known_names)
    hint = f"did you mean {nearest}?" if nearest else f"the marketplaces are {', '.join(known_names)}"
    raise UsageError(f"{name} is not a marketplace; {hint}")


def _check_picture(path: Path, names: Sequence[str], operation: str | None) -> CheckedPicture:
    try:
        measurements = measure_file(path.read_bytes(), operation=operation)
    except PhotoError as error:
        return CheckedPicture(path, error=error)
    return CheckedPicture(path, tuple(load_marketplace(name).certify(measurements, operation) for name in names))


def _build_rows(picture: CheckedPicture) -> Iterator[tuple[str, str, str, str]]:
    name = format_local_path(str(picture.path))
    if picture.error:
        yield name, "", _format_verdict(Verdict.FAILED), str(picture.error.message)
    for one in picture.certificates:
        reasons = [f"{check.rule} is {check.describe()}" for check in one.checks if check.verdict is not Verdict.PASSED]
        yield name, one.marketplace, _format_verdict(one.verdict), "; ".join(reasons)


def _format_verdict(verdict: Verdict) -> str:
    return f"{verdict.mark} {verdict.text}"


def _build_document(pictures: Sequence[CheckedPicture], counts: Counter[Verdict]) -> dict[str, Any]:
    return {
        "pictures": [
            {
                "file": str(picture.path),
                "certificates": [asdict(one) for one in picture.certificates],
                "error": picture.error and {"code": picture.error.code.value, "message": str(picture.error.message)},
            }
            for picture in pictures
        ],
        **{verdict.value: counts[verdict] for verdict in Verdict},
    }
