"""The command's help: the verbs in their groups, drawn without Rich, which takes longer to load than a person waits."""

from collections import defaultdict
from typing import Any

from typer.core import TyperGroup


class Family(TyperGroup):
    """All verbs, each under its group's head, in the order in which they were made known."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(self.commands)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Each group with its verbs and what they do."""
        groups: defaultdict[str, list[str]] = defaultdict(list)
        for name in self.list_commands(ctx):
            groups[getattr(self.commands[name], "rich_help_panel", None) or "Commands"].append(name)
        longest = max(map(len, self.commands))
        for head, names in groups.items():
            rows = [(f"{name:{longest}}", _first_line(self.commands[name].help or "")) for name in names]
            with formatter.section(head):
                formatter.write_dl(rows)


def _first_line(text: str) -> str:
    """What a verb does, in one sentence."""
    return text.strip().partition("\n\n")[0].replace("\n", " ").rstrip(".")
