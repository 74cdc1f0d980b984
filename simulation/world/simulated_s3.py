"""S3 buckets in memory: versions, conditional writes, tags, and notifications with S3's key encoding."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from io import BytesIO
from itertools import groupby, islice
from typing import Any
from urllib.parse import quote_plus

from botocore.response import StreamingBody
from sortedcontainers import SortedDict

from simulation.world.transport import Transport, build_client_error
from simulation.world.world_clock import WorldClock

MAX_KEY_BYTES = 1024
MAX_LISTED_KEYS = 1000
MAX_CACHED_HASHES = 1000

type NotificationListener = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class ObjectVersion:
    """One version of an object; `data` is None for a delete marker. An empty `etag` is derived from the data."""

    id: str
    data: bytes | None
    modified_at: datetime
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    content_type: str = "binary/octet-stream"
    cache_control: str | None = None
    etag: str = ""

    def __post_init__(self) -> None:
        if not self.etag:
            digest = hashlib.md5(self.data or b"", usedforsecurity=False).hexdigest()
            object.__setattr__(self, "etag", f'"{digest}"')

    @property
    def sha256(self) -> str:
        return hash_data(self.data or b"")


@lru_cache(maxsize=MAX_CACHED_HASHES)
def hash_data(data: bytes) -> str:
    """Returns the SHA-256 in hexadecimal, computed once per content."""
    return hashlib.sha256(data).hexdigest()


@dataclass
class SimulatedBucket:
    """One bucket, versioned unless a test turns it off before the first upload.

    `notify` is called with the bodies of its notifications. `changed_keys`: written keys. `change_count`: how often an
    object or its tags changed.
    """

    name: str
    notify: NotificationListener | None = None
    objects: SortedDict[str, list[ObjectVersion]] = field(default_factory=SortedDict[str, list[ObjectVersion]])
    changed_keys: set[str] = field(default_factory=set[str])
    change_count: int = 0
    is_versioned: bool = True

    def find_current(self, key: str) -> ObjectVersion | None:
        """Returns the current version; None if there is none or a delete marker."""
        versions = self.objects.get(key, [])
        return versions[-1] if versions and versions[-1].data is not None else None

    def list_keys(self) -> list[str]:
        """Returns the keys of a listing in S3's order, which is that of UTF-8 and of code points."""
        return list(self.iterate_keys())

    def iterate_keys(self, prefix: str = "", after: str = "") -> Iterator[str]:
        """Yields the listed keys that begin with a prefix, after a key."""
        for key in self.objects.irange(max(prefix, after), inclusive=(after < prefix or not after, True)):
            if not key.startswith(prefix):
                return
            if self.find_current(key):
                yield key


