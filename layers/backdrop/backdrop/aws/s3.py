"""The input buckets and the output bucket in S3."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, unquote

from botocore.exceptions import BotoCoreError, ClientError

from backdrop.aws.aws_errors import access_denied, read_aws_error_code, translate_errors, unavailable
from backdrop.ports import ListedObject, StoredObject

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ListObjectsV2OutputTypeDef, ObjectTypeDef

NO_BUCKET_CODE = "NoSuchBucket"
NOT_FOUND_CODES = frozenset({"404", "NoSuchKey", "NotFound", NO_BUCKET_CODE})
# Another request for the same object was under way, so S3 did not check the precondition.
CONFLICT_CODES = frozenset({"409", "ConditionalRequestConflict"})
PRECONDITION_CODES = CONFLICT_CODES | {"412", "PreconditionFailed"}
ARCHIVED_CODE = "InvalidObjectState"
LISTING_PAGE_SIZE = 1000
# More than the number of formats in which one picture can be stored.
MAX_FILES_PER_PICTURE = 10
TAG_COUNT_TRUST_SECONDS = 300


class WriteResult(NamedTuple):
    etag: str
    version_id: str | None


class PreconditionFailedError(Exception):
    """The object has changed since it was read. Nothing was written."""


class S3InputBucket:
    """Reads photos, sidecars, and tags.

    S3 omits the tag count of an object both if it has no tags and if we may not read them (GetObject, API reference). A
    missing count therefore means "no tags" only for a few minutes after tags in the bucket were read successfully.
    Without the permission, each photo's tags are requested, so that each photo reports the error.
    """

    def __init__(self, client: "S3Client", monotonic: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._monotonic = monotonic
        self._tags_read_at: dict[str, float] = {}

    def read(self, bucket: str, key: str, *, max_bytes: int, known_etag: str | None = None) -> StoredObject | None:
        """Returns the object, or None if it does not exist.

        Includes the bytes only if there are at most `max_bytes` and the ETag differs from `known_etag`. Raises
        UnreadableFileError if S3 denies access to this object.
        """
        try:
            found = self._client.get_object(Bucket=bucket, Key=key)
            with found["Body"] as body:
                skip_body = found["ContentLength"] > max_bytes or found["ETag"] == known_etag
                data = None if skip_body else body.read()
        except (ClientError, BotoCoreError, OSError) as error:
            if read_aws_error_code(error) in NOT_FOUND_CODES:
                return None
            if read_aws_error_code(error) == ARCHIVED_CODE:
                return self._read_archived(bucket, key)
            raise access_denied(key, error) from error
        return replace(
            _to_stored_object(found, data), may_have_tags=self._may_have_tags(bucket, found.get("TagCount", 0))
        )

    def _may_have_tags(self, bucket: str, tag_count: int) -> bool:
        tags_read_at = self._tags_read_at.get(bucket)
        return tag_count > 0 or tags_read_at is None or self._monotonic() - tags_read_at > TAG_COUNT_TRUST_SECONDS

    def _read_archived(self, bucket: str, key: str) -> StoredObject | None:
        """Returns the metadata of an object whose bytes are not available until the object is restored."""
        try:
            found = self._client.head_object(Bucket=bucket, Key=key)
        except (ClientError, BotoCoreError) as error:
            if read_aws_error_code(error) in NOT_FOUND_CODES:
                return None
            raise access_denied(key, error) from error
        return replace(_to_stored_object(found, None), archive_storage_class=found.get("StorageClass", "GLACIER"))

    def read_tags(self, bucket: str, key: str) -> Mapping[str, str]:
        """Returns the object's tags, or none if the object no longer exists."""
        try:
            found = self._client.get_object_tagging(Bucket=bucket, Key=key)
        except (ClientError, BotoCoreError) as error:
            if read_aws_error_code(error) in NOT_FOUND_CODES:
                return {}
            raise access_denied(key, error) from error
        self._tags_read_at[bucket] = self._monotonic()
        return {tag["Key"]: tag["Value"] for tag in found["TagSet"]}

    def list_folder_keys(self, bucket: str, prefix: str, after: str = "") -> Iterator[str]:
        """Returns keys and subfolders in S3's order. See InputBucket."""
        pages = _list_pages(
            self._client,
            Bucket=bucket,
            Prefix=prefix,
            Delimiter="/",
            StartAfter=after,
            PaginationConfig={"PageSize": LISTING_PAGE_SIZE},
        )
        return chain.from_iterable(map(_list_names_of_page, pages))

    def iterate_objects(self, bucket: str, after: str) -> Iterator[ListedObject]:
        """Returns all objects after the key `after`, in the order of their keys."""
        return map(_to_listed_object, _list_objects(self._client, Bucket=bucket, StartAfter=after))


