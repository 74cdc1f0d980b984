"""What is asked for one photo: all that speaks for it, and the jobs that follow, written and sent nowhere."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import partial

from backdrop.instructions.sources import Place, read_request
from backdrop.intake.folder_defaults import FolderDefaults
from backdrop.intake.job_planner import Shop, Wanted, all_open, wanted
from backdrop.intake.photo_reader import Seen, Seer
from backdrop.intake.references import References
from backdrop.model.capabilities import REFERENCES
from backdrop.model.errors import InstructionError
from backdrop.model.intake_event import Request
from backdrop.model.job import Job, Problem, Source, Status
from backdrop.model.object_keys import DEFAULTS_NAME
from backdrop.model.pricing import Configured
from backdrop.model.routing import LaneOf
from backdrop.ports import Clock, InputBucket


@dataclass(frozen=True)
class Asking:
    """The one way from a photo to its jobs, for intake, `rerun` and `lint`."""

    photos: InputBucket
    reader: Seer
    defaults: FolderDefaults
    references: References
    clock: Clock
    default_provider: str
    prices: Configured = field(default_factory=dict[str, int])
    lane_of: LaneOf = all_open

    def forget(self) -> None:
        """What was read of folder defaults and references may have changed since."""
        self.defaults.forget()
        self.references.forget()

    def places_of(self, source: Source, seen: Seen, request: Request | None = None) -> tuple[Sequence[Place], str]:
        """All that speaks for the photo, the nearest first, and the name of the folder defaults that are broken."""
        asked = (read_request(request.instructions),) if request else ()
        inherited = self.defaults.above(source.bucket, source.key)
        broken = next((place.name for place in inherited if place.errors), "")
        return (*asked, *seen.places, *inherited), broken

    def asked_for(
        self,
        source: Source,
        jobs: Sequence[Job],
        seen: Seen,
        places: Sequence[Place],
        broken: str,
        on: Collection[str],
    ) -> Wanted:
        """The jobs that are wanted, or all that stands in their way; both none where a folder's defaults are broken.

        `on`: the providers that are on.
        """
        now = self.clock.now()
        errors = [seen.photo_error] if seen.photo_error else []
        own = [error for place in places for error in place.errors if not place.name.endswith(DEFAULTS_NAME)]
        if errors or own:
            return Wanted((), tuple(Problem.of(error, now) for error in (*errors, *own)))
        if broken:
            return Wanted()
        hashes_of = partial(self.references.hashes, source.bucket, source.key)
        shop = Shop(self.default_provider, on, self.prices, self.lane_of)
        return wanted(source, seen.photo, jobs, places, shop, hashes_of, now)

    def has_other_references(self, source: Source, jobs: Sequence[Job]) -> bool:
        """Whether other bytes lie now where an unpaid job's references lay; those that it needs are put in place."""
        for job in jobs:
            if job.status is Status.ACCEPTED and REFERENCES in job.asked:
                try:
                    found = self.references.hashes(source.bucket, source.key, job.instructions[REFERENCES])
                except InstructionError:
                    return True
                if found != job.asked[REFERENCES]:
                    return True
        return False


class Nowhere:
    """The Inputs of those who only look: nothing is put anywhere."""

    def put(self, name: str, data: bytes) -> None: ...

    def find(self, name: str) -> bytes | None:
        return None
