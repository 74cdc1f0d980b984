"""The golden files: what users, scripts, and tools rely on. `make golden` rewrites them."""

import json
from difflib import unified_diff
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parent


def read_golden(name: str) -> Any:
    """Reads a golden file."""
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


class Golden:
    """Compares results of the code with golden files, or rewrites the files."""

    def __init__(self, *, rewrites: bool) -> None:
        self._rewrites = rewrites

    def check(self, name: str, actual: object) -> None:
        """Fails with the difference to the golden file. The order of an object's fields does not matter."""
        path = FOLDER / f"{name}.json"
        if self._rewrites:
            path.write_text(_to_json(actual), encoding="utf-8")
        before, after = (_to_json(document).splitlines() for document in (read_golden(name), actual))
        difference = [*unified_diff(before, after, "agreed", "the code", n=2, lineterm="")]
        if difference:
            hint = (
                f"{path.relative_to(FOLDER.parents[1])} differs from the code. If this is intended, run `make golden`."
            )
            pytest.fail("\n".join([hint, *difference]), pytrace=False)


def _to_json(document: Any) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
