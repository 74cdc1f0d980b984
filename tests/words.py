"""The word list of docs/style-guide.md, and the places in the repository that do not follow it.

`python -m tests.words [folder …]` lists these places, `--count` counts them for each folder. Only text that people read
is checked: comments, docstrings, string literals with a space, names of tests, and Markdown outside code.
"""

import argparse
import io
import re
import shutil
import subprocess
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
STYLE_GUIDE = ROOT / "docs/style-guide.md"

# The first column of the page's word list, and the pattern that finds it without false alarms.
# Each pattern matches whole words in upper or lower case. Underscores in names of tests count as spaces.
WORD_LIST = {
    "mend": r"mend(s|ed|ing)?",
    "anew": r"anew",
    "whoever, nobody, somebody (for programs)": r"(whoever|nobody|somebody)('s)?",
    "lies (in a bucket), stands": (
        r"(lies|lie|lay|lying) (there|in|on|at|under|behind|where)|(stands|stood)(?! (for|in for)\b)"
    ),
    "hand over, hand back": r"hand(s|ed|ing)?( \w+){0,2} (over|back)",
    "hear, told, said, word": (
        r"hears?|heard|told(?! apart)|said|(a|any|first|further|last|no|own|their|your) word|word (comes|of)"
    ),
    "set right": r"set(s|ting)?( (?!(is|are|was|were|the right)\b)\w+){0,2} right",
    "weather": r"weather",
    "shall": r"shall",
    "no more, any more": r"(no|any) more(?! (than|of|(?!(is|was|has|as|waits)\b)\w+s)\b)",
    "for nothing (price)": r"for nothing(?! (more|else|but|new)\b)",
    "in vain": r"in vain",
    "besides, beside": r"besides?",
    "wish, want (of a program)": (
        r"wish(es|ed)?|wanted|(it|that|which|Backdrop|command|worker|job|photo|provider) wants"
    ),
    "look at (of a program)": r"(looks|looked|looking)( \w+)? at",
    "door": r"doors?",
    "verb (of the command line)": r"verbs?",
    "mistake": r"(?<!by )mistak(e|es|en|enly)",
    "seldom": r"seldom",
    "of which, whose (chained)": r"of (which|whom)|whose [^.;:]* whose",
    "cancelled (other than the status), grey, catalogue": (
        # As a status, the word is next to another status.
        r"(?<!superseded, )(?<!superseded \| )(?<!superseded or )cancelled|cancelling|greys?|catalogues?"
    ),
}

# The style guide and this check quote the words. Results name the commit that wrote them, and the next run rewrites
# them.
SKIPPED = ("docs/style-guide.md", "tests/words.py", "tests/unit/docs/test_words.py", "docs/results/", "bench/results/")
KINDS = (".md", ".py", ".yaml", ".yml", ".toml", ".js", ".css", ".html", ".in", "Makefile")
# Where a listed word is correct: the beginning of the path, a part of the text, and the reason.
ALLOWED: tuple[tuple[str, str, str], ...] = (
    ("simulation/world/transport.py", "Transaction cancelled [", "the message that DynamoDB sends"),
)

_FENCE = re.compile(r"(?ms)^( *)(```+|~~~+).*?^\1\2\s*$")
_CODE_SPAN = re.compile(r"(?s)(`+)(?!`).+?(?<!`)\1(?!`)")
_LINK_TARGET = re.compile(r"\]\([^)\s]*\)|<[^>\s]+>")
_ROWS = "|".join(rf"(?P<row{number}>{pattern})" for number, pattern in enumerate(WORD_LIST.values()))
_PATTERN = re.compile(rf"\b(?:{_ROWS})\b", re.IGNORECASE)


@dataclass(frozen=True)
class Text:
    """A piece of text that people read, and the line on which it begins."""

    line: int
    text: str


@dataclass(frozen=True)
class Finding:
    """A place that does not follow the word list."""

    path: str
    line: int
    word: str
    row: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: '{self.word}' ({self.row})"


def listed_on_the_page() -> list[str]:
    """Returns the first column of the style guide's word list."""
    _, _, section = STYLE_GUIDE.read_text("utf-8").partition("\n## Word list\n")
    rows = re.findall(r"(?m)^\| (.+?) \|", section.partition("\n## ")[0])
    return [row for row in rows if row != "do not write" and not row.startswith("-")]


