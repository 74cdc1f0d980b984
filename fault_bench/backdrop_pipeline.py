"""Backdrop as the bench uses it: the names of its stack, and everything that is visible from outside at rest."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from backdrop_local.cloud import Cloud
from backdrop_local.home import STACK
from backdrop_local.providers import PROVIDERS
from fault_bench.bench_pipeline import BenchPipeline, DeployedPipeline
from fault_bench.bench_plan import IDEOGRAM
from fault_bench.standin_provider import StandinProvider
from simulation.invariants.job_ends import ERROR_REPORTS_PREFIX, LANE_REPORTS_PREFIX, RECEIPTS_PREFIX

PIPELINE_NAME = "Backdrop"
QUEUE_OUTPUTS = ("IntakeQueueUrl", *(f"{provider.parameter}QueueUrl" for provider in PROVIDERS), "DeliverQueueUrl")


def build_parameters(
    standin_url: str, *, concurrency_limit: int, timeout_seconds: int, use_all_lanes: bool = False
) -> dict[str, str]:
    """Returns the stack's parameters: Ideogram's lane or all, with timeouts so short that a crash costs seconds."""
    lanes: dict[str, str] = {}
    for provider in PROVIDERS:
        is_enabled = use_all_lanes or provider.secret == IDEOGRAM
        lanes |= {
            f"{provider.parameter}BaseUrl": f"{standin_url}{provider.standin_path}",
            f"{provider.parameter}MaxInFlight": str(concurrency_limit if is_enabled else 0),
            f"{provider.parameter}TimeoutSeconds": str(timeout_seconds),
        }
    return {
        **lanes,
        "RenderTimeoutSeconds": str(timeout_seconds + 20),
        "LaneVisibilitySeconds": str(timeout_seconds + 22),
        "OnLostAnswer": "retry_once",
        "SettleSeconds": "5",
        "DailyBudgetUSD": "10000",
    }


def connect_pipeline(cloud: Cloud, provider: StandinProvider) -> BenchPipeline:
    """Returns the deployed stack with its provider."""
    return BenchPipeline(**vars(describe_stack(cloud)), provider=provider)


def describe_stack(cloud: Cloud) -> DeployedPipeline:
    outputs = cloud.outputs()
    return DeployedPipeline(
        name=PIPELINE_NAME,
        clients=cloud.clients,
        photo_bucket=outputs["InputBucketName"],
        picture_bucket=outputs["OutputBucketName"],
        event_queue_url=outputs["IntakeQueueUrl"],
        queue_urls=tuple(outputs[name] for name in QUEUE_OUTPUTS if name in outputs),
        dead_letter_queue_url=outputs["DeadLetterQueueUrl"],
        lane_queue_url=outputs["IdeogramQueueUrl"],
        worker_folder=f"{cloud.home.emulator_folder / 'tmp'}/ministack-lambda-{STACK}-render",
        event_suffixes=(".jpg", ".json"),
    )


@dataclass(frozen=True)
class BackdropSnapshot:
    """What is visible without any of Backdrop's code; documents are by the key of their photo.

    `written_at`: when each object in the output bucket was last written.
    """

    items: list[Mapping[str, Any]]
    receipts: dict[str, Any]
    reports: dict[str, Any]
    pictures: set[str]
    written_at: dict[str, datetime]


def read_ledger_items(cloud: Cloud) -> list[Mapping[str, Any]]:
    """Reads all items of the ledger's table."""
    pages = cloud.clients.dynamodb.get_paginator("scan").paginate(
        TableName=cloud.outputs()["LedgerTableName"], ConsistentRead=True
    )
    return [item for page in pages for item in page["Items"]]


def take_snapshot(cloud: Cloud, pipeline: BenchPipeline) -> BackdropSnapshot:
    """Reads the ledger's table and the output bucket."""
    return BackdropSnapshot(
        read_ledger_items(cloud),
        _read_documents(pipeline, RECEIPTS_PREFIX),
        _read_documents(pipeline, ERROR_REPORTS_PREFIX),
        pipeline.list_valid_pictures(),
        pipeline.list_write_times(),
    )


def _read_documents(pipeline: BenchPipeline, prefix: str) -> dict[str, Any]:
    documents = pipeline.read_outputs(
        key for key in pipeline.list_output_keys() if key.startswith(prefix) and not key.startswith(LANE_REPORTS_PREFIX)
    )
    return {key.removeprefix(prefix).removesuffix(".json"): json.loads(data) for key, data in documents}