class SimulatedS3:
    """The client for all buckets. `page_size` limits the pages of listings."""

    def __init__(self, transport: Transport, clock: WorldClock) -> None:
        self.buckets: dict[str, SimulatedBucket] = {}
        self._transport = transport
        self._clock = clock
        self._version_count = 0
        self.page_size = MAX_LISTED_KEYS

    def create_bucket(self, name: str, notify: NotificationListener | None = None) -> SimulatedBucket:
        return self.buckets.setdefault(name, SimulatedBucket(name, notify))

    def get_object(self, **request: Any) -> dict[str, Any]:
        return self._transport.execute("s3", "get_object", request, lambda: self._get(**request))

    def head_object(self, **request: Any) -> dict[str, Any]:
        """Returns an object's metadata. As on S3, a missing object is a 404 without a code."""
        return self._transport.execute("s3", "head_object", request, lambda: self._head(**request))

    def put_object(self, **request: Any) -> dict[str, Any]:
        """Writes a version if the conditions allow it."""
        return self._transport.execute("s3", "put_object", request, lambda: self._put(**request))

    def delete_object(self, **request: Any) -> dict[str, Any]:
        """Writes a delete marker if the condition allows it."""
        return self._transport.execute("s3", "delete_object", request, lambda: self._delete(**request))

    def get_object_tagging(self, **request: Any) -> dict[str, Any]:
        return self._transport.execute("s3", "get_object_tagging", request, lambda: self._get_tags(**request))

    def list_objects_v2(self, **request: Any) -> dict[str, Any]:
        """Returns one page of the keys that begin with a prefix."""
        return self._transport.execute("s3", "list_objects_v2", request, lambda: self._list(**request))

    def get_paginator(self, operation: str) -> "SimulatedPaginator":
        """Returns boto3's paginator, which the simulation has only for listings."""
        if operation != "list_objects_v2":
            raise NotImplementedError(f"the simulation does not implement pages of {operation}")
        return SimulatedPaginator(self)

    # -- what users and other tools do; no faults strike here ---------------------------------------------------

    def upload(self, bucket: str, key: str, data: bytes, tags: Mapping[str, str] | None = None) -> ObjectVersion:
        """A user uploads a file."""
        version = ObjectVersion(self._create_version_id(bucket), data, self._now(), {}, dict(tags or {}))
        return self._write(self.buckets[bucket], key, version)

    def set_tags(self, bucket: str, key: str, tags: Mapping[str, str]) -> None:
        """A user changes a file's tags."""
        bucket_state = self.buckets[bucket]
        old = bucket_state.objects[key][-1]
        bucket_state.objects[key][-1] = ObjectVersion(
            old.id, old.data, old.modified_at, old.metadata, dict(tags), old.content_type
        )
        self._notify(bucket_state, key, old, "ObjectTagging:Put" if tags else "ObjectTagging:Delete")

    def delete(self, bucket: str, key: str) -> None:
        """A user deletes a file."""
        self._write(self.buckets[bucket], key, ObjectVersion(self._create_version_id(bucket), None, self._now()))

    def delete_newest_version(self, bucket: str, key: str) -> None:
        """A user permanently deletes the newest version, be it a file or a delete marker."""
        bucket_state = self.buckets[bucket]
        self._notify(bucket_state, key, bucket_state.objects[key].pop(), "ObjectRemoved:Delete")

    # -- the operations -----------------------------------------------------------------------------------------

    def _get(self, *, Bucket: str, Key: str, VersionId: str = "") -> dict[str, Any]:  # noqa: N803
        found = (
            self._find_version(Bucket, Key, VersionId) if VersionId else self._find_current(Bucket, Key, "NoSuchKey")
        )
        data = found.data or b""
        return _describe(found) | {"Body": StreamingBody(BytesIO(data), len(data))}

    def _head(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        return _describe(self._find_current(Bucket, Key, "404"))

    def _put(
        self,
        *,
        Bucket: str,  # noqa: N803
        Key: str,  # noqa: N803
        Body: bytes,  # noqa: N803
        ContentType: str,  # noqa: N803
        Metadata: Mapping[str, str] | None = None,  # noqa: N803
        CacheControl: str | None = None,  # noqa: N803
        IfMatch: str | None = None,  # noqa: N803
        IfNoneMatch: str | None = None,  # noqa: N803
    ) -> dict[str, Any]:
        bucket = self._find_bucket(Bucket, "PutObject")
        if len(Key.encode()) > MAX_KEY_BYTES:
            raise build_client_error("KeyTooLongError", "PutObject", 400)
        if IfNoneMatch and (IfNoneMatch != "*" or bucket.find_current(Key)):
            raise build_client_error("PreconditionFailed", "PutObject", 412)
        if IfMatch:
            _require_etag(bucket, Key, IfMatch, "PutObject")
        metadata = {name: _require_ascii(text) for name, text in (Metadata or {}).items()}
        version_id = self._create_version_id(Bucket)
        version = ObjectVersion(version_id, Body, self._now(), metadata, {}, ContentType, CacheControl)
        self._write(bucket, Key, version)
        return {"ETag": version.etag} | _describe_version(version)

    def _delete(self, *, Bucket: str, Key: str, IfMatch: str | None = None) -> dict[str, Any]:  # noqa: N803
        if IfMatch:
            _require_etag(self._find_bucket(Bucket, "DeleteObject"), Key, IfMatch, "DeleteObject")
        marker = ObjectVersion(self._create_version_id(Bucket), None, self._now())
        self._write(self.buckets[Bucket], Key, marker)
        return {"DeleteMarker": True, "VersionId": marker.id} if marker.id else {}

    def _get_tags(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        found = self._find_current(Bucket, Key, "NoSuchKey")
        return {"TagSet": [{"Key": name, "Value": text} for name, text in found.tags.items()]} | (
            _describe_version(found)
        )

    def _list(
        self,
        *,
        Bucket: str,  # noqa: N803
        Prefix: str = "",  # noqa: N803
        Delimiter: str = "",  # noqa: N803
        MaxKeys: int = MAX_LISTED_KEYS,  # noqa: N803
        StartAfter: str = "",  # noqa: N803
        ContinuationToken: str = "",  # noqa: N803
    ) -> dict[str, Any]:
        bucket = self._find_bucket(Bucket, "ListObjectsV2")
        after = ContinuationToken or StartAfter
        names = _group_by_subfolder(bucket.iterate_keys(Prefix, after), Prefix, Delimiter)
        size = min(MaxKeys, self.page_size)
        listed = list(islice(names, size + 1))
        response: dict[str, Any] = {"KeyCount": min(len(listed), size), "IsTruncated": len(listed) > size}
        page = listed[:size]
        subfolders = [name for name, _ in page if Delimiter and Delimiter in name[len(Prefix) :]]
        if keys := [name for name, _ in page if name not in subfolders]:
            response["Contents"] = [_describe_listed(key, bucket.objects[key][-1]) for key in keys]
        if subfolders:
            response["CommonPrefixes"] = [{"Prefix": name} for name in subfolders]
        if response["IsTruncated"]:
            response["NextContinuationToken"] = page[-1][1]
        return response

    def _find_bucket(self, bucket: str, operation: str) -> SimulatedBucket:
        if bucket not in self.buckets:
            raise build_client_error("NoSuchBucket", operation, 404)
        return self.buckets[bucket]

    def _find_current(self, bucket: str, key: str, error_code: str) -> ObjectVersion:
        found = self._find_bucket(bucket, "GetObject").find_current(key)
        if found is None:
            raise build_client_error(error_code, "GetObject", 404)
        return found

    def _find_version(self, bucket: str, key: str, version_id: str) -> ObjectVersion:
        for found in self._find_bucket(bucket, "GetObject").objects.get(key, []):
            if found.id == version_id and found.data is not None:
                return found
        raise build_client_error("NoSuchVersion", "GetObject", 404)

    def _write(self, bucket: SimulatedBucket, key: str, version: ObjectVersion) -> ObjectVersion:
        older = bucket.objects.get(key, []) if bucket.is_versioned else []
        bucket.objects[key] = [*older, version]
        bucket.changed_keys.add(key)
        removal = "ObjectRemoved:DeleteMarkerCreated" if bucket.is_versioned else "ObjectRemoved:Delete"
        kind = "ObjectCreated:Put" if version.data is not None else removal
        self._notify(bucket, key, version, kind)
        return version

    def _notify(self, bucket: SimulatedBucket, key: str, version: ObjectVersion, kind: str) -> None:
        bucket.change_count += 1
        if bucket.notify:
            bucket.notify(build_notification(bucket.name, key, kind, version, self._clock.time))

    def _create_version_id(self, bucket: str) -> str:
        """Returns "" in a bucket without versioning."""
        self._version_count += 1
        return f"v{self._version_count:06}" if self.buckets[bucket].is_versioned else ""

    def _now(self) -> datetime:
        """S3 stores whole seconds."""
        return self._clock.time.replace(microsecond=0)


@dataclass(frozen=True)
class SimulatedPaginator:
    """A listing, page by page."""

    client: SimulatedS3

    def paginate(
        self,
        *,
        PaginationConfig: Mapping[str, int] | None = None,  # noqa: N803
        **request: Any,
    ) -> Iterator[dict[str, Any]]:
        """Yields the pages, each fetched when it is needed."""
        size = (PaginationConfig or {}).get("PageSize", MAX_LISTED_KEYS)
        page = self.client.list_objects_v2(**request, MaxKeys=size)
        yield page
        while page["IsTruncated"]:
            page = self.client.list_objects_v2(**request, MaxKeys=size, ContinuationToken=page["NextContinuationToken"])
            yield page


def build_notification(bucket: str, key: str, event_name: str, version: ObjectVersion, at: datetime) -> str:
    """Returns the body of an S3 event notification (Amazon S3 User Guide, "Event message structure", version 2.1)."""
    object_entry: dict[str, Any] = {"key": quote_plus(key, safe="/-_.*")}
    if version.id:
        object_entry["versionId"] = version.id
    if version.data is not None:
        object_entry |= {"size": len(version.data), "eTag": version.etag.strip('"')}
    record = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "eventTime": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "eventName": event_name,
        "s3": {"s3SchemaVersion": "1.0", "bucket": {"name": bucket}, "object": object_entry},
    }
    return json.dumps({"Records": [record]})


def _group_by_subfolder(keys: Iterable[str], prefix: str, delimiter: str) -> Iterator[tuple[str, str]]:
    """Yields keys and subfolders of a listing, each with the last key that it stands for."""

    def find_name(key: str) -> str:
        head, found, _ = key[len(prefix) :].partition(delimiter) if delimiter else (key, "", "")
        return f"{prefix}{head}{found}" if found else key

    for name, group in groupby(keys, find_name):
        *_, last_key = group
        yield name, last_key


def _require_etag(bucket: SimulatedBucket, key: str, etag: str, operation: str) -> None:
    found = bucket.find_current(key)
    if found is None:
        raise build_client_error("NoSuchKey", operation, 404)
    if found.etag != etag:
        raise build_client_error("PreconditionFailed", operation, 412)


def _describe_listed(key: str, found: ObjectVersion) -> dict[str, Any]:
    return {"Key": key, "LastModified": found.modified_at, "ETag": found.etag, "Size": len(found.data or b"")}


def _describe(found: ObjectVersion) -> dict[str, Any]:
    return {
        "ETag": found.etag,
        **_describe_version(found),
        "ContentLength": len(found.data or b""),
        "LastModified": found.modified_at,
        "Metadata": dict(found.metadata),
        "ContentType": found.content_type,
        **({"CacheControl": found.cache_control} if found.cache_control else {}),
        **({"TagCount": len(found.tags)} if found.tags else {}),
    }


def _describe_version(found: ObjectVersion) -> dict[str, str]:
    return {"VersionId": found.id} if found.id else {}


def _require_ascii(text: str) -> str:
    if not text.isascii():
        raise ValueError("botocore accepts only ASCII metadata")
    return text
