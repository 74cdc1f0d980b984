"""Formats the history of a run as readable lines: when, which worker, what, and how it ended."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from simulation.world.transport import HistoryNote, ServiceCall

SHORT_ID_LENGTH = 8
MAX_SUBJECT_LENGTH = 150


def format_lines(history: Iterable[ServiceCall | HistoryNote]) -> Iterator[str]:
    """Yields one line for each call and each note."""
    for event in history:
        time = event.at if isinstance(event, HistoryNote) else event.started_at
        timestamp = f"{time.day:02} {time.hour:02}:{time.minute:02}:{time.second:02}.{time.microsecond // 1000:03}"
        if isinstance(event, HistoryNote):
            yield f"{timestamp} ** {event.text}"
        else:
            outcome = f" -> {event.outcome}" if event.outcome else ""
            yield (
                f"{timestamp} {event.worker_name or '-':14} {event.operation} "
                f"{_format_subject(event)[:MAX_SUBJECT_LENGTH]}{outcome}"
            )


def _format_subject(call: ServiceCall) -> str:
    request = call.request
    if call.operation == "transact_write_items":
        return "; ".join(
            _format_write(kind, item) for write in request["TransactItems"] for kind, item in write.items()
        )
    if call.service == "dynamodb":
        return _format_key(request.get("Key") or request.get("Item") or {}) or json.dumps(
            request.get("ExpressionAttributeValues", "")
        )
    if call.service == "sqs":
        return f"{request['QueueUrl'].rpartition('/')[2]} {request.get('MessageBody', '')}{_format_visibility(request)}"
    if call.service == "provider":
        if "product" in request:
            return request["product"]
        return request["job"].key if "job" in request else request["id"][:SHORT_ID_LENGTH]
    return str(request.get("Key") or request.get("Prefix") or request.get("url") or request.get("Entries") or request)


def _format_write(kind: str, request: Mapping[str, Any]) -> str:
    item = request.get("Item", {})
    values = {name: item[name][next(iter(item[name]))] for name in ("lock_version", "status") if name in item}
    return f"{kind} {_format_key(item or request.get('Key', {}))} {' '.join(values.values())}".rstrip()


def _format_key(item: Mapping[str, Any]) -> str:
    """Returns a key with its IDs shortened."""
    parts = (item[name]["S"].partition("#") for name in ("pk", "sk") if name in item)
    return "/".join(f"{kind}{separator}{rest[:SHORT_ID_LENGTH]}" for kind, separator, rest in parts)


def _format_visibility(request: Mapping[str, Any]) -> str:
    return f" in {request['VisibilityTimeout']} s" if "VisibilityTimeout" in request else ""
