"""Draws what users do in worlds with names, frames, templates, marketplaces, logos, shadows, and texts in pictures."""

from collections.abc import Iterator, Sequence
from random import Random

from simulation.scenarios.planned_action import PlannedAction
from simulation.scenarios.sample_instructions import (
    COMPOSITION_SAMPLES,
    CONTESTED_SAMPLES,
    FEATURE_DEFAULTS_SAMPLES,
    FRAME_SAMPLES,
    MARKETPLACE_SAMPLES,
    NAME_FOR_FOLDER,
    NAMED_SAMPLES,
    PHOTO_NAMES,
    TEMPLATE_SAMPLES,
)

FEATURE_SAMPLES = (NAMED_SAMPLES, FRAME_SAMPLES, TEMPLATE_SAMPLES, MARKETPLACE_SAMPLES, COMPOSITION_SAMPLES)
"""Groups of samples, each chosen as often as the others."""
MIN_CONTESTANTS, MAX_CONTESTANTS = 2, 3
CONTEST_SECONDS = 60


class FeatureDraft:
    """Draws actions within `seconds`. `keys` are those of the other photos, and `folders` contain them."""

    def __init__(self, random: Random, seconds: float, keys: Sequence[str], folders: Sequence[str]) -> None:
        self._random, self._seconds, self._keys, self._folders = random, seconds, keys, folders

    def draw_actions(self) -> Iterator[PlannedAction]:
        """Yields the actions, in no order."""
        random = self._random
        yield self._build_action(0, "place_logo")
        yield from self._draw_contest(random.choice(self._folders))
        for key in self._keys:
            if random.random() < 0.5:
                yield from self._draw_sidecars(key)
        if random.random() < 0.4:
            folder = random.choice(self._folders)
            # A name for the whole bucket would refuse the photos that a run adds until all faults have struck.
            sample = random.choice([*FEATURE_DEFAULTS_SAMPLES, *([NAME_FOR_FOLDER] if folder else [])])
            yield self._build_action(self._draw_time(), "write_default", folder or "/", sample)
        if random.random() < 0.4:
            yield self._build_action(
                self._draw_time(), "send_request", random.choice(self._keys), self._choose_sample()
            )

    def _build_action(self, at_seconds: float, name: str, *arguments: str) -> PlannedAction:
        return PlannedAction(round(at_seconds, 1), name, arguments)

    def _draw_time(self) -> float:
        return self._random.uniform(0, self._seconds * 0.8)

    def _choose_sample(self) -> str:
        return self._random.choice(self._random.choice(FEATURE_SAMPLES))

    def _draw_contest(self, folder: str) -> Iterator[PlannedAction]:
        """Photos of one folder arrive soon after each other and want the same names, which some give up later."""
        random, started_at = self._random, self._draw_time()
        for index in range(random.randint(MIN_CONTESTANTS, MAX_CONTESTANTS)):
            key, at_seconds = f"{folder}contestant-{index}.jpg", started_at + random.uniform(0, CONTEST_SECONDS)
            yield self._build_action(at_seconds, "write_sidecar", key, random.choice(CONTESTED_SAMPLES))
            yield self._build_action(
                at_seconds + random.choice([0.0, 3.0]), "upload", key, random.choice(PHOTO_NAMES), ""
            )
            for _ in range(random.randint(0, 2)):
                at_seconds += random.uniform(1, self._seconds / 4)
                change, *arguments = random.choice(
                    [
                        ("write_sidecar", random.choice(NAMED_SAMPLES)),
                        ("write_sidecar", random.choice(NAMED_SAMPLES)),
                        ("write_sidecar", self._choose_sample()),
                        ("replace_photo", random.choice(PHOTO_NAMES)),
                        ("upload_again",),
                        ("delete_photo",),
                        ("upload", random.choice(PHOTO_NAMES), ""),
                    ]
                )
                yield self._build_action(at_seconds, change, key, *arguments)

    def _draw_sidecars(self, key: str) -> Iterator[PlannedAction]:
        """A photo gets a sidecar of one group of samples, which is often edited, mostly within the group."""
        random, at_seconds, group = self._random, self._draw_time(), self._random.choice(FEATURE_SAMPLES)
        yield self._build_action(at_seconds, "write_sidecar", key, random.choice(group))
        for _ in range(random.randint(0, 2)):
            at_seconds += random.uniform(1, self._seconds / 5)
            sample = random.choice(group) if random.random() < 0.7 else self._choose_sample()
            yield self._build_action(at_seconds, "write_sidecar", key, sample)
