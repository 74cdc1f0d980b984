"""Draws what operators do with mandates, and what hostile, duplicating, killed, and restarted clients do below them."""

from collections.abc import Iterable, Iterator
from random import Random

from simulation.scenarios.planned_action import PlannedAction
from simulation.scenarios.sample_instructions import MASK_SAMPLES, PHOTO_NAMES, PRODUCT_PHOTO_NAMES, RETRY_SAMPLES

OWNED_FOLDERS = ("agents/anna/", "agents/ben/")
# A folder in which the world's other users have photos, too.
SHARED_FOLDER, SHARED_SHARE = "shoes/", 0.3
AMOUNTS_MICRO_USD = (10_000, 60_000, 130_000, 300_000, 600_000, 1_000_000, 3_000_000)
PER_PICTURE_MICRO_USD = (10_000, 30_000, 70_000)
SURCHARGES_MICRO_USD = (10_000, 60_000)
CLIENT_SAMPLES = ("cut", "cut-web", "marble", "sea", "snow", "seasons", *MASK_SAMPLES, *RETRY_SAMPLES)
MIN_PHOTOS, MAX_PHOTOS = 3, 7
RESTART_SHARE = 0.4
LAST_DAY_SHARE = 0.4


def add_last_days(actions: Iterable[PlannedAction], random: Random) -> Iterator[PlannedAction]:
    """Lets some mandates end with the day on which they are created, or with the next one."""
    for action in actions:
        if action.name == "create_mandate" and random.random() < LAST_DAY_SHARE:
            yield PlannedAction(
                action.at_seconds, action.name, (*action.arguments, f"until={random.choice([0, 0, 1])}")
            )
        else:
            yield action


class MandateDraft:
    """Draws actions within `seconds`."""

    def __init__(self, random: Random, seconds: float) -> None:
        self._random, self._seconds = random, seconds

    def draw_actions(self) -> Iterator[PlannedAction]:
        """Yields the actions, in no order."""
        random = self._random
        folders = [*OWNED_FOLDERS, *([SHARED_FOLDER] if random.random() < SHARED_SHARE else [])]
        for folder in folders:
            yield from self._draw_mandates(folder)
        for folder in OWNED_FOLDERS:
            yield from self._draw_client(folder)
        for _ in range(random.choice([0, 0, 1, 2])):
            yield self._build_action(self._draw_time(), "charge_more", str(random.choice(SURCHARGES_MICRO_USD)))

    # -- operators ------------------------------------------------------------------------------------------------

    def _draw_mandates(self, folder: str) -> Iterator[PlannedAction]:
        """A mandate that is changed, and may be ended and released. Then another one may own the folder."""
        random, name = self._random, folder.strip("/").rpartition("/")[2]
        created_at = random.choice([0.0, 0.0, random.uniform(0, self._seconds / 2)])
        yield self._build_action(created_at, "create_mandate", name, folder, *self._draw_terms())
        for _ in range(random.randint(0, 4)):
            yield from self._draw_change(name, random.uniform(created_at, self._seconds))
        if random.random() < 0.3:
            ended_at = random.uniform(created_at, self._seconds)
            yield self._build_action(ended_at, "end_mandate", name)
            if random.random() < 0.6:
                released_at = random.uniform(ended_at, self._seconds)
                yield self._build_action(released_at, "release_mandate", name)
                if random.random() < 0.5:
                    created_at = random.uniform(released_at, self._seconds)
                    yield self._build_action(created_at, "create_mandate", f"{name}-2", folder, *self._draw_terms())

    def _draw_terms(self) -> list[str]:
        random = self._random
        terms = [f"limit={random.choice(AMOUNTS_MICRO_USD)}", f"when_spent={random.choice(['refuse', 'wait'])}"]
        terms += [self._draw_day_limit()] if random.random() < 0.5 else []
        terms += [self._draw_picture_limit()] if random.random() < 0.2 else []
        terms += [self._draw_operations()] if random.random() < 0.2 else []
        return terms

    def _draw_day_limit(self) -> str:
        return f"per_day={self._random.choice(AMOUNTS_MICRO_USD)}"

    def _draw_picture_limit(self) -> str:
        return f"per_picture={self._random.choice(PER_PICTURE_MICRO_USD)}"

    def _draw_operations(self) -> str:
        return f"operations={self._random.choice(['replace', 'remove', 'replace,remove'])}"

    def _draw_change(self, name: str, at_seconds: float) -> Iterator[PlannedAction]:
        """Limits that are raised or lowered, other terms, or a suspension that ends after a while."""
        random = self._random
        change = random.choice(["limit", "limit", "per_day", "other", "suspend"])
        if change == "suspend":
            yield self._build_action(at_seconds, "suspend_mandate", name)
            if random.random() < 0.8:
                yield self._build_action(at_seconds + random.uniform(10, 600), "resume_mandate", name)
            return
        term = {
            "limit": lambda: f"limit={random.choice(AMOUNTS_MICRO_USD)}",
            "per_day": self._draw_day_limit,
            "other": random.choice([self._draw_picture_limit, self._draw_operations]),
        }[change]()
        yield self._build_action(at_seconds, "raise_mandate", name, term)

    # -- clients --------------------------------------------------------------------------------------------------

    def _draw_client(self, folder: str) -> Iterator[PlannedAction]:
        """A client that is killed at some point and then starts from the beginning, as if it had done nothing."""
        random, work = self._random, self._draw_work(folder)
        started_at = random.uniform(0, self._seconds / 3)
        if random.random() < RESTART_SHARE:
            yield from self._shift(work[: random.randint(1, len(work))], started_at)
            started_at += random.uniform(1, self._seconds / 3)
        yield from self._shift(work, started_at)

    def _shift(self, actions: list[PlannedAction], seconds: float) -> Iterator[PlannedAction]:
        return (self._build_action(one.at_seconds + seconds, one.name, *one.arguments) for one in actions)

    def _draw_work(self, folder: str) -> list[PlannedAction]:
        """Photos with instructions, some of them twice, under another key, from another folder, or by a request."""
        random, actions, at_seconds = self._random, list[PlannedAction](), 0.0
        for index in range(random.randint(MIN_PHOTOS, MAX_PHOTOS)):
            key, sample = f"{folder}{index}.jpg", random.choice(CLIENT_SAMPLES)
            photo = random.choice([*PHOTO_NAMES, *PRODUCT_PHOTO_NAMES])
            actions.append(self._build_action(at_seconds, "write_sidecar", key, sample))
            actions.append(self._build_action(at_seconds + random.choice([0.0, 3.0]), "upload", key, photo, ""))
            for _ in range(random.randint(0, 2)):
                at_seconds += random.uniform(0, 60)
                name, *arguments = random.choice(
                    [
                        ("upload_again", key),
                        ("write_sidecar", key, random.choice(CLIENT_SAMPLES)),
                        ("send_request", key, random.choice(CLIENT_SAMPLES)),
                        ("copy_photo", key, f"{folder}copy-{index}.jpg"),
                        ("copy_photo", f"{SHARED_FOLDER}{index}.jpg", f"{folder}copy-{index}.jpg"),
                        ("replace_photo", key, random.choice(PHOTO_NAMES)),
                        ("delete_photo", key),
                    ]
                )
                actions.append(self._build_action(at_seconds, name, *arguments))
            at_seconds += random.uniform(0, 60)
        return actions

    def _build_action(self, at_seconds: float, name: str, *arguments: str) -> PlannedAction:
        return PlannedAction(round(at_seconds, 1), name, arguments)

    def _draw_time(self) -> float:
        return self._random.uniform(0, self._seconds * 0.8)
