"""The bill: what each key was charged, and which charges are duplicates. simulation/ uses it too."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from uuid import UUID

MICRO_PER_DOLLAR = 1_000_000


def format_dollars(micro_usd: int) -> str:
    """Returns micro-dollars as a decimal string with at least two decimals: 37500 is "0.0375"."""
    whole, fraction = divmod(micro_usd, MICRO_PER_DOLLAR)
    return f"{whole}.{f'{fraction:06d}'.rstrip('0').ljust(2, '0')}"


def parse_micro_dollars(usd: str | float) -> int:
    """Returns dollars as micro-dollars. Raises ValueError if the amount is not a whole, positive number of them."""
    try:
        amount = Decimal(str(usd)) * MICRO_PER_DOLLAR
    except InvalidOperation:
        raise ValueError(f"{usd!r} is not an amount of dollars") from None
    if not amount.is_finite() or amount != amount.to_integral_value() or amount < 0:
        raise ValueError(f"{usd!r} is not a whole, positive number of micro-dollars")
    return int(amount)


@dataclass(frozen=True, kw_only=True)
class PurchaseOrder:
    """What one accepted call buys, and who pays for it.

    `fingerprint` identifies prompt, input image, and options: equal fingerprints are the same work. `provider_id` is
    the ID that the caller chose; without it, the caller sees the job's own ID. `credits_per_image` is the price of an
    image if the provider bills credits; the unit price is then their value.
    """

    key: str
    label: str
    account: str
    provider: str
    route: str
    fingerprint: str
    prompt: str
    client_hint: str
    speed: str
    image_count: int
    unit_micro_usd: int
    provider_id: str = ""
    credits_per_image: int = 0
    uses_uuids: bool = False


@dataclass
class BilledJob:
    """One accepted call: its charge, and whether its response and its pictures were delivered."""

    order: PurchaseOrder
    id: str
    results: tuple[str, ...]
    micro_usd: int
    accepted_at: float
    unsafe: int = 0
    answered: bool = False
    dropped: bool = False
    downloaded: set[str] = field(default_factory=set[str])

    @property
    def credits(self) -> int:
        """The price in the provider's credits. 0 if the provider does not bill credits."""
        unit = self.order.unit_micro_usd
        return self.micro_usd // unit * self.order.credits_per_image if unit else 0

    def to_row(self) -> dict[str, object]:
        """Returns the job in the format of GET /_ctl/bill."""
        return {
            "id": self.id,
            "route": self.order.route,
            "prompt_sha": _sha256(self.order.prompt),
            "client_hint": self.order.client_hint,
            "n": self.order.image_count,
            "speed": self.order.speed,
            "usd": format_dollars(self.micro_usd),
            "credits": self.credits,
            "provider_id": self.order.provider_id or self.id,
            "accepted_at": self.accepted_at,
            "results": list(self.results),
            "unsafe": self.unsafe,
            "answered": self.answered,
            "downloaded": 0 < len(self.results) - self.unsafe <= len(self.downloaded),
        }


