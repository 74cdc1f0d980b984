"""The rules for every line of the functions' logs: its fields, and the absence of secrets, pictures, and bugs."""

import json
import re
from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from backdrop.aws.log import MESSAGE_LOG_KEYS
from backdrop.model.codes import Code
from backdrop_local.clients import LocalClients
from tests.contract.standin_client import KEY

# Lines that Lambda itself writes around an invocation, and that the emulator writes if a test killed the worker.
LAMBDA_LINE = re.compile(r"(START|END|REPORT) RequestId: |Worker process died$")
# Signatures of links, the beginning of the emulator's session tokens, and pictures: as bytes, escaped, and in base64.
SECRET_MARKS = re.compile(
    r"[?&](sig|exp)=|X-Amz-(Signature|Credential|Security-Token)|FwoGZX"
    r"|\x89PNG|\\x89PNG|\\u0089PNG|JFIF|IHDR|WEBPVP8|\\xff\\xd8\\xff|\u00ff\u00d8\u00ff|iVBORw0KGgo|/9j/4|UklGR"
)
BUG_MARKS = re.compile(r"Traceback|unexpected error")
# The fields and messages of lines about a whole run, a lane, a campaign, or a message that names no photo.
SUBJECTS_WITHOUT_JOB = {"provider", "execution"}
MESSAGES_OF_A_RUN = {
    "reconciled",
    "another run is in progress",
    "reconcile failed in part",
    "transient error; the caller retries",
}
MIN_SECRET_LENGTH = 8


def find_secrets(clients: LocalClients, table: str, workers: Iterable[int] = ()) -> set[str]:
    """Returns the API keys, task tokens, and link signatures of this run, and the credentials of these workers.

    `workers`: process IDs.
    """
    names = [entry.get("Name", "") for entry in clients.secrets.list_secrets()["SecretList"]]
    keys = {clients.secrets.get_secret_value(SecretId=name).get("SecretString", "").strip() for name in names}
    found = {KEY, *keys}
    for page in clients.dynamodb.get_paginator("scan").paginate(TableName=table):
        text = " ".join(item["body"].get("S", "") for item in page["Items"] if "body" in item)
        found |= set(re.findall(r'"task_token":"([^"]+)"', text))
        found |= {value for _, value in re.findall(r"[?&]([\w-]+)=([^&\"\s\\]{16,})", text)}
    for worker in workers:
        with suppress(FileNotFoundError, ProcessLookupError):
            environment = (Path("/proc") / str(worker) / "environ").read_text()
            found |= set(re.findall(r"\bAWS_(?:SECRET_ACCESS_KEY|SESSION_TOKEN)=([^\0]+)", environment))
    return {value for value in found if len(value) >= MIN_SECRET_LENGTH}


def find_leaks(lines: Iterable[str], secret_values: Collection[str]) -> list[str]:
    """Returns the lines that contain a secret or a bug. Applies to the logs of every release."""
    return [line for line in lines if _leaks(line, secret_values)]


def find_faults(lines: Iterable[str], secret_values: Collection[str]) -> list[str]:
    """Returns the same lines, and the lines that lack a field that every line of this release has."""
    return [line for line in lines if _leaks(line, secret_values) or _is_malformed(line)]


def parse_function_lines(lines: Iterable[str]) -> list[dict[str, Any]]:
    """Parses the lines that the functions themselves wrote, except metrics."""
    return [json.loads(line) for line in lines if line.startswith("{") and '"CloudWatchMetrics"' not in line]


def find_function_lines(lines: Iterable[str], **fields: str) -> list[dict[str, Any]]:
    """Returns the lines that the functions themselves wrote with these fields, parsed."""
    return [line for line in parse_function_lines(lines) if fields.items() <= line.items()]


def _leaks(line: str, secret_values: Collection[str]) -> bool:
    return bool(SECRET_MARKS.search(line) or BUG_MARKS.search(line)) or any(value in line for value in secret_values)


def _is_malformed(line: str) -> bool:
    """Whether a line is neither Lambda's nor a metric, but lacks a field that every line of ours has."""
    if LAMBDA_LINE.match(line) or not line.strip():
        return False
    try:
        fields: Any = json.loads(line)
    except ValueError:
        return True
    return not isinstance(fields, dict) or _lacks_fields(cast("dict[str, Any]", fields))


def _lacks_fields(fields: dict[str, Any]) -> bool:
    """Whether a line that is not a metric lacks its function, its level, its code, or its subject."""
    if "_aws" in fields:
        return False
    is_complete = all(fields.get(name) for name in ("level", "service", "function_name", "message"))
    has_code = fields.get("level") == "INFO" or fields.get("code") in list(Code)
    has_subject = fields.get("message") in MESSAGES_OF_A_RUN or fields.keys() & {
        *MESSAGE_LOG_KEYS,
        *SUBJECTS_WITHOUT_JOB,
    }
    return not (is_complete and has_code and has_subject)
