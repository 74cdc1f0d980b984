"""A provider's table of answers: which status with which words is of which class; the first row that fits decides."""

import re
from collections.abc import Container, Sequence
from dataclasses import dataclass

from backdrop.model.codes import Code
from backdrop.model.job import Suspicion
from backdrop.model.provider_result import Answer, Class, Standing
from backdrop.providers.http import Reply, retry_after

# A 503 that comes so soon after the request's last byte was said at the door: nothing was begun.
EARLY_SECONDS = 2.0
ANY = range(1000)


@dataclass(frozen=True)
class Row:
    """Answers with one of these statuses whose words match (a regular expression, case aside; "": any words).

    Words are error codes, or what published.py finds: never a message's free text. `kind` is a Standing where the words
    tell of earlier work and not of this call. `early`: only what came at once; `late`: only what did not. `suspicion`:
    why the job itself may be the reason.
    """

    statuses: Container[int]
    kind: Class | Standing
    code: Code = Code.CHARGE_UNKNOWN
    words: str = ""
    early: bool = False
    late: bool = False
    suspicion: Suspicion | None = None

    def fits(self, status: int, words: str, waited: float) -> bool:
        """Whether the row is about such an answer."""
        in_time = not self.late if waited <= EARLY_SECONDS else not self.early
        return status in self.statuses and in_time and re.search(self.words, words, re.IGNORECASE) is not None


# What no page of a provider names: 4xx is a refusal, 3xx a wrong address, anything else tells nothing of the charge.
OTHERS = (
    Row(range(300, 400), Class.PAUSE, Code.PROVIDER_MISCONFIGURED),
    Row({408}, Class.AMBIG),
    Row(range(400, 500), Class.PERM, Code.REQUEST_REJECTED),
    Row(ANY, Class.AMBIG),
)


def row_of(rows: Sequence[Row], status: int, words: str, waited: float = 0.0) -> Row:
    """The row that decides."""
    return next(row for row in (*rows, *OTHERS) if row.fits(status, words, waited))


def answer_of(row: Row, message: str, reply: Reply | None = None, otherwise: float | None = None) -> Answer:
    """The row as an Answer; `otherwise` is how long to wait for a slot where the provider does not say."""
    if isinstance(row.kind, Standing):
        return Answer.lost(message)
    wait = retry_after(reply.headers) if reply and row.kind in (Class.QUOTA, Class.BACKOFF) else None
    if row.kind is Class.QUOTA and wait is None:
        wait = otherwise
    return Answer(row.kind, row.code, message, retry_after=wait, suspicion=row.suspicion)
