"""The state that the stand-in keeps between requests, and its reset."""

from dataclasses import dataclass
from typing import cast

from starlette.types import Scope

from backdrop_local.standin.bill import Bill
from backdrop_local.standin.clock import StandinClock
from backdrop_local.standin.faults import FaultRules
from backdrop_local.standin.generations import Generations
from backdrop_local.standin.journal import Journal, JournalEntry
from backdrop_local.standin.picture_store import PictureStore
from backdrop_local.standin.rate_limiter import RateLimiter
from backdrop_local.standin.settings import StandinSettings
from backdrop_local.standin.signed_links import LinkSigner
from backdrop_local.standin.slots import Slots
from backdrop_local.standin.upload_store import UploadStore


@dataclass
class StandinState:
    """The state between a start or a reset and the next reset."""

    settings: StandinSettings
    clock: StandinClock
    signer: LinkSigner
    slots: Slots
    bill: Bill
    faults: FaultRules
    journal: Journal
    picture_store: PictureStore
    rate_limiter: RateLimiter
    generations: Generations
    uploads: UploadStore
    out_of_money_status: int | None = None


class Standin:
    """Holds the current state, which a reset replaces."""

    def __init__(self, seed: int, settings: StandinSettings) -> None:
        self.seed = seed
        self._initial = settings
        self.state = self._create_state()

    def reset(self) -> None:
        """Replaces the state with an empty one and the initial settings.

        Calls in progress end in the state in which they started.
        """
        self.state = self._create_state()

    def _create_state(self) -> StandinState:
        return StandinState(
            settings=self._initial,
            clock=StandinClock(),
            signer=LinkSigner(self.seed),
            slots=Slots(),
            bill=Bill(self.seed),
            faults=FaultRules(self.seed),
            journal=Journal(),
            picture_store=PictureStore(self._initial.kept_picture_bytes),
            rate_limiter=RateLimiter(),
            generations=Generations(),
            uploads=UploadStore(self.seed, self._initial.kept_picture_bytes),
        )


def read_state(scope: Scope) -> StandinState:
    """Returns the state in which this request started."""
    return cast("StandinState", scope["standin.state"])


def read_entry(scope: Scope) -> JournalEntry:
    """Returns the journal's record of this request."""
    return cast("JournalEntry", scope["standin.entry"])
