"""Guards of requests, reruns, and tasks: each request is handled once and answered once (design, 2.5 and 2.6)."""

from collections.abc import Iterator

from simulation.invariants.violations import Invariant
from simulation.mutation.mutant import build_mutant
from simulation.mutation.mutation_operators import force_false, force_true, remove, replace_code, swap_with_next
from simulation.mutation.mutation_scene import list_sidecars, list_uploads

HARMLESS_FAULT = "reordered_message"
SAMPLE_NAMES = ("cut", "marble", "sea", "snow")


def list_requests(start_seconds: float, count: int, sample: str, *, interval_seconds: float = 1.0) -> Iterator[str]:
    """Returns a request for each of these photos."""
    return (f"{start_seconds + n * interval_seconds} send_request p{n}.jpg {sample}" for n in range(count))


def list_tasks(start_seconds: float, count: int, sample: str) -> Iterator[str]:
    """Returns, for each of these photos, a task of an execution that waits for its answer."""
    return (f"{start_seconds + n} send_task p{n}.jpg {sample} one plain" for n in range(count))


REQUEST_MUTANTS = (
    build_mutant(
        "repeats-duplicate-request",
        "2.5: A duplicate request is handled once.",
        force_false("intake.photo_state:PhotoState.event#5db69f conditional expression 1"),
        invariant=Invariant.INSTRUCTIONS_FOLLOWED,
        faults="early_redelivery killed_intake duplicate_message",
        actions=(
            *list_uploads(5, 20),
            *list_requests(20, 20, "marble"),
            *list_sidecars(28, 20, "sea"),
            *list_sidecars(250, 20, "snow"),
        ),
    ),
    build_mutant(
        "ignores-requests",
        "2.5: A request is resolved even if nothing in the bucket has changed.",
        remove("intake.decide:BEFORE_RESOLVING#e8d904 row 6"),
        invariant=Invariant.INSTRUCTIONS_FOLLOWED,
        faults=HARMLESS_FAULT,
        actions=(*list_uploads(5, 2), *list_requests(60, 2, "marble")),
    ),
    build_mutant(
        "never-records-request",
        "2.5: A handled request is recorded.",
        remove("pipeline.image_requests:mark_request_seen#82757e element 2"),
        invariant=Invariant.INSTRUCTIONS_FOLLOWED,
        faults=HARMLESS_FAULT,
        actions=(*list_uploads(5, 2), *list_requests(20, 2, "marble")),
    ),
    build_mutant(
        "ranks-request-last",
        "2.5: A request overrides the sidecar and the tags.",
        swap_with_next("intake.instruction_resolver:InstructionResolver.collect_sources#14bb41 element 2"),
        invariant=Invariant.INSTRUCTIONS_FOLLOWED,
        faults=HARMLESS_FAULT,
        actions=(*list_uploads(5, 2), *list_requests(20, 2, "marble")),
    ),
    build_mutant(
        "cancels-jobs-on-refused-request",
        "2.5: A request that cannot be carried out leaves the photo's jobs as they are.",
        remove("intake.decide:AFTER_RESOLVING#7c2432 element 12"),
        invariant=Invariant.INSTRUCTIONS_FOLLOWED,
        faults=HARMLESS_FAULT,
        actions=(*list_uploads(5, 2), *list_requests(60, 2, "typo")),
    ),
    build_mutant(
        "cancels-requested-jobs-on-rerun",
        "2.5: A rerun does not affect requested jobs.",
        remove("intake.decide:AFTER_RESOLVING#7c2432 row 1"),
        invariant=Invariant.RESOLVED_AGAIN_ONLY_FOR_A_CAUSE,
        faults=HARMLESS_FAULT,
        actions=(*list_uploads(5, 2, tags="foreign"), *list_requests(60, 2, "marble"), "200 rerun /"),
    ),
    build_mutant(
        "never-gives-up-rerun",
        "3.7: A rerun opens an abandoned photo once.",
        force_true("intake.photo_state:PhotoState._classify_crashes#ec10f0 operand 2"),
        invariant=Invariant.POISON_PHOTOS_GIVEN_UP,
        faults="poisoned_photo",
        actions=(*list_uploads(5, 3), *(f"{2400 + n * 10} rerun /" for n in range(3))),
        fault_minutes=150,
    ),
    build_mutant(
        "answers-task-early",
        "2.6: A task is answered only after all its jobs have ended.",
        force_false("model.task_result:build_task_result#bd912d if 1"),
        force_false("model.receipt:list_request_errors#6ef861 comprehension if 1"),
        invariant=Invariant.TASK_TOKENS_ANSWERED_ONCE,
        faults=HARMLESS_FAULT,
        actions=(*list_uploads(5, 2, tags="foreign"), *list_tasks(20, 2, "cut")),
    ),
    build_mutant(
        "answers-task-from-stale-read",
        "2.6: A task is answered with statuses that were read after its request.",
        remove("deliver.task_callbacks:TaskCallbacks.complete_requests#e5353f statement 4"),
        replace_code(
            "deliver.task_callbacks:TaskCallbacks.complete_requests#e5353f statement 1",
            "current, jobs = self.ledger.read_photo(source.source_id); "
            "pending_requests = self.ledger.list_pending_requests(source.source_id)",
        ),
        invariant=Invariant.TASK_TOKENS_ANSWERED_ONCE,
        faults="duplicate_message",
        actions=(
            *list_uploads(5, 3, tags="foreign"),
            *(task for n in range(20) for task in list_tasks(20 + n, 3, SAMPLE_NAMES[n % 4])),
        ),
    ),
    build_mutant(
        "always-reports-task-success",
        "2.6: A task succeeds only if all its jobs are stored.",
        force_false("model.task_result:build_task_result#bd912d if 2"),
        invariant=Invariant.TASK_TOKENS_ANSWERED_ONCE,
        faults=HARMLESS_FAULT,
        actions=(*list_uploads(5, 2, tags="foreign"), *list_tasks(20, 2, "typo")),
    ),
    build_mutant(
        "never-answers-task",
        "2.6: A task token is answered.",
        force_false("pipeline.image_requests:mark_request_seen#82757e operand 2"),
        invariant=Invariant.TASK_TOKENS_ANSWERED_ONCE,
        faults=HARMLESS_FAULT,
        actions=(*list_uploads(5, 2, tags="foreign"), *list_tasks(20, 2, "cut")),
    ),
    build_mutant(
        "accepts-malformed-task",
        "2.6: A malformed request is answered with its error, and starts no job.",
        force_false("intake.service:IntakeService.handle#ea9d59 if 1"),
        invariant=Invariant.INSTRUCTIONS_FOLLOWED,
        faults=HARMLESS_FAULT,
        actions=(
            *list_uploads(5, 2, tags="foreign"),
            *(f"{20 + n} send_task p{n}.jpg cut one a-field-too-many" for n in range(2)),
        ),
    ),
    build_mutant(
        "buys-for-stopped-execution",
        "2.6: A job that only stopped executions requested is not bought.",
        force_true("pipeline.orphan_jobs:OrphanJobs.cancel_if_unwanted#8b3226 if 1"),
        invariant=Invariant.TASK_TOKENS_ANSWERED_ONCE,
        faults=HARMLESS_FAULT,
        actions=(
            "2 pause_lane 300",
            *list_uploads(5, 2, tags="foreign"),
            *list_tasks(40, 2, "cut"),
            "90 stop_execution one",
        ),
    ),
    build_mutant(
        "cancels-job-of-running-execution",
        "2.6: A job is bought if a running execution requested it.",
        force_false("pipeline.orphan_jobs:OrphanJobs._is_wanted#cefad0 operand 2"),
        invariant=Invariant.TASK_TOKENS_ANSWERED_ONCE,
        faults=HARMLESS_FAULT,
        actions=("2 pause_lane 300", *list_uploads(5, 2, tags="foreign"), *list_tasks(40, 2, "cut")),
    ),
)