class OutputBucket:
    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def head(self, key: str) -> StoredObject | None:
        """Returns the object without its bytes, or None if it does not exist."""
        try:
            found = self._client.head_object(Bucket=self._bucket, Key=key)
        except (ClientError, BotoCoreError) as error:
            if read_aws_error_code(error) in NOT_FOUND_CODES:
                return None
            raise unavailable("S3", error) from error
        return _to_stored_object(found, None)

    def read(self, key: str) -> bytes:
        """Returns the object's bytes. Raises RetryLaterError if it does not exist."""
        try:
            return self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        except (ClientError, BotoCoreError, OSError) as error:
            raise unavailable("S3", error) from error

    def find_key(self, prefix: str, since: datetime | None = None) -> str | None:
        """Returns the first key that begins with `prefix` and whose object is not older than `since`, or None."""
        with translate_errors("S3"):
            response: Any = self._client.list_objects_v2(
                Bucket=self._bucket, Prefix=prefix, MaxKeys=MAX_FILES_PER_PICTURE
            )
        found = response.get("Contents", ())
        return next((item["Key"] for item in found if since is None or item["LastModified"] >= since), None)

    def list_keys(self, prefix: str) -> Iterator[str]:
        """Returns the keys that begin with `prefix`, in S3's order."""
        return map(_read_key, _list_objects(self._client, Bucket=self._bucket, Prefix=prefix))

    def delete(self, key: str) -> None:
        """Deletes an object that no other worker writes."""
        with translate_errors("S3"):
            self._client.delete_object(Bucket=self._bucket, Key=key)

    def put(self, key: str, data: bytes, content_type: str) -> None:
        """Writes unconditionally. Use it only for a key that is derived from the content."""
        with translate_errors("S3"):
            self._client.put_object(Bucket=self._bucket, Key=key, Body=data, ContentType=content_type)

    def put_if_unchanged(
        self,
        key: str,
        data: bytes,
        content_type: str,
        *,
        expected_etag: str | None,
        metadata: Mapping[str, str],
        cache_control: str | None = None,
    ) -> WriteResult:
        """Writes only if the object's ETag is `expected_etag`; if that is None, only if there is no object.

        Raises PreconditionFailedError if another worker wrote first.
        """
        conditions: dict[str, Any] = {"IfMatch": expected_etag} if expected_etag else {"IfNoneMatch": "*"}
        conditions |= {"CacheControl": cache_control} if cache_control else {}
        try:
            written = self._client.put_object(
                Bucket=self._bucket,
                Key=key,
                Body=data,
                ContentType=content_type,
                Metadata={name: quote(text) for name, text in metadata.items()},
                **conditions,
            )
        except (ClientError, BotoCoreError) as error:
            if read_aws_error_code(error) in PRECONDITION_CODES | NOT_FOUND_CODES - {NO_BUCKET_CODE}:
                raise PreconditionFailedError from error
            raise unavailable("S3", error) from error
        return WriteResult(written["ETag"], written.get("VersionId"))

    def delete_if_unchanged(self, key: str, *, expected: StoredObject) -> None:
        """Deletes the object if it is still the `expected` one, and does nothing if there is none.

        Raises PreconditionFailedError if another worker wrote first.
        """
        try:
            self._client.delete_object(Bucket=self._bucket, Key=key, IfMatch=expected.etag)
        except (ClientError, BotoCoreError) as error:
            if read_aws_error_code(error) in PRECONDITION_CODES:
                raise PreconditionFailedError from error
            if read_aws_error_code(error) not in NOT_FOUND_CODES:
                raise unavailable("S3", error) from error


def _list_objects(client: "S3Client", **arguments: Any) -> Iterator["ObjectTypeDef"]:
    for page in _list_pages(client, **arguments):
        yield from page.get("Contents", ())


def _list_pages(client: "S3Client", **arguments: Any) -> Iterator["ListObjectsV2OutputTypeDef"]:
    with translate_errors("S3"):
        yield from client.get_paginator("list_objects_v2").paginate(**arguments)


def _list_names_of_page(page: "ListObjectsV2OutputTypeDef") -> list[str]:
    subfolders = (one["Prefix"] for one in page.get("CommonPrefixes", ()) if "Prefix" in one)
    return sorted([*map(_read_key, page.get("Contents", ())), *subfolders])


def _to_stored_object(found: Mapping[str, Any], data: bytes | None) -> StoredObject:
    version = found.get("VersionId")
    return StoredObject(
        etag=found["ETag"],
        version_id=None if version == "null" else version,
        size=found["ContentLength"],
        modified_at=found["LastModified"],
        data=data,
        metadata={name: unquote(text) for name, text in found.get("Metadata", {}).items()},
    )


def _read_key(found: "ObjectTypeDef") -> str:
    return found["Key"]  # pyrefly: ignore[not-required-key-access]  # S3 always returns it


def _to_listed_object(found: "ObjectTypeDef") -> ListedObject:
    return ListedObject(_read_key(found), found["ETag"], found["LastModified"])  # pyrefly: ignore[not-required-key-access]
