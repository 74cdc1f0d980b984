"""What is special about each of the bill's worlds. A seed always has the same kind."""

from enum import StrEnum
from random import Random


class WorldKind(StrEnum):
    """The first six: what is special about the key or the records. A person lists a REPLACED key late. In UNBILLED,
    the records never contain some delivered images.

    LONG: runs 9 to 11 days, with calls around each midnight. REFUSED: v2 refuses some submissions without an ID.
    WITHHELD: some pictures are withheld, and Ideogram bills them in some worlds only. LATE: some lost answers arrive
    after all. REPRICED: Ideogram changes a price. SLOW: v1 calls with a long time limit, billed at their end.
    INTERRUPTED: runs of the comparison die, or overlap. RETRIED: the stack sends lost calls again (`retry_once`).
    OTHERS: only the lines of other software are corrected.
    """

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
