"""Compares the stand-in's bill with the receipts: to the cent, or the demo has failed."""

import json
import urllib.request
from dataclasses import dataclass
from decimal import Decimal

from backdrop.core.money import micro_of, usd_text
from backdrop_cli.demo.watch import Watch
from backdrop_local.cloud import Cloud


@dataclass(frozen=True)
class Books:
    """What the stand-in charged during a demo and what the receipts say of it, in micro-dollars."""

    bill: int
    certain: int
    unknown: int

    @property
    def agree(self) -> bool:
        """Certain ≤ bill ≤ certain + unknown; equality when nothing is unknown."""
        return self.certain <= self.bill <= self.certain + self.unknown

    def __str__(self) -> str:
        verdict = "they agree" if self.agree else "THEY DO NOT AGREE"
        unknown = f" and {usd_text(self.unknown)} unknown" if self.unknown else ""
        return f"stand-in's bill {usd_text(self.bill)}, receipts {usd_text(self.certain)}{unknown}: {verdict}"


def is_standins(cloud: Cloud) -> bool:
    """Whether all pictures of this cloud come from the stand-in."""
    used = {name: address for name, address in cloud.parameters.items() if name.endswith("BaseUrl")}
    on = [name for name in used if cloud.parameters.get(name.replace("BaseUrl", "MaxInFlight"), "0") != "0"]
    return all(used[name].startswith(cloud.standin_url) for name in on)


def total(cloud: Cloud) -> int:
    """All that the stand-in has charged so far, in micro-dollars."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{cloud.standin_url}/_ctl/bill", timeout=10) as answer:
        return micro_of(Decimal(json.load(answer)["total_usd"]))


def books(watch: Watch, bill: int) -> Books:
    """The receipts' sums beside what the stand-in charged since the demo began."""
    receipts = [sight.receipt for sight in watch.seen.values() if sight.receipt]
    certain = sum(micro_of(str(receipt["total_usd"])) for receipt in receipts)
    unknown = sum(micro_of(str(job["cost"]["unknown_usd"])) for receipt in receipts for job in receipt["jobs"])
    return Books(bill, certain, unknown)
