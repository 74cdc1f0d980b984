"""Folder defaults: reads each `_backdrop.json` that applies to a photo, and handles changes to these files."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import islice

from backdrop.aws.ledger import Ledger
from backdrop.aws.ledger_index import LedgerQueries
from backdrop.aws.sqs import Queue
from backdrop.instructions.json_text import MAX_SIDECAR_BYTES
from backdrop.instructions.sources import InstructionSource
from backdrop.intake.batch_cache import BatchCache
from backdrop.intake.photo_reader import build_photo_facts, parse_stored_file
from backdrop.model.codes import Code
from backdrop.model.error_catalog import ERROR_CATALOG
from backdrop.model.errors import InstructionError
from backdrop.model.ids import derive_source_id
from backdrop.model.intake_event import IntakeEvent
from backdrop.model.job import Problem, Source
from backdrop.model.object_keys import folder_of, list_defaults_keys
from backdrop.model.queue_messages import CheckMessage, FolderMessage
from backdrop.pipeline.enqueue import enqueue_delivery, enqueue_for_intake
from backdrop.ports import Clock, InputBucket, StoredObject

MAX_WOKEN_PHOTOS = 500
MAX_COUNTED_PHOTOS = 1000
RECOUNT_INTERVAL = timedelta(seconds=60)
# A photo is counted after its item is written, and the index may lag.
RECHECK_DELAY_SECONDS = 120


class FolderDefaultsCache:
    """A cache of folder defaults: within a batch, each file is read once."""

    def __init__(self, photos: InputBucket) -> None:
        self._photos = photos
        self.cache = BatchCache[tuple[str, str], InstructionSource | None]()

    def read_inherited(self, bucket: str, key: str) -> list[InstructionSource]:
        """Returns the defaults that a photo inherits, its own folder's first."""
        sources = (
            self.cache.get((bucket, name), lambda name=name: self._read(bucket, name)[1])
            for name in list_defaults_keys(key)
        )
        return [source for source in sources if source]

    def read(self, bucket: str, key: str) -> tuple[StoredObject | None, InstructionSource | None]:
        """Reads one folder's defaults, bypassing the cache."""
        stored, source = self._read(bucket, key)
        self.cache.put((bucket, key), source)
        return stored, source

    def _read(self, bucket: str, key: str) -> tuple[StoredObject | None, InstructionSource | None]:
        stored = self._photos.read(bucket, key, max_bytes=MAX_SIDECAR_BYTES)
        return stored, parse_stored_file(key, stored) if stored else None


@dataclass(eq=False, repr=False)
class FolderDefaultsIntake:
    """Intake for `_backdrop.json`: reports its errors, and wakes the photos that wait for it."""

    ledger: Ledger
    ledger_queries: LedgerQueries
    folder_defaults: FolderDefaultsCache
    intake_queue: Queue
    deliver_queue: Queue
    clock: Clock

    def handle(self, event: IntakeEvent) -> tuple[Code, ...]:
        """Returns the codes of the errors in the defaults; if there are none, wakes the waiting photos below."""
        stored, defaults_source = self.folder_defaults.read(event.bucket, event.key)
        problems = self.report(event.bucket, event.key, stored, defaults_source, before_blocking=False)
        # The index may lag, and a worker may have read the defaults before they were corrected.
        if not event.is_repeated:
            self._enqueue_recheck(event.bucket, event.key)
        if not problems:
            self._wake_photos(event)
        return tuple(problem.code for problem in problems)

    def report(
        self,
        bucket: str,
        key: str,
        stored: StoredObject | None,
        defaults_source: InstructionSource | None,
        *,
        before_blocking: bool = True,
    ) -> tuple[Problem, ...]:
        """Records the errors in a folder's defaults and the number of photos that wait, in one report for all photos.

        `before_blocking`: a photo is about to be blocked, so a recheck is scheduled to count it.
        """
        source = self.ledger.read_photo(derive_source_id(bucket, key))[0] or Source.new(bucket, key)
        facts, errors = build_photo_facts(stored) if stored else None, defaults_source.errors if defaults_source else ()
        if errors and source.photo == facts and self._is_recently_counted(source):
            problems = source.problems
        else:
            problems = self._build_problems(source, errors)
            if errors and before_blocking:
                self._enqueue_recheck(bucket, key)
        if source.photo != facts or source.problems != problems:
            has_report = source.has_report or bool(problems)
            self.ledger.put_source(replace(source, photo=facts, problems=problems, has_report=has_report), ())
        if problems or source.has_report:
            enqueue_delivery(self.deliver_queue, source)
        return problems

    def _enqueue_recheck(self, bucket: str, key: str) -> None:
        message = FolderMessage(bucket=bucket, key=key)
        enqueue_for_intake(self.intake_queue, message, delay_seconds=RECHECK_DELAY_SECONDS)

    def _is_recently_counted(self, source: Source) -> bool:
        """Whether problems are recorded, and the waiting photos were counted recently."""
        now = self.clock.now()
        return bool(source.problems) and all(now - one.last_seen < RECOUNT_INTERVAL for one in source.problems)

    def _build_problems(self, source: Source, errors: Sequence[InstructionError]) -> tuple[Problem, ...]:
        """Builds a problem for each error, with the number of waiting photos; a known error keeps its history."""
        if not errors:
            return ()
        now, waiting_text = self.clock.now(), self._describe_waiting_photos(source)
        earlier = {(one.code, one.path): one for one in source.problems}
        problems: list[Problem] = []
        for error in errors:
            problem = Problem.from_error(error, now).with_history(earlier.get((error.code, error.path)))
            advice = problem.advice or ERROR_CATALOG[error.code].advice
            problems.append(replace(problem, advice=advice.with_note(waiting_text)) if waiting_text else problem)
        return tuple(problems)

    def _describe_waiting_photos(self, source: Source) -> str:
        count = sum(
            1
            for _ in islice(
                self.ledger_queries.list_needing_instructions(source.bucket, folder_of(source.key)),
                MAX_COUNTED_PHOTOS + 1,
            )
        )
        if not count:
            return ""
        photos_wait = "1 photo waits" if count == 1 else f"{count:,} photos wait"
        waiting = f"More than {MAX_COUNTED_PHOTOS:,} photos wait" if count > MAX_COUNTED_PHOTOS else photos_wait
        return f"{waiting} in this folder and below, and will be processed automatically when the file is corrected."

    def _wake_photos(self, event: IntakeEvent) -> None:
        """Wakes a limited number of photos; a message to intake continues with the others."""
        waiting_keys = self.ledger_queries.list_needing_instructions(
            event.bucket, folder_of(event.key), event.start_after
        )
        woken = list(islice(waiting_keys, MAX_WOKEN_PHOTOS))
        for key in woken:
            enqueue_for_intake(self.intake_queue, CheckMessage(bucket=event.bucket, key=key))
        if len(woken) == MAX_WOKEN_PHOTOS:
            message = FolderMessage(bucket=event.bucket, key=event.key, start_after=woken[-1])
            enqueue_for_intake(self.intake_queue, message)
