"""Guards of what is asked for without a file: requests are heard once, and reruns undo nothing (design 2.5)."""

from collections.abc import Iterator

from proof.checker.books import Promise
from proof.mutants.mutant import mutant
from proof.mutants.operators import code, drop, off, on, swap
from proof.mutants.scene import photos, wishes

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
        off("intake.photo_state:PhotoState.event#5db69f conditional expression 1"),
        breaks=Promise.INSTRUCTED,
        faults="early_redelivery killed_intake duplicate_message",
        deeds=(*photos(5, 20), *requests(20, 20, "marble"), *wishes(28, 20, "sea"), *wishes(250, 20, "snow")),
    ),
    mutant(
        "deaf-to-requests",
        "2.5: a request is resolved, though nothing changed that lies in the bucket",
        drop("intake.decide:BEFORE_RESOLVING#0ec89d row 6"),
        breaks=Promise.INSTRUCTED,
        faults=CALM,
        deeds=(*photos(5, 2), *requests(60, 2, "marble")),
    ),
    mutant(
        "forgets-a-request",
        "2.5: a request that was heard is noted",
        drop("pipeline.image_requests:mark_request_seen#82757e element 2"),
        breaks=Promise.INSTRUCTED,
        faults=CALM,
        deeds=(*photos(5, 2), *requests(20, 2, "marble")),
    ),
    mutant(
        "request-comes-last",
        "2.5: a request wins over sidecar and tags",
        swap("intake.instruction_resolver:InstructionResolver.collect_sources#4df005 element 4"),
        breaks=Promise.INSTRUCTED,
        faults=CALM,
        deeds=(*photos(5, 2), *requests(20, 2, "marble")),
    ),
    mutant(
        "a-mistake-takes-all",
        "2.5: a request that cannot be done takes nothing from what the photo has",
        drop("intake.decide:AFTER_RESOLVING#10af29 element 12"),
        breaks=Promise.INSTRUCTED,
        faults=CALM,
        deeds=(*photos(5, 2), *requests(60, 2, "typo")),
    ),
    mutant(
        "a-rerun-takes-all",
        "2.5: a rerun leaves what was asked for directly",
        drop("intake.decide:AFTER_RESOLVING#10af29 row 1"),
        breaks=Promise.UNMOVED,
        faults=CALM,
        deeds=(*photos(5, 2, tags="foreign"), *requests(60, 2, "marble"), "200 rerun /"),
    ),
    mutant(
        "reruns-for-ever",
        "3.7: a rerun opens a photo that was given up once",
        on("intake.photo_state:PhotoState._classify_crashes#ec10f0 operand 2"),
        breaks=Promise.GIVEN_UP,
        faults="poisoned_photo",
        deeds=(*photos(5, 3), *(f"{2400 + n * 10} rerun /" for n in range(3))),
        minutes=150,
    ),
    mutant(
        "answers-too-early",
        "2.6: a task is answered once all its jobs have ended",
        off("model.task_result:build_task_result#99ec0b if 1"),
        off("model.receipt:list_request_errors#2c6863 comprehension if 1"),
        breaks=Promise.TOKENS,
        faults=CALM,
        deeds=(*photos(5, 2, tags="foreign"), *tasks(20, 2, "cut")),
    ),
    mutant(
        "answers-by-what-was-read-before",
        "2.6: a task is answered by how its jobs stand since it was heard",
        drop("deliver.task_callbacks:TaskCallbacks.complete_requests#e5353f statement 4"),
        code(
            "deliver.task_callbacks:TaskCallbacks.complete_requests#e5353f statement 1",
            "current, jobs = self.ledger.read_photo(source.source_id); "
            "pending_requests = self.ledger.list_pending_requests(source.source_id)",
        ),
        breaks=Promise.TOKENS,
        faults="duplicate_message",
        deeds=(*photos(5, 3, tags="foreign"), *(task for n in range(20) for task in tasks(20 + n, 3, WISHED[n % 4]))),
    ),
    mutant(
        "always-a-success",
        "2.6: a task succeeds if all its jobs are stored, and else fails",
        off("model.task_result:build_task_result#99ec0b if 2"),
        breaks=Promise.TOKENS,
        faults=CALM,
        deeds=(*photos(5, 2, tags="foreign"), *tasks(20, 2, "typo")),
    ),
    mutant(
        "answers-nobody",
        "2.6: a task token is answered",
        off("pipeline.image_requests:mark_request_seen#82757e operand 2"),
        breaks=Promise.TOKENS,
        faults=CALM,
        deeds=(*photos(5, 2, tags="foreign"), *tasks(20, 2, "cut")),
    ),
    mutant(
        "takes-what-is-damaged",
        "2.6: a damaged request is answered with what is wrong with it, and asks for nothing",
        off("intake.service:Intake.handle#ea9d59 if 1"),
        breaks=Promise.INSTRUCTED,
        faults=CALM,
        deeds=(*photos(5, 2, tags="foreign"), *(f"{20 + n} task p{n}.jpg cut one a-field-too-many" for n in range(2))),
    ),
    mutant(
        "buys-for-the-stopped",
        "2.6: what only executions wanted that were stopped is not bought",
        on("pipeline.orphan_jobs:OrphanJobs.cancel_if_unwanted#672155 if 1"),
        breaks=Promise.TOKENS,
        faults=CALM,
        deeds=("2 pause 300", *photos(5, 2, tags="foreign"), *tasks(40, 2, "cut"), "90 stop one"),
    ),
    mutant(
        "calls-off-what-others-want",
        "2.6: a job is bought as long as one execution wants it",
        off("pipeline.orphan_jobs:OrphanJobs._is_wanted#cefad0 operand 2"),
        breaks=Promise.TOKENS,
        faults=CALM,
        deeds=("2 pause 300", *photos(5, 2, tags="foreign"), *tasks(40, 2, "cut")),
    ),
)
