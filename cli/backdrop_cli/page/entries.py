"""One entry of the page, in the words that people read: what was asked, what came, what it cost, how long it took."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from backdrop.model.pricing import micro_of, usd_text
from backdrop_cli.page.shots import Album, File, Links, Missing, Shot, Trouble, style_of
from backdrop_cli.words import asked, lasting, size

MONEY = {"not_spent": "Nothing was spent.", "spent": "It was paid.", "unknown": "Whether it was paid is not known."}
STATUS = {
    "refused": "refused",
    "dead": "failed",
    "held": "held",
    "paused": "paused",
    "accepted": "waiting",
    "unknown": "being looked up",
}
_BASIS = {"price_list": "by the list price", "reported": "as the provider said", "configured": "as the stack says"}
# The fields' names as people say them, where an underscore less is not enough.
_FIELDS: Mapping[str, str] = {
    "num_images": "number of pictures",
    "style_preset": "style",
    "style_codes": "style",
    "seed": "seed asked for",
}

_WHY_MISSING = {
    Missing.GONE: "This version of the {} is no longer in the bucket.",
    Missing.WITHHELD: "S3 denies access to the {}.",
    Missing.UNREADABLE: "There is no preview of the {}.",
}

type Entry = dict[str, Any]
type Fact = tuple[str, str]


def entry_of(shot: Shot, album: Album, links: Links) -> Entry:
    """A picture beside its photo."""
    job, shown = shot.job, shot.shown
    said: Mapping[str, Any] = job["instructions"]
    return {
        "kind": "shot",
        "id": shot.picks[0].output,
        "name": shot.name,
        "together": bool(album.together) and shot.name.startswith(album.together),
        "before": _thumb(shot.photo, links),
        "after": _thumb(shot.picture, links),
        "no_before": _missing(shot.photo, links, "photo"),
        "no_after": _missing(shot.picture, links, "picture"),
        "ratio": round(shown["width"] / max(shown["height"], 1), 4),
        "cut": shown["has_alpha"],
        "said": said.get("prompt", ""),
        "tags": list(_tags(shot)),
        "warnings": list(job["warnings"]),
        "provider": job["provider"],
        "maker": maker(job["provider"], album),
        "operation": job["operation"],
        "usd": job["cost"]["usd"],
        "at": job["stored_at"] or "",
        "seconds": shot.seconds,
        "cost": _cost(shot),
        "time": lasting(shot.seconds),
        "asked": _asked(job),
        "facts": list(_facts(shot, album)),
        "picks": [[pick.key, pick.output] for pick in shot.picks],
        "files": [_file(result) for result in shot.results],
    }


def problem_of(trouble: Trouble, links: Links) -> Entry:
    """What could not be done, why, what it cost and what to do."""
    return {
        "kind": "trouble",
        "id": f"{trouble.source} {trouble.variant} {trouble.code}",
        "name": trouble.name,
        "before": _thumb(trouble.photo, links),
        "no_before": _missing(trouble.photo, links, "photo"),
        "variant": trouble.variant,
        "status": STATUS.get(trouble.status, trouble.status),
        "code": trouble.code,
        "message": trouble.message,
        "hint": trouble.hint,
        "money": MONEY.get(trouble.money, trouble.money),
        "at": trouble.since,
        "since": moment(trouble.since),
    }


def _thumb(file: File | None, links: Links) -> str:
    link = links.get(file, "") if file else ""
    return "" if isinstance(link, Missing) else link


def _missing(file: File | None, links: Links, what: str) -> str:
    """Why a file is not shown, as a sentence; "" where it is."""
    link = links.get(file) if file else None
    return _WHY_MISSING[link].format(what) if isinstance(link, Missing) else ""


def maker(provider: str, album: Album) -> str:
    """Who made a picture, in words."""
    return f"the stand-in for {provider}" if provider in album.standins else provider


def money(usd: float) -> str:
    """Dollars as people read them."""
    return usd_text(micro_of(str(usd)))


def moment(text: str) -> str:
    """A moment as a receipt writes it, for people."""
    return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M:%S} UTC" if text else ""


def _tags(shot: Shot) -> Iterator[str]:
    if shot.job["variant"]:
        yield shot.job["variant"]
    if style := style_of(shot.job["instructions"]):
        yield style
    if shot.of > 1:
        yield f"picture {shot.shown['n']} of {shot.of}"


def _cost(shot: Shot) -> str:
    """The price of the whole job, since that is what was bought."""
    return money(shot.job["cost"]["usd"]) + (f" for {shot.of}" if shot.of > 1 else "")


def _asked(job: Mapping[str, Any]) -> list[tuple[str, list[Fact]]]:
    """What was asked, by the place that said it; the prompt stands above it all."""
    places: dict[str, list[Fact]] = {}
    for name, value in job["instructions"].items():
        if name == "prompt":
            continue
        field = _FIELDS.get(name, name.replace("_", " "))
        places.setdefault(job["provenance"].get(name, ""), []).append((field, _words(name, value)))
    return [*places.items()]


def _words(name: str, value: Any) -> str:
    if name == "operation":
        return "new background" if value == "replace" else "background removed"
    return style_of({name: value}) or asked(value)


def _facts(shot: Shot, album: Album) -> Iterator[Fact]:
    job, shown = shot.job, shot.shown
    yield "Made by", maker(job["provider"], album)
    yield "Cost", f"{_cost(shot)}, {_how_paid(job)}"
    if job["cost"]["unknown_usd"]:
        yield "Perhaps charged besides", f"{money(job['cost']['unknown_usd'])}, for an answer that was lost"
    yield "Time", f"{lasting(shot.seconds)} from upload to picture"
    if job["throttled_seconds"]:
        yield "Of it waited", f"{lasting(job['throttled_seconds'])}, for the provider's rate limit"
    yield "Handed over", moment(job["stored_at"] or "")
    if len(job["attempts"]) > 1:
        yield "Attempts", str(len(job["attempts"]))
    if shown["seed"] is not None:
        yield "Seed", str(shown["seed"])
    yield "Photo", shot.source


def _how_paid(job: Mapping[str, Any]) -> str:
    return "from a file that was paid for before" if job["reused_from"] else _BASIS.get(job["cost"]["basis"], "")


def _file(result: Mapping[str, Any]) -> tuple[str, str]:
    """A file's key, and what it is."""
    kind = f"{result['format'].upper()}, {result['width']:,} × {result['height']:,}, {size(result['bytes'])}"
    return result["key"], f"{result['output']}: {kind}" if result["output"] else kind
