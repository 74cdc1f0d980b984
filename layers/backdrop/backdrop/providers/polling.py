"""Asking again and again for work that a provider has taken, for as long as the call may last."""

import time
from collections.abc import Callable
from datetime import datetime

from backdrop.core.answer import Answer, Standing
from backdrop.core.job import Job

# The longest that one question may take.
QUESTION_SECONDS = 10.0


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


def begun(job: Job, provider_id: str) -> datetime:
    """When the call went out that the provider knows by this id: links and records live from then on."""
    return next((one.submitted_at for one in job.attempts if one.provider_id == provider_id), job.queued_at)


def patience(deadline: float) -> float:
    """How long a question may take, in seconds."""
    return max(min(QUESTION_SECONDS, deadline - time.monotonic()), 0.0)
