"""Makes the pictures of screens in docs/images from real commands on the running local cloud.

Run `make up`, and then `.venv/bin/python -m docs.make_pictures`. The picture of the gallery needs Chromium. Check each
picture before you commit it.
"""

import io
import os
import pty
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

from tests.browser.chromium import find_browser, run_browser

ROOT = Path(__file__).parents[1]
IMAGES = Path(__file__).parent / "images"
BACKDROP = ROOT / ".venv" / "bin" / "backdrop"
COLUMNS = 92
GALLERY = (1120, 1000)
SCREENS = {
    "drop": "backdrop drop examples/photos --download {folder}/done",
    "status": "backdrop status",
    "doctor": "backdrop doctor",
}
# A picture that loads no font.
SVG = re.sub(r"@font-face \{\{.*?\}\}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
IS_VISIBLE_SCRIPT = "(image) => image.getBoundingClientRect().top < innerHeight"
_CONTROL = re.compile(r"\x1b\[(\d*)([A-Za-ln-z])|\x1b\[\?\d+[hl]|\r\n|\n|\r|\x1b\][^\x07]*\x07")


def render_terminal(raw: str) -> list[str]:
    """Returns the lines that remain on a terminal after this output, with their color codes."""
    lines, row, position = [""], 0, 0
    for control in [*_CONTROL.finditer(raw), None]:
        lines[row] += raw[position : control.start() if control else None]
        if control is None:
            break
        position = control.end()
        if control[0].endswith("\n"):
            row += 1
            lines += [""] * (row == len(lines))
        elif control[2] == "A":
            row = max(0, row - int(control[1] or 1))
        elif control[2] == "K" or (control[0] == "\r" and not raw[position:].startswith("\r")):
            lines[row] = "" if control[2] == "K" else lines[row]
    return "\n".join(lines).rstrip().splitlines()


def run_in_terminal(line: str, folder: Path) -> list[str]:
    """Runs a command line in the repository's root and returns the lines that remain on its terminal."""
    output, terminal = pty.openpty()
    environment = {**os.environ, "COLUMNS": str(COLUMNS), "LINES": "40", "TERM": "xterm-256color"}
    environment["PATH"] = f"{BACKDROP.parent}:{environment['PATH']}"
    command = ["/bin/bash", "-c", line.format(folder=folder)]
    process = subprocess.Popen(command, cwd=ROOT, stdin=terminal, stdout=terminal, stderr=terminal, env=environment)  # noqa: S603  our own lines
    os.close(terminal)
    raw = b""
    while chunk := _read(output):
        raw += chunk
    process.wait()
    return [one.replace(str(folder) + "/", "") for one in render_terminal(raw.decode())]


def _read(output: int) -> bytes:
    try:
        return os.read(output, 65_536)
    except OSError:  # the other side of the terminal is closed
        return b""


def draw_screen(line: str, output_lines: list[str]) -> str:
    """Returns the screen as SVG."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(Text(f"$ {line.replace('{folder}/', '')}", "bold"))
    for output_line in output_lines:
        console.print(Text.from_ansi(output_line))
    return console.export_svg(title="backdrop", code_format=SVG, unique_id="screen")


def write_gallery_picture(program: str, folder: Path) -> None:
    """Writes a picture of the top of the examples' before/after page."""
    page = folder / "gallery"
    subprocess.run([BACKDROP, "gallery", "photos/", "--output", page], cwd=ROOT, check=True)  # noqa: S603
    with run_browser(program, folder / "profile") as tab:
        tab.size(*GALLERY)
        tab.set_color_scheme("light")
        tab.open(page / "index.html")
        tab.wait_until(
            f"[...document.images].filter({IS_VISIBLE_SCRIPT}).every((image) => image.complete && image.naturalWidth)"
        )
        tab.evaluate(f"Promise.all([...document.images].filter({IS_VISIBLE_SCRIPT}).map((image) => image.decode()))")
        tab.picture(folder / "gallery.png")
    with Image.open(folder / "gallery.png") as picture:
        reduced = picture.convert("RGB").quantize(200, dither=Image.Dither.NONE)
        reduced.save(IMAGES / "gallery.png", optimize=True)


def main() -> None:
    """Writes all pictures."""
    program = find_browser()
    if program is None:
        sys.exit("the gallery's picture needs Chromium; on Debian: apt-get install chromium-headless-shell")
    with tempfile.TemporaryDirectory() as name:
        for picture, line in SCREENS.items():
            (IMAGES / f"{picture}.svg").write_text(draw_screen(line, run_in_terminal(line, Path(name))))
        write_gallery_picture(program, Path(name))


if __name__ == "__main__":
    main()
