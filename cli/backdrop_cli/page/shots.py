"""What a page shows: one shot for each picture in the receipts, one trouble for each entry in the reports."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Shot:
    """One picture beside the photo it was made of. `usd` is the price of its whole job, `seconds` its whole way."""

    source_key: str
    picture_key: str
    name: str
    operation: str
    prompt: str
    style: str
    provider: str
    usd: float
    seconds: float | None
    n: int
    of: int
    width: int
    height: int
    seed: int | None
    has_alpha: bool
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """One entry of an error report."""

    name: str
    code: str
    message: str
    hint: str
    money: str


@dataclass(frozen=True, kw_only=True)
class Album:
    """Receipts and error reports as the output bucket holds them, and how to show them.

    `prefix` is left out of names; `dropped_at` tells when a source's photo was uploaded, where it is known. `standins`:
    the providers for which a stand-in answered. What is named below `together` stands side by side.
    """

    receipts: Sequence[Mapping[str, Any]]
    reports: Sequence[Mapping[str, Any]] = ()
    prefix: str = ""
    standins: Collection[str] = ()
    together: str = ""
    dropped_at: Mapping[str, datetime] = field(default_factory=dict[str, datetime])
    credits: Sequence[str] = ()

    @property
    def shots(self) -> list[Shot]:
        """The pictures of all current jobs, in the receipts' order."""
        return [
            self._shot(receipt, job, result)
            for receipt in self.receipts
            for job in receipt["jobs"]
            if job["current"]
            for result in job["results"]
        ]

    @property
    def troubles(self) -> list[Trouble]:
        """Everything that is reported wrong."""
        return [
            Trouble(
                name=self._name(report["source"]["key"]),
                **{name: str(error[name]) for name in ("code", "message", "hint", "money")},
            )
            for report in self.reports
            for error in report["errors"]
        ]

    @property
    def total_usd(self) -> float:
        """What the receipts add up to, in whole micro-dollars."""
        return round(sum(receipt["total_usd"] for receipt in self.receipts), 6)

    def _shot(self, receipt: Mapping[str, Any], job: Mapping[str, Any], result: Mapping[str, Any]) -> Shot:
        key: str = receipt["source"]["key"]
        return Shot(
            source_key=key,
            picture_key=result["key"],
            name=self._name(key),
            operation=job["operation"],
            prompt=job["instructions"].get("prompt", ""),
            style=style_of(job["instructions"]),
            provider=job["provider"],
            usd=job["cost"]["usd"],
            seconds=_seconds(self.dropped_at.get(key), job),
            of=len(job["results"]),
            **{name: result[name] for name in ("n", "width", "height", "seed", "has_alpha")},
            warnings=tuple(job["warnings"]),
        )

    def _name(self, key: str) -> str:
        return key.removeprefix(self.prefix)


def style_of(instructions: Mapping[str, Any]) -> str:
    """A style as people say it: `golden hour`, or `style code AAFF5733`."""
    preset = instructions.get("style_preset")
    if preset:
        return str(preset).replace("_", " ").lower()
    codes: Sequence[str] = instructions.get("style_codes") or ()
    return f"style code {', '.join(codes)}" if codes else ""


def _seconds(dropped_at: datetime | None, job: Mapping[str, Any]) -> float | None:
    if not job["stored_at"]:
        return None
    began = dropped_at or datetime.fromisoformat(job["queued_at"])
    return (datetime.fromisoformat(job["stored_at"]) - began).total_seconds()
