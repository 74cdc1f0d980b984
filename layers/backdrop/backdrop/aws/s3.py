"""The two buckets on S3."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, unquote

from botocore.exceptions import BotoCoreError, ClientError

from backdrop.aws.aws_errors import error_code, unavailable, withheld
from backdrop.ports import Listed, Stored

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectTypeDef

ABSENT = frozenset({"404", "NoSuchKey", "NotFound", "NoSuchBucket"})
CHANGED = frozenset({"412", "PreconditionFailed", "409", "ConditionalRequestConflict"})
ARCHIVED = "InvalidObjectState"
LONGEST_LISTING = 1000
# A picture in each of its formats, and room beside them.
MOST_OF_A_NAME = 10
TAGS_SHOWN_SECONDS = 300


class Written(NamedTuple):
    """What a write made of an object."""

    etag: str
    version_id: str | None


class PreconditionError(Exception):
    """Somebody wrote the object since it was looked at; nothing was written."""


class S3Photos:
    """The photos, as people put them (InputBucket). `seconds` tells how time passes.

    With an object S3 counts its tags, but leaves the count out both where there are none and where we may not read them
    (GetObject, API reference). So a bucket's count is believed for minutes only after its tags were read; where they
    may not be, that is said of each photo, as ever.
    """

    def __init__(self, client: "S3Client", seconds: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._seconds = seconds
        self._shown: dict[str, float] = {}

    def read(self, bucket: str, key: str, *, limit: int, known_etag: str | None = None) -> Stored | None:
        """The object, or None when there is none; its bytes only if it is not the known one and within `limit`.

        Raises UnreadableError where S3 refuses this one.
        """
        try:
            found = self._client.get_object(Bucket=bucket, Key=key)
            with found["Body"] as body:
                unread = found["ContentLength"] > limit or found["ETag"] == known_etag
                data = None if unread else body.read()
        except (ClientError, BotoCoreError, OSError) as error:
            if error_code(error) in ABSENT:
                return None
            if error_code(error) == ARCHIVED:
                return self._archived(bucket, key)
            raise withheld(key, error) from error
        return replace(_stored(found, data), tagged=self._may_have_tags(bucket, found.get("TagCount", 0)))

    def _may_have_tags(self, bucket: str, count: int) -> bool:
        shown = self._shown.get(bucket)
        return count > 0 or shown is None or self._seconds() - shown > TAGS_SHOWN_SECONDS

    def _archived(self, bucket: str, key: str) -> Stored | None:
        """What S3 tells of an object whose bytes it does not hand out before somebody restores it."""
        try:
            found = self._client.head_object(Bucket=bucket, Key=key)
        except (ClientError, BotoCoreError) as error:
            if error_code(error) in ABSENT:
                return None
            raise withheld(key, error) from error
        return replace(_stored(found, None), archived=found.get("StorageClass", "GLACIER"))

    def tags(self, bucket: str, key: str) -> Mapping[str, str]:
        """The object's tags; none where the object is gone by now."""
        try:
            found = self._client.get_object_tagging(Bucket=bucket, Key=key)
        except (ClientError, BotoCoreError) as error:
            if error_code(error) in ABSENT:
                return {}
            raise withheld(key, error) from error
        self._shown[bucket] = self._seconds()
        return {tag["Key"]: tag["Value"] for tag in found["TagSet"]}

    def keys(self, bucket: str, prefix: str) -> Iterator[str]:
        """The keys that begin with `prefix`, in S3's order, without those in deeper folders."""
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=bucket,
            Prefix=prefix,
            Delimiter="/",
            PaginationConfig={"PageSize": LONGEST_LISTING},
        )
        try:
            for page in pages:
                yield from map(_key, page.get("Contents", ()))
        except (ClientError, BotoCoreError) as error:
            raise unavailable("S3", error) from error

    def listed(self, bucket: str, after: str) -> Iterator[Listed]:
        """All objects in the order of their keys, from the one that follows `after`."""
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, StartAfter=after)
        try:
            for page in pages:
                yield from map(_listed, page.get("Contents", ()))
        except (ClientError, BotoCoreError) as error:
            raise unavailable("S3", error) from error


