"""Draws what users do with photos of a product that can be compared: with retries, with masks, and with approvals."""

from collections.abc import Iterator, Sequence
from random import Random

from simulation.scenarios.planned_action import PlannedAction
from simulation.scenarios.sample_instructions import (
    APPROVAL_SAMPLES,
    MASK_SAMPLES,
    PHOTO_NAMES,
    PRODUCT_PHOTO_NAMES,
    RETRY_SAMPLES,
)

SAMPLE_GROUPS = (RETRY_SAMPLES, MASK_SAMPLES, APPROVAL_SAMPLES, APPROVAL_SAMPLES)
OTHER_SAMPLES = ("no-retry", "not-reviewed", "marble", "cut", "cut-web")
"""Instructions that end a retry or a review, or that make the mask of a photo one of its pictures."""
TASK_VARIATIONS = ("plain", "plain", "twice", "campaign")
EXECUTION_NAMES = ("", "one")
FILE_DAMAGES = ("delete", "replace")
MIN_PRODUCTS, MAX_PRODUCTS = 3, 8
SOON_SECONDS = 60
DISMISSAL_SHARE = 0.2


class ProductDraft:
    """Draws actions within `seconds`. The photos are put into `folders`."""

    def __init__(self, random: Random, seconds: float, folders: Sequence[str]) -> None:
        self._random, self._seconds, self._folders = random, seconds, folders

    def draw_actions(self) -> Iterator[PlannedAction]:
        """Yields the actions, in no order. Many photos have the same bytes, so some of them share their pictures."""
        random = self._random
        for index in range(random.randint(MIN_PRODUCTS, MAX_PRODUCTS)):
            yield from self._draw_product(f"{random.choice(self._folders)}product-{index}.png")
        for _ in range(random.randint(0, 2)):
            yield self._build_action(self._draw_time(), "damage_review_file", random.choice(FILE_DAMAGES))
        if random.random() < DISMISSAL_SHARE:
            yield self._build_action(random.uniform(0, self._seconds), "dismiss_reviewers")

    def _draw_product(self, key: str) -> Iterator[PlannedAction]:
        """A photo arrives with its instructions, and some are changed later, mostly within their group."""
        random, at_seconds, group = self._random, self._draw_time(), self._random.choice(SAMPLE_GROUPS)
        photo = random.choice(PRODUCT_PHOTO_NAMES)
        yield self._build_action(at_seconds, "write_sidecar", key, random.choice(group))
        yield self._build_action(at_seconds + random.choice([0.0, 3.0]), "upload", key, photo, "")
        for _ in range(random.randint(0, 2)):
            at_seconds += random.choice([random.uniform(1, SOON_SECONDS), random.uniform(1, self._seconds / 4)])
            yield self._draw_change(at_seconds, key, group)

    def _draw_change(self, at_seconds: float, key: str, group: Sequence[str]) -> PlannedAction:
        random = self._random
        task = random.choice(group), random.choice(EXECUTION_NAMES), random.choice(TASK_VARIATIONS)
        name, *arguments = random.choice(
            [
                ("write_sidecar", random.choice(group)),
                ("write_sidecar", random.choice(group)),
                ("write_sidecar", random.choice(random.choice(SAMPLE_GROUPS))),
                ("write_sidecar", random.choice(OTHER_SAMPLES)),
                ("send_task", *task),
                ("send_task", *task),
                ("send_request", random.choice(group)),
                ("replace_photo", random.choice([*PHOTO_NAMES, *PRODUCT_PHOTO_NAMES])),
                ("copy_photo", f"{key.removesuffix('.png')}-copy.png"),
                ("upload_again",),
                ("delete_photo",),
            ]
        )
        return self._build_action(at_seconds, name, key, *arguments)

    def _build_action(self, at_seconds: float, name: str, *arguments: str) -> PlannedAction:
        return PlannedAction(round(at_seconds, 1), name, arguments)

    def _draw_time(self) -> float:
        return self._random.uniform(0, self._seconds * 0.8)
