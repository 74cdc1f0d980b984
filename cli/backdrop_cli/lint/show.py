"""What `lint` tells: the errors file by file, the warnings kind by kind, and a whole folder in a few lines."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from backdrop.model.pricing import PRICE_LIST_DATE, usd_of, usd_text
from backdrop_cli.lint.findings import Finding, Looked
from backdrop_cli.screen import Screen, several

MOST_FILES = 50
MOST_PER_WARNING = 10


def show(screen: Screen, looked: Looked, paths: Sequence[Path], *, every: bool) -> None:
    """Tell it to people, or to scripts."""
    screen.data(_document(looked))
    _tell_of_errors(screen, looked.errors, every=every)
    _tell_of_warnings(screen, looked.warnings, every=every)
    screen.say(f"{several(looked.files, 'file')} in {', '.join(map(str, paths))}", "bold")
    screen.table({"": "left", " ": "right", "  ": "words"}, _sums(looked))
    _tell_the_end(screen, looked)


def _tell_of_errors(screen: Screen, errors: Sequence[Finding], *, every: bool) -> None:
    files = [(path, list(found)) for path, found in groupby(errors, key=lambda one: one.path)]
    for path, found in files if every else files[:MOST_FILES]:
        screen.line(shown(path), "bold")
        for one in found:
            variant = f"variant {one.variant}: " if one.variant else ""
            screen.point("✗", f"{variant}{one.message} ({one.code})", "red")
        for hint in dict.fromkeys(one.hint for one in found if one.hint):
            screen.point(" ", hint, "dim")
        screen.say()
    if len(files) > MOST_FILES and not every:
        screen.say(f"… and {several(len(files) - MOST_FILES, 'file')} more with errors: --all lists them")
        screen.say()


def _tell_of_warnings(screen: Screen, warnings: Sequence[Finding], *, every: bool) -> None:
    by_code: defaultdict[str, list[Finding]] = defaultdict(list)
    for one in warnings:
        by_code[one.code].append(one)
    for code, found in by_code.items():
        screen.say(f"{code}: {found[0].hint}", "bold")
        for one in found if every else found[:MOST_PER_WARNING]:
            screen.line(f"  ! {shown(one.path)}: {one.message}", "yellow")
        if len(found) > MOST_PER_WARNING and not every:
            screen.say(f"  … and {len(found) - MOST_PER_WARNING:,} more: --all lists them")
        screen.say()


def _sums(looked: Looked) -> Iterable[tuple[str, str, str]]:
    price = (
        f"at most {usd_text(looked.price)} for {several(looked.images, 'image')}, at list prices of {PRICE_LIST_DATE}"
    )
    trouble = looked.photos - looked.ready - looked.without_a_word
    rows = [
        ("photos ready", looked.ready, price if looked.jobs else ""),
        ("images of unknown price", looked.unpriced, "1min.ai bills credits: the stack's OneMinUsdPerImage says it"),
        ("photos without instructions", looked.without_a_word, "not bought, unless their tags say what is wanted"),
        ("photos in trouble", trouble, "they would be reported and not bought"),
        ("sidecars", looked.sidecars, ""),
        ("folder defaults", looked.defaults, ""),
        ("passed over", looked.passed_over, "not photos by name, such as .txt files and dotfiles"),
    ]
    return [(name, f"{number:,}", words) for name, number, words in rows if number]


def _tell_the_end(screen: Screen, looked: Looked) -> None:
    errors, warnings = len(looked.errors), len(looked.warnings)
    if not errors and not warnings:
        screen.say("✓ Nothing to mend.", "green")
        return
    counts = [several(errors, "error")] if errors else []
    counts += [several(warnings, "warning")] if warnings else []
    screen.say(f"{'✗' if errors else '!'} {' and '.join(counts)}.", "red" if errors else "yellow")


def shown(path: str) -> str:
    """A path as people would type it here."""
    here = Path.cwd()
    whole = Path(path)
    return str(whole.relative_to(here)) if whole.is_relative_to(here) else path


def _document(looked: Looked) -> dict[str, Any]:
    return {
        "files": looked.files,
        "photos": looked.photos,
        "ready": looked.ready,
        "without_instructions": looked.without_a_word,
        "sidecars": looked.sidecars,
        "folder_defaults": looked.defaults,
        "passed_over": looked.passed_over,
        "jobs": looked.jobs,
        "images": looked.images,
        "most_usd": usd_of(looked.price),
        "unpriced_images": looked.unpriced,
        "errors": [_described(one) for one in looked.errors],
        "warnings": [_described(one) for one in looked.warnings],
    }


def _described(one: Finding) -> dict[str, Any]:
    return {
        "file": one.path,
        "code": one.code,
        "variant": one.variant or None,
        "message": one.message,
        "hint": one.hint or None,
    }
