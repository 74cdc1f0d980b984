"""Segmind's checks of the JSON body for this model, and the generation that an accepted body requests."""

from collections.abc import Awaitable, Callable

from pydantic import JsonValue

from backdrop_local.standin.generation_request import GenerationRequest, sha256_hex
from backdrop_local.standin.json_body import InvalidFieldError, JsonBody
from backdrop_local.standin.multipart_form import InvalidInputError
from backdrop_local.standin.settings import StandinSettings
from backdrop_local.standin.vocabulary import CENT_MICRO_USD, MAGIC_PROMPT_MODES, check_palette, check_style_code

UNIT_MICRO_USD = {
    "TURBO": 15 * CENT_MICRO_USD // 4,
    "DEFAULT": 30 * CENT_MICRO_USD // 4,
    "QUALITY": 45 * CENT_MICRO_USD // 4,
}
"""The price of one image in micro-dollars, by speed: 25 percent above Ideogram's."""

MIN_SEED, MAX_SEED = 100, 999_999
REFERENCES = "style_reference_images"
OPTIONS = ("prompt", "magic_prompt", "rendering_speed", "seed", "style_codes", "color_palette")
KNOWN_FIELDS = frozenset({"image", REFERENCES, *OPTIONS})

type FetchImage = Callable[[str], Awaitable[bytes]]
"""Returns the image of a field. Raises InvalidInputError."""


class UnreadableInputError(InvalidInputError):
    """An input is not an image. Only the model detects it."""


async def parse_body(content: dict[str, JsonValue], settings: StandinSettings, fetch: FetchImage) -> GenerationRequest:
    """Checks the body. Raises InvalidFieldError for its values, and UnreadableInputError for its images."""
    body = JsonBody(content, null_is_absent=True)
    body.require("image", "prompt")
    if settings.strict:
        body.reject_unknown(KNOWN_FIELDS)
    prompt, image = body.read_text("prompt") or "", body.read_text("image") or ""
    speed = body.read_choice("rendering_speed", UNIT_MICRO_USD) or "DEFAULT"
    seed = body.read_number("seed", MIN_SEED, MAX_SEED)
    body.read_choice("magic_prompt", MAGIC_PROMPT_MODES)
    codes, references = _read_styles(body)
    _check_palette(body)
    photo = await _fetch_input(image, fetch)
    options = {name: value for name, value in body.fields.items() if name in OPTIONS}
    options[REFERENCES] = [sha256_hex(await _fetch_input(link, fetch)) for link in references]
    return GenerationRequest(
        photo=photo,
        photo_sha=sha256_hex(photo),
        prompt=prompt,
        speed=speed,
        image_count=1,
        seed=seed,
        style=next(iter(codes), None),
        options=options,
        unit_micro_usd=UNIT_MICRO_USD[speed],
        format=settings.segmind_format,
    )


def _read_styles(body: JsonBody) -> tuple[list[str], list[str]]:
    codes, references = body.read_texts("style_codes"), body.read_texts(REFERENCES, max_count=4)
    if codes and references:
        raise InvalidFieldError("style_codes", "incompatible", f"style_codes and {REFERENCES} exclude each other")
    for code in codes:
        _check_field("style_codes", check_style_code, code)
    for link in references:
        if not link.startswith(("http://", "https://")):
            raise InvalidFieldError(REFERENCES, "invalid", f"{REFERENCES} are links")
    return codes, references


def _check_palette(body: JsonBody) -> None:
    if "color_palette" in body.fields:
        _check_field("color_palette", check_palette, body.read_object("color_palette").fields)


def _check_field[T](name: str, check: Callable[[T], None], value: T) -> None:
    try:
        check(value)
    except InvalidInputError as invalid:
        raise InvalidFieldError(name, "invalid", str(invalid)) from None


async def _fetch_input(image: str, fetch: FetchImage) -> bytes:
    try:
        return await fetch(image)
    except InvalidInputError as unseen:
        raise UnreadableInputError(str(unseen)) from None
