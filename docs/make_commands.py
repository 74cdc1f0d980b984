"""Writes docs/commands.md from the command's own help: `make docs` (a test checks that it is up to date)."""

from pathlib import Path
from typing import Any

import typer

from backdrop_cli import errors
from backdrop_cli.main import app
from docs.tables import table

PAGE = Path(__file__).parent / "commands.md"
# What every verb of a stack takes, and --help: told once, at the top.
EVERYWHERE = ("--stack", "--profile", "--region", "--json", "--help")
EXIT_CODES = {
    errors.EXIT_OK: "done",
    errors.EXIT_FAILURE: "it failed, somebody said no, or something is wrong (`lint`, `drop --wait`, `doctor`)",
    errors.EXIT_USAGE: "the command line cannot be meant",
    errors.EXIT_INTERRUPTED: "stopped with Ctrl-C",
}


def verbs() -> dict[str, Any]:
    """Each verb's command by its words, `key set` too, in the order of the help."""
    found: dict[str, Any] = {}
    for name, command in family().commands.items():
        below: dict[str, Any] = getattr(command, "commands", {})
        found |= {f"{name} {word}": one for word, one in below.items()} or {name: command}
    return found


def family() -> Any:
    """The command itself, with all that it knows."""
    return typer.main.get_command(app)


def options_of(command: Any) -> set[str]:
    """Every spelling of every option of a verb."""
    return {word for one in command.params for word in (*one.opts, *one.secondary_opts) if word.startswith("-")}


def _groups() -> dict[str, list[str]]:
    """The verbs under the heads of the help."""
    groups: dict[str, list[str]] = {}
    top = family().commands
    for name in verbs():
        groups.setdefault(top[name.partition(" ")[0]].rich_help_panel, []).append(name)
    return groups


def verb(name: str, command: Any) -> str:
    """One verb: what it does, an example, its arguments and options."""
    told = [part.replace("\n", " ") for part in command.help.strip().split("\n\n")]
    words = [part for part in told if not part.startswith("Example: ")]
    examples = [part.removeprefix("Example: ") for part in told if part.startswith("Example: ")]
    rows = [_row(one) for one in command.params if not set(one.opts) & {*EVERYWHERE}]
    parts = [f"### {name}", *words, *(f"`{example}`" for example in examples)]
    return "\n\n".join([*parts, *([table(("", ""), rows)] if rows else [])])


def _row(one: Any) -> tuple[str, str]:
    spelled = ", ".join(f"`{word}`" for word in one.opts) if one.opts[0].startswith("-") else f"`{one.metavar}`"
    takes = f" {one.metavar}" if one.metavar and one.opts[0].startswith("-") else ""
    return spelled + takes, one.help


def page() -> str:
    """The whole page."""
    known = verbs()
    codes = table(("exit code", "means"), [(str(code), words) for code, words in EXIT_CODES.items()])
    groups = [
        "\n\n".join([f"## {head}", *(verb(name, known[name]) for name in names)]) for head, names in _groups().items()
    ]
    common = table(
        ("everywhere", ""),
        [
            (f"`{one.opts[0]}` {one.metavar or ''}".strip(), one.help)
            for one in family().params
            if _is_common(one.opts[0])
        ],
    )
    return f"""# The command

This page is written from the command's own help by `make docs`; do not edit it. The command stands at
`.venv/bin/backdrop`; what one does with it: [drop.md](drop.md), [gallery.md](gallery.md), [operating.md](operating.md).

{common}

They may stand before the verb or after it, and those that name a stack mean nothing to a verb of the local cloud.
What would cost or end something needs `--yes` where nobody can be asked. `backdrop --version` says of which release the
command is, `backdrop doctor` whether the stack is of the same.

{codes}

{"\n\n".join(groups)}
"""


def _is_common(option: str) -> bool:
    """Whether the table of what every verb takes shows it; `--version` has its own sentence."""
    return option.startswith("--") and option != "--version"


if __name__ == "__main__":
    PAGE.write_text(page())
