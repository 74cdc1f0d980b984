"""The commands that README, docs/, and examples/ show."""

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*.md")])
# The pages whose commands tests/e2e/test_documented_commands.py runs: the first ones on a cloud that the tutorial
# starts, and the others on a deployed one.
FIRST_PAGES = ("docs/tutorial.md", "docs/events.md")
CLOUD_PAGES = ("README.md", "docs/deploying.md", "docs/first-day-on-aws.md", "docs/instructions.md")
# The pages on which only `backdrop` needs the stack. tests/simulated/cli/test_documented_pages.py runs their commands.
SIMULATED_PAGES = (
    "docs/alarms.md",
    "docs/approval.md",
    "docs/campaigns.md",
    "docs/costs.md",
    "docs/drop.md",
    "docs/from-rembg.md",
    "docs/from-remove-bg.md",
    "docs/gallery.md",
    "docs/mandates.md",
    "docs/marketplaces.md",
    "docs/operating.md",
    "docs/page.md",
    "docs/provenance.md",
    "docs/statement.md",
)
_FENCE = re.compile(r"(?ms)^```(\w*)\n(.*?)^```$")
_SHELLS = ("sh", "bash", "shell", "console")
_QUESTION = re.compile(r"\[y/N\] ?(y|n)?$")


@dataclass(frozen=True)
class Command:
    """A command line and the output that the page shows. `answer`: what the page answers to the command's question."""

    page: Path
    line: str
    output: str = ""

    @property
    def answer(self) -> str:
        answers = [match[1] for line in self.output.splitlines() if (match := _QUESTION.search(line))]
        return (answers[-1] or "n") if answers else ""

    @property
    def fails(self) -> bool:
        """Whether the page shows an error, or a question with the answer no."""
        return bool(re.search(r"(?m)^(error:|✗)", self.output)) or (
            bool(_QUESTION.search(self.output.strip())) and self.answer == "n"
        )

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}: {self.line}"


def commands_on(page: Path) -> list[Command]:
    """Returns the commands in the fenced blocks of a page, in their order, without comments."""
    return [command for kind, text in _FENCE.findall(page.read_text()) for command in _parse_block(page, kind, text)]


def _parse_block(page: Path, kind: str, text: str) -> Iterator[Command]:
    if kind == "console":
        for part in re.split(r"(?m)^\$ ", text)[1:]:
            line, _, output = part.partition("\n")
            yield Command(page, line, output)
    elif kind in _SHELLS:
        for line in text.splitlines():
            command = re.sub(r"\s+#\s.*$|^#.*$", "", line).strip()
            if command:
                yield Command(page, command)


def fill_in_json(page: Path, mark: str, outputs: Mapping[str, str]) -> str:
    """Returns the only JSON block of a page that contains `mark`, with the stack's outputs in place of `<Output>`."""
    (block,) = [text for kind, text in _FENCE.findall(page.read_text()) if kind == "json" and mark in text]
    return re.sub(r"<(\w+)>", lambda match: outputs[match[1]], block)


def find_unrun_commands(page: Path) -> list[str]:
    """Returns lines that look like commands but are in blocks that no test runs."""
    blocks = [text for kind, text in _FENCE.findall(page.read_text()) if kind not in _SHELLS]
    return [line for text in blocks for line in text.splitlines() if re.match(r"(\$ |backdrop |make |sam |aws )", line)]


def find_inline_commands(page: Path, program: str) -> Iterator[list[str]]:
    """Yields the arguments of each command of a program that is quoted in a sentence."""
    text = _FENCE.sub("", page.read_text())
    for arguments in re.findall(rf"`{program}(?: ([^`]*))?`", text):
        yield shlex.split(arguments.replace("…", "").replace("\n", " "))
