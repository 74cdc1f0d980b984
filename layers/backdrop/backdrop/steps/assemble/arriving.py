"""Puts the parts of intake together."""

from collections.abc import Mapping
from dataclasses import dataclass

from backdrop.ports import Books, Clock, InputBucket, Inputs, Ledger, Queue
from backdrop.steps.asking import Asking
from backdrop.steps.defaults import FolderDefaults
from backdrop.steps.folders import Folders
from backdrop.steps.intake import Intake
from backdrop.steps.photo import Photos
from backdrop.steps.references import References
from backdrop.steps.seen import Seer


@dataclass(frozen=True)
class Arriving:
    """What intake is made of. `lanes` holds the queues of the providers that are on."""

    photos: InputBucket
    inputs: Inputs
    ledger: Ledger
    books: Books
    lanes: Mapping[str, Queue]
    deliver: Queue
    intake: Queue
    clock: Clock
    default_provider: str
    settle_seconds: int
    max_megapixels: int

    def step(self) -> Intake:
        """The step."""
        defaults = FolderDefaults(self.photos)
        references = References(self.photos, self.inputs, self.max_megapixels)
        folders = Folders(self.ledger, self.books, defaults, self.intake, self.deliver, self.clock)
        seer = Seer(self.photos, self.inputs, self.max_megapixels)
        asking = Asking(self.photos, seer, defaults, references, self.clock, self.default_provider)
        photo = Photos(
            asking=asking,
            ledger=self.ledger,
            folders=folders,
            lanes=self.lanes,
            deliver=self.deliver,
            intake=self.intake,
            clock=self.clock,
            settle_seconds=self.settle_seconds,
        )
        return Intake(self.photos, self.ledger, self.clock, defaults, references, photo, folders)
