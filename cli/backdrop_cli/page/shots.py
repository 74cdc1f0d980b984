"""What a page shows: one shot for each picture in the receipts, one trouble for each entry in the reports."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any

from backdrop.model.job import ENDS
from backdrop.model.object_keys import Kind, kind_of, source_name
from backdrop_cli.picks import Pick

GENERIC_HINT = "docs/troubleshooting.md says what the code means; a newer release of the command may say more here."


@dataclass(frozen=True)
class File:
    """A picture to show: its object at one version, and what its bytes follow from.

    `bucket` is "" for the stack's output bucket.
    """

    bucket: str
    key: str
    version_id: str | None
    made_of: str


class Missing(StrEnum):
    """Why a file cannot be shown."""

    GONE = "gone"
    WITHHELD = "withheld"
    UNREADABLE = "unreadable"


type Links = Mapping[File, str | Missing]
"""Each file's thumb, relative to the page, or why it has none."""


@dataclass(frozen=True, kw_only=True)
class Shot:
    """One picture beside the photo it was made of, with the receipt's entry of its job.

    `picks` are its files in the output bucket; `picture` is the one that is shown. `seconds`: its job's whole way.
    """

    source: str
    name: str
    photo: File
    picture: File
    picks: Sequence[Pick]
    job: Mapping[str, Any]
    results: Sequence[Mapping[str, Any]]
    of: int
    seconds: float | None

    @property
    def shown(self) -> Mapping[str, Any]:
        """The result that is shown."""
        return next(one for one in self.results if one["key"] == self.picture.key)


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """One entry of an error report; `photo` is None where it is about no photo."""

    source: str
    name: str
    photo: File | None
    variant: str
    status: str
    code: str
    message: str
    hint: str
    money: str
    since: str


@dataclass(frozen=True, kw_only=True)
class Album:
    """Receipts and error reports as the output bucket holds them, and how to show them.

    `prefix` is left out of names; `own_bucket` is the stack's input bucket, `output_bucket` the one that holds the
    pictures; `dropped_at` is when a source's photo was uploaded, where that is known. `standins`: the providers for
    which a stand-in answered. Sources below `together` are one photo as each provider made it, shown side by side.
    """

    receipts: Sequence[Mapping[str, Any]]
    reports: Sequence[Mapping[str, Any]] = ()
    stack: str = ""
    prefix: str = ""
    own_bucket: str = ""
    output_bucket: str = ""
    standins: Collection[str] = ()
    together: str = ""
    dropped_at: Mapping[str, datetime] = field(default_factory=dict[str, datetime])
    credits: Sequence[str] = ()

    @cached_property
    def shots(self) -> list[Shot]:
        """The pictures of all current jobs, in the receipts' order."""
        return [shot for receipt in self.receipts for job in _current(receipt) for shot in self._of(receipt, job)]

    @cached_property
    def troubles(self) -> list[Trouble]:
        """Everything that is reported wrong."""
        return [self._trouble(report, error) for report in self.reports for error in report["errors"]]

    @property
    def is_empty(self) -> bool:
        """Whether no source begins with the prefix; reports of providers, and of folders above it, do not count."""
        told = (self._source(report["source"]) for report in self.reports if report["source"])
        return not self.receipts and not any(source.startswith(self.prefix) for source in told)

    @property
    def on_their_way(self) -> int:
        """How many current jobs have not ended, and are reported as nothing wrong."""
        told = {error["job_id"] for report in self.reports for error in report["errors"]}
        jobs = (job for receipt in self.receipts for job in _current(receipt))
        return sum(job["status"] not in _ENDS and job["job_id"] not in told for job in jobs)

    @property
    def total_usd(self) -> float:
        """What the receipts add up to, in whole micro-dollars."""
        return round(sum(receipt["total_usd"] for receipt in self.receipts), 6)

    @property
    def files(self) -> list[File]:
        """All that is to be seen, each once."""
        of_shots = (one for shot in self.shots for one in (shot.photo, shot.picture))
        of_troubles = (trouble.photo for trouble in self.troubles if trouble.photo)
        return list(dict.fromkeys([*of_shots, *of_troubles]))

    def _of(self, receipt: Mapping[str, Any], job: Mapping[str, Any]) -> Iterator[Shot]:
        """One shot for each picture that was bought, whatever the number of its files."""
        source = self._source(receipt["source"])
        numbers = dict.fromkeys(result["n"] for result in job["results"])
        for n in numbers:
            results = [result for result in job["results"] if result["n"] == n]
            yield Shot(
                source=source,
                name=self._name(source),
                photo=_photo(receipt["source"]),
                picture=_picture(job, _most_telling(results)),
                picks=[Pick(source, result["key"]) for result in results],
                job=job,
                results=results,
                of=len(numbers),
                seconds=_seconds(self.dropped_at.get(receipt["source"]["key"]), job),
            )

    def _trouble(self, report: Mapping[str, Any], error: Mapping[str, Any]) -> Trouble:
        found = report["source"]
        source = self._source(found) if found else ""
        is_photo = bool(found) and kind_of(found["key"]) is Kind.PHOTO
        return Trouble(
            source=source,
            name=self._name(source) if found else report["provider"],
            photo=_photo(found) if is_photo else None,
            variant=error["variant"] or "",
            hint=error["hint"] or GENERIC_HINT,
            since=error["first_seen"] or "",
            **{name: str(error[name]) for name in ("status", "code", "message", "money")},
        )

    def _source(self, source: Mapping[str, Any]) -> str:
        return source_name(source["bucket"], source["key"], self.own_bucket or source["bucket"])

    def _name(self, source: str) -> str:
        """What of a source's name is left behind the prefix, from its last whole folder on."""
        folder = self.prefix[: self.prefix.rfind("/") + 1]
        return source.removeprefix(folder) or source


_ENDS = frozenset(status.value for status in ENDS)


def _current(receipt: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    return (job for job in receipt["jobs"] if job["current"])


def _most_telling(results: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The file that stands for a picture: the one without an output's name, else the largest."""
    return max(results, key=lambda one: (one["output"] is None, one["width"] * one["height"]))


def _photo(source: Mapping[str, Any]) -> File:
    mark = source["sha256"] or f"{source['bucket']}/{source['key']}@{source['version_id']}"
    return File(source["bucket"], source["key"], source["version_id"], mark)


def _picture(job: Mapping[str, Any], result: Mapping[str, Any]) -> File:
    mark = result["version_id"] or f"{job['job_id']} {job['stored_at']} {result['bytes']}"
    return File("", result["key"], result["version_id"], f"{result['key']}@{mark}")


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
