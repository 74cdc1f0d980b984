"""Room in the ledger: an item of DynamoDB holds 400 KB, and what was paid must always fit into it."""

import json
from collections.abc import Sequence

from backdrop.model.codec import to_json
from backdrop.model.image_request import Asked
from backdrop.model.job import Attempt, Item, Job, Money, Problem, Source
from backdrop.model.job_warning import JobWarning, WarningCode
from backdrop.model.object_keys import picture_key
from backdrop.model.output_spec import outputs_of
from backdrop.model.provider_result import LONGEST_LINK, MOST_LINKS
from backdrop.model.sentence import Sentence

# Limit: Amazon DynamoDB Developer Guide, "Quotas".
ITEM_BYTES = 400_000
# Attempts, a problem, and the attributes beside the body.
BESIDE_BYTES = 20_000
# A picture's record, and one warning that names it, without its key.
PICTURE_BYTES = 500
KEPT, KEPT_WORDS = 20, 300


def too_much(job: Job) -> str | None:
    """Why what the ledger would have to remember of a job's pictures does not fit; None where it does."""
    images, outputs = int(job.instructions.get("num_images", 1)), outputs_of(job.instructions)
    name = max((output.name or "" for output in outputs), key=len, default="")
    key = picture_key(f"@{job.bucket}/{job.key}", variant=job.variant, n=images, extension="webp", output=name)
    each = PICTURE_BYTES + 2 * len(json.dumps(key, ensure_ascii=False).encode())
    pictures = images * len(outputs)
    needed = len(to_json(job).encode()) + BESIDE_BYTES + MOST_LINKS * LONGEST_LINK + pictures * each
    if needed <= ITEM_BYTES:
        return None
    return (
        f"{images} images in {len(outputs)} outputs are {pictures} pictures, and what the ledger must remember of them "
        "under so long a key does not fit. Ask for fewer images or outputs, or give the photo a shorter key."
    )


def shortened[I: Item](item: I) -> I:
    """An item that is too large without what can be missed: words beyond the first, calls that came to nothing.

    Money, instructions and pictures stay as they are.
    """
    match item:
        case Job():
            problem = _briefly(item.problem) if item.problem else None
            return item.but(warnings=_first(item.warnings), problem=problem, attempts=_telling(item.attempts))
        case Source() | Asked():
            return item.but(problems=tuple(map(_briefly, item.problems[:KEPT])))
        case _:
            return item


def _first(warnings: Sequence[JobWarning]) -> tuple[JobWarning, ...]:
    """So many, and how many there were besides; what was cut before keeps its own count."""
    cut = tuple(one.but(text=one.text.cut(KEPT_WORDS)) for one in warnings[:KEPT])
    more = sum(one.stands_for for one in warnings[KEPT:])
    left_out = JobWarning(code=WarningCode.LEFT_OUT, text=Sentence(f"and {more:,} more"), stands_for=more)
    return (*cut, left_out) if more else cut


def _briefly(problem: Problem) -> Problem:
    advice = problem.advice.cut(KEPT_WORDS) if problem.advice else None
    return problem.but(message=problem.message.cut(KEPT_WORDS), advice=advice)


def _telling(attempts: Sequence[Attempt]) -> tuple[Attempt, ...]:
    """Those that moved money or may have, and the last of the others."""
    return tuple(one for one in attempts if one.money is not Money.NOT_SPENT or one in attempts[-KEPT:])
