"""Where a picture is delivered, and the names that a job's pictures claim."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from backdrop.model.job import Job, Source
from backdrop.model.object_keys import folder_of, named_picture_key, picture_key, stem_of
from backdrop.model.output_spec import IMAGE_NUMBER, OutputSpec, parse_outputs
from backdrop.model.record import Record, record

# What follows the photo's stem in the default layout: the variant, the number, the output, and the format.
_DEFAULT_ENDING = re.compile(r"(-[a-z0-9-]{1,40})?(_\d+)?(@[a-z0-9-]{1,40})?\.(png|webp|jpg)", re.ASCII)


@record
class NameClaim(Record):
    """The photo that has a name, as of this lock version of its source item. `name`: see `build_claimed_name`."""

    name: str
    source_id: str
    lock_version: int


def find_picture_key(photo_name: str, variant: str, n: int, output: OutputSpec) -> str:
    """Returns the key of image `n` in one output; `photo_name` is the photo's name in the output bucket."""
    if output.name_template is None:
        return picture_key(photo_name, variant=variant, n=n, extension=output.format, output=output.name)
    return named_picture_key(photo_name, _number_name(output.name_template, n))


def build_claimed_name(bucket: str, photo_key: str, output: OutputSpec, n: int) -> str | None:
    """Returns what a photo claims so that no other photo delivers to the same key; None in the default layout.

    Photos with the same bucket and folder have the same folder in the output bucket.
    """
    if output.name_template is None:
        return None
    return f"{bucket}/{folder_of(photo_key)}{_number_name(output.name_template, n)}"


def _number_name(name_template: str, n: int) -> str:
    return name_template.replace(IMAGE_NUMBER, str(n))


def list_claimed_names(job: Job) -> Iterator[str]:
    """Yields the names of all pictures of a job, whether or not they exist already. A name may occur twice."""
    for output in parse_outputs(job.instructions):
        for n in range(1, int(job.instructions.get("num_images", 1)) + 1):
            name = build_claimed_name(job.bucket, job.key, output, n)
            if name is not None:
                yield name


def find_default_owner(key: str) -> str | None:
    """Returns the photo that has a picture under this key in the default layout; None if there can be none.

    `shoes/red.jpg/red-beach.png` belongs to `shoes/red.jpg`.
    """
    owner, _, file = key.rpartition("/")
    stem = stem_of(owner)
    is_default = bool(stem) and file.startswith(stem) and _DEFAULT_ENDING.fullmatch(file.removeprefix(stem))
    return owner if is_default else None


def has_suffix(key: str) -> bool:
    """Whether a photo's name has a suffix, as most do. No folder in a picture's name may look like such a name."""
    return stem_of(key) != key.rpartition("/")[2]


def list_endangered_names(job: Job) -> list[str]:
    """Returns the names in the default layout that another photo could claim: those of a photo without a suffix."""
    return [] if has_suffix(job.key) else list(list_default_names(job))


def list_default_names(job: Job) -> Iterator[str]:
    """Yields the names of a job's pictures in the default layout, in the form of `build_claimed_name`."""
    if job.is_mask:
        return
    for output in parse_outputs(job.instructions):
        if output.name_template is None:
            for n in range(1, int(job.instructions.get("num_images", 1)) + 1):
                yield f"{job.bucket}/{find_picture_key(job.key, job.variant, n, output)}"


@dataclass
class NameRegister:
    """Finds photos whose pictures would have the same name, before any of them is in the ledger."""

    photo_by_name: dict[str, str] = field(default_factory=dict[str, str])

    def add(self, photo_key: str, jobs: Iterable[Job]) -> tuple[str, str] | None:
        """Adds a photo's names. Returns the first that an earlier photo has, and that photo's key; None if none has."""
        names = [name for job in jobs for name in (*list_claimed_names(job), *list_endangered_names(job))]
        taken = next((name for name in names if self.photo_by_name.get(name, photo_key) != photo_key), None)
        if taken is not None:
            return taken, self.photo_by_name[taken]
        self.photo_by_name |= dict.fromkeys(names, photo_key)
        return None


def holds_name(source: Source, jobs: Sequence[Job], name: str) -> bool:
    """Whether a photo that has claimed a name still needs it, given all its jobs.

    It does as long as a current job uses the name or, if the photo was deleted, until all jobs that use it have ended.
    A current job that the ledger no longer has counts as using it.
    """
    current_ids = set(source.jobs.values())
    current_jobs = [job for job in jobs if job.job_id in current_ids]
    if source.was_missing:
        return any(not job.has_ended and name in list_claimed_names(job) for job in current_jobs)
    return len(current_jobs) < len(current_ids) or any(name in list_claimed_names(job) for job in current_jobs)
