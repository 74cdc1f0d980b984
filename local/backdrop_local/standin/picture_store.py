"""Draws the result pictures, and caches the most recent ones in a fixed amount of memory."""

from collections import OrderedDict
from dataclasses import dataclass

from anyio import CapacityLimiter, to_thread

from backdrop_local.standin import pictures

MAX_DRAWING_THREADS = 2
MAX_SPECS = 100_000


@dataclass(frozen=True, kw_only=True)
class PictureSpec:
    """Everything that a result picture depends on. `prompt` is None for a removed background.

    `format` is PNG, JPEG, or WEBP. The last two are lossy, with this quality.
    """

    ident: str
    photo_sha: str
    prompt: str | None
    style: str | None
    seed: int
    prepared: bool
    format: str = "PNG"
    quality: int = 95
    max_cut_out_pixels: int = 0


@dataclass(frozen=True)
class EncodedPicture:
    """An encoded picture and its size in pixels."""

    content: bytes
    width: int
    height: int


class BytesCache:
    """A cache of bytes by name, which evicts the least recently used entries when the total exceeds the limit."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._items: OrderedDict[str, bytes] = OrderedDict()
        self._size = 0

    def put(self, name: str, content: bytes) -> None:
        """Adds the content, and evicts the oldest entries if necessary."""
        self._size += len(content) - len(self._items.pop(name, b""))
        self._items[name] = content
        while self._size > self._max_bytes:
            _, dropped = self._items.popitem(last=False)
            self._size -= len(dropped)

    def get(self, name: str) -> bytes | None:
        """Returns the content and marks it as recently used. None if it is not cached."""
        if name in self._items:
            self._items.move_to_end(name)
        return self._items.get(name)


class PictureStore:
    """Draws pictures on request in worker threads. Draws a picture again if it is no longer cached."""

    def __init__(self, max_bytes: int) -> None:
        self._photos = BytesCache(max_bytes)
        self._contents = BytesCache(max_bytes)
        self._specs: OrderedDict[str, PictureSpec] = OrderedDict()
        self._thread_limiter: CapacityLimiter | None = None

    async def draw(self, spec: PictureSpec, photo: bytes) -> EncodedPicture:
        """Draws the picture, and caches it with its spec and its photo."""
        self._photos.put(spec.photo_sha, photo)
        self._specs[spec.ident] = spec
        if len(self._specs) > MAX_SPECS:
            self._specs.popitem(last=False)
        if self._thread_limiter is None:
            self._thread_limiter = CapacityLimiter(MAX_DRAWING_THREADS)
        picture = await to_thread.run_sync(_draw, spec, photo, limiter=self._thread_limiter)
        self._contents.put(spec.ident, picture.content)
        return picture

    def find_media_type(self, ident: str) -> str:
        """Returns the media type of a picture. PNG if the picture is unknown."""
        spec = self._specs.get(ident)
        return f"image/{spec.format.lower()}" if spec else "image/png"

    async def draw_all(self, specs: list[PictureSpec], photo: bytes) -> list[EncodedPicture]:
        """Draws the pictures of one job, one after another."""
        return [await self.draw(recipe, photo) for recipe in specs]

    async def read_content(self, ident: str) -> bytes | None:
        """Returns the picture's bytes. None if it was never drawn, or its photo is no longer cached."""
        cached = self._contents.get(ident)
        if cached is not None:
            return cached
        spec = self._specs.get(ident)
        photo = self._photos.get(spec.photo_sha) if spec else None
        if spec is None or photo is None:
            return None
        return (await self.draw(spec, photo)).content


def _draw(spec: PictureSpec, photo: bytes) -> EncodedPicture:
    if spec.prompt is None:
        drawn = pictures.remove_background(photo, spec.ident, spec.prepared, spec.max_cut_out_pixels)
    else:
        drawn = pictures.replace_background(photo, spec.prompt, spec.style, spec.seed, spec.ident, spec.prepared)
    content = drawn.png if spec.format == "PNG" else pictures.reencode(drawn.png, spec.format, spec.quality)
    return EncodedPicture(content, drawn.width, drawn.height)
