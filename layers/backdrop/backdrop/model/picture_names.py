"""Where a picture is delivered, and the names that a job's pictures claim."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from backdrop.model.job import Job, Source
from backdrop.model.object_keys import folder_of, named_picture_key, picture_key
from backdrop.model.output_spec import IMAGE_NUMBER, OutputSpec, parse_outputs
from backdrop.model.record import Record, record


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


@dataclass
class NameRegister:
    """Finds photos whose pictures would have the same name, before any of them is in the ledger."""

    photo_by_name: dict[str, str] = field(default_factory=dict[str, str])

    def add(self, photo_key: str, jobs: Iterable[Job]) -> tuple[str, str] | None:
        """Adds a photo's names. Returns the first that an earlier photo has, and that photo's key; None if none has."""
        names = [name for job in jobs for name in list_claimed_names(job)]
        taken = next((name for name in names if self.photo_by_name.get(name, photo_key) != photo_key), None)
        if taken is not None:
            return taken, self.photo_by_name[taken]
        self.photo_by_name |= dict.fromkeys(names, photo_key)
        return None


def holds_name(source: Source, jobs: Sequence[Job], name: str) -> bool:
    """Whether a photo that has claimed a name still needs it, given all its jobs.

    It does as long as its current jobs name it, and if it was deleted, until they have ended. A current job that the
    ledger has deleted may name it.
    """
    current_ids = set(source.jobs.values())
    current_jobs = [job for job in jobs if job.job_id in current_ids]
    if source.was_missing:
        return any(not job.has_ended and name in list_claimed_names(job) for job in current_jobs)
    return len(current_jobs) < len(current_ids) or any(name in list_claimed_names(job) for job in current_jobs)
