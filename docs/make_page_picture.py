"""Makes docs/images/page.jpg, the upload page with the examples' photos: `.venv/bin/python -m docs.make_page_picture`.

It needs Chromium, and shows a simulated stack: nothing is sent. Check the picture before you commit it.
"""

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image

from simulation.world.simulated_stack import World
from tests.browser.chromium import find_browser, run_browser
from tests.browser.upload_page import serve_page

ROOT = Path(__file__).parents[1]
PICTURE = Path(__file__).parent / "images" / "page.jpg"
PHOTOS = ("marketplace/cup.jpg", "portraits/admiral.jpg", "portraits/astronaut.jpg", "cut-outs/flower.jpg")
SIZE = (1280, 1010)
IS_SENT_SCRIPT = "document.getElementById('send').disabled === false"


def main() -> int:
    """Writes the picture and returns the exit code."""
    program = find_browser()
    if program is None:
        sys.stderr.write("error: there is no Chromium here; on Debian: apt-get install chromium\n")
        return 1
    with (
        tempfile.TemporaryDirectory() as folder,
        serve_page(World()) as page,
        run_browser(program, Path(folder) / "profile") as tab,
    ):
        tab.size(*SIZE)
        tab.send_command("Page.navigate", url=page.address)
        tab.wait_until("document.readyState === 'complete' && Boolean(document.getElementById('zone'))")
        files = [str(ROOT / "examples" / "photos" / name) for name in PHOTOS]
        dragged = {"items": [], "files": files, "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            tab.send_command("Input.dispatchDragEvent", type=kind, x=200, y=400, data=dragged)
        tab.evaluate("document.querySelector('.idea').click()")
        tab.evaluate("document.querySelector('[value=GOLDEN_HOUR]').click()")
        tab.wait_until(IS_SENT_SCRIPT)
        tab.picture(Path(folder) / "page.png")
        Image.open(io.BytesIO((Path(folder) / "page.png").read_bytes())).convert("RGB").save(PICTURE, quality=82)
    return 0


if __name__ == "__main__":
    sys.exit(main())
