"""A person with photos on this machine, who uploads them to a simulated stack with `backdrop drop`."""

import json
from collections.abc import Mapping
from pathlib import Path

from backdrop.model.job import JobStatus
from simulation.world.sample_images import build_photo
from tests.simulated.command_user import CommandResult, Person

PROMPT = ("--prompt", "on sand")


class Uploader:
    """A person with a local folder `shoes`, who works in its parent folder."""

    def __init__(self, person: Person, folder: Path) -> None:
        self.person, self.world, self.folder = person, person.world, folder

    def write(self, name: str, data: bytes | Mapping[str, object] | None = None) -> None:
        """Writes a file: by default, a photo that differs from all others."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(json.dumps(data).encode() if isinstance(data, Mapping) else data or build_photo(name))

    def drop(self, *words: str, answer: str | None = None) -> CommandResult:
        return self.person.run("drop", *words, answer=answer)

    @property
    def keys(self) -> list[str]:
        """The keys in the input bucket."""
        return self.world.input_bucket.list_keys()

    def count_versions(self, key: str) -> int:
        return len(self.world.input_bucket.objects.get(key, ()))

    def list_statuses(self) -> list[JobStatus]:
        return [job.status for job in self.world.list_jobs()]
