"""The inputs of a paid call: the job's photo without its metadata, and the reference images."""

from dataclasses import dataclass

from backdrop.aws.ledger import Ledger
from backdrop.imaging.metadata import strip_photo_metadata
from backdrop.model.capabilities import MAX_PHOTO_BYTES, REFERENCES_FIELD
from backdrop.model.codes import Code
from backdrop.model.errors import PhotoError
from backdrop.model.ids import sha256_hex
from backdrop.model.job import Job
from backdrop.model.object_keys import framed_photo_name, list_reference_names, prepared_photo_name
from backdrop.ports import CallInputStore, InputBucket, StoredObject


@dataclass(frozen=True)
class CallInputs:
    """Reads the inputs of calls.

    `input_store` contains the prepared and framed photos and the reference images that intake stored.
    """

    photos: InputBucket
    input_store: CallInputStore
    ledger: Ledger

    def read_photo(self, job: Job) -> bytes | None:
        """Returns the bytes to send, or None if the bucket no longer has the photo that the job is for.

        Raises PhotoError if the photo is archived.
        """
        input_name = _find_input_name(job)
        stored = self.photos.read(job.bucket, job.key, max_bytes=0 if input_name else MAX_PHOTO_BYTES)
        if stored and stored.archive_storage_class:
            raise PhotoError(
                Code.FILE_ARCHIVED, f"The photo is in the archive storage class {stored.archive_storage_class}."
            )
        if stored and input_name:
            return self._read_prepared(job, stored, input_name)
        if stored is None or stored.data is None or sha256_hex(stored.data) != job.sha256:
            return None
        return strip_photo_metadata(stored.data)

    def _read_prepared(self, job: Job, stored: StoredObject, name: str) -> bytes | None:
        """Returns the prepared or framed photo; None if it has expired, or if intake has not read the current photo."""
        source, _ = self.ledger.read_photo(job.source_id)
        facts = source.photo if source else None
        if facts is None or (facts.etag, facts.sha256) != (stored.etag, job.sha256):
            return None
        return self.input_store.find(name)

    def read_references(self, job: Job) -> list[bytes] | None:
        """Returns the images whose style the job imitates; None if one of them has expired."""
        found = [
            self.input_store.find(name) for name in list_reference_names(job.purchase_spec.get(REFERENCES_FIELD, ()))
        ]
        return None if None in found else [data for data in found if data]


def _find_input_name(job: Job) -> str | None:
    """Returns the name of the framed or prepared photo that is sent; None if the photo itself is sent."""
    if job.canvas:
        return framed_photo_name(job.sha256, job.canvas)
    return prepared_photo_name(job.sha256) if job.is_prepared else None
