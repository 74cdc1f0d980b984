"""Keeps ledger items below DynamoDB's limit of 400 KB, so that a payment can always be recorded."""

import json
from collections.abc import Sequence
from dataclasses import replace

from backdrop.model.codec import to_json
from backdrop.model.fidelity import count_retries, requests_own_pixels
from backdrop.model.image_request import ImageRequest
from backdrop.model.job import Attempt, Job, LedgerItem, MoneyStatus, Problem, Source
from backdrop.model.job_warning import JobWarning, WarningCode
from backdrop.model.output_spec import parse_outputs
from backdrop.model.picture_names import find_picture_key
from backdrop.model.provider_result import MAX_LINK_LENGTH, MAX_LINKS
from backdrop.model.sentence import Sentence

# Limit: Amazon DynamoDB Developer Guide, "Quotas".
MAX_ITEM_BYTES = 400_000
# For attempts, a problem, and the attributes next to the body.
OVERHEAD_BYTES = 20_000
# For a picture's record with its fidelity, and one warning about it, without the two keys.
PICTURE_RECORD_BYTES = 700
# For a certificate and its warning: at most ten rules, each with its requirement and its measurement.
CERTIFICATE_BYTES = 2_500
# For the verdict on a picture of an attempt that was followed by another one, with the key of its map.
JUDGED_PICTURE_BYTES = 300
MAX_ENTRIES, MAX_TEXT_LENGTH = 20, 300


def explain_oversize(job: Job) -> str | None:
    """Returns why the records of a job's pictures would not fit into its item; None if they fit."""
    images, outputs = int(job.instructions.get("num_images", 1)), parse_outputs(job.instructions)
    keys = (find_picture_key(f"@{job.bucket}/{job.key}", job.variant, images, output) for output in outputs)
    key_bytes = max(len(json.dumps(key, ensure_ascii=False).encode()) for key in keys)
    picture_bytes = PICTURE_RECORD_BYTES + 2 * key_bytes
    pictures, certificates = images * len(outputs), images * sum(bool(output.marketplace) for output in outputs)
    needed = len(to_json(job).encode()) + OVERHEAD_BYTES + MAX_LINKS * MAX_LINK_LENGTH
    # Next to the records of an earlier delivery, the steps of the next one may hold those of its own.
    copies = 2 if images > 1 and requests_own_pixels(job.instructions) else 1
    needed += copies * (pictures * picture_bytes + certificates * CERTIFICATE_BYTES)
    retries = count_retries(job.instructions)
    judged_pictures = images * (1 + retries) if retries else 0
    needed += judged_pictures * (MAX_LINK_LENGTH + JUDGED_PICTURE_BYTES)
    if needed <= MAX_ITEM_BYTES:
        return None
    with_retries = f", each bought up to {1 + retries} times" if retries else ""
    or_retries = ", or fewer retries" if retries else ""
    return (
        f"{images} images in {len(outputs)} outputs are {pictures} pictures{with_retries}. With a key of this length, "
        f"their records do not fit into the ledger. Request fewer images or outputs{or_retries}, or give the photo a "
        "shorter key."
    )


def truncate_item[I: LedgerItem](item: I) -> I:
    """Shortens an item that is too large: long texts, excess entries, and attempts that cost nothing.

    Amounts, instructions, and pictures stay unchanged.
    """
    match item:
        case Job():
            problem = _truncate_problem(item.problem) if item.problem else None
            return replace(
                item,
                warnings=_truncate_warnings(item.warnings),
                problem=problem,
                attempts=_truncate_attempts(item.attempts),
            )
        case Source() | ImageRequest():
            return replace(item, problems=tuple(map(_truncate_problem, item.problems[:MAX_ENTRIES])))
        case _:
            return item


def _truncate_warnings(warnings: Sequence[JobWarning]) -> tuple[JobWarning, ...]:
    """Keeps the first warnings and adds the number of the others, including those omitted earlier."""
    truncated = tuple(replace(one, text=one.text.truncate(MAX_TEXT_LENGTH)) for one in warnings[:MAX_ENTRIES])
    left_out_count = sum(warning.count for warning in warnings[MAX_ENTRIES:])
    left_out = JobWarning(
        code=WarningCode.LEFT_OUT, text=Sentence(f"{left_out_count:,} more warnings"), count=left_out_count
    )
    return (*truncated, left_out) if left_out_count else truncated


def _truncate_problem(problem: Problem) -> Problem:
    advice = problem.advice.truncate(MAX_TEXT_LENGTH) if problem.advice else None
    return replace(problem, message=problem.message.truncate(MAX_TEXT_LENGTH), advice=advice)


def _truncate_attempts(attempts: Sequence[Attempt]) -> tuple[Attempt, ...]:
    """Keeps the attempts that cost money, or may have, and the last of the others."""
    return tuple(one for one in attempts if one.money is not MoneyStatus.NOT_SPENT or one in attempts[-MAX_ENTRIES:])
