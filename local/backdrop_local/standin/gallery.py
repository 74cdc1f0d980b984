"""Makes the result pictures and keeps the last ones, within a fixed amount of memory."""

from collections import OrderedDict
from dataclasses import dataclass

from anyio import CapacityLimiter, to_thread

from backdrop_local.standin import pictures

PAINTERS = 2
KEPT_RECIPES = 100_000


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """All that a result picture depends on; `prompt` is None for a removed background.

    `format` is PNG, JPEG or WEBP; the last two are lossy, of this quality.
    """

    ident: str
    photo_sha: str
    prompt: str | None
    style: str | None
    seed: int
    prepared: bool
    format: str = "PNG"
    quality: int = 95
    cut_out_pixels: int = 0


@dataclass(frozen=True)
class Picture:
    """An encoded picture and its size in pixels."""

    content: bytes
    width: int
    height: int


class Shelf:
    """Bytes by name; the least recently used go when the sum passes the limit."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._items: OrderedDict[str, bytes] = OrderedDict()
        self._size = 0

    def put(self, name: str, content: bytes) -> None:
        """Keep the content, at the cost of the oldest."""
        self._size += len(content) - len(self._items.pop(name, b""))
        self._items[name] = content
        while self._size > self._max_bytes:
            _, dropped = self._items.popitem(last=False)
            self._size -= len(dropped)

    def get(self, name: str) -> bytes | None:
        """The content, now the most recently used; None if it is not kept."""
        if name in self._items:
            self._items.move_to_end(name)
        return self._items.get(name)


class Gallery:
    """Paints on request, in worker threads; a picture no longer kept is painted again."""

    def __init__(self, max_bytes: int) -> None:
        self._photos = Shelf(max_bytes)
        self._contents = Shelf(max_bytes)
        self._recipes: OrderedDict[str, Recipe] = OrderedDict()
        self._painters: CapacityLimiter | None = None

    async def paint(self, recipe: Recipe, photo: bytes) -> Picture:
        """Make the picture and keep it, its recipe and its photo."""
        self._photos.put(recipe.photo_sha, photo)
        self._recipes[recipe.ident] = recipe
        if len(self._recipes) > KEPT_RECIPES:
            self._recipes.popitem(last=False)
        if self._painters is None:
            self._painters = CapacityLimiter(PAINTERS)
        picture = await to_thread.run_sync(_paint, recipe, photo, limiter=self._painters)
        self._contents.put(recipe.ident, picture.content)
        return picture

    def media_type(self, ident: str) -> str:
        """The type of a picture that was made; PNG's for any other."""
        recipe = self._recipes.get(ident)
        return f"image/{recipe.format.lower()}" if recipe else "image/png"

    async def paint_all(self, recipes: list[Recipe], photo: bytes) -> list[Picture]:
        """Make the pictures of one job, one after another."""
        return [await self.paint(recipe, photo) for recipe in recipes]

    async def content(self, ident: str) -> bytes | None:
        """The picture's bytes; None if it was never made or its photo is no longer kept."""
        kept = self._contents.get(ident)
        if kept is not None:
            return kept
        recipe = self._recipes.get(ident)
        photo = self._photos.get(recipe.photo_sha) if recipe else None
        if recipe is None or photo is None:
            return None
        return (await self.paint(recipe, photo)).content


def _paint(recipe: Recipe, photo: bytes) -> Picture:
    if recipe.prompt is None:
        made = pictures.remove(photo, recipe.ident, recipe.prepared, recipe.cut_out_pixels)
    else:
        made = pictures.compose(photo, recipe.prompt, recipe.style, recipe.seed, recipe.ident, recipe.prepared)
    content = made.png if recipe.format == "PNG" else pictures.reencoded(made.png, recipe.format, recipe.quality)
    return Picture(content, made.width, made.height)
