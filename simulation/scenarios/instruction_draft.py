"""Draws a run's instructions except simple sidecars: folder defaults, variants, outputs, requests, and pairs."""

from collections.abc import Callable, Iterator, Sequence
from random import Random

from simulation.scenarios.planned_action import PlannedAction
from simulation.scenarios.sample_instructions import (
    BROKEN_SAMPLES,
    COMPLEX_SAMPLES,
    DEFAULTS_SAMPLES,
    PHOTO_NAMES,
    SIMPLE_SAMPLES,
)

PARENT_FOLDERS = ("/", "hats/")
"""Folders above those that contain photos."""
MAX_PAIRS = 6
MAX_TASKS = 6
EXECUTION_NAMES = ("", "one", "one", "two")
TASK_VARIATIONS = (
    "plain",
    "plain",
    "plain",
    "plain",
    "twice",
    "used",
    "foreign-bucket",
    "no-key",
    "no-image",
    "a-field-too-many",
)


class InstructionDraft:
    """Draws actions within `seconds`. `keys` are those of the photos, and `folders` contain them."""

    def __init__(self, random: Random, seconds: float, keys: Sequence[str], folders: Sequence[str]) -> None:
        self._random, self._seconds, self._keys = random, seconds, keys
        self._folders = [*(folder or "/" for folder in folders), *PARENT_FOLDERS]

    def draw_actions(self) -> Iterator[PlannedAction]:
        """Yields the actions, in no order."""
        for chance, max_count, draw_action in self._list_optional_actions():
            if self._random.random() < chance:
                for _ in range(self._random.randint(1, max_count)):
                    yield from draw_action()

    def _list_optional_actions(self) -> list[tuple[float, int, Callable[[], Iterator[PlannedAction]]]]:
        return [
            (0.5, 2, self._draw_defaults),
            (0.5, 3, self._draw_complex_sidecars),
            (0.3, 3, self._draw_request),
            (0.25, 2, self._draw_rerun),
            (0.3, MAX_PAIRS, self._draw_pair),
            (0.4, MAX_TASKS, self._draw_task),
            (0.15, 1, self._draw_stop),
        ]

    def _build_action(self, at_seconds: float, name: str, *arguments: str) -> PlannedAction:
        return PlannedAction(round(at_seconds, 1), name, arguments)

    def _draw_time(self) -> float:
        return self._random.uniform(0, self._seconds * 0.8)

    def _draw_defaults(self) -> Iterator[PlannedAction]:
        """Folder defaults are written. Some are later edited, broken and fixed, or deleted."""
        random, folder = self._random, self._random.choice(self._folders)
        at_seconds = self._draw_time()
        yield self._build_action(at_seconds, "write_default", folder, random.choice(DEFAULTS_SAMPLES))
        for _ in range(random.randint(0, 3)):
            at_seconds += random.uniform(1, self._seconds / 4)
            edit = random.choice(["edit", "break", "break", "remove"])
            if edit == "remove":
                yield self._build_action(at_seconds, "delete_default", folder)
            else:
                yield self._build_action(
                    at_seconds,
                    "write_default",
                    folder,
                    random.choice(BROKEN_SAMPLES if edit == "break" else DEFAULTS_SAMPLES),
                )
            if edit == "break" and random.random() < 0.7:
                at_seconds += random.uniform(1, self._seconds / 4)
                yield self._build_action(at_seconds, "write_default", folder, random.choice(DEFAULTS_SAMPLES))

    def _draw_complex_sidecars(self) -> Iterator[PlannedAction]:
        """A photo's sidecar with variants or outputs, edited several times."""
        random, key, at_seconds = self._random, self._random.choice(self._keys), self._draw_time()
        for _ in range(random.randint(1, 3)):
            yield self._build_action(at_seconds, "write_sidecar", key, random.choice(COMPLEX_SAMPLES))
            at_seconds += random.uniform(1, self._seconds / 5)

    def _draw_request(self) -> Iterator[PlannedAction]:
        sample = self._random.choice([*SIMPLE_SAMPLES, "cut-web", "seasons", "stingy", "typo"])
        yield self._build_action(self._draw_time(), "send_request", self._random.choice(self._keys), sample)

    def _draw_task(self) -> Iterator[PlannedAction]:
        """A task requests a picture and waits, perhaps in an execution that is stopped later."""
        random = self._random
        sample = random.choice([*SIMPLE_SAMPLES, "cut-web", "seasons", "stingy", "typo"])
        arguments = random.choice(self._keys), sample, random.choice(EXECUTION_NAMES), random.choice(TASK_VARIATIONS)
        yield self._build_action(self._draw_time(), "send_task", *arguments)

    def _draw_stop(self) -> Iterator[PlannedAction]:
        yield self._build_action(self._draw_time(), "stop_execution", self._random.choice(EXECUTION_NAMES[1:]))

    def _draw_rerun(self) -> Iterator[PlannedAction]:
        yield self._build_action(self._draw_time(), "rerun", self._random.choice(self._folders[:-1]))

    def _draw_pair(self) -> Iterator[PlannedAction]:
        """A photo and its instructions, in either order, less than the settle time apart."""
        random = self._random
        at_seconds, name = self._draw_time(), f"pairs/{random.randrange(1_000_000)}.jpg"
        if random.random() < 0.3:
            yield self._build_action(
                at_seconds,
                "upload_pair",
                name,
                random.choice(PHOTO_NAMES),
                random.choice(["cut", "marble"]),
                self._draw_gap(0.5),
            )
        else:
            sample = f"file:{random.choice([*SIMPLE_SAMPLES, 'seasons'])}"
            yield self._build_action(
                at_seconds, "upload_pair", name, random.choice(PHOTO_NAMES), sample, self._draw_gap(-100)
            )

    def _draw_gap(self, min_seconds: float) -> str:
        return f"{self._random.choice([max(min_seconds, -1.0), max(min_seconds, -60.0), 0.5, 5.0, 12.0, 18.0]):.1f}"
