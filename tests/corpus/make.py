"""Writes the corpus of difficult files to a folder, with a list of the expected results.

`python -m tests.corpus.make FOLDER`
"""

import json
import sys
from functools import cache
from pathlib import Path

from tests.corpus import colors, convertible, limits, passing, refused, stated_colors, turned
from tests.corpus.case import Case

_KINDS = (b"\xff\xd8", "jpg"), (b"\x89PNG", "png"), (b"RIFF", "webp"), (b"BM", "bmp"), (b"GIF8", "gif")


@cache
def corpus() -> tuple[Case, ...]:
    """Returns all cases. Their names are unique."""
    parts = (passing, turned, colors, stated_colors, convertible, limits, refused)
    found = tuple(case for part in parts for case in part.cases())
    assert len({case.name for case in found}) == len(found)
    return found


def describe_result(case: Case) -> str:
    if case.code:
        return f"refused: {case.code}"
    return ", ".join(["passes" if case.passes else "changed", *case.changes])


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for case in corpus():
        (folder / _file_name(case)).write_bytes(case.data)
    results = {_file_name(case): describe_result(case) for case in corpus()}
    (folder / "results.json").write_text(json.dumps(results, indent=1))
    sys.stdout.write(f"{len(results)} files in {folder}\n")


def _file_name(case: Case) -> str:
    suffix = next((suffix for magic, suffix in _KINDS if case.data.startswith(magic)), case.name.partition("-")[0])
    return f"{case.name.replace(' ', '_').replace(':', '')}.{suffix}"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
