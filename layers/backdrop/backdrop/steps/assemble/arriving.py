"""Puts the parts of intake together."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from backdrop.core.money import Configured
from backdrop.ports import Books, Clock, InputBucket, Inputs, Ledger, OutputBucket, Queue
from backdrop.steps.asking import Asking
from backdrop.steps.folder_defaults import FolderDefaults, Folders
from backdrop.steps.hearing import Hearing
from backdrop.steps.intake import Intake
from backdrop.steps.moving import Moves, into_lanes
from backdrop.steps.onward import Onward
from backdrop.steps.photo import Photos
from backdrop.steps.receipts import Receipts
from backdrop.steps.references import References
from backdrop.steps.seen import Seer
from backdrop.steps.strangers import Strangers


@dataclass(frozen=True)
class Arriving:
    """What intake is made of. `lanes` holds the queues of the providers that are on; `input_bucket` is the stack's own.

    Of the output bucket it knows the inputs that it puts aside, and first receipts.
    """

    photos: InputBucket
    output: OutputBucket
    input_bucket: str
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
    prices: Configured = field(default_factory=dict[str, int])

    def step(self) -> Intake:
        """The step."""
        defaults = FolderDefaults(self.photos)
        references = References(self.photos, self.inputs, self.max_megapixels)
        folders = Folders(self.ledger, self.books, defaults, self.intake, self.deliver, self.clock)
        asking = Asking(
            photos=self.photos,
            see=Seer(self.photos, self.inputs, self.max_megapixels),
            defaults=defaults,
            references=references,
            clock=self.clock,
            default_provider=self.default_provider,
            prices=self.prices,
            lane_of=self.ledger.lane,
        )
        hearing = Hearing(self.ledger, self.deliver, self.clock)
        onward = Onward(
            ledger=self.ledger,
            lanes=self.lanes,
            moves=Moves(self.ledger, self.lanes, into_lanes(self.lanes), self.deliver, self.clock, self.prices),
            receipts=Receipts(self.output, self.input_bucket),
            deliver=self.deliver,
            clock=self.clock,
        )
        photo = Photos(
            asking=asking,
            ledger=self.ledger,
            folders=folders,
            hearing=hearing,
            deliver=self.deliver,
            intake=self.intake,
            onward=onward,
            strangers=Strangers(self.ledger),
            clock=self.clock,
            settle_seconds=self.settle_seconds,
        )
        return Intake(self.photos, self.ledger, self.clock, defaults, references, photo, folders, hearing)
