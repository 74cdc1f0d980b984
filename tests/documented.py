"""The commands that README, docs/ and examples/ tell people to type."""

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*.md")])
_FENCE = re.compile(r"(?ms)^```(\w*)\n(.*?)^```$")
_SHELLS = ("sh", "bash", "shell", "console")
_ASKED = re.compile(r"\[y/N\] ?(y|n)?$")


@dataclass(frozen=True)
class Command:
    """One line to type, and how the page says that it ends: `answer` is typed at its question, if there is one."""

    page: Path
    line: str
    output: str = ""

    @property
    def answer(self) -> str:
        found = [match[1] for line in self.output.splitlines() if (match := _ASKED.search(line))]
        return (found[-1] or "n") if found else ""

    @property
    def fails(self) -> bool:
        """Whether the page shows that it says no."""
        return bool(re.search(r"(?m)^(error:|✗)", self.output)) or (
            bool(_ASKED.search(self.output.strip())) and self.answer == "n"
        )

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}: {self.line}"


def commands(page: Path) -> list[Command]:
    """Those in the fenced blocks of a page, from its top to its end; comments are left out."""
    return [command for kind, text in _FENCE.findall(page.read_text()) for command in _of_block(page, kind, text)]


def _of_block(page: Path, kind: str, text: str) -> Iterator[Command]:
    if kind == "console":
        for part in re.split(r"(?m)^\$ ", text)[1:]:
            line, _, output = part.partition("\n")
            yield Command(page, line, output)
    elif kind in _SHELLS:
        for line in text.splitlines():
            bare = re.sub(r"\s+#\s.*$|^#.*$", "", line).strip()
            if bare:
                yield Command(page, bare)


def filled_in(page: Path, mark: str, outputs: Mapping[str, str]) -> str:
    """The only JSON block of a page that holds a mark, with a stack's names in it."""
    (block,) = [text for kind, text in _FENCE.findall(page.read_text()) if kind == "json" and mark in text]
    return re.sub(r"<(\w+)>", lambda found: outputs[found[1]], block)


def unmarked(page: Path) -> list[str]:
    """Lines that look like commands in blocks that no test would run."""
    blocks = [text for kind, text in _FENCE.findall(page.read_text()) if kind not in _SHELLS]
    return [line for text in blocks for line in text.splitlines() if re.match(r"(\$ |backdrop |make |sam |aws )", line)]


def inline_commands(page: Path, program: str) -> Iterator[list[str]]:
    """The words after a program's name, for each command that stands in a sentence."""
    text = _FENCE.sub("", page.read_text())
    for said in re.findall(rf"`{program}(?: ([^`]*))?`", text):
        words = said.replace("…", "").replace("\n", " ")
        yield shlex.split(words)