def texts_in(source: str, suffix: str) -> list[Text]:
    """Returns the texts that people read in a file of this kind. Skips files without a listed word."""
    if not _PATTERN.search(re.sub(r"[\s#*/_`\"']+", " ", source)):
        return []
    if suffix == ".py":
        return list(_texts_of_python(source))
    if suffix == ".md":
        return [Text(1, _without_code(source))]
    if suffix in (".js", ".css", ".html"):
        return list(_texts_of_script(source))
    return [Text(1, _CODE_SPAN.sub(_blank, source))]


def _texts_of_python(source: str) -> Iterator[Text]:
    previous = ""
    comment: list[Text] = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            # Comments on adjacent lines are one text: a sentence may continue on the next line.
            comment.append(Text(token.start[0], token.string.lstrip("# ")))
        elif comment and token.type != tokenize.NL:
            yield Text(comment[0].line, _without_code("\n".join(part.text for part in comment)))
            comment = []
        if token.type in (tokenize.STRING, tokenize.FSTRING_MIDDLE) and re.search(r"\s", token.string):
            yield Text(token.start[0], _without_code(token.string.replace("\\n", "  ")))
        elif token.type == tokenize.NAME and previous == "def" and token.string.startswith("test_"):
            yield Text(token.start[0], token.string.replace("_", " "))
        previous = token.string


def _texts_of_script(source: str) -> Iterator[Text]:
    parts = r"/\*.*?\*/|(?<!:)//[^\n]*|<!--.*?-->|>[^<>{}]+<|\"[^\"\n]* [^\"\n]*\"|'[^'\n]* [^'\n]*'|`[^`]* [^`]*`"
    for found in re.finditer(parts, source, re.DOTALL):
        yield Text(source.count("\n", 0, found.start()) + 1, found[0])


def _without_code(text: str) -> str:
    for code in (_FENCE, _CODE_SPAN, _LINK_TARGET):
        text = code.sub(_blank, text)
    return text


def _blank(found: re.Match[str]) -> str:
    return "`" + "\n" * found[0].count("\n") + "`"


def findings_in(path: Path, texts: Sequence[Text]) -> Iterator[Finding]:
    """Yields each place in a file's texts that does not follow the word list."""
    name = str(path.relative_to(ROOT))
    rows = list(WORD_LIST)
    allowed = [(part, re.compile(re.escape(text), re.IGNORECASE)) for part, text, _ in ALLOWED if name.startswith(part)]
    for text in texts:
        kept = text.text
        for _, part in allowed:
            kept = part.sub(_blank, kept)
        flat = re.sub(r"[ \t]*\n[ \t#*/>]*", "\n", kept)
        for found in _PATTERN.finditer(flat.replace("\n", " ")):
            row = rows[int(str(found.lastgroup).removeprefix("row"))]
            yield Finding(name, text.line + flat.count("\n", 0, found.start()), found[0], row)


@cache
def files() -> tuple[Path, ...]:
    """The files of the repository that are checked."""
    command = [shutil.which("git") or "git", "ls-files", "-co", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    names = [name for name in listed.stdout.splitlines() if name.endswith(KINDS) and not name.startswith(SKIPPED)]
    return tuple(ROOT / name for name in names if (ROOT / name).is_file())


def findings(folders: Sequence[str] = ()) -> list[Finding]:
    """Returns all places that do not follow the word list, or only those under these folders."""
    chosen = [path for path in files() if not folders or str(path.relative_to(ROOT)).startswith(tuple(folders))]
    return [finding for path in chosen for finding in findings_in(path, texts_in(path.read_text("utf-8"), path.suffix))]


def main() -> int:
    """Lists the places. The exit code is 1 if there are any."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*")
    parser.add_argument("--count", action="store_true")
    arguments = parser.parse_args()
    found = findings(arguments.folders)
    lines = [str(one) for one in found]
    if arguments.count:
        counts = Counter("/".join(Path(one.path).parts[:2]) for one in found)
        lines = [f"{count:6} {folder}" for folder, count in sorted(counts.items())]
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
