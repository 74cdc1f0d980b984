"""Values as people read them: sizes, spans of time that are guessed and those that were measured, what was asked."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

KILO = 1000
MINUTE, HOUR = 60, 3600


def size(number: float) -> str:
    """`17 KB`, `1.2 MB`."""
    for unit in ("bytes", "KB", "MB"):
        if number < KILO:
            return f"{number:.1f} {unit}" if unit == "MB" and number < 10 else f"{number:.0f} {unit}"
        number /= KILO
    return f"{number:.1f} GB"


def duration(seconds: float) -> str:
    """`95 s`, `3 min`, `2 h 5 min`: as exact as such a guess can be."""
    if seconds < 2 * MINUTE:
        return f"{max(round(seconds), 1)} s"
    minutes = round(seconds / MINUTE)
    if minutes < MINUTE:
        return f"{minutes} min"
    return f"{minutes // MINUTE} h {minutes % MINUTE} min" if minutes % MINUTE else f"{minutes // MINUTE} h"


def lasting(seconds: float | None) -> str:
    """`4.0 s`, `1 min 5 s`, `2 h 5 min`: as exact as what was measured, or `unknown`."""
    if seconds is None:
        return "unknown"
    if seconds < MINUTE:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), MINUTE)
    return f"{minutes} min {rest} s" if minutes < MINUTE else f"{minutes // MINUTE} h {minutes % MINUTE} min"


def asked(value: Any) -> str:
    """What somebody asked for in one field: a text or a number as it is, a list of texts with commas, else JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, (list, tuple)) and all(isinstance(one, str) for one in cast("Sequence[object]", value)):
        return ", ".join(cast("Sequence[str]", value))
    return json.dumps(value, ensure_ascii=False)


def typed(key: str) -> str:
    """A key as a person types it in bash or zsh; only one with control characters needs quotes for that."""
    if key.isprintable():
        return key
    escaped = key.replace("\\", r"\\").replace("'", r"\'")
    return f"$'{plain(escaped)}'"


def image_count(instructions: Mapping[str, Any]) -> int:
    """How many images a job with these instructions buys; each output makes one file of each image."""
    return int(instructions.get("num_images", 1))


def plain(words: str) -> str:
    """One line that cannot control a terminal: keys and providers' messages may contain any character.

    Other characters are escaped as in a program's source: `\\n`, `\\u001b`, `\\u2028`.
    """
    return "".join(one if one.isprintable() else _escaped(one) for one in words)


def _escaped(letter: str) -> str:
    return letter.encode("unicode_escape").decode().replace(r"\x", r"\u00")
