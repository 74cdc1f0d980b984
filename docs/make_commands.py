"""Writes docs/commands from the help of the `backdrop` command: `make docs` (a test checks that it is up to date)."""

import re
from pathlib import Path
from typing import Any

import typer

from backdrop_cli.errors import EXIT_CODES
from backdrop_cli.main import app
from docs.tables import format_table

FOLDER = Path(__file__).parent / "commands"
# Options of every command that works on a stack, and --help; the index describes them once.
COMMON_OPTIONS = ("--stack", "--profile", "--region", "--json", "--help")
# The page of docs/ that shows a command at work, by the first part of the command's name.
GUIDES = {
    "lint": "drop.md",
    "quote": "drop.md",
    "drop": "drop.md",
    "page": "page.md",
    "gallery": "gallery.md",
    "download": "drop.md",
    "check": "marketplaces.md",
    "verify": "provenance.md",
    "campaign": "campaigns.md",
    "review": "approval.md",
    "mandate": "mandates.md",
    "mcp": "agents.md",
    "reconcile-bill": "bill.md",
    "key": "deploying.md",
    "statement": "statement.md",
    "demo": "../README.md",
    "up": "../CONTRIBUTING.md",
    "env": "../CONTRIBUTING.md",
    "down": "../CONTRIBUTING.md",
}
OPERATING = "operating.md"


def list_commands() -> dict[str, Any]:
    """Returns each command by name, including two-word names such as `key set`, in the order of the help."""
    commands: dict[str, Any] = {}
    for name, command in get_root_command().commands.items():
        subcommands: dict[str, Any] = getattr(command, "commands", {})
        if not subcommands or getattr(command, "invoke_without_command", False):
            commands[name] = command
        commands |= {f"{name} {second}": one for second, one in subcommands.items()}
    return commands


def get_root_command() -> Any:
    """Returns `backdrop` itself, with all its commands."""
    return typer.main.get_command(app)


def list_options(command: Any) -> set[str]:
    """Returns every spelling of every option of a command."""
    return {
        spelling
        for parameter in command.params
        for spelling in (*parameter.opts, *parameter.secondary_opts)
        if spelling.startswith("-")
    }


def build_pages() -> dict[Path, str]:
    """Returns the text of every page by its path."""
    return {
        FOLDER / "README.md": _build_index(),
        **{_get_path(name): _build_page(name, one) for name, one in list_commands().items()},
    }


def _get_path(name: str) -> Path:
    return FOLDER / f"{name.replace(' ', '-')}.md"


def _build_index() -> str:
    commands, root = list_commands(), get_root_command()
    groups: dict[str, list[str]] = {}
    for name in commands:
        groups.setdefault(root.commands[name.partition(" ")[0]].rich_help_panel, []).append(name)
    lists = "\n\n".join(
        f"## {group}\n\n"
        + format_table(
            ("command", "what it does"),
            [(f"[{name}]({_get_path(name).name})", _split_paragraphs(commands[name])[0].rstrip(".")) for name in names],
        )
        for group, names in groups.items()
    )
    completion = ("--install-completion", "--show-completion")
    common = [one for one in root.params if one.opts[0] in COMMON_OPTIONS]
    return f"""# Commands

`make docs` writes this page and the page of each command from the help of `backdrop`; do not edit them.

{lists}

## Installation

In a clone, `make setup` installs the command as `.venv/bin/backdrop`. `make path` prints the line that puts it on the
PATH.

For a deployed stack, you need no clone: [install the command](../../README.md#install-the-command) from the files that
are attached to each release. Only the commands of the local cloud need a clone.

`backdrop --version` prints the release of the command. [backdrop doctor](doctor.md) checks whether the stack has the
same one.

## Shell completion

`backdrop --install-completion` installs completion for your shell: Bash, Zsh, Fish, or PowerShell. Restart the shell
afterward. `backdrop --show-completion` prints the script instead.

{format_table(("option", "what it does"), [_format_row(one) for one in root.params if one.opts[0] in completion])}

## Options of every command

You can give these options before or after a command. The commands of the local cloud take none of them; `check`
and `verify` take only `--json`.

{format_table(("option", "what it does"), [_format_row(one) for one in common])}

A command that could spend money or end work asks for confirmation first. Where it cannot ask, as in a script, it
needs `--yes`.

## Exit codes

{format_table(("exit code", "meaning"), [(str(code), meaning) for code, meaning in EXIT_CODES.items()])}
"""


def _build_page(name: str, command: Any) -> str:
    paragraphs = _split_paragraphs(command)
    examples = [part.removeprefix("Example: ") for part in paragraphs if part.startswith("Example: ")]
    own_parameters = [one for one in command.params if not {*one.opts} & {*COMMON_OPTIONS}]
    arguments = [_format_row(one) for one in own_parameters if not one.opts[0].startswith("-")]
    options = [_format_row(one) for one in own_parameters if one.opts[0].startswith("-")]
    guide = GUIDES.get(name.partition(" ")[0], OPERATING)
    parts = [
        f"# backdrop {name}",
        *(part for part in paragraphs if not part.startswith("Example: ")),
        *(f"Example: `{example}`" for example in examples),
        *(["## Arguments", format_table(("argument", "meaning"), arguments)] if arguments else []),
        *(["## Options", format_table(("option", "what it does"), options)] if options else []),
        f"See also: [{_read_title(guide)}](../{guide}), "
        "[options of every command](README.md#options-of-every-command), [exit codes](README.md#exit-codes)",
    ]
    return "\n\n".join(parts) + "\n"


def _split_paragraphs(command: Any) -> list[str]:
    return [part.replace("\n", " ") for part in command.help.strip().split("\n\n")]


def _format_row(parameter: Any) -> tuple[str, str]:
    if not parameter.opts[0].startswith("-"):
        return f"`{parameter.metavar}`", parameter.help
    spellings = ", ".join(f"`{spelling}`" for spelling in parameter.opts)
    return f"{spellings} {parameter.metavar or ''}".strip(), parameter.help


def _read_title(page: str) -> str:
    title = re.search(r"(?m)^# (.+)$", (FOLDER.parent / page).read_text())
    return title[1] if title else page


def main() -> None:
    """Writes all pages, and removes those of commands that no longer exist."""
    pages = build_pages()
    FOLDER.mkdir(exist_ok=True)
    for path in FOLDER.glob("*.md"):
        if path not in pages:
            path.unlink()
    for path, text in pages.items():
        path.write_text(text)


if __name__ == "__main__":
    main()
