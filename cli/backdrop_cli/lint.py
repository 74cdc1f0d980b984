"""The `lint` command: checks files before an upload."""

from collections.abc import Sequence
from pathlib import Path

from backdrop_cli.errors import EXIT_FAILURE, EXIT_OK
from backdrop_cli.lint_findings import LintResult
from backdrop_cli.lint_inspector import LintInspector
from backdrop_cli.lint_report import print_lint_report
from backdrop_cli.screen import Screen
from backdrop_cli.upload_targets import resolve_targets

OPENING_PHOTOS_TEXT = "opening every photo; to skip this, use --quick"
READING_NAMES_TEXT = "reading names and instructions"


def run_lint(
    screen: Screen, paths: Sequence[Path], *, target_folder: str | None, quick: bool, strict: bool, list_all: bool
) -> int:
    """Prints the findings and returns the exit code; `target_folder` is the folder in the bucket."""
    result = LintResult()
    with screen.spinner(READING_NAMES_TEXT if quick else OPENING_PHOTOS_TEXT):
        for target in resolve_targets(paths, target_folder):
            LintInspector(target.folder, quick=quick).inspect(target.keys, result)
    print_lint_report(screen, result, paths, list_all=list_all)
    return EXIT_FAILURE if result.errors or (strict and result.warnings) else EXIT_OK
