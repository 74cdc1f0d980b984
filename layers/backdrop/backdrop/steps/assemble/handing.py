"""What hands over, put together: deliver, and the news of the lanes."""

from dataclasses import dataclass

from backdrop.campaign_ports import TaskTokens
from backdrop.ports import Clock, Downloads, Events, InputBucket, Ledger, OutputBucket, Queue
from backdrop.steps.answering import Answering
from backdrop.steps.deliver import Deliver
from backdrop.steps.followers import Followers
from backdrop.steps.paid_files import PaidFiles
from backdrop.steps.pictures import Pictures
from backdrop.steps.telling import LaneNews
from backdrop.steps.views import Views


@dataclass(eq=False, repr=False)
class Handing:
    """What hands over. `input_bucket` is the stack's own; `max_megapixels` bounds what is decoded."""

    ledger: Ledger
    photos: InputBucket
    output: OutputBucket
    deliver: Queue
    intake: Queue
    downloads: Downloads
    events: Events
    tokens: TaskTokens
    dead_letters: Queue
    clock: Clock
    input_bucket: str
    max_megapixels: int
    provenance: bool = True

    @property
    def views(self) -> Views:
        return Views(self.ledger, self.output, self.input_bucket)


def deliver(handing: Handing) -> Deliver:
    """The step that hands over."""
    pictures = Pictures(
        ledger=handing.ledger,
        photos=handing.photos,
        output=handing.output,
        deliver=handing.deliver,
        files=PaidFiles(handing.output, handing.downloads, handing.clock, handing.max_megapixels),
        clock=handing.clock,
        input_bucket=handing.input_bucket,
        max_megapixels=handing.max_megapixels,
        provenance=handing.provenance,
    )
    return Deliver(
        ledger=handing.ledger,
        pictures=pictures,
        views=handing.views,
        followers=Followers(handing.ledger, handing.deliver, handing.intake, handing.clock),
        events=handing.events,
        answering=Answering(handing.ledger, handing.tokens, handing.clock),
        dead_letters=handing.dead_letters,
        clock=handing.clock,
    )


def lane_news(handing: Handing) -> LaneNews:
    """The step that tells people how a provider is."""
    return LaneNews(handing.ledger, handing.output, handing.events, handing.views)
