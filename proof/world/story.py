"""The history of a run as lines that a person can follow: when, who, what, and how it ended."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from proof.world.wire import Call, Note

SHORT_ID = 8
LONGEST = 150


def told(history: Iterable[Call | Note]) -> Iterator[str]:
    """One line for each call and each note."""
    for event in history:
        at = f"{event.at:%d %H:%M:%S}.{event.at.microsecond // 1000:03}"
        if isinstance(event, Note):
            yield f"{at} ** {event.text}"
        else:
            ended = f" -> {event.ended}" if event.ended else ""
            yield f"{at} {event.worker or '-':14} {event.operation} {_subject(event)[:LONGEST]}{ended}"


def _subject(call: Call) -> str:
    """What a call is about."""
    sent = call.sent
    if call.operation == "transact_write_items":
        return "; ".join(_write(kind, one) for write in sent["TransactItems"] for kind, one in write.items())
    if call.service == "dynamodb":
        return _key(sent.get("Key") or sent.get("Item") or {}) or json.dumps(sent.get("ExpressionAttributeValues", ""))
    if call.service == "sqs":
        return f"{sent['QueueUrl'].rpartition('/')[2]} {sent.get('MessageBody', '')}{_visibility(sent)}"
    if call.service == "provider":
        return sent["job"].key if "job" in sent else sent["id"][:SHORT_ID]
    return str(sent.get("Key") or sent.get("Prefix") or sent.get("url") or sent.get("Entries") or sent)


def _write(kind: str, sent: Mapping[str, Any]) -> str:
    item = sent.get("Item", {})
    shown = {name: item[name][next(iter(item[name]))] for name in ("lock_version", "status") if name in item}
    return f"{kind} {_key(item or sent.get('Key', {}))} {' '.join(shown.values())}".rstrip()


def _key(item: Mapping[str, Any]) -> str:
    """A key with its ids cut short."""
    parts = (item[name]["S"].partition("#") for name in ("pk", "sk") if name in item)
    return "/".join(f"{kind}{mark}{rest[:SHORT_ID]}" for kind, mark, rest in parts)


def _visibility(sent: Mapping[str, Any]) -> str:
    return f" in {sent['VisibilityTimeout']} s" if "VisibilityTimeout" in sent else ""
