"""Draws what users do in worlds whose provider counts images: bursts of photos for one to three pictures each."""

from collections.abc import Iterator, Sequence
from random import Random

from simulation.scenarios.planned_action import PlannedAction

SAMPLES_BY_WEIGHT = ("cut", "marble", "sea", "sea", "snow", "snow")
MIN_BURST, MAX_BURST = 4, 12
BURST_SECONDS = 90


class PlaceDraft:
    """Draws actions within `seconds`, for photos in `folders`."""

    def __init__(self, random: Random, seconds: float, folders: Sequence[str]) -> None:
        self._random, self._seconds, self._folders = random, seconds, folders

    def draw_actions(self) -> Iterator[PlannedAction]:
        """Yields the actions, in no order."""
        random = self._random
        for burst in range(random.randint(1, 2)):
            started_at, folder = random.uniform(0, self._seconds * 0.6), random.choice(self._folders)
            for index in range(random.randint(MIN_BURST, MAX_BURST)):
                key, at = f"{folder}burst-{burst}-{index}.jpg", started_at + random.uniform(0, BURST_SECONDS)
                yield PlannedAction(round(at, 1), "write_sidecar", (key, random.choice(SAMPLES_BY_WEIGHT)))
                yield PlannedAction(round(at + 1, 1), "upload", (key, f"burst {burst} {index}", ""))
                if random.random() < 0.1:
                    yield PlannedAction(round(at + random.uniform(5, 120), 1), "delete_photo", (key,))
        if random.random() < 0.3:
            yield PlannedAction(
                round(random.uniform(30, self._seconds * 0.8), 1), "cancel", (random.choice(self._folders),)
            )
