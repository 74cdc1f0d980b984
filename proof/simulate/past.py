"""Remembers what lay in the input bucket at each time, so that it can be known what a worker may have read."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from itertools import product
from urllib.parse import unquote_plus

from proof.simulate.meaning import Words
from proof.simulate.wishes import NAMES, NO_PHOTO, TAGS, photo_bytes
from proof.world.s3_objects import Version
from proof.world.stack import World

DEFAULTS = "_backdrop.json"


@dataclass
class Past:
    """The versions of each key, the oldest first, each with the time since when it lay there; None: nothing did."""

    world: World
    versions: dict[str, list[tuple[datetime, Version | None]]] = field(
        default_factory=dict[str, list[tuple[datetime, Version | None]]]
    )

    def __post_init__(self) -> None:
        notify, self.world.input.notify = self.world.input.notify, self._noted
        self._notify = notify

    def _noted(self, body: str) -> None:
        """Something was written just now."""
        (record,) = json.loads(body)["Records"]
        key = unquote_plus(record["s3"]["object"]["key"])
        self.versions.setdefault(key, []).append((self.world.clock.time, self.world.input.current(key)))
        if self._notify:
            self._notify(body)

    def between(self, key: str, since: datetime | None) -> list[Version | None]:
        """What lay under a key at some moment since then; at any time at all where None is given."""
        versions = self.versions.get(key, [])
        earlier = [place for place, (at, _) in enumerate(versions) if since and at <= since]
        first = earlier[-1] if earlier else 0
        begins = [] if earlier else [None]
        return [*begins, *(version for _, version in versions[first:])]

    def words(self, key: str, since: datetime | None, requests: tuple[str, ...] = ()) -> Iterator[Words]:
        """All that may have been read of a photo since then, in each mixture; `requests`: wishes asked for directly."""
        photos = [version for version in self.between(key, since) if version]
        return self._mixed(key, photos, self.between(f"{key}.json", since), since, ("", *requests))

    def own_words(self, key: str, requests: tuple[str, ...] = ()) -> Iterator[Words]:
        """The photo as it is now with its own word, and its folders' defaults as they ever were."""
        photo = self.world.input.current(key)
        sidecar = self.world.input.current(f"{key}.json")
        yield from self._mixed(key, [photo] if photo else [], [sidecar], None, ("",))
        if requests:
            yield from self.words(key, None, requests)

    def _mixed(
        self,
        key: str,
        photos: list[Version],
        sidecars: list[Version | None],
        since: datetime | None,
        requests: tuple[str, ...],
    ) -> Iterator[Words]:
        defaults = product(*({_name(one) for one in self.between(name, since)} for name in defaults_of(key)))
        own = {(tags_of(photo), photo.data != photo_bytes(NO_PHOTO)) for photo in photos}
        names = {_name(one) for one in sidecars}
        for (tags, is_photo), sidecar, inherited, request in product(own, names, [*defaults], requests):
            yield Words(request, sidecar, tags, inherited, is_photo)

    def now(self, key: str) -> Words | None:
        """All that lies there now of a photo."""
        photo = self.world.input.current(key)
        if photo is None:
            return None
        sidecar = self.world.input.current(f"{key}.json")
        defaults = tuple(_name(self.world.input.current(name)) for name in defaults_of(key))
        return Words("", _name(sidecar), tags_of(photo), defaults, photo.data != photo_bytes(NO_PHOTO))

    def digests(self, key: str, since: datetime) -> set[str]:
        """The SHA-256 of each version of a photo since then."""
        return {sha256(version.data or b"").hexdigest() for version in self.between(key, since) if version}

    def folder_defaults(self) -> list[str]:
        """The keys of all folder defaults that ever were."""
        return [key for key in self.versions if key.rpartition("/")[2] == DEFAULTS]


def defaults_of(key: str) -> list[str]:
    """The folder defaults that a photo inherits, its own folder's first."""
    folders = key.split("/")[:-1]
    return ["/".join([*folders[:depth], DEFAULTS]) for depth in range(len(folders), -1, -1)]


def _name(version: Version | None) -> str:
    return NAMES[version.data or b""] if version else ""


def tags_of(version: Version) -> str:
    """The wish that a photo's tags say; "" where they say none."""
    return next((name for name, known in TAGS.items() if name in ("cut", "marble") and known == version.tags), "")
