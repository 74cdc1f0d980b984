"""Everything that the stand-in remembers between requests, and how it forgets."""

from dataclasses import dataclass
from typing import cast

from starlette.types import Scope

from backdrop_local.standin.bill import Bill
from backdrop_local.standin.clock import Clock
from backdrop_local.standin.faults import FaultBook
from backdrop_local.standin.gallery import Gallery
from backdrop_local.standin.journal import Entry, Journal
from backdrop_local.standin.links import Signer
from backdrop_local.standin.rates import Rates
from backdrop_local.standin.runs import Runs
from backdrop_local.standin.settings import Settings
from backdrop_local.standin.slots import Slots
from backdrop_local.standin.uploads import Uploads


@dataclass
class State:
    """One life of the stand-in, from its start or a reset to the next reset."""

    settings: Settings
    clock: Clock
    signer: Signer
    slots: Slots
    bill: Bill
    faults: FaultBook
    journal: Journal
    gallery: Gallery
    rates: Rates
    runs: Runs
    uploads: Uploads
    out_of_money_status: int | None = None


class Standin:
    """The server's holder of its present state."""

    def __init__(self, seed: int, settings: Settings) -> None:
        self.seed = seed
        self._initial = settings
        self.state = self._fresh()

    def reset(self) -> None:
        """Forget all and begin again with the settings of the start.

        Calls that still run end in the state that they began in.
        """
        self.state = self._fresh()

    def _fresh(self) -> State:
        return State(
            settings=self._initial,
            clock=Clock(),
            signer=Signer(self.seed),
            slots=Slots(),
            bill=Bill(self.seed),
            faults=FaultBook(self.seed),
            journal=Journal(),
            gallery=Gallery(self._initial.kept_picture_bytes),
            rates=Rates(),
            runs=Runs(),
            uploads=Uploads(self.seed, self._initial.kept_picture_bytes),
        )


def state_of(scope: Scope) -> State:
    """The state that this request began in."""
    return cast("State", scope["standin.state"])


def entry_of(scope: Scope) -> Entry:
    """The journal's record of this request."""
    return cast("Entry", scope["standin.entry"])
