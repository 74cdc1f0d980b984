"""The local cloud matches a policy's wildcards as AWS does, even in keys that contain a line break."""

import runpy
from collections.abc import Callable
from re import Pattern

import pytest

from backdrop_local.emulator import SHIM

compile_pattern: Callable[[str, bool], Pattern[str]] = runpy.run_path(str(SHIM / "iam_wildcards.py"))["compile_pattern"]


@pytest.mark.parametrize(
    ("pattern", "value", "matches"),
    [
        ("arn:aws:s3:::photos/*", "arn:aws:s3:::photos/two\nlines.jpg\n", True),
        ("arn:aws:s3:::photos/a?b", "arn:aws:s3:::photos/a\nb", True),
        ("arn:aws:s3:::photos/*", "arn:aws:s3:::other/red.jpg", False),
        ("arn:aws:s3:::photos/a.jpg", "arn:aws:s3:::photos/a.jpg\n", False),
        ("arn:aws:s3:::photos/a.jpg", "arn:aws:s3:::photos/abjpg", False),
        ("arn:aws:s3:::photos", "arn:aws:s3:::PHOTOS", False),
    ],
)
def test_wildcard_also_matches_line_breaks(pattern: str, value: str, *, matches: bool) -> None:
    assert bool(compile_pattern(pattern, False).match(value)) is matches


def test_action_matches_in_upper_and_lower_case() -> None:
    assert compile_pattern("s3:get*", True).match("s3:GetObject")
