"""The review page's API: the pictures that wait, everything about one of them, and people's decisions."""

from collections.abc import Iterator
from dataclasses import dataclass
from threading import Lock

from backdrop.aws.ledger import Ledger
from backdrop.intake.photo_status import list_current_jobs
from backdrop.model.errors import ConflictError, DecisionRefusedError
from backdrop.model.job import Job, Source
from backdrop.model.object_keys import photo_name_of
from backdrop.model.review import DecisionChannel, PictureDecision, ReviewDecision
from backdrop.model.schedule import ItemKey
from backdrop_cli.errors import CommandError, UsageError
from backdrop_cli.mandate_forecast import MandateForecast
from backdrop_cli.operate.review import ReviewedPicture, list_waiting_pictures, read_jobs_in_review
from backdrop_cli.operate.review_redo import RedoPlan, plan_redo
from backdrop_cli.purchase_warnings import WARNING_HINTS
from backdrop_cli.review_page.review_entries import build_list_entry, build_review_entry
from backdrop_cli.served_pages.page_files import PageFiles
from backdrop_cli.served_pages.presigner import Presigner
from backdrop_cli.served_pages.request_fields import (
    PROTOCOL_ERROR_TEXT,
    PageRequest,
    PageResponse,
    read_count,
    read_text,
)
from backdrop_cli.stack import Stack


@dataclass(frozen=True)
class SeenPicture:
    """The picture that a person sees: image `n` of a job, in the file with this hash."""

    job_id: str
    n: int
    sha256: str

    @classmethod
    def parse(cls, request: PageRequest) -> "SeenPicture":
        picture = cls(read_text(request, "job_id"), read_count(request, "n"), read_text(request, "sha256"))
        # A decision without the hash would be about any file.
        if not picture.job_id or not picture.sha256:
            raise UsageError(PROTOCOL_ERROR_TEXT)
        return picture


