"""S3 buckets in memory: versions, conditional writes, tags, and notifications with S3's key encoding."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from itertools import islice
from typing import Any
from urllib.parse import quote_plus

from botocore.response import StreamingBody

from proof.world.clock import WorldClock
from proof.world.s3_objects import Bucket, Notify, Version
from proof.world.wire import Wire, refusal

LONGEST_KEY_BYTES = 1024
LONGEST_LISTING = 1000


class SimulatedS3:
    """The client for all buckets of the world; `page_keys` makes listings come in smaller pages."""

    def __init__(self, wire: Wire, clock: WorldClock) -> None:
        self.buckets: dict[str, Bucket] = {}
        self._wire = wire
        self._clock = clock
        self._versions = 0
        self.page_keys = LONGEST_LISTING

    def open(self, name: str, notify: Notify | None = None) -> Bucket:
        """A new bucket."""
        return self.buckets.setdefault(name, Bucket(name, notify))

    def get_object(self, **sent: Any) -> dict[str, Any]:
        """An object with its bytes."""
        return self._wire.carry("s3", "get_object", sent, lambda: self._get(**sent))

    def head_object(self, **sent: Any) -> dict[str, Any]:
        """An object without its bytes; as on S3, a missing one is a bare 404."""
        return self._wire.carry("s3", "head_object", sent, lambda: self._head(**sent))

    def put_object(self, **sent: Any) -> dict[str, Any]:
        """Write a version, where the conditions allow it."""
        return self._wire.carry("s3", "put_object", sent, lambda: self._put(**sent))

    def delete_object(self, **sent: Any) -> dict[str, Any]:
        """Put a delete marker over an object, where the condition allows it."""
        return self._wire.carry("s3", "delete_object", sent, lambda: self._delete(**sent))

    def get_object_tagging(self, **sent: Any) -> dict[str, Any]:
        """An object's tags."""
        return self._wire.carry("s3", "get_object_tagging", sent, lambda: self._tagging(**sent))

    def list_objects_v2(self, **sent: Any) -> dict[str, Any]:
        """One page of the keys that begin with a prefix."""
        return self._wire.carry("s3", "list_objects_v2", sent, lambda: self._list(**sent))

    def get_paginator(self, operation: str) -> "Pages":
        """boto3's paginator, for listings alone."""
        if operation != "list_objects_v2":
            raise NotImplementedError(f"no imitation of {operation}'s pages")
        return Pages(self)

    # -- what people and other tools do; it meets no fault ------------------------------------------------------

    def drop(self, bucket: str, key: str, data: bytes, tags: Mapping[str, str] | None = None) -> Version:
        """Somebody uploads a file."""
        return self._write(self.buckets[bucket], key, Version(self._id(), data, self._now(), {}, dict(tags or {})))

    def tag(self, bucket: str, key: str, tags: Mapping[str, str]) -> None:
        """Somebody changes a file's tags."""
        place = self.buckets[bucket]
        old = place.objects[key][-1]
        place.objects[key][-1] = Version(old.id, old.data, old.modified, old.metadata, dict(tags), old.content_type)
        self._tell(place, key, old, "ObjectTagging:Put" if tags else "ObjectTagging:Delete")

    def remove(self, bucket: str, key: str) -> None:
        """Somebody deletes a file."""
        self._write(self.buckets[bucket], key, Version(self._id(), None, self._now()))

    def restore(self, bucket: str, key: str) -> None:
        """Somebody takes the newest version away for good, be it a file or a delete marker."""
        place = self.buckets[bucket]
        self._tell(place, key, place.objects[key].pop(), "ObjectRemoved:Delete")

    # -- the operations -----------------------------------------------------------------------------------------

    def _get(self, *, Bucket: str, Key: str, VersionId: str = "") -> dict[str, Any]:  # noqa: N803
        found = self._version(Bucket, Key, VersionId) if VersionId else self._current(Bucket, Key, "NoSuchKey")
        data = found.data or b""
        return _facts(found) | {"Body": StreamingBody(BytesIO(data), len(data))}

    def _head(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        return _facts(self._current(Bucket, Key, "404"))

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
        place = self._place(Bucket, "PutObject")
        if len(Key.encode()) > LONGEST_KEY_BYTES:
            raise refusal("KeyTooLongError", "PutObject", 400)
        if IfNoneMatch and (IfNoneMatch != "*" or place.current(Key)):
            raise refusal("PreconditionFailed", "PutObject", 412)
        if IfMatch:
            _match(place, Key, IfMatch, "PutObject")
        metadata = {name: _ascii(text) for name, text in (Metadata or {}).items()}
        version = Version(self._id(), Body, self._now(), metadata, {}, ContentType, CacheControl)
        self._write(place, Key, version)
        return {"ETag": version.etag, "VersionId": version.id}

    def _delete(self, *, Bucket: str, Key: str, IfMatch: str | None = None) -> dict[str, Any]:  # noqa: N803
        if IfMatch:
            _match(self._place(Bucket, "DeleteObject"), Key, IfMatch, "DeleteObject")
        marker = Version(self._id(), None, self._now())
        self._write(self.buckets[Bucket], Key, marker)
        return {"DeleteMarker": True, "VersionId": marker.id}

    def _tagging(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        found = self._current(Bucket, Key, "NoSuchKey")
        return {"TagSet": [{"Key": name, "Value": text} for name, text in found.tags.items()], "VersionId": found.id}

    def _list(
        self,
        *,
        Bucket: str,  # noqa: N803
        Prefix: str = "",  # noqa: N803
        Delimiter: str = "",  # noqa: N803
        MaxKeys: int = LONGEST_LISTING,  # noqa: N803
        StartAfter: str = "",  # noqa: N803
        ContinuationToken: str = "",  # noqa: N803
    ) -> dict[str, Any]:
        place = self._place(Bucket, "ListObjectsV2")
        after = ContinuationToken or StartAfter
        found = (key for key in place.listed(Prefix, after) if not Delimiter or Delimiter not in key[len(Prefix) :])
        size = min(MaxKeys, self.page_keys)
        keys = list(islice(found, size + 1))
        answer: dict[str, Any] = {"KeyCount": min(len(keys), size), "IsTruncated": len(keys) > size}
        if keys:
            answer["Contents"] = [_listed(key, place.objects[key][-1]) for key in keys[:size]]
        if answer["IsTruncated"]:
            answer["NextContinuationToken"] = keys[size - 1]
        return answer

    def _place(self, bucket: str, operation: str) -> Bucket:
        if bucket not in self.buckets:
            raise refusal("NoSuchBucket", operation, 404)
        return self.buckets[bucket]

    def _current(self, bucket: str, key: str, absent: str) -> Version:
        found = self._place(bucket, "GetObject").current(key)
        if found is None:
            raise refusal(absent, "GetObject", 404)
        return found

    def _version(self, bucket: str, key: str, version_id: str) -> Version:
        for found in self._place(bucket, "GetObject").objects.get(key, []):
            if found.id == version_id and found.data is not None:
                return found
        raise refusal("NoSuchVersion", "GetObject", 404)

    def _write(self, place: Bucket, key: str, version: Version) -> Version:
        place.objects.setdefault(key, []).append(version)
        place.changed.add(key)
        kind = "ObjectCreated:Put" if version.data is not None else "ObjectRemoved:DeleteMarkerCreated"
        self._tell(place, key, version, kind)
        return version

    def _tell(self, place: Bucket, key: str, version: Version, kind: str) -> None:
        if place.notify:
            place.notify(notification(place.name, key, kind, version, self._clock.time))

    def _id(self) -> str:
        self._versions += 1
        return f"v{self._versions:06}"

    def _now(self) -> datetime:
        """S3 keeps whole seconds."""
        return self._clock.time.replace(microsecond=0)


@dataclass(frozen=True)
class Pages:
    """A listing, page by page."""

    client: SimulatedS3

    def paginate(
        self,
        *,
        PaginationConfig: Mapping[str, int] | None = None,  # noqa: N803
        **sent: Any,
    ) -> Iterator[dict[str, Any]]:
        """The pages one after another, each fetched when it is asked for."""
        size = (PaginationConfig or {}).get("PageSize", LONGEST_LISTING)
        page = self.client.list_objects_v2(**sent, MaxKeys=size)
        yield page
        while page["IsTruncated"]:
            page = self.client.list_objects_v2(**sent, MaxKeys=size, ContinuationToken=page["NextContinuationToken"])
            yield page


def notification(bucket: str, key: str, kind: str, version: Version, at: datetime) -> str:
    """The body of one S3 event notification (Amazon S3 User Guide, "Event message structure", 2.1); `at`: its time."""
    described: dict[str, Any] = {"key": quote_plus(key, safe="/-_.*"), "versionId": version.id}
    if version.data is not None:
        described |= {"size": len(version.data), "eTag": version.etag.strip('"')}
    record = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "eventTime": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "eventName": kind,
        "s3": {"s3SchemaVersion": "1.0", "bucket": {"name": bucket}, "object": described},
    }
    return json.dumps({"Records": [record]})


def _match(place: Bucket, key: str, etag: str, operation: str) -> None:
    found = place.current(key)
    if found is None:
        raise refusal("NoSuchKey", operation, 404)
    if found.etag != etag:
        raise refusal("PreconditionFailed", operation, 412)


def _listed(key: str, found: Version) -> dict[str, Any]:
    return {"Key": key, "LastModified": found.modified, "ETag": found.etag, "Size": len(found.data or b"")}


def _facts(found: Version) -> dict[str, Any]:
    return {
        "ETag": found.etag,
        "VersionId": found.id,
        "ContentLength": len(found.data or b""),
        "LastModified": found.modified,
        "Metadata": dict(found.metadata),
        "ContentType": found.content_type,
        **({"CacheControl": found.cache_control} if found.cache_control else {}),
        **({"TagCount": len(found.tags)} if found.tags else {}),
    }


def _ascii(text: str) -> str:
    if not text.isascii():
        raise ValueError("botocore takes only ASCII as metadata")
    return text
