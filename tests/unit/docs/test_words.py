"""The check of the word list finds what the style guide forbids, and nothing else."""

from pathlib import Path

import pytest

from tests import words


def find_words(text: str, suffix: str = ".md") -> list[str]:
    """Returns the listed words that are found in a file of that kind."""
    file = words.ROOT / f"example{suffix}"
    return [finding.word for finding in words.findings_in(file, words.texts_in(text, suffix))]


def test_check_and_style_guide_have_the_same_words() -> None:
    assert words.listed_on_the_page() == list(words.WORD_LIST)


EXAMPLES = (
    "Mended by reconcile",
    "Read it anew",
    "Nobody's job",
    "It lies in the bucket",
    "The worker hands the message back",
    "No photo was told",
    "It sets the ledger right",
    "In good weather",
    "It shall wait",
    "It is bought no more.",
    "Delivered for nothing",
    "It waits in vain",
    "Beside the photo",
    "Another wish",
    "Intake looks at the photo",
    "The doors",
    "Each verb",
    "A mistake",
    "It seldom waits",
    "Photos of which two failed",
    "The job is cancelled",
)


@pytest.mark.parametrize(("row", "text"), list(zip(words.WORD_LIST, EXAMPLES, strict=True)))
def test_every_row_of_the_word_list_finds_its_words(row: str, text: str) -> None:
    (finding,) = words.findings_in(words.ROOT / "example.md", words.texts_in(text, ".md"))
    assert finding.row == row


@pytest.mark.parametrize(
    "text",
    [
        "We recommend an amendment.",
        "The stand-in stands for a provider.",
        "No more than three calls, and no more retries.",
        "The two are told apart by mistake.",
        "A password, a keyword, and an unwanted job.",
        "The whole set is right.",
        "It asks for nothing more.",
        "People choose what they want.",
        "Photos whose sidecar is new. A job whose lease is over.",
    ],
)
def test_ordinary_use_of_a_listed_word_is_accepted(text: str) -> None:
    assert find_words(text) == []


def test_code_in_markdown_is_not_checked() -> None:
    assert find_words("`told`, [a page](told.md), and\n\n```sh\ntold\n```\n\n    told") == ["told"]


def test_phrase_is_found_across_lines_of_a_comment() -> None:
    assert find_words("# It is one of\n# which nothing is known.\n", ".py") == ["of which"]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('"""It was told."""', ["told"]),
        ('f"{told} was told"', ["told"]),
        ('x = {"told": told}', []),
        ("def test_photo_is_told() -> None: ...", ["told"]),
        ("def told() -> None: ...", []),
        ('x = "the code `told` is told"', ["told"]),
    ],
)
def test_only_text_that_people_read_is_checked_in_python(source: str, expected: list[str]) -> None:
    assert find_words(source + "\n", ".py") == expected


def test_finding_names_its_line() -> None:
    (finding,) = words.findings_in(Path(words.ROOT / "example.md"), words.texts_in("One\n\ntwo anew\n", ".md"))
    assert str(finding) == "example.md:3: 'anew' (anew)"


def test_texts_follow_the_word_list() -> None:
    assert [str(finding) for finding in words.findings()] == []


def test_each_allowed_text_still_exists() -> None:
    texts = {path: path.read_text("utf-8") for path in words.files()}
    assert [
        (part, text)
        for part, text, _ in words.ALLOWED
        if not any(str(path.relative_to(words.ROOT)).startswith(part) and text in texts[path] for path in texts)
    ] == []
