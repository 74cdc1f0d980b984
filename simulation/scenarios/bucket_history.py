"""The history of the input bucket, which shows what a worker may have read."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import product
from urllib.parse import unquote_plus

from simulation.scenarios.expected_instructions import InstructionLayers
from simulation.scenarios.sample_instructions import SAMPLE_NAME_BY_BYTES, TAG_SAMPLES, TEXT_FILE_NAME, build_photo_file
from simulation.world.simulated_s3 import ObjectVersion
from simulation.world.simulated_stack import World

DEFAULTS_NAME = "_backdrop.json"


@dataclass
class BucketHistory:
    """The versions of each key, oldest first, each with the time at which it appeared. None stands for no object."""

    world: World
    versions: dict[str, list[tuple[datetime, ObjectVersion | None]]] = field(
        default_factory=dict[str, list[tuple[datetime, ObjectVersion | None]]]
    )

    def __post_init__(self) -> None:
        notify, self.world.input_bucket.notify = self.world.input_bucket.notify, self._on_notification
        self._notify = notify

    def _on_notification(self, body: str) -> None:
        (record,) = json.loads(body)["Records"]
        key = unquote_plus(record["s3"]["object"]["key"])
        self.versions.setdefault(key, []).append((self.world.clock.time, self.world.input_bucket.find_current(key)))
        if self._notify:
            self._notify(body)

    def list_versions_since(self, key: str, since: datetime | None) -> list[ObjectVersion | None]:
        """Returns the versions that existed at some moment since the given one; all versions if it is None."""
        versions = self.versions.get(key, [])
        earlier_indexes = [index for index, (at, _) in enumerate(versions) if since and at <= since]
        first = earlier_indexes[-1] if earlier_indexes else 0
        absence = [] if earlier_indexes else [None]
        return [*absence, *(version for _, version in versions[first:])]

    def iterate_layers(
        self, key: str, since: datetime | None, requests: tuple[str, ...] = ()
    ) -> Iterator[InstructionLayers]:
        """Yields every combination of what may have been read about a photo; `requests` names requested samples."""
        photos = [version for version in self.list_versions_since(key, since) if version]
        return self._combine(key, photos, self.list_versions_since(f"{key}.json", since), since, ("", *requests))

    def iterate_own_layers(self, key: str, requests: tuple[str, ...] = ()) -> Iterator[InstructionLayers]:
        """Yields the photo's own instructions as they are now, combined with all folder defaults that ever existed."""
        photo = self.world.input_bucket.find_current(key)
        sidecar = self.world.input_bucket.find_current(f"{key}.json")
        yield from self._combine(key, [photo] if photo else [], [sidecar], None, ("",))
        if requests:
            yield from self.iterate_layers(key, None, requests)

    def _combine(
        self,
        key: str,
        photos: list[ObjectVersion],
        sidecars: list[ObjectVersion | None],
        since: datetime | None,
        requests: tuple[str, ...],
    ) -> Iterator[InstructionLayers]:
        defaults = product(
            *(
                {_identify_sample(version) for version in self.list_versions_since(name, since)}
                for name in list_defaults_keys(key)
            )
        )
        photo_facts = {(identify_tags(photo), photo.data != build_photo_file(TEXT_FILE_NAME)) for photo in photos}
        names = {_identify_sample(version) for version in sidecars}
        for (tags, is_photo), sidecar, inherited, request in product(photo_facts, names, [*defaults], requests):
            yield InstructionLayers(request, sidecar, tags, inherited, is_photo).for_photo(key)

    def read_current_layers(self, key: str) -> InstructionLayers | None:
        """Returns what is in the bucket now for a photo; None if the photo is not there."""
        photo = self.world.input_bucket.find_current(key)
        if photo is None:
            return None
        sidecar = self.world.input_bucket.find_current(f"{key}.json")
        defaults = tuple(
            _identify_sample(self.world.input_bucket.find_current(name)) for name in list_defaults_keys(key)
        )
        return InstructionLayers(
            "",
            _identify_sample(sidecar),
            identify_tags(photo),
            defaults,
            photo.data != build_photo_file(TEXT_FILE_NAME),
        ).for_photo(key)

    def list_digests(self, key: str, since: datetime) -> set[str]:
        """Returns the SHA-256 of each version of a photo since then."""
        return {version.sha256 for version in self.list_versions_since(key, since) if version}

    def list_folder_defaults(self) -> list[str]:
        """Returns the keys of all folder defaults that ever existed."""
        return [key for key in self.versions if key.rpartition("/")[2] == DEFAULTS_NAME]


def list_defaults_keys(key: str) -> list[str]:
    """Returns the keys of the folder defaults that a photo inherits, its own folder's first."""
    folders = key.split("/")[:-1]
    return ["/".join([*folders[:depth], DEFAULTS_NAME]) for depth in range(len(folders), -1, -1)]


def _identify_sample(version: ObjectVersion | None) -> str:
    return SAMPLE_NAME_BY_BYTES[version.data or b""] if version else ""


def identify_tags(version: ObjectVersion) -> str:
    """Returns the name of the sample in a photo's tags; empty if they contain no instructions."""
    return next(
        (name for name, known in TAG_SAMPLES.items() if name in ("cut", "marble") and known == version.tags), ""
    )
