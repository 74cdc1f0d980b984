"""What people cancelled, held against every paid call: nothing is bought for what was said before."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from backdrop.model.job import Job
from proof.checker.books import Breach, Promise
from proof.simulate.act import Act
from proof.simulate.memory import Memory
from proof.simulate.people import People
from proof.simulate.wishes import TAGS, is_said
from proof.world.wire import Call

# Which photos a deed says something of, by its words and a photo's key.
Says = Callable[[tuple[str, ...], str], bool]


def _names(words: tuple[str, ...], key: str) -> bool:
    return key in words


def _covers(words: tuple[str, ...], key: str) -> bool:
    return key.startswith(words[0].rstrip("/"))


SAYS: Mapping[str, Says] = {
    **dict.fromkeys(("drop", "sidecar", "replace", "again", "copy", "request", "task"), _names),
    "tag": lambda words, key: key in words and is_said(TAGS[words[1]]),
    **dict.fromkeys(("default", "undefault", "rerun"), _covers),
    "redrive": lambda _, __: True,
    "pay_again": lambda _, __: True,
}


def says(act: Act, key: str) -> bool:
    """Whether a deed is a word about a photo."""
    return act.deed in SAYS and SAYS[act.deed](act.words, key)


def standing(cancels: Sequence[tuple[str, datetime]], people: People, key: str) -> list[datetime]:
    """The times of those that mean a photo of which nobody has said anything new since."""
    word = max((at for at, act in people.done if says(act, key)), default=people.began)
    return [at for prefix, at in cancels if key.startswith(prefix) and (people.wrong_clocks or at >= word)]


def meant(people: People, job: Job) -> bool:
    """Whether people cancelled what a job answers to, whatever was said of its photo since."""
    said = job.requested_at or job.queued_at
    return any(job.key.startswith(prefix) and (people.wrong_clocks or said <= at) for prefix, at in people.cancelled)


class Cancels:
    """Where workers' clocks are off, nobody can tell before from after."""

    def __init__(self, memory: Memory, people: People) -> None:
        self._memory, self._people = memory, people

    def breaches(self, call: Call) -> list[Breach]:
        """What is wrong with a paid call that goes out now."""
        key, began = str(call.sent["job"].key), self._memory.began(call.worker)
        marks = [at for at in standing(self._people.called_off, self._people, key) if began > at]
        if not marks or self._people.wrong_clocks:
            return []
        return [Breach(Promise.CALLED_OFF, f"{key}: is bought, and was cancelled {max(marks):%H:%M:%S}")]
