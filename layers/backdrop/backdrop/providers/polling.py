"""Asking again and again for work that a provider has taken, for as long as the call may last."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from backdrop.model.job import Job
from backdrop.model.provider_result import Answer, Standing

# The longest that one request may take which only asks.
QUESTION_SECONDS = 10.0


@dataclass(frozen=True)
class Question:
    """About a call: the provider's id for it, our key, when it went out, and until when (monotonic) we wait for words.

    `sure`: it was taken, so that one which nobody knows of just now is still at work. `complete`: what is said of it is
    all that is kept of it. `overdue`: it has had its time, and results that are missing now will not come.
    """

    ident: str
    key: str
    began: datetime
    deadline: float
    sure: bool = False
    complete: bool = False
    overdue: bool = False

    @property
    def patience(self) -> float:
        """How long one request may take, in seconds."""
        return max(min(QUESTION_SECONDS, self.deadline - time.monotonic()), 0.0)


def about(job: Job, provider_id: str, key: str) -> Question:
    """A look-up's question: links and records live from when the call went out that the provider knows by this id."""
    began = next((one.submitted_at for one in job.attempts if one.provider_id == provider_id), job.queued_at)
    return Question(provider_id, key, began, time.monotonic() + 2 * QUESTION_SECONDS)


def until_answered(look: Callable[[], Answer | Standing], deadline: float, every: float) -> Answer | Standing:
    """The answer; PENDING where the work outlives the call; a lost answer where the provider forgot the work.

    `deadline` is monotonic seconds, `every` the seconds between two questions.
    """
    while time.monotonic() + every < deadline:
        time.sleep(every)
        said = look()
        if isinstance(said, Answer):
            return said
        if said is Standing.ABSENT:
            return Answer.lost("The provider took the call, and knows no more of it.")
    return Standing.PENDING
