"""A local folder that a test fills, and a person who lints it."""

import json
import os
from pathlib import Path
from typing import Any

from tests.simulated.command_user import CommandResult, Person

INSTRUCTIONS = {"prompt": "on a table"}


class LintedFolder:
    """A local folder, and a person who lints it."""

    def __init__(self, person: Person, root: Path) -> None:
        self.person = person
        self.root = root

    def write(self, name: str, content: bytes | str | dict[str, Any]) -> None:
        """Writes a file; an object is written as JSON."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = json.dumps(content) if isinstance(content, dict) else content
        path.write_bytes(data if isinstance(data, bytes) else data.encode())

    def lint(self, *words: str) -> CommandResult:
        """Lints the whole folder, or the given paths in it."""
        paths = [word for word in words if not word.startswith("--")] or ["."]
        options = [word for word in words if word.startswith("--")]
        return self.person.run("lint", *(str(self.root / path) for path in paths), *options)

    def data(self, *words: str) -> dict[str, Any]:
        return self.lint(*words, "--json").data

    def list_messages(self, kind: str = "errors", *words: str) -> dict[str, list[str]]:
        """Returns the messages of each file."""
        found: dict[str, list[str]] = {}
        for one in self.data(*words)[kind]:
            found.setdefault(os.path.relpath(one["file"], self.root), []).append(one["message"])
        return found
