"""The `lint` command: checks files before an upload."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from backdrop.aws.clock import SystemClock
from backdrop.pipeline.mandate_directory import MandateDirectory
from backdrop_cli.errors import EXIT_FAILURE, EXIT_OK, NothingFoundError
from backdrop_cli.lint_findings import LintResult
from backdrop_cli.lint_inspector import LintInspector
from backdrop_cli.lint_report import print_lint_report
from backdrop_cli.mandate_forecast import MandateForecast
from backdrop_cli.screen import Screen
from backdrop_cli.upload_targets import UploadTarget, format_no_photo_error, resolve_targets
from backdrop_cli.uploads.new_sidecars import plan_new_sidecars

OPENING_PHOTOS_TEXT = "opening every photo; to skip this, use --quick"
READING_NAMES_TEXT = "reading names and instructions"


@dataclass(frozen=True)
class LintOptions:
    """The options of `lint`; `target_folder` is the folder in the bucket.

    `new_sidecar` applies to photos that have no sidecar on this machine, or with `replace`, to all photos.
    """

    target_folder: str | None = None
    new_sidecar: bytes | None = None
    replace: bool = False
    quick: bool = False
    strict: bool = False
    list_all: bool = False


def run_lint(
    screen: Screen, paths: Sequence[Path], options: LintOptions, mandates: MandateDirectory | None = None
) -> int:
    """Prints the findings and returns the exit code. Raises NothingFoundError if there is nothing to check.

    `mandates`: those of the stack.
    """
    result = LintResult(MandateForecast.for_today(mandates, SystemClock()))
    with screen.spinner(READING_NAMES_TEXT if options.quick else OPENING_PHOTOS_TEXT):
        for target in map(UploadTarget.select_uploads, resolve_targets(paths, options.target_folder)):
            result.own_pictures += len(target.own_pictures)
            result.ignored += target.takeout_count
            new_sidecars = plan_new_sidecars(target, options.new_sidecar, replace=options.replace)
            result.kept_sidecars += new_sidecars.kept_count
            inspector = LintInspector(target.folder, new_sidecars.by_key, mandates, quick=options.quick)
            inspector.inspect(target.keys - new_sidecars.replaced_keys, result)
    if result.files == result.ignored and not result.findings:
        file_count = result.files + result.own_pictures
        raise NothingFoundError(format_no_photo_error(paths, file_count, result.own_pictures))
    print_lint_report(screen, result, paths, list_all=options.list_all)
    return EXIT_FAILURE if result.errors or (options.strict and result.warnings) else EXIT_OK
