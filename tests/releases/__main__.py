"""Keeps the release of this tree for the tests: its built stack, and one of everything that it stores.

Run it as a module (`make baseline`). It writes `tests/releases/<number>.tar.gz` and `tests/releases/<number>.json`. The
number is the output `Version` of template.yaml.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from backdrop_local import sam
from backdrop_local.errors import LocalCloudError
from backdrop_local.home import ROOT, TOOLS
from backdrop_local.template import load_template
from tests.releases.baseline import FOLDER, pack_stack
from tests.releases.stored_data import build_stored_data


def main() -> None:
    """Builds the stack and writes both files. Exits with code 1 if the build fails or the release is tagged."""
    number: str = load_template()["Outputs"]["Version"]["Value"]
    if _is_tagged(number):
        sys.exit(
            f"error: {number} is tagged, so its files must not change. Nothing was written. Set the next number in the"
            " output Version of template.yaml."
        )
    try:
        sam.build(TOOLS / "logs" / "sam-build.log")
    except LocalCloudError as error:
        sys.exit(f"error: {error}")
    archive, stored_data = pack_stack(number), FOLDER / f"{number}.json"
    stored_data.write_text("\n".join(_format_lines(build_stored_data())) + "\n", encoding="utf-8")
    for path in (archive, stored_data):
        sys.stdout.write(f"{path.relative_to(ROOT)}: {path.stat().st_size:,} bytes\n")


def _is_tagged(number: str) -> bool:
    command = ["git", "tag", "--list", f"v{number}"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return bool(found.stdout.strip())


def _format_lines(stored: Mapping[str, Any]) -> Iterator[str]:
    """Yields JSON with a line for each item, message, and object, so that a diff shows which of them changed."""
    sections = [f'"{name}": {_format_section(section)}' for name, section in stored.items()]
    yield "{"
    yield ",\n".join(sections)
    yield "}"


def _format_section(section: object) -> str:
    if isinstance(section, list):
        return "[\n" + ",\n".join(_dump(entry) for entry in section) + "\n]"
    if isinstance(section, dict):
        return "{\n" + ",\n".join(f"{_dump(name)}: {_format_section(entry)}" for name, entry in section.items()) + "\n}"
    return _dump(section)


def _dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


if __name__ == "__main__":
    main()
