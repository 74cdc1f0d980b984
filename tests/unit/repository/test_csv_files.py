"""All CSV that people open is written by one module, which escapes formulas."""

import subprocess

from backdrop_local.home import ROOT

WRITERS = ("csv.writer", "csv.DictWriter", "text/csv")
WRITES_OR_NAMES_CSV = {
    "cli/backdrop_cli/gallery/templates/stars.js",  # escapes the characters that the page's data lists
    "layers/backdrop/backdrop/campaigns/finish.py",  # the content type of what csv_cells formats
    "layers/backdrop/backdrop/model/csv_cells.py",
}


def test_only_listed_files_write_csv() -> None:
    patterns = [word for writer in WRITERS for word in ("-e", writer)]
    command = ["git", "grep", "--untracked", "-lF", *patterns, "--", ":!tests", ":!docs/*.md", ":!CHANGELOG.md"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert {*found.splitlines()} == WRITES_OR_NAMES_CSV