class OutputBucket:
    """Pictures, receipts, reports, and the provider's files."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def head(self, key: str) -> Stored | None:
        """The object without its bytes, or None when there is none."""
        try:
            found = self._client.head_object(Bucket=self._bucket, Key=key)
        except (ClientError, BotoCoreError) as error:
            if error_code(error) in ABSENT:
                return None
            raise unavailable("S3", error) from error
        return _stored(found, None)

    def read(self, key: str) -> bytes:
        """The bytes of an object that is there."""
        try:
            return self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        except (ClientError, BotoCoreError, OSError) as error:
            raise unavailable("S3", error) from error

    def find(self, prefix: str, since: datetime | None = None) -> str | None:
        """The first key that begins with `prefix`, of an object that is no older than `since`; or None."""
        try:
            listed: Any = self._client.list_objects_v2(Bucket=self._bucket, Prefix=prefix, MaxKeys=MOST_OF_A_NAME)
        except (ClientError, BotoCoreError) as error:
            raise unavailable("S3", error) from error
        found = listed.get("Contents", ())
        return next((one["Key"] for one in found if since is None or one["LastModified"] >= since), None)

    def keys(self, prefix: str) -> Iterator[str]:
        """The keys that begin with `prefix`, in S3's order."""
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
        try:
            for page in pages:
                yield from map(_key, page.get("Contents", ()))
        except (ClientError, BotoCoreError) as error:
            raise unavailable("S3", error) from error

    def remove(self, key: str) -> None:
        """Take an object away that nobody else writes."""
        try:
            self._client.delete_object(Bucket=self._bucket, Key=key)
        except (ClientError, BotoCoreError) as error:
            raise unavailable("S3", error) from error

    def put(self, key: str, data: bytes, content_type: str) -> None:
        """Write an object whose key belongs to its content alone."""
        try:
            self._client.put_object(Bucket=self._bucket, Key=key, Body=data, ContentType=content_type)
        except (ClientError, BotoCoreError) as error:
            raise unavailable("S3", error) from error

    def replace(
        self,
        key: str,
        data: bytes,
        content_type: str,
        *,
        over: str | None,
        metadata: Mapping[str, str],
        cache_control: str | None = None,
    ) -> Written:
        """Write where the object still is the one with the ETag `over` (None: no object).

        Raises PreconditionError where somebody was faster.
        """
        sent: dict[str, Any] = {"IfMatch": over} if over else {"IfNoneMatch": "*"}
        sent |= {"CacheControl": cache_control} if cache_control else {}
        try:
            written = self._client.put_object(
                Bucket=self._bucket,
                Key=key,
                Body=data,
                ContentType=content_type,
                Metadata={name: quote(text) for name, text in metadata.items()},
                **sent,
            )
        except (ClientError, BotoCoreError) as error:
            if error_code(error) in CHANGED | ABSENT:
                raise PreconditionError from error
            raise unavailable("S3", error) from error
        return Written(written["ETag"], written.get("VersionId"))

    def delete(self, key: str, *, known: Stored) -> None:
        """Take an object away where it still is the `known` one; PreconditionError where somebody was faster."""
        try:
            self._client.delete_object(Bucket=self._bucket, Key=key, IfMatch=known.etag)
        except (ClientError, BotoCoreError) as error:
            if error_code(error) in CHANGED:
                raise PreconditionError from error
            if error_code(error) not in ABSENT:
                raise unavailable("S3", error) from error


def _stored(found: Mapping[str, Any], data: bytes | None) -> Stored:
    version = found.get("VersionId")
    return Stored(
        etag=found["ETag"],
        version_id=None if version == "null" else version,
        size=found["ContentLength"],
        modified=found["LastModified"],
        data=data,
        metadata={name: unquote(text) for name, text in found.get("Metadata", {}).items()},
    )


def _key(found: "ObjectTypeDef") -> str:
    return found["Key"]  # pyrefly: ignore[not-required-key-access]  # S3 leaves out none of these


def _listed(found: "ObjectTypeDef") -> Listed:
    return Listed(_key(found), found["ETag"], found["LastModified"])  # pyrefly: ignore[not-required-key-access]
