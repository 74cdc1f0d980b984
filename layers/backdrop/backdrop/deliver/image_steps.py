"""The steps of a delivery whose images may take longer than one invocation: each finished one is recorded.

With `"pixels": "own"`, an image of a large photo takes many seconds. If a job has several, the ledger records each
finished step. A worker returns the message before a step that may not fit into its time, and the next worker continues
with that step, also after a crash.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from backdrop.aws.ledger import Ledger
from backdrop.model import transitions
from backdrop.model.codes import Code
from backdrop.model.errors import ResultError, RetryLaterError
from backdrop.model.job import ImageOutcome, ImageStep, ImageStepKind, Job
from backdrop.model.job_warning import JobWarning
from backdrop.ports import Clock

MIN_STEP_TIME = timedelta(seconds=20)
"""What a step is expected to take at least: the limit of a picture of 50 megapixels (`python -m bench.own_pixels`)."""
_SAFETY = 1.5
"""A step may take this many times as long as the longest one before it."""


@dataclass(eq=False, repr=False)
class ImageSteps:
    """The steps of one invocation. `job`: as it was last written. `deadline`: when the invocation ends.

    The first step of an invocation always runs, so that each invocation finishes at least one.
    """

    ledger: Ledger
    clock: Clock
    job: Job
    deadline: datetime
    _time_needed: timedelta | None = field(default=None, init=False)

    def run(
        self, kind: ImageStepKind, n: int, work: Callable[[], ImageOutcome], *, is_last: bool = False
    ) -> ImageOutcome:
        """Returns the outcome of a step: the recorded one, or that of `work`. A ResultError is an outcome, too.

        `is_last`: the job's next write follows at once, so the step is not recorded. Raises RetryLaterError if there
        may be too little time, and ConflictError if another worker changed the job.
        """
        if outcome := self.job.find_outcome(kind, n):
            return outcome
        began = self.clock.now()
        if self.job.has_image_steps:
            self._require_time(began)
        try:
            outcome = work()
        except ResultError as error:
            outcome = ImageOutcome(problem=JobWarning(code=error.code, text=error.message))
        self._time_needed = max(self._time_needed or MIN_STEP_TIME, _SAFETY * (self.clock.now() - began))
        if self.job.has_image_steps and not is_last:
            step = ImageStep(kind=kind, n=n, outcome=outcome)
            self.job = self.ledger.write_transition(transitions.record_image_step(self.job, step))
        return outcome

    def _require_time(self, now: datetime) -> None:
        remaining = self.deadline - now
        if self._time_needed and remaining < self._time_needed:
            message = f"The invocation has only {remaining.total_seconds():.0f} s left for the next image."
            raise RetryLaterError(Code.TOO_LITTLE_TIME, message, 0)
