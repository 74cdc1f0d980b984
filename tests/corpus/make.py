"""Writes the corpus of hard pictures into a folder, with a list of what should become of each.

`python -m tests.corpus.make FOLDER`
"""

import json
import sys
from functools import cache
from pathlib import Path

from tests.corpus import colors, foreign, limits, passing, refused, turned
from tests.corpus.case import Case

_KINDS = (b"\xff\xd8", "jpg"), (b"\x89PNG", "png"), (b"RIFF", "webp"), (b"BM", "bmp"), (b"GIF8", "gif")


@cache
def corpus() -> tuple[Case, ...]:
    """Every file; names are unique."""
    parts = (passing, turned, colors, foreign, limits, refused)
    found = tuple(case for part in parts for case in part.cases())
    assert len({case.name for case in found}) == len(found)
    return found


def fate(case: Case) -> str:
    """What should become of it, in a word or some."""
    if case.code:
        return f"refused: {case.code}"
    return ", ".join(["passes" if case.passes else "changed", *case.changes])


def main(folder: Path) -> None:
    """The files and `fates.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    for case in corpus():
        (folder / _file_name(case)).write_bytes(case.data)
    fates = {_file_name(case): fate(case) for case in corpus()}
    (folder / "fates.json").write_text(json.dumps(fates, indent=1))
    sys.stdout.write(f"{len(fates)} files in {folder}\n")


def _file_name(case: Case) -> str:
    suffix = next((suffix for magic, suffix in _KINDS if case.data.startswith(magic)), case.name.partition("-")[0])
    return f"{case.name.replace(' ', '_').replace(':', '')}.{suffix}"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
