"""Uploads the demo's files, each after its sidecar or with its object tags."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlencode

from backdrop_local.cloud import Cloud
from backdrop_local.demo_orders import DemoOrder


@dataclass(frozen=True)
class UploadedOrder:
    """An order, its key, and when it was uploaded."""

    order: DemoOrder
    key: str
    uploaded_at: datetime


def upload_orders(cloud: Cloud, bucket: str, prefix: str, orders: Iterable[DemoOrder]) -> Iterator[UploadedOrder]:
    """Uploads the orders under a prefix that ends with `/`; yields each when it is uploaded."""
    s3 = cloud.clients.s3
    for order in orders:
        key = prefix + order.name
        if order.sidecar is not None:
            s3.put_object(Bucket=bucket, Key=prefix + order.sidecar_name, Body=order.sidecar)
        uploaded_at = datetime.now(UTC)
        s3.put_object(Bucket=bucket, Key=key, Body=order.data, Tagging=urlencode(order.tags))
        yield UploadedOrder(order, key, uploaded_at)
