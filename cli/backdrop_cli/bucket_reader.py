"""Reads receipts, error reports, and the bytes of photos and pictures from the buckets."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from botocore.exceptions import ClientError

from backdrop.aws.aws_errors import read_aws_error_code
from backdrop.campaigns.campaign import PLAN_FILE, campaign_work_key
from backdrop.campaigns.campaign import campaign_report_key as campaign_report_key
from backdrop.model.object_keys import (
    ERRORS_PREFIX,
    PROVIDER_REPORTS_FOLDER,
    RECEIPTS_PREFIX,
    list_defaults_keys,
    report_key,
)
from backdrop_cli.gallery.album import GalleryFile, MissingReason
from backdrop_cli.parallel import parallel_map
from backdrop_client.result_reader import JsonObject, ResultReader

# A photo that S3 denies, such as one in another account's bucket, must not hide the others.
UNREADABLE_CODES = frozenset({"AccessDenied", "KMS.DisabledException", "KMS.NotFoundException", "InvalidRequest"})


class BucketReader(ResultReader):
    """Reads a stack's buckets. AWS's own errors propagate."""

    def read_receipts(self, prefix: str, max_threads: int) -> Iterator[JsonObject]:
        """Yields the receipts of all photos whose names begin with a prefix, in the order of their keys."""
        return self._read_documents(self._listing.list_keys(f"{RECEIPTS_PREFIX}/{prefix}"), max_threads)

    def read_reports(self, prefix: str, max_threads: int) -> Iterator[JsonObject]:
        """Yields the reports of paused providers, broken folder defaults above the prefix, and photos below it."""
        providers = f"{ERRORS_PREFIX}/{PROVIDER_REPORTS_FOLDER}/"
        above = (report_key(key) for key in list_defaults_keys(prefix) if not key.startswith(prefix))
        below = (key for key in self._listing.list_keys(f"{ERRORS_PREFIX}/{prefix}") if not key.startswith(providers))
        return self._read_documents([*self._listing.list_keys(providers), *above, *below], max_threads)

    def read_campaign_plan(self, execution_name: str) -> JsonObject | None:
        """Returns the plan that a campaign writes before its first request; None until then."""
        return self._read_document(campaign_work_key(execution_name, PLAN_FILE))

    def read_campaign_report(self, name: str) -> JsonObject | None:
        """Returns the newest report of the campaigns of that name, if any."""
        return self._read_document(campaign_report_key(name, "json"))

    def read_file(self, file: GalleryFile) -> bytes | MissingReason:
        """Returns the bytes of a file's version, even if it was replaced or deleted since, or why there are none."""
        bucket = file.bucket or self._output_bucket
        try:
            data = self._read_version(bucket, file.key, file.version_id)
        except ClientError as error:
            if read_aws_error_code(error) in UNREADABLE_CODES:
                return MissingReason.ACCESS_DENIED
            raise
        return MissingReason.GONE if data is None else data

    def read_size(self, file: GalleryFile) -> int:
        """Returns about how many bytes a file has: those of its current version, or 0 if there is none to read.

        Sends a request only if the receipt does not have the size. Reading the file reports why it cannot be read.
        """
        if file.byte_count is not None:
            return file.byte_count
        try:
            response: Any = self._client.head_object(Bucket=file.bucket or self._output_bucket, Key=file.key)
        except ClientError:
            return 0
        return response["ContentLength"]

    def _read_documents(self, keys: Iterable[str], max_threads: int) -> Iterator[JsonObject]:
        contents = parallel_map(lambda key: self._read_version(self._output_bucket, key, None), keys, max_threads)
        return (json.loads(data) for data in contents if data is not None)
