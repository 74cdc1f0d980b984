"""How the drills compare a command's output with its page: literally, except for figures and stack names."""

import pytest

from tests.documented_commands import Command, commands_on
from tests.e2e.runbook import PAGES, VARYING_TEXT, assert_output_as_shown

RERUN = "3 photos in autumn/shoes/, stack backdrop\n 3   jobs to buy   at most $0.09\n"
RESUME = "✓ ideogram is resumed. About 212 jobs wait in its lane. It was paused because of:\n"
CANCEL = "Not bought yet (all photos, stack backdrop): at least 2,000 jobs.\n"
STATUS = "Stack backdrop, 2026-11-21 10:12:40 UTC\n"


def read_shown_output(output: str) -> Command:
    return Command(PAGES / "some.md", "backdrop", output)


@pytest.mark.parametrize(
    ("page", "output"),
    [
        (RERUN, "12 photos in autumn/shoes/, stack backdrop-local\n"),
        (RESUME, "✓ ideogram is resumed. No job waits in its lane. It was paused because of:"),
        (RESUME, "✓ ideogram is resumed. About 1 job waits in its lane. It was paused because of:"),
        (CANCEL, "Not bought yet (all photos, stack backdrop-local): 60 jobs.\nAbout 3 messages for intake"),
        (CANCEL, "Not bought yet (all photos, stack backdrop-local): nothing."),
        (STATUS, "Stack backdrop-local, 2027-01-01 00:00:00 UTC"),
        ("", "whatever it says"),
    ],
)
def test_different_figures_and_stack_names_are_accepted(page: str, output: str) -> None:
    assert_output_as_shown(read_shown_output(page), output)


@pytest.mark.parametrize(
    ("page", "output"),
    [
        (RERUN, "No photo in autumn/shoes/, stack backdrop-local."),
        (RERUN, "3 photos in autumn/, stack backdrop-local"),
        (RESUME, "ideogram was not paused. About 212 jobs wait in its lane."),
        (CANCEL, "Not bought yet (keys that begin with autumn/, stack backdrop-local): 60 jobs."),
        (STATUS, "No job has ended yet."),
    ],
)
def test_different_wording_is_found(page: str, output: str) -> None:
    with pytest.raises(AssertionError, match="the page shows"):
        assert_output_as_shown(read_shown_output(page), output)


def test_every_output_in_the_runbooks_has_text_to_compare() -> None:
    answers = [one.output.partition("\n")[0] for page in PAGES.glob("*.md") for one in commands_on(page) if one.output]
    assert answers
    assert [one for one in answers if len(VARYING_TEXT.sub("", one).split()) < len(one.split()) / 3] == []
