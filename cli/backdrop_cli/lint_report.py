"""The output of `lint`: errors by file, warnings by code, and a summary."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from backdrop.model.pricing import PRICE_LIST_DATE, to_usd
from backdrop_cli.formatting import format_count, format_max_price
from backdrop_cli.lint_findings import Finding, LintResult
from backdrop_cli.screen import Screen

MAX_LISTED_FILES = 50
MAX_LISTED_PER_WARNING = 10


def print_lint_report(screen: Screen, result: LintResult, paths: Sequence[Path], *, list_all: bool) -> None:
    screen.print_json(_build_document(result))
    _print_errors(screen, result.errors, list_all=list_all)
    _print_warnings(screen, result.warnings, list_all=list_all)
    screen.print(f"{format_count(result.files, 'file')} in {', '.join(map(str, paths))}", "bold")
    screen.print_table({"": "left", " ": "right", "  ": "words"}, _build_summary_rows(result))
    result.mandates.print_lines(screen)
    _print_verdict(screen, result)


def _print_errors(screen: Screen, errors: Sequence[Finding], *, list_all: bool) -> None:
    files = [(path, list(found)) for path, found in groupby(errors, key=lambda one: one.path)]
    for path, found in files if list_all else files[:MAX_LISTED_FILES]:
        screen.print_unwrapped(format_local_path(path), "bold")
        for one in found:
            variant = f"variant {one.variant}: " if one.variant else ""
            screen.print_bullet("✗", f"{variant}{one.message} ({one.code})", "red")
        for hint in dict.fromkeys(one.hint for one in found if one.hint):
            screen.print_bullet(" ", hint, "dim")
        screen.print()
    if len(files) > MAX_LISTED_FILES and not list_all:
        screen.print(
            f"… and {format_count(len(files) - MAX_LISTED_FILES, 'more file')} with errors; to list them, add --all"
        )
        screen.print()


def _print_warnings(screen: Screen, warnings: Sequence[Finding], *, list_all: bool) -> None:
    by_code: defaultdict[str, list[Finding]] = defaultdict(list)
    for one in warnings:
        by_code[one.code].append(one)
    for code, found in by_code.items():
        screen.print(f"{code}: {found[0].hint}", "bold")
        for one in found if list_all else found[:MAX_LISTED_PER_WARNING]:
            screen.print_unwrapped(f"  ! {format_local_path(one.path)}: {one.message}", "yellow")
        if len(found) > MAX_LISTED_PER_WARNING and not list_all:
            screen.print(f"  … and {len(found) - MAX_LISTED_PER_WARNING:,} more; to list them, add --all")
        screen.print()


def _build_summary_rows(result: LintResult) -> Iterable[tuple[str, str, str]]:
    price = f"{format_max_price(result.prices)}, at list prices of {PRICE_LIST_DATE}"
    problem_count = result.photos - result.ready - result.partly_ready - result.without_instructions
    rows = [
        ("photos ready", result.ready, price if result.ready and not result.partly_ready else ""),
        ("photos partly ready", result.partly_ready, f"variants with problems are not bought; in all, {price}"),
        (
            "images of unknown price",
            result.prices.unpriced_image_count,
            "1min.ai bills credits; their price is the stack's OneMinUsdPerImage",
        ),
        (
            "photos without instructions",
            result.without_instructions,
            "not bought, unless their object tags have instructions",
        ),
        ("photos with problems", problem_count, "reported, not bought"),
        ("sidecars", result.sidecars, ""),
        ("photos keep their sidecar", result.kept_sidecars, "to check the new instructions for all, add --replace"),
        ("folder defaults", result.defaults, ""),
        (
            "finished pictures",
            result.own_pictures,
            "made by Backdrop, such as those that were downloaded into the folder; left out",
        ),
        (
            "other files",
            result.ignored,
            "not photos by their names, such as .txt files, files in hidden and system folders, and files of "
            "Google Takeout; ignored",
        ),
    ]
    return [(name, f"{number:,}", words) for name, number, words in rows if number]


def _print_verdict(screen: Screen, result: LintResult) -> None:
    errors, warnings = len(result.errors), len(result.warnings)
    if not errors and not warnings:
        screen.print("✓ No problems found.", "green")
        return
    counts = [format_count(errors, "error")] if errors else []
    counts += [format_count(warnings, "warning")] if warnings else []
    screen.print(f"{'✗' if errors else '!'} {' and '.join(counts)}.", "red" if errors else "yellow")


def format_local_path(path: str) -> str:
    """Returns a path relative to the working folder, if it is below it."""
    working_folder = Path.cwd()
    local_path = Path(path)
    return str(local_path.relative_to(working_folder)) if local_path.is_relative_to(working_folder) else path


def _build_document(result: LintResult) -> dict[str, Any]:
    return {
        "files": result.files,
        "photos": result.photos,
        "ready": result.ready,
        "partly_ready": result.partly_ready,
        "without_instructions": result.without_instructions,
        "sidecars": result.sidecars,
        "sidecars_kept": result.kept_sidecars,
        "folder_defaults": result.defaults,
        "passed_over": result.ignored,
        "own_pictures": result.own_pictures,
        "jobs": result.prices.jobs_by_provider.total(),
        "images": result.prices.images_by_provider.total(),
        "most_usd": to_usd(result.prices.total_micro_usd),
        "unpriced_images": result.prices.unpriced_image_count,
        "mandates": result.mandates.build_document(),
        "errors": [_describe_finding(one) for one in result.errors],
        "warnings": [_describe_finding(one) for one in result.warnings],
    }


def _describe_finding(finding: Finding) -> dict[str, Any]:
    return {
        "file": finding.path,
        "code": finding.code,
        "variant": finding.variant or None,
        "message": finding.message,
        "hint": finding.hint or None,
    }
