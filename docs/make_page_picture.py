"""Makes docs/images/before-after.jpg, and page.jpg and review.jpg, the pages with the examples' photos.

Run `.venv/bin/python -m docs.make_page_picture`. It needs Chromium, and shows simulated stacks: nothing is sent. Check
the pictures before you commit them.
"""

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image, ImageOps

from backdrop_local.photos import load_photo
from backdrop_local.standin.pictures import remove_background, replace_background
from simulation.world.simulated_stack import World
from tests.browser.chromium import Browser, find_browser, run_browser
from tests.browser.review_world import build_review_world
from tests.browser.upload_page import serve_page

ROOT = Path(__file__).parents[1]
IMAGES = Path(__file__).parent / "images"
PHOTOS = ("marketplace/cup.jpg", "portraits/admiral.jpg", "portraits/astronaut.jpg", "cut-outs/flower.jpg")
SCENE = "on a pale kitchen counter in morning light"
TILE_SIZE, TILE_GAP, SQUARE = (460, 307), 8, 12
UPLOAD_SIZE, REVIEW_SIZE = (1280, 1010), (1280, 800)


def main() -> int:
    """Writes the pictures and returns the exit code."""
    program = find_browser()
    if program is None:
        sys.stderr.write("error: there is no Chromium here; on Debian: apt-get install chromium-headless-shell\n")
        return 1
    draw_before_after().save(IMAGES / "before-after.jpg", quality=85)
    with tempfile.TemporaryDirectory() as folder, run_browser(program, Path(folder) / "profile") as tab:
        show_upload_page(tab)
        show_review_page(tab)
    return 0


def draw_before_after() -> Image.Image:
    """Returns a photo, the stand-in's scene with its subject, and the stand-in's cut-out of it, side by side."""
    photo = load_photo("coffee")
    files = photo, replace_background(photo, SCENE, None, 1, "scene").png, remove_background(photo, "cut-out").png
    width, height = TILE_SIZE
    strip = Image.new("RGB", (3 * width + 2 * TILE_GAP, height), "white")
    for column, file in enumerate(files):
        picture = ImageOps.fit(Image.open(io.BytesIO(file)).convert("RGBA"), TILE_SIZE, Image.Resampling.LANCZOS)
        tile = draw_checkerboard(TILE_SIZE)
        tile.paste(picture, (0, 0), picture)
        strip.paste(tile, (column * (width + TILE_GAP), 0))
    return strip


def draw_checkerboard(size: tuple[int, int]) -> Image.Image:
    board = Image.new("RGB", size, "white")
    for x in range(0, size[0], SQUARE):
        for y in range(x % (2 * SQUARE), size[1], 2 * SQUARE):
            board.paste((218, 218, 228), (x, y, x + SQUARE, y + SQUARE))
    return board


def show_upload_page(tab: Browser) -> None:
    with serve_page(World()) as page:
        tab.size(*UPLOAD_SIZE)
        tab.send_command("Page.navigate", url=page.address)
        tab.wait_until("document.readyState === 'complete' && Boolean(document.getElementById('zone'))")
        files = [str(ROOT / "examples" / "photos" / name) for name in PHOTOS]
        dragged = {"items": [], "files": files, "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            tab.send_command("Input.dispatchDragEvent", type=kind, x=200, y=400, data=dragged)
        tab.evaluate("document.querySelector('.idea').click()")
        tab.evaluate("document.querySelector('[value=GOLDEN_HOUR]').click()")
        tab.wait_until("document.getElementById('send').disabled === false")
        save(tab, "page.jpg")


def show_review_page(tab: Browser) -> None:
    with serve_page(build_review_world()) as page:
        tab.size(*REVIEW_SIZE)
        tab.send_command("Page.navigate", url=f"{page.address}review")
        tab.wait_until("document.getElementById('approve')?.disabled === false")
        images = "[...document.querySelectorAll('#large-stage img, #strip img')]"
        tab.wait_until(f"{images}.every((image) => image.complete && image.naturalWidth > 0)")
        tab.evaluate("document.activeElement.blur()")
        save(tab, "review.jpg")


def save(tab: Browser, name: str) -> None:
    with tempfile.NamedTemporaryFile(suffix=".png") as file:
        tab.picture(Path(file.name))
        Image.open(file.name).convert("RGB").save(IMAGES / name, quality=82)


if __name__ == "__main__":
    sys.exit(main())
