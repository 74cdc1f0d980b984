"""What every line of the functions' logs must be, and the secrets of a run that none may hold."""

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

# What Lambda itself writes around an invocation, and the emulator's word for one whose worker a test killed.
OF_LAMBDA = re.compile(r"(START|END|REPORT) RequestId: |Worker process died$")
# Signatures of links, what the emulator's session tokens begin with, and pictures: as bytes, written out, in base64.
MARKS = re.compile(
    r"[?&](sig|exp)=|X-Amz-(Signature|Credential|Security-Token)|FwoGZX"
    r"|\x89PNG|\\x89PNG|\\u0089PNG|JFIF|IHDR|WEBPVP8|\\xff\\xd8\\xff|\u00ff\u00d8\u00ff|iVBORw0KGgo|/9j/4|UklGR"
)
BUGS = re.compile(r"Traceback|unexpected error")
# What is said of a whole run, a lane, a campaign or a message that names no photo.
OF_NO_JOB = {"provider", "execution"}
OF_A_RUN = {
    "reconciled",
    "another run is in progress",
    "reconcile failed in part",
    "transient error; the caller retries",
}
SHORTEST = 8


def secrets(clients: LocalClients, table: str, workers: Iterable[int] = ()) -> set[str]:
    """The keys, the tokens, and what signs the links that this run used; `workers` tell their own credentials."""
    names = [one.get("Name", "") for one in clients.secrets.list_secrets()["SecretList"]]
    keys = {clients.secrets.get_secret_value(SecretId=name).get("SecretString", "").strip() for name in names}
    found = {KEY, *keys}
    for page in clients.dynamodb.get_paginator("scan").paginate(TableName=table):
        text = " ".join(item["body"].get("S", "") for item in page["Items"] if "body" in item)
        found |= set(re.findall(r'"token":"([^"]+)"', text))
        found |= {value for _, value in re.findall(r"[?&]([\w-]+)=([^&\"\s\\]{16,})", text)}
    for worker in workers:
        with suppress(FileNotFoundError, ProcessLookupError):
            given = (Path("/proc") / str(worker) / "environ").read_text()
            found |= set(re.findall(r"\bAWS_(?:SECRET_ACCESS_KEY|SESSION_TOKEN)=([^\0]+)", given))
    return {one for one in found if len(one) >= SHORTEST}


def leaks(lines: Iterable[str], secret: Collection[str]) -> list[str]:
    """The lines that tell a secret or a bug, whichever release wrote them."""
    return [line for line in lines if _tells(line, secret)]


def faults(lines: Iterable[str], secret: Collection[str]) -> list[str]:
    """Those, and the lines that are not made as every line of this release is."""
    return [line for line in lines if _tells(line, secret) or _is_odd(line)]


def ours(lines: Iterable[str]) -> list[dict[str, Any]]:
    """The lines that functions wrote themselves, metrics left out."""
    return [json.loads(line) for line in lines if line.startswith("{") and '"CloudWatchMetrics"' not in line]


def _tells(line: str, secret: Collection[str]) -> bool:
    return bool(MARKS.search(line) or BUGS.search(line)) or any(one in line for one in secret)


def _is_odd(line: str) -> bool:
    """Whether it is no line of Lambda's, no metric, and lacks what all of ours have."""
    if OF_LAMBDA.match(line) or not line.strip():
        return False
    try:
        said: Any = json.loads(line)
    except ValueError:
        return True
    return not isinstance(said, dict) or _lacks(cast("dict[str, Any]", said))


def _lacks(said: dict[str, Any]) -> bool:
    """Whether a line, unless it is a metric, does not say who wrote it, how grave it is and whose it is."""
    if "_aws" in said:
        return False
    is_whole = all(said.get(name) for name in ("level", "service", "function_name", "message"))
    has_code = said.get("level") == "INFO" or said.get("code") in list(Code)
    return not (
        is_whole and has_code and (said["message"] in OF_A_RUN or said.keys() & {*MESSAGE_LOG_KEYS, *OF_NO_JOB})
    )
