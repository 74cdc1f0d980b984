"""One seed's plan, drawn before anything is played: the stack's setup, the faults, and what people do when."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from proof.simulate.act import Act
from proof.simulate.faults import POISON
from proof.simulate.lasting import FOR_AN_HOUR, FOR_DAYS
from proof.simulate.sayings import Sayings
from proof.simulate.wishes import DEFAULTS, EDITS, ELSEWHERE, NO_PHOTO, PHOTOS, PLAIN, TAGS
from proof.world.faults import AT, FAULTS, by_lot, draw_faults, lane_faults, named
from proof.world.provider import Kind

FOLDERS = ("shoes/", "bags/", "hats/summer/", "")
FEWEST_PHOTOS, MOST_PHOTOS = 3, 10
FEWEST_FAULTS, MOST_FAULTS = 3, 8
# Of each further lane.
FEWEST_LANE_FAULTS, MOST_LANE_FAULTS = 1, 2
AMPLE = 10_000_000
BUDGETS = (0, 20_000, 100_000, 240_000, *[AMPLE] * 8)
ARRIVAL_SECONDS = 400
# A photo that kills its workers needs so long until it is given up, and what lasts for an hour until it is over.
LONG_MINUTES = 75
LONG = FOR_AN_HOUR | {POISON}
# One seed in so many has a fault that takes days to be set right.
SLOW_SEEDS = 12
MIXED_SEEDS = 3
# Of fewer calls at a time there are seldom as many as half of them.
FEWEST_FOR_HALF = 3
QUEUES = ("intake", "ideogram", "deliver")
DAMAGE = (
    "{",
    "[]",
    '{"kind": "paint"}',
    '{"Records": [{"s3": {}}]}',
    '{"bucket": "foreign", "key": "a.jpg"}',
    "null",
    '"x"',
)


@dataclass(frozen=True)
class Plan:
    """All that a seed decides before the first event. `setup` are the world's parameters, `minutes` the faults' time.

    `asleep`: the stack is some days old, and there is a photo in its bucket that is too old to be bought unasked.
    `late`: it begins three minutes before midnight.
    """

    seed: int
    setup: dict[str, Any]
    faults: tuple[str, ...]
    acts: tuple[Act, ...]
    minutes: int
    asleep: bool = False
    late: bool = False

    @property
    def lanes(self) -> tuple[str, ...]:
        """The further lanes."""
        return tuple(self.setup.get("besides", ()))

    @property
    def slow(self) -> bool:
        """Whether it takes days until all is set right."""
        return any(named(name).slow for name in self.faults)

    @property
    def for_days(self) -> bool:
        """Whether something lasts for days, whatever else is over."""
        return bool(FOR_DAYS & _plain(self.faults))

    def but(self, **changed: Any) -> "Plan":
        """The same with some parts changed."""
        return replace(self, **changed)

    def told(self) -> list[str]:
        """The plan in lines."""
        setup = " ".join(f"{name}={value}" for name, value in self.setup.items())
        return [f"seed {self.seed}: {setup}", f"faults: {', '.join(self.faults)}", *map(str, self.acts)]


def draw(seed: int, faults: Sequence[str] | None = None, kind: str = "", *, mixed: bool = True) -> Plan:
    """The plan of a seed; faults and the provider's kind may be chosen, and then there is one lane.

    `mixed`: whether some seeds have several.
    """
    random = Random(f"plan {seed}")
    setup = _setup(random)
    if kind:
        setup["kind"] = kind
    drawn = _faults(Random(f"faults {seed}"), setup)
    announced = drawn if faults is None else tuple(faults)
    lanes = Random(f"lanes {seed}")
    several = mixed and faults is None and not kind and lanes.randrange(MIXED_SEEDS) == 0
    if several:
        announced += _further_lanes(lanes, setup)
    short = random.randint(15, 30)
    minutes = LONG_MINUTES if LONG & _plain(announced) else short
    draft = _Draft(random, minutes * 60)
    acts = draft.acts()
    said = Sayings(Random(f"sayings {seed}"), minutes * 60, draft.keys, FOLDERS).acts()
    acts = tuple(sorted((*acts, *said), key=lambda act: act.at))
    if several:
        acts = _spread(lanes, acts, [*setup["besides"]])
    return Plan(seed, setup, announced, acts, minutes, asleep=random.random() < 0.1, late=random.random() < 0.1)


def _plain(faults: Iterable[str]) -> set[str]:
    """The names of faults without their lanes."""
    return {named(name).name for name in faults}


def _further_lanes(random: Random, setup: dict[str, Any]) -> tuple[str, ...]:
    """One or two lanes besides, of other kinds, and the faults of each."""
    own_id = setup["kind"] == Kind.OWN_ID.value
    setup["besides"] = {"runware": Kind.OWN_ID} | ({} if own_id else {"segmind": random.choice([*Kind])})
    announced: list[str] = []
    for lane, kind in setup["besides"].items():
        drawn = [name for name in lane_faults(random, kind) if _can_strike(name, setup)]
        announced += (f"{name}{AT}{lane}" for name in drawn[: random.randint(FEWEST_LANE_FAULTS, MOST_LANE_FAULTS)])
    return tuple(announced)


def _can_strike(name: str, setup: dict[str, Any]) -> bool:
    return name != "half_limit" or setup["account_limit"] >= FEWEST_FOR_HALF


def _spread(random: Random, acts: tuple[Act, ...], lanes: list[str]) -> tuple[Act, ...]:
    """The same deeds of people who mostly name one of these lanes, or several in order of preference."""

    def worded(word: str, ends: tuple[str, ...]) -> str:
        found = [one for one in ELSEWHERE.get(word, ()) if one.endswith(ends)]
        return random.choice(found) if found and random.random() < 0.7 else word

    def told(act: Act) -> Act:
        """A folder's default names several: of one that is named alone a photo that asks for less is refused."""
        ends = ("-listed",) if act.deed == "default" else ("-listed", *lanes)
        return replace(act, words=tuple(worded(word, ends) for word in act.words))

    return tuple(told(act) if act.deed in {"sidecar", "default", "request", "pair"} else act for act in acts)


