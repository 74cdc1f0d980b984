"""The intake stage: routes each event by the kind of its key. The event only names the object to check."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, takewhile

from backdrop.aws.ledger import Ledger
from backdrop.intake.folder_defaults import MAX_WOKEN_PHOTOS, FolderDefaultsIntake
from backdrop.intake.photo_intake import IntakeResult, PhotoIntake
from backdrop.intake.photo_status import IntakeRefusal
from backdrop.model.codes import Code
from backdrop.model.errors import (
    ConflictError,
    DecisionRefusedError,
    MalformedMessageError,
    RetryLaterError,
    UnreadableFileError,
)
from backdrop.model.intake_event import IntakeEvent
from backdrop.model.job import Job, Source
from backdrop.model.object_keys import ObjectKind, classify_key, is_sidecar_of, photo_key_of, stem_of
from backdrop.model.queue_messages import CheckMessage, FolderMessage, RecheckMessage
from backdrop.model.review import PictureDecision
from backdrop.model.unicode_text import list_unicode_forms
from backdrop.pipeline.approvals import Approvals
from backdrop.pipeline.crash_guard import begin_photo_processing, end_photo_processing
from backdrop.pipeline.enqueue import enqueue_for_intake
from backdrop.pipeline.image_requests import ImageRequests
from backdrop.pipeline.unreadable_files import report_unreadable
from backdrop.ports import Clock, InputBucket

MAX_CHECKED_PHOTOS = 5
"""Of one sidecar, in one invocation. Each may have to be read and prepared, which takes seconds."""
MAX_LISTED_KEYS = 5000
LAST_CHARACTER = "\U0010ffff"
"""Of Unicode, so that in S3's order, no other key in a folder comes after it."""