@dataclass
class ReviewApi:
    """The pictures that wait in one stack. Its methods are called by several threads at a time.

    A response with `ended` says that the picture no longer waits, and why.
    """

    stack: Stack
    presigner: Presigner
    files: PageFiles

    def __post_init__(self) -> None:
        self._lock = Lock()
        self._jobs: dict[ItemKey, Job] = {}

    def describe_page(self) -> PageResponse:
        """Returns the stack, and the AWS identity under which this page decides."""
        return {
            "stack": self.stack.name,
            "standins": sorted(self.stack.standin_providers),
            "reviewer": self.stack.read_caller(),
        }

    def list_pictures(self, request: PageRequest) -> PageResponse:
        """Returns all pictures that wait, most urgent first.

        Reads only jobs that are new in the index, so that polling thousands of pictures costs little. Changes of the
        others are noticed when they are shown or decided.
        """
        with self._lock:
            self._jobs = read_jobs_in_review(self.stack, self._jobs)
            pictures = list_waiting_pictures(self.stack, self._jobs.values())
        now = self.stack.clock.now()
        return {"pictures": [build_list_entry(one, now, self.files) for one in pictures]}

    def show_picture(self, request: PageRequest) -> PageResponse:
        """Returns everything that a person needs to decide about a picture, as the ledger has it now."""
        source, picture = self._read_picture(SeenPicture.parse(request))
        if isinstance(picture, str):
            return {"ended": picture}
        return {"picture": build_review_entry(self.stack, source, picture, self.files, self.presigner)}

    def decide(self, request: PageRequest) -> PageResponse:
        """Records a decision about exactly the file that was seen, with the caller's AWS identity."""
        seen, decision = SeenPicture.parse(request), read_text(request, "decision")
        if decision not in list(ReviewDecision):
            raise UsageError(PROTOCOL_ERROR_TEXT)
        by = self.stack.read_caller()
        try:
            job = self.stack.decisions.decide(
                PictureDecision(
                    seen.job_id, seen.n, ReviewDecision(decision), by, DecisionChannel.PAGE, sha256=seen.sha256
                )
            )
        except DecisionRefusedError as error:
            self._forget(seen.job_id)
            return {"ended": f"{error.message} {error.hint}"}
        except ConflictError as error:
            raise CommandError("nothing was decided; the review of the picture is starting over; try again") from error
        self._remember(job)
        return {"left": sum(review.decision is None for review in job.reviews)}

    # -- redo ----------------------------------------------------------------------------------------------

    def quote_redo(self, request: PageRequest) -> PageResponse:
        """Returns the highest price of other pictures with a new prompt, and what is lost. Changes nothing."""
        plan = self._plan_redo(request)
        if isinstance(plan, str):
            return {"ended": plan}
        return {
            "price": plan.max_price,
            "micro_usd": plan.preview.max_cost,
            "words": " ".join([plan.price_text, *self._describe_mandate_limits(plan)]),
            "discarded": str(plan.discarded_pictures),
        }

    def _describe_mandate_limits(self, plan: RedoPlan) -> Iterator[str]:
        """Returns what the photo's mandate would not cover, and what to do about it."""
        forecast = MandateForecast.for_today(self.stack.rerun_service.mandates, self.stack.clock)
        for warning in forecast.add(plan.key, plan.preview.jobs_to_buy):
            yield f"{warning.text} {WARNING_HINTS[warning.code]}"

    def redo(self, request: PageRequest) -> PageResponse:
        """Gives the photo the new prompt.

        Raises CommandError if it may cost more, or discards other pictures, than the person agreed to.
        """
        plan = self._plan_redo(request)
        if isinstance(plan, str):
            return {"ended": plan}
        plan.require_agreement(read_count(request, "micro_usd"), read_text(request, "discarded"))
        self.stack.uploader.upload_sidecar(plan.sidecar_key, plan.sidecar)
        return {"sidecar": plan.sidecar_key, "outcome": plan.outcome}

    def _plan_redo(self, request: PageRequest) -> RedoPlan | str:
        """Returns the plan, or why the picture no longer waits."""
        prompt = read_text(request, "prompt").strip()
        if not prompt:
            raise UsageError("describe the new background")
        source, picture = self._read_picture(SeenPicture.parse(request))
        if isinstance(picture, str):
            return picture
        photo_name = photo_name_of(source.bucket, source.key, self.stack.input_bucket)
        plan = plan_redo(self.stack, photo_name, picture.job.variant or None, {"prompt": prompt})
        plan.require_effect()
        return plan

    # -- the ledger ----------------------------------------------------------------------------------------

    def _read_picture(self, seen: SeenPicture) -> tuple[Source, ReviewedPicture | str]:
        """Returns a picture that waits, or why it no longer does. Raises CommandError if it never did."""
        ledger: Ledger = self.stack.decisions.approvals.ledger
        source_id = ledger.find_reviewed_source_id(seen.job_id)
        source, jobs = ledger.read_photo(source_id) if source_id else (None, ())
        job = next((one for one in jobs if one.job_id == seen.job_id), None)
        if source is None or job is None:
            raise CommandError("the ledger has no such picture; reload the page")
        self._remember(job)
        review = job.find_review(seen.n)
        if review is None:
            photo_name = photo_name_of(job.bucket, job.key, self.stack.input_bucket)
            end = f"no longer waits for approval, because the job is {job.status}"
            return source, f"{photo_name} {end if job.has_ended else 'is bought or prepared again'}."
        picture = ReviewedPicture(job, review, self.stack.input_bucket)
        if not picture.is_waiting:
            return source, f"{picture.end}."
        if job not in list_current_jobs(source, jobs):
            return source, f"The photo or its instructions changed, so {picture.name} is no longer requested."
        if review.sha256 != seen.sha256:
            return source, f"{picture.name} is another file now. It is in the list again."
        return source, picture

    def _remember(self, job: Job) -> None:
        with self._lock:
            key = ItemKey(job.source_id, job.job_id)
            if key in self._jobs:
                self._jobs[key] = job

    def _forget(self, job_id: str) -> None:
        """Reads a job again when the pictures are listed next."""
        with self._lock:
            self._jobs = {key: job for key, job in self._jobs.items() if key.job_id != job_id}