class Bill:
    """Charges jobs when they are accepted. IDs depend on the seed and the work, never on the clock."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._jobs: list[BilledJob] = []
        self._owner_of_result: dict[str, BilledJob] = {}
        self._groups: dict[tuple[str, str], list[BilledJob]] = {}
        self._balances: dict[tuple[str, str], int] = {}

    def set_balance(self, provider: str, key: str, micro_usd: int) -> None:
        """Limits what this key can spend at this provider from now on ("*": any key, any provider)."""
        self._balances[provider, key] = micro_usd

    def clear_balances(self) -> None:
        """Removes the limits of all keys."""
        self._balances.clear()

    def covers(self, provider: str, key: str, micro_usd: int) -> bool:
        """Returns whether the key's balance covers this amount. A key without a balance has no limit."""
        left = self.balance(provider, key)
        return left is None or left >= micro_usd

    def total_charged(self, key: str, provider: str) -> int:
        """Returns what this provider has charged this key, in micro-dollars."""
        owned = (job for job in self._jobs if (job.order.key, job.order.provider) == (key, provider))
        return sum(job.micro_usd for job in owned)

    def balance(self, provider: str, key: str) -> int | None:
        """Returns what a key can still spend, in micro-dollars. None for a key without a balance."""
        return min((self._balances[name] for name in self._matching_balances(provider, key)), default=None)

    def _matching_balances(self, provider: str, key: str) -> list[tuple[str, str]]:
        """Returns the names of the balances from which a charge is deducted."""
        names = ((whose, which) for whose in (provider, "*") for which in (key, "*"))
        return [name for name in names if name in self._balances]

    def accept(self, order: PurchaseOrder, *, produced: int, unsafe: int, billed_images: int, at: float) -> BilledJob:
        """Accepts the job, and charges `billed_images` times the order's unit price."""
        group = self._groups.setdefault((order.provider, order.fingerprint), [])
        name = derive_uuid if order.uses_uuids else _short_id
        job_id = name(f"{self._seed}/{order.provider}/{order.fingerprint}/{len(group)}")
        results = tuple(name(f"{job_id}/{n}") for n in range(produced))
        charge = billed_images * order.unit_micro_usd
        job = BilledJob(order, job_id, results, charge, at, unsafe=unsafe)
        group.append(job)
        self._jobs.append(job)
        self._owner_of_result.update(dict.fromkeys(results, job))
        for name in self._matching_balances(order.provider, order.key):
            self._balances[name] -= charge
        return job

    def find_job_of_result(self, result: str) -> BilledJob | None:
        """Returns the job that produced this picture."""
        return self._owner_of_result.get(result)

    def jobs(self, first: int = 0) -> tuple[BilledJob, ...]:
        """Returns every accepted job, oldest first, from this index on."""
        return tuple(self._jobs[first:])

    def sum_charges(self) -> int:
        """Returns the sum of all charges."""
        return sum(job.micro_usd for job in self._jobs)

    def list_duplicates(self) -> list[dict[str, object]]:
        """Returns groups of the same work (prompt, input image, and options) that were charged repeatedly."""
        charged = ([job for job in group if job.micro_usd] for group in self._groups.values())
        return [_build_duplicate(group) for group in charged if len(group) > 1]

    def build_report(self) -> dict[str, object]:
        """Returns the complete bill in the format of GET /_ctl/bill."""
        by_key: dict[tuple[str, str], list[BilledJob]] = {}
        for job in self._jobs:
            by_key.setdefault((job.order.provider, job.order.key), []).append(job)
        return {
            "keys": [_build_key_row(jobs) for jobs in by_key.values()],
            "total_usd": format_dollars(self.sum_charges()),
            "duplicates": self.list_duplicates(),
        }


def derive_uuid(text: str) -> str:
    """Returns a version 4 UUID derived from the text."""
    return str(UUID(bytes=hashlib.sha256(text.encode()).digest()[:16], version=4))


def hash_content(content: Mapping[str, object]) -> str:
    """Returns a stable ID of a piece of work, derived from the JSON fields that the caller sent."""
    return _sha256(json.dumps(content, sort_keys=True))


def _build_key_row(jobs: list[BilledJob]) -> dict[str, object]:
    order = jobs[0].order
    return {
        "key": order.label,
        "account": order.account,
        "provider": order.provider,
        "accepted": len(jobs),
        "images": sum(len(job.results) for job in jobs),
        "usd": format_dollars(sum(job.micro_usd for job in jobs)),
        "unsafe": sum(job.unsafe for job in jobs),
        "dropped_after_accept": sum(job.dropped for job in jobs),
        "jobs": [job.to_row() for job in jobs],
    }


def _build_duplicate(group: list[BilledJob]) -> dict[str, object]:
    order = group[0].order
    return {
        "provider": order.provider,
        "route": order.route,
        "prompt_sha": _sha256(order.prompt),
        "charges": len(group),
        "usd": format_dollars(sum(job.micro_usd for job in group)),
        "jobs": [job.id for job in group],
    }


def _short_id(text: str) -> str:
    return _sha256(text)[:16]


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
