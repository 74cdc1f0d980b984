"""Values as people read them: counts, money, times, sizes, and instruction fields."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from shlex import quote
from typing import TYPE_CHECKING, Any, cast

from backdrop.model.pricing import format_usd, to_micro_usd

if TYPE_CHECKING:
    from backdrop.intake.preview import PriceRegister

BYTES_PER_KILOBYTE = 1000
SECONDS_PER_MINUTE, SECONDS_PER_HOUR, SECONDS_PER_DAY = 60, 3600, 86_400


def format_count(number: int, noun: str, plural: str = "") -> str:
    """`1 job`, `2,000 jobs`; `plural` is for cases in which adding an `s` is not enough, such as `photos have`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {plural or f'{noun}s'}"


def describe_refusals(code: str, photo_count: int, partial_count: int) -> list[str]:
    """Says how many photos have a problem of this code; of `partial_count` of them, other variants are bought."""
    refused_count = photo_count - partial_count
    return [
        *([f"{format_count(refused_count, 'photo')} would be refused: {code}"] if refused_count else []),
        *([f"{format_count(partial_count, 'photo')} would be delivered in part: {code}"] if partial_count else []),
    ]


def format_utc(moment: datetime) -> str:
    """`2026-03-01 14:05:09 UTC`; the moment is in UTC."""
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def format_receipt_usd(usd: float) -> str:
    """An amount of a receipt or report as people read it: `$0.06`."""
    return format_usd(to_micro_usd(str(usd)))


def format_cost(confirmed: int, unknown: int) -> str:
    """`$0.24 and possibly $0.06 more`; both amounts in micro-dollars."""
    return format_usd(confirmed) + (f" and possibly {format_usd(unknown)} more" if unknown else "")


def format_style(instructions: Mapping[str, Any]) -> str:
    """`golden hour`, `style code AAFF5733`, or "" where the instructions name no style."""
    preset = instructions.get("style_preset")
    if preset:
        return str(preset).replace("_", " ").lower()
    codes: Sequence[str] = instructions.get("style_codes") or ()
    return f"style code {', '.join(codes)}" if codes else ""


def format_bytes(byte_count: float) -> str:
    """`17 KB`, `1.2 MB`."""
    for unit in ("bytes", "KB", "MB"):
        if byte_count < BYTES_PER_KILOBYTE:
            return f"{byte_count:.1f} {unit}" if unit == "MB" and byte_count < 10 else f"{byte_count:.0f} {unit}"
        byte_count /= BYTES_PER_KILOBYTE
    return f"{byte_count:.1f} GB"


def format_rough_duration(seconds: float) -> str:
    """`95 s`, `3 min`, `2 h 5 min`, `6 days`: as precise as an estimate is."""
    if seconds < 2 * SECONDS_PER_MINUTE:
        return f"{max(round(seconds), 1)} s"
    if seconds >= 2 * SECONDS_PER_DAY:
        return f"{round(seconds / SECONDS_PER_DAY)} days"
    minutes = round(seconds / SECONDS_PER_MINUTE)
    if minutes < SECONDS_PER_MINUTE:
        return f"{minutes} min"
    return (
        f"{minutes // SECONDS_PER_MINUTE} h {minutes % SECONDS_PER_MINUTE} min"
        if minutes % SECONDS_PER_MINUTE
        else f"{minutes // SECONDS_PER_MINUTE} h"
    )


def format_duration(seconds: float | None) -> str:
    """`4.0 s`, `1 min 5 s`, `2 h 5 min`, or `unknown`: as precise as a measurement is."""
    if seconds is None:
        return "unknown"
    if seconds < SECONDS_PER_MINUTE:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), SECONDS_PER_MINUTE)
    return (
        f"{minutes} min {rest} s"
        if minutes < SECONDS_PER_MINUTE
        else f"{minutes // SECONDS_PER_MINUTE} h {minutes % SECONDS_PER_MINUTE} min"
    )


def format_value(value: Any) -> str:
    """An instruction field's value: a string as it is, a list of strings with commas, anything else as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in cast("Sequence[object]", value)):
        return ", ".join(cast("Sequence[str]", value))
    return json.dumps(value, ensure_ascii=False)


def format_max_price(prices: "PriceRegister") -> str:
    """`at most $0.24 for 4 images`, `at most $0.08 for 8 images, 40 jobs`, or `price unknown for 2 images`.

    Masks are counted apart, and what only retries cost is named: `at most $0.13 for 1 image and 1 mask, $0.06 of it for
    retries`.
    """
    image_count, job_count = prices.images_by_provider.total(), prices.jobs_by_provider.total()
    if not image_count and not prices.mask_count:
        return "nothing is bought ($0.00)"
    priced_count = image_count - prices.unpriced_image_count
    counted = [format_count(priced_count, "image")] * bool(priced_count)
    counted += [format_count(prices.mask_count, "mask")] * bool(prices.mask_count)
    priced = f"at most {format_usd(prices.total_micro_usd)} for {' and '.join(counted)}"
    if prices.retry_micro_usd:
        priced += f", {format_usd(prices.retry_micro_usd)} of it for retries"
    unpriced = f"price unknown for {format_count(prices.unpriced_image_count, 'image')}"
    jobs = f", {format_count(job_count, 'job')}" if job_count > image_count + prices.mask_count else ""
    return "; ".join([priced] * bool(counted) + [unpriced] * bool(prices.unpriced_image_count)) + jobs


def quote_for_shell(argument: str) -> str:
    """A key or a path as it is typed in bash or zsh; quoted only if it must be."""
    if argument.isprintable():
        return quote(argument)
    quoted = argument.replace("\\", r"\\").replace("'", r"\'")
    return f"$'{escape_unprintable(quoted)}'"


def count_images(instructions: Mapping[str, Any]) -> int:
    """How many images a job with these instructions buys; each output is one more file per image, free."""
    return int(instructions.get("num_images", 1))


def escape_unprintable(text: str) -> str:
    """Returns one line that cannot control a terminal: keys and providers' messages can contain any character.

    Unprintable characters are escaped as in source code: `\\n`, `\\u001b`, `\\u2028`.
    """
    return "".join(char if char.isprintable() else _escape_character(char) for char in text)


def _escape_character(character: str) -> str:
    return character.encode("unicode_escape").decode().replace(r"\x", r"\u00")


def format_scope(prefix: str) -> str:
    """Returns the argument that selects the photos whose keys begin with this, as it is typed; "" selects all."""
    return quote_for_shell(prefix) if prefix else "--all"
