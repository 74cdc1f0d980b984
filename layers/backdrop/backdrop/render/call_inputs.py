"""The inputs of a paid call: the job's photo without its metadata, and the reference images."""

from dataclasses import dataclass

from backdrop.aws.ledger import Ledger
from backdrop.imaging.metadata import strip_photo_metadata
from backdrop.model.capabilities import MAX_PHOTO_BYTES, REFERENCES_FIELD
from backdrop.model.codes import Code
from backdrop.model.errors import PhotoError
from backdrop.model.ids import sha256_hex
from backdrop.model.job import Job
from backdrop.model.object_keys import list_reference_names, prepared_photo_name
from backdrop.ports import CallInputStore, InputBucket, StoredObject


@dataclass(frozen=True)
class CallInputs:
    """Reads the inputs of calls. `input_store` contains the prepared photos and reference images that intake stored."""

    photos: InputBucket
    input_store: CallInputStore
    ledger: Ledger

    def read_photo(self, job: Job) -> bytes | None:
        """Returns the bytes to send, or None if the bucket no longer has the photo that the job is for.

        Raises PhotoError if the photo is archived.
        """
        stored = self.photos.read(job.bucket, job.key, max_bytes=0 if job.is_prepared else MAX_PHOTO_BYTES)
        if stored and stored.archive_storage_class:
            raise PhotoError(
                Code.FILE_ARCHIVED, f"The photo is in the archive storage class {stored.archive_storage_class}."
            )
        if stored and job.is_prepared:
            return self._read_prepared(job, stored)
        if stored is None or stored.data is None or sha256_hex(stored.data) != job.sha256:
            return None
        return strip_photo_metadata(stored.data)

    def _read_prepared(self, job: Job, stored: StoredObject) -> bytes | None:
        """Returns the prepared photo; None if it has expired, or if intake has not read the current photo."""
        source, _ = self.ledger.read_photo(job.source_id)
        facts = source.photo if source else None
        if facts is None or (facts.etag, facts.sha256) != (stored.etag, job.sha256):
            return None
        return self.input_store.find(prepared_photo_name(job.sha256))

    def read_references(self, job: Job) -> list[bytes] | None:
        """Returns the images whose style the job imitates; None if one of them has expired."""
        found = [
            self.input_store.find(name) for name in list_reference_names(job.purchase_spec.get(REFERENCES_FIELD, ()))
        ]
        return None if None in found else [data for data in found if data]
