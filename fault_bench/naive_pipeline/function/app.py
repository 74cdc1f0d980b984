"""A photo in, a picture out, as in a typical tutorial: S3, a queue, a function, and a call to Ideogram.

It is more careful than most tutorials. It processes one message at a time, and only as many in parallel as the account
allows. It has timeouts, and tries three times with growing pauses if another try may help. It buys nothing for a photo
that has its picture. SQS delivers a failed message twice more before it moves it to the dead-letter queue.
"""

import json
import os
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote_plus

import boto3
import urllib3
from botocore.exceptions import ClientError

MAX_TRIES = 3
FIRST_PAUSE_SECONDS = 1.0
API_PATH = "/v1/ideogram-v3/replace-background"

s3 = boto3.client("s3")
http = urllib3.PoolManager(retries=False, timeout=float(os.environ["TIMEOUT_SECONDS"]))


class TransientError(Exception):
    """A failure for which another try may help."""


def lambda_handler(event: dict[str, Any], context: object) -> None:
    """Processes SQS messages that contain S3 events."""
    for message in event["Records"]:
        for record in json.loads(message["body"]).get("Records", []):
            bucket, entry = record["s3"]["bucket"]["name"], record["s3"]["object"]
            process(bucket, unquote_plus(entry["key"]))


def process(bucket: str, key: str) -> None:
    """Reads the photo and its sidecar, buys the picture, and writes it."""
    photo = s3.get_object(Bucket=bucket, Key=key)
    fields = json.loads(s3.get_object(Bucket=bucket, Key=f"{key}.json")["Body"].read())
    target = f"{key.rpartition('.')[0]}.png"
    if is_made_after(target, photo["LastModified"]):
        return
    image = photo["Body"].read()
    url = call_with_retries(lambda: buy_picture(image, fields))
    picture = call_with_retries(lambda: download_picture(url))
    s3.put_object(Bucket=os.environ["OUTPUT_BUCKET"], Key=target, Body=picture, ContentType="image/png")


def is_made_after(target: str, moment: Any) -> bool:
    """Whether the picture exists and was made after the photo was uploaded."""
    try:
        return s3.head_object(Bucket=os.environ["OUTPUT_BUCKET"], Key=target)["LastModified"] >= moment
    except ClientError as error:
        if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == 404:
            return False
        raise


def call_with_retries[T](function: Callable[[], T]) -> T:
    """Tries three times, with growing pauses."""
    for try_no in range(MAX_TRIES - 1):
        try:
            return function()
        except (TransientError, urllib3.exceptions.HTTPError):
            time.sleep(FIRST_PAUSE_SECONDS * 2**try_no)
    return function()


def buy_picture(image: bytes, sidecar: dict[str, Any]) -> str:
    """Buys a picture and returns its link."""
    fields = {"image": ("photo.jpg", image, "image/jpeg"), **{name: str(value) for name, value in sidecar.items()}}
    headers = {"Api-Key": os.environ["IDEOGRAM_API_KEY"]}
    response = http.request("POST", os.environ["IDEOGRAM_BASE_URL"] + API_PATH, fields=fields, headers=headers)
    raise_for_status(response)
    return response.json()["data"][0]["url"]


def download_picture(url: str) -> bytes:
    response = http.request("GET", url)
    raise_for_status(response)
    return response.data


def raise_for_status(response: urllib3.BaseHTTPResponse) -> None:
    """Raises TransientError for throttling and server errors, and ValueError for any other failure."""
    if response.status == 429 or response.status >= 500:
        raise TransientError(f"{response.status}: {response.data[:200]!r}")
    if response.status != 200:
        raise ValueError(f"{response.status}: {response.data[:200]!r}")
