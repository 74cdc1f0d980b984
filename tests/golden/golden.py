"""The golden files: what users, scripts and tools rely on, as it was agreed. `make golden` writes them."""

import json
from difflib import unified_diff
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parent


def agreed(name: str) -> Any:
    """What a golden file says."""
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


class Golden:
    """Holds what the code does against the file of that name, or writes the file."""

    def __init__(self, *, rewrites: bool) -> None:
        self._rewrites = rewrites

    def holds(self, name: str, found: object) -> None:
        """Fails with the difference; the order of an object's fields is none."""
        path = FOLDER / f"{name}.json"
        if self._rewrites:
            path.write_text(_text(found), encoding="utf-8")
        before, now = (_text(one).splitlines() for one in (agreed(name), found))
        difference = [*unified_diff(before, now, "agreed", "the code", n=2, lineterm="")]
        if difference:
            hint = f"{path.relative_to(FOLDER.parents[1])}: an edge changed; `make golden` writes it if that is meant"
            pytest.fail("\n".join([hint, *difference]), pytrace=False)


def _text(document: Any) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
