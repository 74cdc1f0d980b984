"""Publishes the pictures of a photo when they are ready."""

import os
from typing import Any

import boto3


def lambda_handler(event: dict[str, Any], context: object) -> list[str]:
    """Returns the keys of the published pictures. Idempotent: a repeated event publishes them under the same keys."""
    s3 = boto3.client("s3")
    keys = [result["key"] for result in event["detail"]["job"]["results"]]
    for key in keys:
        s3.copy({"Bucket": os.environ["OUTPUT_BUCKET"], "Key": key}, os.environ["SHOP_BUCKET"], key)
    return keys
