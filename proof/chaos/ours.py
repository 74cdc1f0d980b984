"""Backdrop as the bench handles it: its stack's names, and all that an outsider can see of it at rest."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from backdrop_local.cloud import Cloud
from backdrop_local.home import STACK
from backdrop_local.providers import PROVIDERS
from proof.chaos.pipeline import Deployed, Pipeline
from proof.chaos.plan import IDEOGRAM
from proof.chaos.provider import Provider

NAME = "Backdrop"
RECEIPTS = "_backdrop/receipts/"
REPORTS = "_backdrop/errors/"
LANE_REPORTS = "_backdrop/errors/_providers/"
QUEUES = ("IntakeQueueUrl", *(f"{one.parameter}QueueUrl" for one in PROVIDERS), "DeliverQueueUrl")


def parameters(standin_url: str, *, limit: int, timeout_seconds: int, mixed: bool = False) -> dict[str, str]:
    """The stack's parameters: Ideogram's lane alone or all, with time limits so short that a crash costs seconds."""
    lanes: dict[str, str] = {}
    for one in PROVIDERS:
        on = mixed or one.secret == IDEOGRAM
        lanes |= {
            f"{one.parameter}BaseUrl": f"{standin_url}{one.standin_path}",
            f"{one.parameter}MaxInFlight": str(limit if on else 0),
            f"{one.parameter}TimeoutSeconds": str(timeout_seconds),
        }
    return {
        **lanes,
        "RenderTimeoutSeconds": str(timeout_seconds + 20),
        "LaneVisibilitySeconds": str(timeout_seconds + 22),
        "OnLostAnswer": "retry_once",
        "SettleSeconds": "5",
        "DailyBudgetUSD": "10000",
    }


def pipeline(cloud: Cloud, provider: Provider) -> Pipeline:
    """The deployed stack with its provider."""
    return Pipeline(**vars(deployed(cloud)), provider=provider)


def deployed(cloud: Cloud) -> Deployed:
    """The deployed stack."""
    outputs = cloud.outputs()
    return Deployed(
        name=NAME,
        clients=cloud.clients,
        photos=outputs["InputBucketName"],
        pictures=outputs["OutputBucketName"],
        events=outputs["IntakeQueueUrl"],
        queues=tuple(outputs[name] for name in QUEUES if name in outputs),
        letters=outputs["DeadLetterQueueUrl"],
        lane=outputs["IdeogramQueueUrl"],
        workers=f"{cloud.home.emulator / 'tmp'}/ministack-lambda-{STACK}-render",
        suffixes=(".jpg", ".json"),
    )


@dataclass(frozen=True)
class Sight:
    """What can be seen without any of Backdrop's code; views by the key of their photo."""

    items: list[Mapping[str, Any]]
    receipts: dict[str, Any]
    reports: dict[str, Any]
    pictures: set[str]


def items(cloud: Cloud) -> list[Mapping[str, Any]]:
    """The ledger's table as it is stored."""
    pages = cloud.clients.dynamodb.get_paginator("scan").paginate(
        TableName=cloud.outputs()["LedgerTableName"], ConsistentRead=True
    )
    return [item for page in pages for item in page["Items"]]


def look(cloud: Cloud, seen: Pipeline) -> Sight:
    """Reads the ledger's table and the output bucket."""
    return Sight(items(cloud), _views(seen, RECEIPTS), _views(seen, REPORTS), seen.whole_pictures())


def _views(seen: Pipeline, prefix: str) -> dict[str, Any]:
    found = seen.read(key for key in seen.listed() if key.startswith(prefix) and not key.startswith(LANE_REPORTS))
    return {key.removeprefix(prefix).removesuffix(".json"): json.loads(data) for key, data in found}
