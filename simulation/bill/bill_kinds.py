"""What is special about each of the bill's worlds. A seed always has the same kind."""

from enum import StrEnum
from random import Random


class WorldKind(StrEnum):
    """KIND_TEXTS says what each one means."""

    OWN = "own"
    CORRECTED = "corrected"
    DAMAGED = "damaged"
    SHARED = "shared"
    REPLACED = "replaced"
    UNBILLED = "unbilled"
    LONG = "long"
    REFUSED = "refused"
    WITHHELD = "withheld"
    LATE = "late"
    REPRICED = "repriced"
    SLOW = "slow"
    INTERRUPTED = "interrupted"
    RETRIED = "retried"
    OTHERS = "others"


KIND_TEXTS = {
    WorldKind.OWN: "only this stack uses its key, and the records are right, but late",
    WorldKind.CORRECTED: "some charges appear only after their hour was final",
    WorldKind.DAMAGED: "some answers of Ideogram are cut, old, malformed, or errors",
    WorldKind.SHARED: "other software uses the key, too, and some lost calls are billed late",
    WorldKind.REPLACED: "the key is replaced, and a person lists the new one late",
    WorldKind.UNBILLED: "the records never contain some delivered images",
    WorldKind.LONG: "9 to 11 days, with calls around each midnight",
    WorldKind.REFUSED: "v2 refuses some submissions",
    WorldKind.WITHHELD: "some pictures are withheld, and Ideogram bills them in some of the worlds",
    WorldKind.LATE: "some lost answers arrive after all, and some records are corrected",
    WorldKind.REPRICED: "Ideogram changes a price, in some worlds to that of another speed",
    WorldKind.SLOW: "v1 calls with a long time limit, near the end of an hour",
    WorldKind.INTERRUPTED: "runs of the comparison die at any write, or overlap, and some records are corrected",
    WorldKind.RETRIED: "the stack sends lost calls again (`OnLostAnswer=retry_once`)",
    WorldKind.OTHERS: "the usage of other software is corrected",
}
KIND_WEIGHTS = {
    WorldKind.OWN: 50,
    WorldKind.CORRECTED: 15,
    WorldKind.DAMAGED: 10,
    WorldKind.SHARED: 10,
    WorldKind.REPLACED: 10,
    WorldKind.UNBILLED: 5,
}
STORIES = tuple(kind for kind in WorldKind if kind not in KIND_WEIGHTS)
# Of as many seeds as there are kinds, the first ones draw one of KIND_WEIGHTS, and each other one has its own story.
DRAWN_SEEDS = len(WorldKind) - len(STORIES)
# Each charge of the stack's key appears in the records, at the listed price, before its hour is final.
RIGHT_RECORDS = frozenset(
    {
        WorldKind.OWN,
        WorldKind.LONG,
        WorldKind.REFUSED,
        WorldKind.WITHHELD,
        WorldKind.SLOW,
        WorldKind.RETRIED,
        WorldKind.OTHERS,
    }
)
# Which share of the charges appears in the records only after their hour was final.
LATE_SHARES = {WorldKind.CORRECTED: 0.1, WorldKind.LATE: 0.1, WorldKind.INTERRUPTED: 0.25}


def choose_kind(seed: int, random: Random) -> WorldKind:
    drawn = random.choices(list(KIND_WEIGHTS), list(KIND_WEIGHTS.values()))[0]
    place = seed % len(WorldKind)
    return drawn if place < DRAWN_SEEDS else STORIES[place - DRAWN_SEEDS]
