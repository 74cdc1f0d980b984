"""Writes the page's HTML; every text that comes from outside is escaped here and nowhere else."""

from collections.abc import Iterable, Mapping
from functools import cache
from html import escape
from importlib.resources import files
from string import Template
from urllib.parse import quote

from backdrop.core.money import micro_of, usd_text
from backdrop_cli.page.shots import Album, Shot, Trouble

_MONEY = {"not_spent": "Nothing was spent.", "spent": "It was paid.", "unknown": "Whether it was paid is not known."}
_STANDIN = (
    "A stand-in on this machine painted these pictures, so that the pipeline can be tried without a key."
    " They are not what the provider would make, and the prices are its list prices: nothing was paid."
)


def document(album: Album, links: Mapping[str, str]) -> str:
    """The page as HTML; `links` gives each key's file, relative to the page."""
    shots, troubles = album.shots, album.troubles
    photos = len(dict.fromkeys(shot.source_key for shot in shots))
    return _filled(
        "page.html",
        title=f"{_count(len(shots), 'picture')} from {_count(photos, 'photo')}",
        total=_usd(album.total_usd),
        made=f"made by {', '.join(sorted({_maker(shot, album) for shot in shots}))}" if shots else "nothing was made",
        notice=_notice(album),
        together=_together(album, links),
        shots=_joined(_shot(shot, album, links) for shot in shots if not _is_together(shot, album)),
        troubles=_troubles(troubles),
        credits=_credits(album),
    )


class _Markup(str):
    """HTML that is finished; any other text is escaped when it is filled in."""

    __slots__ = ()


_NOTHING = _Markup("")


@cache
def _template(name: str) -> Template:
    return Template(files("backdrop_cli.page").joinpath("templates", name).read_text("utf-8"))


def _filled(template: str, /, **values: str) -> str:
    shown = {field: value if isinstance(value, _Markup) else escape(value) for field, value in values.items()}
    return _template(template).substitute(shown)


def _block(template: str, /, **values: str) -> _Markup:
    return _Markup(_filled(template, **values))


def _joined(blocks: Iterable[_Markup]) -> _Markup:
    return _Markup("\n".join(blocks))


def _shot(shot: Shot, album: Album, links: Mapping[str, str]) -> _Markup:
    facts = [
        ("Cost", _usd(shot.usd) + (f" for {shot.of}" if shot.of > 1 else "")),
        ("Time", f"{shot.seconds:.1f} s" if shot.seconds is not None else "unknown"),
        ("Size", f"{shot.width} × {shot.height}"),
    ]
    facts += [("Seed", str(shot.seed))] if shot.seed is not None else []
    facts += [("Made by", _maker(shot, album))]
    return _block(
        "shot.html",
        name=shot.name,
        label=f"{shot.name}, picture {shot.n} of {shot.of}" if shot.of > 1 else shot.name,
        before=quote(links[shot.source_key]),
        after=quote(links[shot.picture_key]),
        ratio=f"{shot.width} / {shot.height}",
        kind="cut-out" if shot.has_alpha else "scene",
        prompt=shot.prompt or "Background removed",
        quoted="quoted" if shot.prompt else "plain",
        tags=_joined(_block("tag.html", words=words) for words in _tags(shot)),
        facts=_joined(_block("fact.html", name=name, value=value) for name, value in facts),
    )


def _is_together(shot: Shot, album: Album) -> bool:
    return bool(album.together) and shot.name.startswith(album.together)


def _together(album: Album, links: Mapping[str, str]) -> _Markup:
    """One photo as each provider made it, side by side."""
    shots = [shot for shot in album.shots if _is_together(shot, album)]
    if not shots:
        return _NOTHING
    return _block("together.html", shots=_joined(_shot(shot, album, links) for shot in shots))


def _notice(album: Album) -> _Markup:
    """Who was not asked, in the words of the whole page or of some of it."""
    faked = sorted({shot.provider for shot in album.shots if shot.provider in album.standins})
    if not faked:
        return _NOTHING
    every = all(shot.provider in album.standins for shot in album.shots)
    whose = "these pictures" if every else f"the pictures of {', '.join(faked)}"
    return _block("notice.html", words=_STANDIN.replace("these pictures", whose))


def _maker(shot: Shot, album: Album) -> str:
    return f"the stand-in for {shot.provider}" if shot.provider in album.standins else shot.provider


def _tags(shot: Shot) -> list[str]:
    tags = [shot.style] if shot.style else []
    tags += [f"picture {shot.n} of {shot.of}"] if shot.of > 1 else []
    return [*tags, *shot.warnings]


def _troubles(troubles: list[Trouble]) -> _Markup:
    if not troubles:
        return _NOTHING
    rows = [
        _block(
            "trouble.html",
            name=trouble.name,
            code=trouble.code,
            message=trouble.message,
            hint=trouble.hint,
            money=_MONEY.get(trouble.money, trouble.money),
        )
        for trouble in troubles
    ]
    return _block("troubles.html", rows=_joined(rows))


def _credits(album: Album) -> _Markup:
    if not album.credits:
        return _NOTHING
    return _block("credits.html", rows=_joined(_block("credit.html", words=one) for one in album.credits))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _usd(usd: float) -> str:
    return usd_text(micro_of(str(usd)))
