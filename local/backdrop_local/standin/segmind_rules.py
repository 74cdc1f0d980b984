"""What Segmind accepts for this model: every check of the JSON body, and what an accepted one asks for."""

from collections.abc import Awaitable, Callable

from pydantic import JsonValue

from backdrop_local.standin.bodies import Body, InvalidFieldError
from backdrop_local.standin.forms import InvalidInputError
from backdrop_local.standin.settings import Settings
from backdrop_local.standin.vocabulary import CENT, MAGIC, check_palette, check_style_code
from backdrop_local.standin.wishes import Wish, sha256_of

UNIT_MICRO_USD = {"TURBO": 15 * CENT // 4, "DEFAULT": 30 * CENT // 4, "QUALITY": 45 * CENT // 4}
"""Price of one image in micro-dollars, by speed: Ideogram's and a quarter more."""

LOWEST_SEED, HIGHEST_SEED = 100, 999_999
REFERENCES = "style_reference_images"
OPTIONS = ("prompt", "magic_prompt", "rendering_speed", "seed", "style_codes", "color_palette")
KNOWN_FIELDS = frozenset({"image", REFERENCES, *OPTIONS})

type Fetch = Callable[[str], Awaitable[bytes]]
"""Gets the picture that an image field stands for; raises InvalidInputError."""


class UnseenInputError(InvalidInputError):
    """Only the model notices that a picture is none."""


async def read(content: dict[str, JsonValue], settings: Settings, fetch: Fetch) -> Wish:
    """Check the body; raises InvalidFieldError for its values, UnseenInputError for its pictures."""
    body = Body(content, null_is_absent=True)
    body.require("image", "prompt")
    if settings.strict:
        body.refuse_others(KNOWN_FIELDS)
    prompt, image = body.text("prompt") or "", body.text("image") or ""
    speed = body.choice("rendering_speed", UNIT_MICRO_USD) or "DEFAULT"
    seed = body.number("seed", LOWEST_SEED, HIGHEST_SEED)
    body.choice("magic_prompt", MAGIC)
    codes, references = _styles(body)
    _check_palette(body)
    photo = await _seen(image, fetch)
    options = {name: value for name, value in body.fields.items() if name in OPTIONS}
    options[REFERENCES] = [sha256_of(await _seen(link, fetch)) for link in references]
    return Wish(
        photo=photo,
        photo_sha=sha256_of(photo),
        prompt=prompt,
        speed=speed,
        n=1,
        seed=seed,
        style=next(iter(codes), None),
        options=options,
        unit_micro_usd=UNIT_MICRO_USD[speed],
        format=settings.segmind_format,
    )


def _styles(body: Body) -> tuple[list[str], list[str]]:
    codes, references = body.texts("style_codes"), body.texts(REFERENCES, most=4)
    if codes and references:
        raise InvalidFieldError("style_codes", "incompatible", f"style_codes and {REFERENCES} exclude each other")
    for code in codes:
        _as_field("style_codes", check_style_code, code)
    for link in references:
        if not link.startswith(("http://", "https://")):
            raise InvalidFieldError(REFERENCES, "invalid", f"{REFERENCES} are links")
    return codes, references


def _check_palette(body: Body) -> None:
    if "color_palette" in body.fields:
        _as_field("color_palette", check_palette, body.part("color_palette").fields)


def _as_field[T](name: str, check: Callable[[T], None], value: T) -> None:
    try:
        check(value)
    except InvalidInputError as invalid:
        raise InvalidFieldError(name, "invalid", str(invalid)) from None


async def _seen(image: str, fetch: Fetch) -> bytes:
    try:
        return await fetch(image)
    except InvalidInputError as unseen:
        raise UnseenInputError(str(unseen)) from None
