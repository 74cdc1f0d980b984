"""What a paid call sends: the photo that its job is for, with nothing that it says of itself, and the references."""

from dataclasses import dataclass

from backdrop.aws.ledger import Ledger
from backdrop.imaging.metadata import bare
from backdrop.model.capabilities import MAX_PHOTO_BYTES, REFERENCES
from backdrop.model.codes import Code
from backdrop.model.errors import PhotoError
from backdrop.model.ids import sha256_hex
from backdrop.model.job import Job
from backdrop.model.object_keys import prepared_name, reference_names
from backdrop.ports import InputBucket, Inputs, Stored


@dataclass(frozen=True)
class Material:
    """`inputs` holds what intake put aside for calls."""

    photos: InputBucket
    inputs: Inputs
    ledger: Ledger

    def photo(self, job: Job) -> bytes | None:
        """What is sent of the photo that the job is for, or None when another lies there; PhotoError where archived."""
        stored = self.photos.read(job.bucket, job.key, limit=0 if job.prepared else MAX_PHOTO_BYTES)
        if stored and stored.archived:
            raise PhotoError(Code.FILE_ARCHIVED, f"The photo lies in the archive class {stored.archived}.")
        if stored and job.prepared:
            return self._prepared(job, stored)
        if stored is None or stored.data is None or sha256_hex(stored.data) != job.sha256:
            return None
        return bare(stored.data)

    def _prepared(self, job: Job, stored: Stored) -> bytes | None:
        """What intake put aside, or None where it expired, or where intake has not seen the photo that lies there."""
        source, _ = self.ledger.photo(job.source_id)
        seen = source.photo if source else None
        if seen is None or (seen.etag, seen.sha256) != (stored.etag, job.sha256):
            return None
        return self.inputs.find(prepared_name(job.sha256))

    def references(self, job: Job) -> list[bytes] | None:
        """The pictures whose style the job takes over, or None when one of them expired."""
        found = [self.inputs.find(name) for name in reference_names(job.asked.get(REFERENCES, ()))]
        return None if None in found else [data for data in found if data]
