"""A pipeline as the benches use it: where photos are uploaded, which queues must be empty, and what it has produced."""

import io
import json
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import quote_plus

from PIL import Image, UnidentifiedImageError

from backdrop_local.clients import LocalClients
from fault_bench.standin_provider import StandinProvider

MAX_PARALLEL_UPLOADS = 4
QUEUE_COUNTS = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)


@dataclass(frozen=True, kw_only=True)
class DeployedPipeline:
    """One of the compared pipelines, on its cloud.

    `queue_urls`: must be empty at rest. `worker_folder`: the folder in which the function that pays runs.
    `event_suffixes`: the endings of the keys whose events it receives.
    """

    name: str
    clients: LocalClients
    photo_bucket: str
    picture_bucket: str
    event_queue_url: str
    queue_urls: tuple[str, ...]
    dead_letter_queue_url: str
    lane_queue_url: str
    worker_folder: str
    event_suffixes: tuple[str, ...]

    def upload(self, files: Iterable[tuple[str, bytes]], tags: str = "") -> None:
        """Uploads files, some in parallel, started in this order; `tags` are URL-encoded."""
        options = {"Tagging": tags} if tags else {}
        put = partial(self.clients.s3.put_object, Bucket=self.photo_bucket, **options)
        with ThreadPoolExecutor(MAX_PARALLEL_UPLOADS) as uploaders:
            for upload in [uploaders.submit(put, Key=key, Body=data) for key, data in files]:
                upload.result()

    def repeat_event(self, key: str) -> bool:
        """Sends S3's event for a key again, as S3 may do.

        Returns False for a key whose events the pipeline does not receive.
        """
        if not key.endswith(self.event_suffixes):
            return False
        self.clients.sqs.send_message(
            QueueUrl=self.event_queue_url, MessageBody=json.dumps(build_s3_event(self.photo_bucket, key))
        )
        return True

    def set_lane_enabled(self, *, enabled: bool) -> None:
        """Resumes or pauses the mapping of the function that pays."""
        (mapping,) = self.list_mappings()
        self.clients.functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=enabled)

    def set_max_concurrency(self, max_concurrency: int) -> None:
        """Sets how many invocations of the function that pays may run at the same time."""
        (mapping,) = self.list_mappings()
        scaling: Any = {"MaximumConcurrency": max_concurrency}
        self.clients.functions.update_event_source_mapping(UUID=mapping["UUID"], ScalingConfig=scaling)

    def set_writable(self, *, writable: bool) -> None:
        """Lets the bucket of the pictures accept or refuse all writes, by its policy."""
        if writable:
            self.clients.s3.delete_bucket_policy(Bucket=self.picture_bucket)
            return
        statement = {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject"}
        statement |= {"Resource": f"arn:aws:s3:::{self.picture_bucket}/*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self.clients.s3.put_bucket_policy(Bucket=self.picture_bucket, Policy=policy)

    def list_mappings(self) -> list[Mapping[str, Any]]:
        """Returns the event source mappings of the lane."""
        found = self.clients.sqs.get_queue_attributes(QueueUrl=self.lane_queue_url, AttributeNames=["QueueArn"])
        arn = found.get("Attributes", {})["QueueArn"]
        return list(self.clients.functions.list_event_source_mappings(EventSourceArn=arn)["EventSourceMappings"])

    def count_messages(self) -> int:
        """Counts all messages, including delayed ones and those that workers are processing."""
        return sum(self._count_queue_messages(url) for url in self.queue_urls)

    def drain_dead_letters(self) -> list[dict[str, Any]]:
        """Removes all dead letters from their queue. Each is `{"body": text, "attributes": {name: text}}`.

        Waits for dead letters that another reader currently holds.
        """
        dead_letters: list[dict[str, Any]] = []
        while self._count_queue_messages(self.dead_letter_queue_url):
            for message in self._receive_dead_letters():
                self.clients.sqs.delete_message(
                    QueueUrl=self.dead_letter_queue_url, ReceiptHandle=message["ReceiptHandle"]
                )
                attributes = message.get("MessageAttributes", {})
                texts = {name: value["StringValue"] for name, value in attributes.items()}
                dead_letters.append({"body": message["Body"], "attributes": texts})
        return dead_letters

    def _count_queue_messages(self, url: str) -> int:
        """Counts a queue's messages, visible or not."""
        names: Any = list(QUEUE_COUNTS)
        counts = self.clients.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names).get("Attributes", {})
        return sum(int(counts[name]) for name in QUEUE_COUNTS)

    def _receive_dead_letters(self) -> list[Any]:
        response = self.clients.sqs.receive_message(
            QueueUrl=self.dead_letter_queue_url,
            MaxNumberOfMessages=10,
            MessageAttributeNames=["All"],
            WaitTimeSeconds=1,
        )
        return list(response.get("Messages", []))

    def list_output_keys(self) -> list[str]:
        """Returns all keys in the output bucket."""
        return [*self.list_write_times()]

    def list_write_times(self) -> dict[str, datetime]:
        """Returns when each object in the output bucket was last written, to the second."""
        pages = self.clients.s3.get_paginator("list_objects_v2").paginate(Bucket=self.picture_bucket)
        entries: list[Any] = [found for page in pages for found in page.get("Contents", [])]
        return {found["Key"]: found["LastModified"] for found in entries}

    def read_outputs(self, keys: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Yields the keys in the output bucket with their bytes."""
        for key in keys:
            yield key, self.clients.s3.get_object(Bucket=self.picture_bucket, Key=key)["Body"].read()

    def list_valid_pictures(self) -> set[str]:
        """Returns the keys of all pictures that can be decoded to their last pixel."""
        keys = [key for key in self.list_output_keys() if not key.startswith("_backdrop/")]
        return {key for key, data in self.read_outputs(keys) if is_valid_picture(data)}


@dataclass(frozen=True, kw_only=True)
class BenchPipeline(DeployedPipeline):
    """A pipeline with its own provider."""

    provider: StandinProvider


def is_valid_picture(data: bytes) -> bool:
    """Whether the bytes are a complete picture."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            image.load()
    except (UnidentifiedImageError, OSError):
        return False
    return True


def build_s3_event(bucket: str, key: str) -> dict[str, Any]:
    """Builds S3's event for an upload, with the fields that consumers may use.

    Source: Amazon S3 User Guide, "Event message structure".
    """
    entry = {"bucket": {"name": bucket, "arn": f"arn:aws:s3:::{bucket}"}, "object": {"key": quote_plus(key, safe="/")}}
    record = {"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": entry}
    return {"Records": [record | {"eventVersion": "2.1", "awsRegion": "eu-central-1"}]}
