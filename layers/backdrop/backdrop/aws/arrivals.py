"""What comes into the intake queue: S3's notifications, direct requests, and our own reasons to look at a photo."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast
from urllib.parse import unquote_plus

from backdrop.core.errors import DamagedMessageError
from backdrop.core.layout import MAX_S3_KEY_BYTES
from backdrop.steps.messages import Look, Request

NAMES = frozenset({"bucket", "key"})
OUR_FIELDS = NAMES | {"again", "settled", "rerun", "after"}
REQUEST_FIELDS = NAMES | {"instructions"}
ABOUT_REQUESTS = frozenset({"task_token", "execution", "campaign"})
# Limits: AWS Step Functions API reference, "SendTaskSuccess" and "DescribeExecution".
LONGEST_TOKEN, LONGEST_ARN = 2048, 256
CAMPAIGN = re.compile(r"[A-Za-z0-9_-]{1,80}")
MOST_NAMED = 5


def looks_of(body: str, *, bucket: str, again: bool, ident: str = "", receives: int = 1) -> list[Look]:
    """The keys that a message asks to look at; none for S3's test event. `ident` is the message's own.

    `receives`: how often it was delivered.

    Raises DamagedMessageError for a body that is neither S3's nor ours, or that names another bucket; of a request
    whose task token can be read, the look says what is wrong, so that the token is answered.
    """
    message = _object(body)
    if message.get("Event") == "s3:TestEvent":
        return []
    records = message.get("Records")
    if isinstance(records, list):
        found = [Look(*_record(record), again=again) for record in cast("list[Any]", records)]
    elif "key" in message and message.keys() <= OUR_FIELDS:
        found = [_own(message, again)]
    elif message.keys() >= REQUEST_FIELDS or "task_token" in message:
        found = [_request(message, bucket, ident)]
    else:
        raise DamagedMessageError(_neither(message))
    for look in found:
        _check_bucket(look, bucket)
    return [replace(look, receives=receives) for look in found]


def _check_bucket(look: Look, bucket: str) -> None:
    if look.bucket != bucket and not (look.request and look.request.damage):
        raise DamagedMessageError(f"the bucket {look.bucket[:100]!r} is not this stack's input bucket")


def _neither(message: Mapping[str, Any]) -> str:
    strange = sorted(message.keys() - OUR_FIELDS - REQUEST_FIELDS - ABOUT_REQUESTS)
    if "key" in message and strange:
        names = ", ".join(repr(name[:40]) for name in strange[:MOST_NAMED])
        return f"a request has bucket, key and instructions, and nothing called {names}"
    return "neither an S3 notification nor a request with bucket, key and instructions"


def _own(message: Mapping[str, Any], again: bool) -> Look:
    return Look(
        _text(message.get("bucket")),
        _text(message["key"]),
        again=again or message.get("again") is True,
        settled=message.get("settled") is True,
        rerun=message.get("rerun") is True,
        after=_text(message.get("after", "")),
    )


def _request(message: Mapping[str, Any], bucket: str, ident: str) -> Look:
    """The look of a request; where it is damaged and its token can be read, with what is wrong."""
    try:
        look = _sound(message, ident)
        _check_bucket(look, bucket)
    except DamagedMessageError as error:
        given, campaign = (message.get(name) for name in ("task_token", "campaign"))
        if not isinstance(given, str) or not 1 <= len(given) <= LONGEST_TOKEN:
            raise
        known = campaign if isinstance(campaign, str) and CAMPAIGN.fullmatch(campaign) else ""
        request = Request(ident, {}, _text(given), campaign=known, damage=error.message)
        return Look(_shown(message.get("bucket")), _shown(message.get("key")), request=request)
    return look


def _sound(message: Mapping[str, Any], ident: str) -> Look:
    if not REQUEST_FIELDS <= message.keys() <= REQUEST_FIELDS | ABOUT_REQUESTS:
        raise DamagedMessageError(_neither(message))
    instructions = message["instructions"]
    if not isinstance(instructions, dict):
        raise DamagedMessageError("the instructions of a request are no JSON object")
    key = _text(message["key"])
    if not 1 <= len(key.encode()) <= MAX_S3_KEY_BYTES:
        raise DamagedMessageError("the key of a request is empty or longer than S3 allows")
    token, execution, campaign = (_text(message.get(name, "")) for name in ("task_token", "execution", "campaign"))
    if len(token) > LONGEST_TOKEN or len(execution) > LONGEST_ARN:
        raise DamagedMessageError("the task_token or the execution of a request is longer than Step Functions has any")
    if campaign and not CAMPAIGN.fullmatch(campaign):
        raise DamagedMessageError("the campaign of a request is no name of a campaign")
    request = Request(ident, cast("dict[str, Any]", instructions), token, execution, campaign)
    return Look(_text(message["bucket"]), key, request=request)


def _shown(value: Any) -> str:
    """As much of a name as can be told of, whatever it is."""
    return value.encode(errors="replace").decode()[:MAX_S3_KEY_BYTES] if isinstance(value, str) else ""


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
