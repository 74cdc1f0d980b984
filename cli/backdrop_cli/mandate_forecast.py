"""What planned pictures would spend under the mandates that own their photos, and what those would not cover."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Self

from backdrop.intake.preview import identify_purchase
from backdrop.model.codes import Code
from backdrop.model.job import Job
from backdrop.model.mandate import MandateAccount
from backdrop.model.pricing import format_usd, to_usd
from backdrop.pipeline.mandate_directory import MandateDirectory
from backdrop.ports import Clock
from backdrop_cli.purchase_warnings import PurchaseWarning
from backdrop_cli.screen import Screen


class MandateForecast:
    """Charges planned jobs to their mandates, in the order in which they are added, as if all were bought today.

    `day`: today (UTC). Jobs with the same content are bought once. Without a `directory`, no photo has a mandate.
    """

    def __init__(self, directory: MandateDirectory | None, day: str) -> None:
        self._directory, self._day = directory, day
        self._accounts: dict[str, MandateAccount] = {}
        self._expected_accounts: dict[str, MandateAccount] = {}
        self._max_costs = Counter[str]()
        self._purchases: set[tuple[str, str]] = set()

    @classmethod
    def for_today(cls, directory: MandateDirectory | None, clock: Clock) -> Self:
        return cls(directory, clock.now().date().isoformat())

    def add(self, photo_key: str, jobs: Sequence[Job]) -> list[PurchaseWarning]:
        """Adds a photo's jobs. Returns a warning for each job that its mandate would not cover."""
        account = self._directory.find_owner(photo_key) if self._directory and jobs else None
        return [one for job in jobs if (one := self._charge(account, job))] if account else []

    def _charge(self, account: MandateAccount, job: Job) -> PurchaseWarning | None:
        name = account.mandate.name
        self._accounts[name] = account
        if job.reused_from or identify_purchase(job) in self._purchases:
            return None
        self._purchases.add(identify_purchase(job))
        self._max_costs[name] += job.max_cost
        expected = self._expected_accounts.get(name, account)
        obstacle = expected.find_obstacle(job, job.quoted, self._day)
        if obstacle:
            code = Code.MANDATE_WAITS if obstacle.may_wait else obstacle.code
            return PurchaseWarning(code.value, obstacle.message)
        self._expected_accounts[name] = expected.with_reservation(job.max_cost, self._day)
        return None

    def build_document(self) -> list[dict[str, Any]]:
        """Returns the mandates that pay for the jobs as JSON, in dollars."""
        return [
            {
                "name": name,
                "state": account.state_on(self._day).value,
                "most_usd": to_usd(self._max_costs[name]),
                "left_usd": to_usd(account.usable_on(self._day)),
                "left_today_usd": to_usd(account.left_on(self._day)),
            }
            for name, account in sorted(self._accounts.items())
        ]

    def print_lines(self, screen: Screen) -> None:
        """Prints which mandates pay, and what is left of them."""
        for name, account in sorted(self._accounts.items()):
            left_today = format_usd(account.left_on(self._day))
            left = f"It has {format_usd(account.left)} left, and at most {left_today} of it may be spent today."
            screen.print(
                f"The mandate {name} is {account.state_on(self._day).value}. It pays at most "
                f"{format_usd(self._max_costs[name])} of this. "
                f"{'Nothing can be spent under it now.' if account.find_stop(self._day) else left}"
            )
