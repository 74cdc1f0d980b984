"""What comes into the intake queue: S3's notifications and requests to look at a photo."""

import json
from typing import Any, cast
from urllib.parse import unquote_plus

from backdrop.core.errors import DamagedMessageError
from backdrop.steps.messages import Look

OUR_FIELDS = frozenset({"bucket", "key", "again"})


def looks_of(body: str, *, bucket: str, again: bool) -> list[Look]:
    """The keys that a message asks to look at; none for S3's test event.

    Raises DamagedMessageError for a body that is neither S3's nor ours, or that names another bucket.
    """
    message = _object(body)
    if message.get("Event") == "s3:TestEvent":
        return []
    records = message.get("Records")
    if isinstance(records, list):
        found = [_record(record) for record in cast("list[Any]", records)]
    elif "key" in message and message.keys() <= OUR_FIELDS:
        found = [(_text(message.get("bucket")), _text(message["key"]))]
        again = again or message.get("again") is True
    else:
        raise DamagedMessageError("neither an S3 notification nor a request with bucket and key alone")
    for where, _ in found:
        if where != bucket:
            raise DamagedMessageError(f"the bucket {where[:100]!r} is not this stack's input bucket")
    return [Look(bucket, key, again) for _, key in found]


def _object(body: str) -> dict[str, Any]:
    try:
        message = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise DamagedMessageError("the body is not JSON") from error
    if not isinstance(message, dict):
        raise DamagedMessageError("the body is not a JSON object")
    return cast("dict[str, Any]", message)


def _record(record: Any) -> tuple[str, str]:
    """Bucket and key (S3 encodes it like a form: `+` is a blank)."""
    try:
        s3 = record["s3"]
        key = unquote_plus(_text(s3["object"]["key"]), errors="strict")
        return _text(s3["bucket"]["name"]), key
    except (KeyError, TypeError, UnicodeDecodeError) as error:
        raise DamagedMessageError("an S3 record without bucket or key") from error


def _text(value: Any) -> str:
    """A text that can be encoded; JSON allows halves of surrogate pairs, S3 does not."""
    if not isinstance(value, str) or any("\ud800" <= letter <= "\udfff" for letter in value):
        raise DamagedMessageError("a name in the message is no text")
    return value