def _faults(random: Random, setup: dict[str, Any]) -> tuple[str, ...]:
    """Faults that can strike with this setup; in some seeds one that takes days."""
    slow = random.randrange(SLOW_SEEDS) == 0
    drawn = {*draw_faults(random, random.randint(FEWEST_FAULTS, MOST_FAULTS), Kind(setup["kind"]))}
    drawn |= {*by_lot(random, (name for name, one in FAULTS.items() if one.slow))[:slow]}
    return tuple(sorted(name for name in drawn if _can_strike(name, setup)))


def _setup(random: Random) -> dict[str, Any]:
    in_flight = random.choice([2, 3, 4, 10])
    return {
        "kind": random.choice([*Kind]).value,
        "on_lost_answer": random.choice(["retry_once", "retry_once", "hold"]),
        "budget": random.choice(BUDGETS),
        "in_flight": in_flight,
        "account_limit": random.choice([in_flight, in_flight, in_flight // 2]),
    }


class _Draft:
    """Draws what people do in `seconds`."""

    def __init__(self, random: Random, seconds: float) -> None:
        self._random = random
        self._seconds = seconds
        self._acts: list[Act] = []
        self.keys: list[str] = []

    def acts(self) -> tuple[Act, ...]:
        """All deeds in the order of their times."""
        random = self._random
        for number in range(random.randint(FEWEST_PHOTOS, MOST_PHOTOS)):
            self._arrival(f"{random.choice(FOLDERS)}{number}.jpg")
        for _ in range(random.randint(0, 6)):
            self._change()
        for chance, deed in self._orders():
            if random.random() < chance:
                deed()
        return tuple(sorted(self._acts, key=lambda act: act.at))

    def _orders(self) -> list[tuple[float, Callable[[], None]]]:
        return [
            (0.4, self._redrive),
            (0.15, self._pay_again),
            (0.15, self._cancel),
            (0.3, self._pause),
            (0.35, self._budget),
            (0.4, self._damaged),
            (0.3, lambda: self._do(0, "old", self._fresh_key("old"))),
            (0.3, lambda: self._do(self._any_time(), "feedback", self._key())),
            (0.3, lambda: self._do(self._any_time(), "default", self._random.choice(FOLDERS) or "/", DEFAULTS[0])),
        ]

    def _do(self, at: float, deed: str, *words: str) -> None:
        self._acts.append(Act(round(at, 1), deed, words))

    def _any_time(self, first: float = 0.0) -> float:
        return self._random.uniform(first, self._seconds * 0.8)

    def _key(self) -> str:
        return self._random.choice(self.keys)

    def _fresh_key(self, name: str) -> str:
        return f"{self._random.choice(FOLDERS)}{name}.jpg"

    def _arrival(self, key: str) -> None:
        """A photo with tags, with a sidecar before or after it, or with nothing."""
        random = self._random
        self.keys.append(key)
        at = random.uniform(0, ARRIVAL_SECONDS)
        name = NO_PHOTO if random.random() < 0.04 else random.choice(PHOTOS)
        way = random.choice(["tags", "tags", "sidecar", "sidecar", "sidecar", "both", "nothing"])
        tags = random.choice(["cut", "marble"]) if way in ("tags", "both") else random.choice(["", "foreign"])
        self._do(at, "drop", key, name, tags)
        if way in ("sidecar", "both"):
            wish = random.choice(PLAIN if random.random() < 0.85 else EDITS)
            self._do(max(at + random.choice([-30.0, -1.0, 0.1, 3.0, 15.0, 60.0]), 0), "sidecar", key, wish)

    def _change(self) -> None:
        """Something about a photo is changed, soon after it came or long after."""
        random = self._random
        key, at = self._key(), self._any_time(5)
        deed = random.choice(
            ["sidecar", "sidecar", "sidecar", "replace", "replace", "again", "delete", "unsay", "tag", "repeat", "copy"]
        )
        words = {
            "sidecar": lambda: (key, random.choice(EDITS)),
            "replace": lambda: (key, random.choice(PHOTOS)),
            "tag": lambda: (key, random.choice([*TAGS])),
            "copy": lambda: (key, self._fresh_key(f"copy{len(self._acts)}")),
            "repeat": lambda: (str(random.randrange(1000)),),
        }.get(deed, lambda: (key,))()
        self._do(at, deed, *words)
        if deed in ("sidecar", "replace") and random.random() < 0.3:
            back = {"sidecar": random.choice(PLAIN), "replace": random.choice(PHOTOS)}[deed]
            self._do(at + random.uniform(1, 200), deed, key, back)

    def _redrive(self) -> None:
        self._do(self._any_time(self._seconds / 2), "redrive")

    def _pay_again(self) -> None:
        self._do(self._any_time(self._seconds / 2), "pay_again")

    def _cancel(self) -> None:
        self._do(self._any_time(60), "cancel", self._random.choice(FOLDERS))

    def _pause(self) -> None:
        self._do(self._any_time(10), "pause", f"{self._random.uniform(60, 700):.0f}")

    def _budget(self) -> None:
        self._do(self._any_time(30), "budget", str(self._random.choice([0, 60_000, 200_000, AMPLE, AMPLE])))

    def _damaged(self) -> None:
        for number in range(self._random.randint(1, 2)):
            body = f"{self._random.choice(DAMAGE)}{' ' * number}"
            self._do(self._any_time(), "damaged", self._random.choice(QUEUES), body)
