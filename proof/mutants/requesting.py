"""Guards of what is asked for without a file: requests are heard once, and reruns undo nothing (design 2.5)."""

from collections.abc import Iterator

from proof.mutants.mutant import DroppedRow, mutant
from proof.mutants.scene import photos, wishes

STATE, ASKING, HEARING = "steps/photo_state.py", "steps/asking.py", "steps/hearing.py"
ANSWERING, STOPPING = "steps/answering.py", "steps/stopping.py"
CALM = "reordered_message"
WISHED = ("cut", "marble", "sea", "snow")


def requests(at: float, count: int, wish: str, *, every: float = 1.0) -> Iterator[str]:
    """A direct request for each of these photos."""
    return (f"{at + n * every} request p{n}.jpg {wish}" for n in range(count))


def tasks(at: float, count: int, wish: str) -> Iterator[str]:
    """A task of an execution for each of these photos, which waits."""
    return (f"{at + n} task p{n}.jpg {wish} one plain" for n in range(count))


REQUESTING_MUTANTS = (
    mutant(
        "hears-a-request-again",
        "2.5: a request that comes twice is heard once",
        (
            STATE,
            "is_repeated = self.message.request and self.hearing.is_known(self.source, self.message.request)",
            "is_repeated = False",
        ),
        faults="early_redelivery killed_intake duplicate_message",
        deeds=(*photos(5, 20), *requests(20, 20, "marble"), *wishes(28, 20, "sea"), *wishes(250, 20, "snow")),
    ),
    mutant(
        "deaf-to-requests",
        "2.5: a request is resolved, though nothing changed that lies in the bucket",
        DroppedRow("A person or a program asks for it now."),
        faults=CALM,
        deeds=(*photos(5, 2), *requests(60, 2, "marble")),
    ),
    mutant(
        "forgets-a-request",
        "2.5: a request that was heard is noted",
        (
            HEARING,
            "requests = (*source.requests, request.ident)[-MOST_REQUESTS:]",
            "requests = source.requests",
        ),
        faults=CALM,
        deeds=(*photos(5, 2), *requests(20, 2, "marble")),
    ),
    mutant(
        "request-comes-last",
        "2.5: a request wins over sidecar and tags",
        (
            ASKING,
            "return (*asked, *seen.places, *inherited), broken",
            "return (*seen.places, *asked, *inherited), broken",
        ),
        faults=CALM,
        deeds=(*photos(5, 2), *requests(20, 2, "marble")),
    ),
    mutant(
        "a-mistake-takes-all",
        "2.5: a request that cannot be done takes nothing from what the photo has",
        ("core/intake_decision.py", "            (~Event.REQUEST,),\n", "            (),\n"),
        faults=CALM,
        deeds=(*photos(5, 2), *requests(60, 2, "typo")),
    ),
    mutant(
        "a-rerun-takes-all",
        "2.5: a rerun leaves what was asked for directly",
        DroppedRow("A rerun finds no instructions: its jobs were requested directly, and stay."),
        faults=CALM,
        deeds=(*photos(5, 2, tags="foreign"), *requests(60, 2, "marble"), "200 rerun /"),
    ),
    mutant(
        "reruns-for-ever",
        "3.7: a rerun opens a photo that was given up once",
        (STATE, "is Event.RERUN and self.facts[Delivery] is Delivery.FIRST", "is Event.RERUN"),
        faults="poisoned_photo",
        deeds=(*photos(5, 3), *(f"{2400 + n * 10} rerun /" for n in range(3))),
        minutes=150,
    ),
    mutant(
        "answers-too-early",
        "2.6: a task is answered once all its jobs have ended",
        ("core/reply.py", "if not all(job.ended for job in own):", "if False:"),
        (
            "core/receipt.py",
            "for job in jobs if job.status is not Status.STORED]",
            "for job in jobs if job.ended and job.status is not Status.STORED]",
        ),
        faults=CALM,
        deeds=(*photos(5, 2, tags="foreign"), *tasks(20, 2, "cut")),
    ),
    mutant(
        "answers-by-what-was-read-before",
        "2.6: a task is answered by how its jobs stand since it was heard",
        (
            ANSWERING,
            "        fresh, jobs = self.ledger.photo(source.source_id)\n        self._answer_all",
            "        self._answer_all",
        ),
        (
            ANSWERING,
            "        waiting = self.ledger.waiting(source.source_id) if source.awaited else ()",
            "        fresh, jobs = self.ledger.photo(source.source_id)\n"
            "        waiting = self.ledger.waiting(source.source_id) if source.awaited else ()",
        ),
        faults="duplicate_message",
        deeds=(*photos(5, 3, tags="foreign"), *(task for n in range(20) for task in tasks(20 + n, 3, WISHED[n % 4]))),
    ),
    mutant(
        "always-a-success",
        "2.6: a task succeeds if all its jobs are stored, and else fails",
        ("core/reply.py", "if errors:", "if False:"),
        faults=CALM,
        deeds=(*photos(5, 2, tags="foreign"), *tasks(20, 2, "typo")),
    ),
    mutant(
        "answers-nobody",
        "2.6: a task token is answered",
        (HEARING, "awaited=source.awaited or request.awaited", "awaited=source.awaited"),
        faults=CALM,
        deeds=(*photos(5, 2, tags="foreign"), *tasks(20, 2, "cut")),
    ),
    mutant(
        "buys-for-the-stopped",
        "2.6: what only executions wanted that were stopped is not bought",
        (STOPPING, "if not job.for_executions:", "if True:"),
        faults=CALM,
        deeds=("2 pause 300", *photos(5, 2, tags="foreign"), *tasks(40, 2, "cut"), "90 stop one"),
    ),
    mutant(
        "calls-off-what-others-want",
        "2.6: a job is bought as long as one execution wants it",
        (STOPPING, "any(not arn or self.executions.running(arn) for arn in named)", "False"),
        faults=CALM,
        deeds=("2 pause 300", *photos(5, 2, tags="foreign"), *tasks(40, 2, "cut")),
    ),
)
