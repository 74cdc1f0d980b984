"""Intake: decide what should be done. An event only says where to look; bucket and ledger say the rest."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, takewhile

from backdrop.aws.ledger import Ledger
from backdrop.intake.apply import IntakeResult, Photos
from backdrop.intake.folder_defaults import FolderDefaults, Folders
from backdrop.intake.photo_status import Refusal
from backdrop.intake.references import References
from backdrop.model.codes import Code
from backdrop.model.errors import StaleError, UnreadableError, WaitError
from backdrop.model.intake_event import Look
from backdrop.model.job import Job, Source
from backdrop.model.object_keys import Kind, kind_of, may_share, photo_of, stem_of
from backdrop.pipeline.crash_guard import begin_look, leave_look
from backdrop.pipeline.image_requests import Hearing
from backdrop.pipeline.unreadable_files import report_unreadable
from backdrop.ports import Clock, InputBucket


@dataclass(eq=False, repr=False)
class Intake:
    """The step: where each look leads."""

    photos: InputBucket
    ledger: Ledger
    clock: Clock
    defaults: FolderDefaults
    references: References
    photo: Photos
    folders: Folders
    hearing: Hearing
    _done: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])

    def begin_batch(self, looks: Iterable[Look] = ()) -> None:
        """What was read for the last batch may have changed since; `looks`: those that are to come, where known."""
        self.photo.strangers.begin_batch(looks)
        self.defaults.forget()
        self.references.forget()
        self._done.clear()

    def handle(self, look: Look) -> IntakeResult:
        if look.request and look.request.damage is not None:
            self.hearing.refuse(look, look.request, Code.DAMAGED_MESSAGE, look.request.damage)
            return IntakeResult(refused=(Refusal(look.key, Code.DAMAGED_MESSAGE),))
        match kind_of(look.key):
            case Kind.SIDECAR if not look.request:
                return self._photos_of(look)
            case Kind.DEFAULTS if not look.request:
                return IntakeResult(refused=tuple(Refusal(look.key, code) for code in self.folders.handle(look)))
            case Kind.PHOTO:
                return self._once(look)
            case _ if look.request and look.request.awaited:
                self.hearing.skip(look, look.request)
                return IntakeResult()
            case _ if look.request:
                return self._looked(look)
            case _:
                return IntakeResult()

    def _photos_of(self, look: Look) -> IntakeResult:
        """A sidecar came: look at every photo that it may speak for."""
        accepted: tuple[Job, ...] = ()
        refused: tuple[Refusal, ...] = ()
        for key in self._near(look.bucket, photo_of(look.key)):
            if kind_of(key) is Kind.PHOTO and may_share(look.key, key):
                decision = self._once(Look(look.bucket, key, again=look.again, receives=look.receives))
                accepted, refused = accepted + decision.accepted, refused + decision.refused
        return IntakeResult(accepted, refused)

    def _near(self, bucket: str, own: str) -> Iterator[str]:
        """The keys of a sidecar's own photo and of those that share it: `red.jpg` and `red.jpg.*`, `red` and `red.*`.

        Photos without a sidecar of their own are called `red-1.jpg` and lie between `red` and `red.jpg`: however many
        there are, they are not listed. One that was deleted tells of that itself.
        """
        if stem_of(own) == own.rpartition("/")[2]:
            return chain((own,), self.photos.keys(bucket, f"{own}."))
        # In S3's order all that begins with `red.jpg.` comes before `red.jpg/`.
        return takewhile(lambda key: key < f"{own}/", self.photos.keys(bucket, own))

    def _once(self, look: Look) -> IntakeResult:
        """All events of a batch are older than its first look at their photo: it saw what they tell of."""
        if (look.bucket, look.key) in self._done and look == Look(look.bucket, look.key):
            return IntakeResult()
        decision = self._looked(look)
        if not look.settled:
            self._done.add((look.bucket, look.key))
        return decision

    def _looked(self, look: Look) -> IntakeResult:
        """A look that comes again, a request's as well, leaves a mark, so that a photo which kills is noticed."""
        return self._marked(look) if look.again or look.receives > 1 else self.photo.handle(look)

    def _marked(self, look: Look) -> IntakeResult:
        place = Source.at(look.bucket, look.key)
        begin_look(self.ledger, place, self.clock.now())
        try:
            decision = self.photo.handle(look)
        except (WaitError, StaleError) as error:
            leave_look(self.ledger, place, self.clock)
            if isinstance(error, UnreadableError):
                report_unreadable(self.ledger, self.photo.deliver, self.clock, look, error)
            raise
        leave_look(self.ledger, place, self.clock)
        return decision
