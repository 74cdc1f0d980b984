"""The charges of a job: one for each amount that the ledger has for a call, certain or unknown."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from backdrop.aws.items import to_sortable_timestamp
from backdrop.model.capabilities import REMOVERS, find_remover
from backdrop.model.job import Attempt, AttemptOutcome, Job, Settlement, SettlementResult
from backdrop.model.object_keys import photo_name_of
from backdrop.model.price_check import PRICE_CHECK_ID, PriceCheck
from backdrop_cli.operate.spend import find_top_folder
from backdrop_cli.statement.month import Month


class UnknownState(StrEnum):
    """What is known about a charge whose answer was lost, or that only the provider's usage records show.

    `OPEN`: nothing, so the call may have been charged. `UNDECIDED`: the records prove how many of several such calls
    were charged, but not which. `CHARGED`, `NOT_CHARGED`: the records have settled the charge. `BILLED_FAILURE`: the
    call failed, which should cost nothing, but the records show that it was charged.
    """

    OPEN = "open"
    UNDECIDED = "undecided"
    CHARGED = "settled_charged"
    NOT_CHARGED = "settled_not_charged"
    BILLED_FAILURE = "billed_failure"

    @property
    def is_settled(self) -> bool:
        return self in (UnknownState.CHARGED, UnknownState.NOT_CHARGED)


@dataclass(frozen=True)
class Amount:
    """Micro-dollars: `charged` is certain, `unknown` may be charged in addition.

    `state`: of a charge that is, or was, unknown; None if the answer arrived. `settlement`: how many of
    several unknown charges are real, if that is proven.
    """

    charged: int = 0
    unknown: int = 0
    state: UnknownState | None = None
    settlement: Settlement | None = None


def list_amounts(attempt: Attempt) -> Iterator[Amount]:
    """Yields the amounts of a call that `backdrop spend` counts, and 0 if an unknown charge turned out to be none.

    The only place that decides which rows a call has, and the state of each.
    """
    settlement = attempt.settlement
    result = settlement.result if settlement else None
    if attempt.charged:
        was_lost = attempt.outcome is AttemptOutcome.LOST
        settled = UnknownState.CHARGED if was_lost else UnknownState.BILLED_FAILURE
        yield Amount(charged=attempt.charged, state=settled if result is SettlementResult.CHARGED else None)
    if attempt.unknown:
        is_decided = settlement is not None and settlement.charged_count is not None
        undecided = settlement if result is SettlementResult.UNDECIDED and is_decided else None
        yield Amount(
            unknown=attempt.unknown,
            state=UnknownState.UNDECIDED if undecided else UnknownState.OPEN,
            settlement=undecided,
        )
    if result is SettlementResult.NOT_CHARGED and not attempt.charged:
        yield Amount(state=UnknownState.NOT_CHARGED)


@dataclass(frozen=True)
class Charge:
    """One row of a statement.

    `day`: the day (UTC) of the budget that pays, on which the call was claimed. `job_id`: PRICE_CHECK_ID if the price
    check caused the charge. `photo`: the key, or `@bucket/key` if the photo is not in the stack's bucket; "" for the
    price check. `campaign`: the execution whose request caused the call, or "". `submitted_at`: in ISO 8601, UTC.
    `price_class`: what else sets the price: the rendering speed, the model of a provider with several removers, or "".
    `group`: the same for all undecided charges that
    belong together, and else "": `group_charged_count` of their `group_count` images were charged. `image_price`: that
    of one of these images, in micro-dollars.
    """

    day: str
    submitted_at: str
    job_id: str
    attempt_no: int
    provider: str
    provider_id: str
    endpoint: str
    basis: str
    charged: int
    unknown: int
    state: str
    bucket: str
    key: str
    photo: str
    folder: str
    variant: str
    mandate: str
    operation: str
    price_class: str
    image_count: int
    group: str = ""
    group_charged_count: int = 0
    group_count: int = 0
    image_price: int = 0
    campaign: str = ""


def list_charges(job: Job, month: Month, input_bucket: str) -> Iterator[Charge]:
    """Yields the charges of the month's calls for one job."""
    photo = photo_name_of(job.bucket, job.key, input_bucket)
    image_count = int(job.instructions.get("num_images", 1))
    for attempt, amount in _list_month_amounts(job.attempts, month):
        yield _build_charge(
            attempt,
            amount,
            job_id=job.job_id,
            bucket=job.bucket,
            key=job.key,
            photo=photo,
            folder=find_top_folder(photo),
            variant=job.variant,
            operation=job.operation,
            price_class=_find_price_class(job, attempt.provider),
            image_count=image_count,
            **_describe_group(attempt, amount.settlement, image_count),
        )


def _find_price_class(job: Job, provider: str) -> str:
    if job.operation == "replace":
        return str(job.instructions.get("rendering_speed", "DEFAULT"))
    return find_remover(provider, job.instructions) if len(REMOVERS.get(provider, ())) > 1 else ""


def list_quote_charges(check: PriceCheck, month: Month) -> Iterator[Charge]:
    """Yields the month's charges that the price check may have caused. They belong to no photo."""
    no_photo = dict.fromkeys(("bucket", "key", "photo", "folder", "variant"), "")
    for call in check.calls:
        for attempt, amount in _list_month_amounts([call.attempt], month):
            yield _build_charge(
                attempt,
                amount,
                job_id=PRICE_CHECK_ID,
                operation=call.product.operation,
                price_class=call.product.rendering_speed,
                image_count=1,
                **no_photo,
            )


def _list_month_amounts(attempts: Iterable[Attempt], month: Month) -> Iterator[tuple[Attempt, Amount]]:
    return (
        (attempt, amount)
        for attempt in attempts
        if month.contains(attempt.budget_day)
        for amount in list_amounts(attempt)
    )


def _build_charge(attempt: Attempt, amount: Amount, **fields: Any) -> Charge:
    """Returns a row of a call. `fields`: what the call was for."""
    return Charge(
        day=attempt.budget_day,
        submitted_at=to_sortable_timestamp(attempt.submitted_at),
        attempt_no=attempt.n,
        provider=attempt.provider,
        provider_id=attempt.provider_id or "",
        endpoint=attempt.endpoint or "",
        basis=attempt.basis,
        charged=amount.charged,
        unknown=amount.unknown,
        state=amount.state.value if amount.state else "",
        mandate=attempt.mandate or "",
        **fields,
    )


def _describe_group(attempt: Attempt, settlement: Settlement | None, image_count: int) -> dict[str, Any]:
    if settlement is None or settlement.charged_count is None:
        return {}
    image_price = attempt.unknown // image_count
    hours = " ".join(map(to_sortable_timestamp, settlement.hours))
    return {
        "group": f"{attempt.endpoint} {image_price} {hours}",
        "group_charged_count": settlement.charged_count,
        "group_count": settlement.unknown_count,
        "image_price": image_price,
    }