@dataclass(eq=False, repr=False)
class IntakeService:
    photos: InputBucket
    ledger: Ledger
    clock: Clock
    photo_intake: PhotoIntake
    folder_defaults_intake: FolderDefaultsIntake
    image_requests: ImageRequests
    approvals: Approvals
    _handled_keys: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])

    def start_batch(self, events: Iterable[IntakeEvent] = ()) -> None:
        """Clears the caches of the previous batch. `events`: the events of this batch, if known."""
        self.photo_intake.prefetch.start_batch(events)
        self.photo_intake.resolver.clear_caches()
        self._handled_keys.clear()

    def handle_each(self, events: Iterable[IntakeEvent]) -> Iterator[IntakeResult]:
        """Handles the events of one message: one that must be handled later, or that is malformed, stops no other.

        Raises what `handle` raised first, after the others were handled, or what parsing the events raised.
        """
        first_error: RetryLaterError | ConflictError | None = None
        try:
            for event in events:
                try:
                    result = self.handle(event)
                except (RetryLaterError, ConflictError) as error:
                    first_error = first_error or error
                else:
                    yield result
        except MalformedMessageError:
            # The message returns, and so do its malformed records.
            if first_error is None:
                raise
        if first_error:
            raise first_error

    def handle(self, event: IntakeEvent) -> IntakeResult:
        if event.request and event.request.invalid_reason is not None:
            self.image_requests.refuse(event, event.request, Code.DAMAGED_MESSAGE, event.request.invalid_reason)
            return IntakeResult(refused=(IntakeRefusal(event.key, Code.DAMAGED_MESSAGE),))
        match classify_key(event.key):
            case ObjectKind.SIDECAR if not event.request:
                return self._handle_sidecar(event)
            case ObjectKind.DEFAULTS if not event.request:
                return IntakeResult(
                    refused=tuple(IntakeRefusal(event.key, code) for code in self.folder_defaults_intake.handle(event))
                )
            case ObjectKind.PHOTO:
                return self._handle_once_per_batch(event)
            case _ if event.request and event.request.is_tracked:
                self.image_requests.skip(event, event.request)
                return IntakeResult()
            case _ if event.request:
                return self._handle_photo(event)
            case _:
                return IntakeResult()

    def decide(self, decision: PictureDecision) -> Job | None:
        """Carries out a person's decision about a picture; None if another person has made the same decision.

        Raises DecisionRefusedError if it cannot be carried out, and ConflictError if the picture keeps changing.
        """
        try:
            return self.approvals.decide(decision)
        except DecisionRefusedError as error:
            if error.code is Code.PICTURE_DECIDED and error.earlier_decision is decision.decision:
                return None
            raise

    def _handle_sidecar(self, event: IntakeEvent) -> IntakeResult:
        """Checks every photo to which the sidecar may belong: a few at once, and many by a message for each."""
        photo_keys, next_start = self._list_photos_of_sidecar(event)
        if len(photo_keys) > MAX_CHECKED_PHOTOS or event.start_after or next_start:
            self._enqueue_checks(event, photo_keys, next_start)
            return IntakeResult()
        accepted: tuple[Job, ...] = ()
        refused: tuple[IntakeRefusal, ...] = ()
        for key in photo_keys:
            result = self._handle_once_per_batch(
                IntakeEvent(event.bucket, key, is_repeated=event.is_repeated, receive_count=event.receive_count)
            )
            accepted, refused = accepted + result.accepted, refused + result.refused
        return IntakeResult(accepted, refused)

    def _enqueue_checks(self, event: IntakeEvent, photo_keys: Sequence[str], next_start: str) -> None:
        """Has intake check these photos, and continue with the others."""
        queue = self.photo_intake.intake_queue
        # An earlier delivery may have found so few photos that it began to check them.
        message_class = RecheckMessage if event.receive_count > 1 else CheckMessage
        for key in photo_keys:
            enqueue_for_intake(queue, message_class(bucket=event.bucket, key=key))
        if next_start:
            enqueue_for_intake(queue, FolderMessage(bucket=event.bucket, key=event.key, start_after=next_start))

    def _list_photos_of_sidecar(self, event: IntakeEvent) -> tuple[Sequence[str], str]:
        """Returns photos of a sidecar, and after which key to continue; "" if these are all.

        Many keys and subfolders may look like such a photo without being one, so their number is limited too.
        """
        photo_keys: list[str] = []
        similar_keys = chain.from_iterable(
            self._list_similar_keys(event.bucket, form, event.start_after)
            for form in sorted(list_unicode_forms(photo_key_of(event.key)))
        )
        for count, key in enumerate(similar_keys, 1):
            if classify_key(key) is ObjectKind.PHOTO and is_sidecar_of(event.key, key):
                photo_keys.append(key)
            if count == MAX_LISTED_KEYS or len(photo_keys) == MAX_WOKEN_PHOTOS:
                # After a subfolder, with all that is in it: S3 lists it again if a key in it comes after the start.
                return photo_keys, f"{key}{LAST_CHARACTER}" if key.endswith("/") else key
        return photo_keys, ""

    def _list_similar_keys(self, bucket: str, photo_key: str, start_after: str) -> Iterator[str]:
        """Yields the keys of a sidecar's own photo and of those that may share it, in S3's order.

        These are `red.jpg` and `red.jpg.*`, or `red` and `red.*`. Other photos, such as `red-1.jpg`, sort between `red`
        and `red.jpg`. They are not listed, because there may be many. A deleted photo has its own event.
        """
        if stem_of(photo_key) == photo_key.rpartition("/")[2]:
            own_key = (photo_key,) if photo_key > start_after else ()
            return chain(own_key, self.photos.list_folder_keys(bucket, f"{photo_key}.", start_after))
        # In S3's order, all keys that begin with `red.jpg.` come before `red.jpg/`.
        listed = self.photos.list_folder_keys(bucket, photo_key, start_after)
        return takewhile(lambda key: key < f"{photo_key}/", listed)

    def _handle_once_per_batch(self, event: IntakeEvent) -> IntakeResult:
        """Handles each object once per batch: all events in the batch are older than the first read of the object."""
        if (event.bucket, event.key) in self._handled_keys and event == IntakeEvent(event.bucket, event.key):
            return IntakeResult()
        result = self._handle_photo(event)
        if not event.is_settle_timeout:
            self._handled_keys.add((event.bucket, event.key))
        return result

    def _handle_photo(self, event: IntakeEvent) -> IntakeResult:
        """Marks a redelivered event, so that a photo that crashes workers is detected."""
        return (
            self._handle_with_crash_mark(event)
            if event.is_repeated or event.receive_count > 1
            else self.photo_intake.handle(event)
        )

    def _handle_with_crash_mark(self, event: IntakeEvent) -> IntakeResult:
        source = begin_photo_processing(self.ledger, Source.new(event.bucket, event.key), self.clock.now())
        try:
            result = self._handle_or_report(event, source)
        except (RetryLaterError, ConflictError):
            end_photo_processing(self.ledger, source, self.clock)
            raise
        end_photo_processing(self.ledger, source, self.clock)
        return result

    def _handle_or_report(self, event: IntakeEvent, source: Source) -> IntakeResult:
        """Handles the photo, and reports a file to which S3 still denies access. `source`: with this worker's mark."""
        try:
            return self.photo_intake.handle(event)
        except UnreadableFileError as error:
            deliver_queue = self.photo_intake.deliver_queue
            report_unreadable(self.ledger, deliver_queue, self.clock, source, event.receive_count, error)
            raise
