"""Posts Backdrop's events to a web address, signed as Standard Webhooks describes it (https://www.standardwebhooks.com).

A receiver verifies them with one of the libraries there.
"""

import base64
import hashlib
import hmac
import json
import os
import time
from typing import Any

import boto3
import urllib3

TIMEOUT_SECONDS = 8
"""Less than the function's own timeout, so that the log names the receiver."""
HTTP = urllib3.PoolManager(timeout=TIMEOUT_SECONDS, retries=False)


def lambda_handler(event: dict[str, Any], context: object) -> None:
    """Posts one event. The receiver may get it more than once, always with the same `webhook-id`.

    Raises RuntimeError or urllib3.exceptions.HTTPError if the receiver does not accept it. SQS then sends it again.
    """
    (record,) = event["Records"]
    body: str = record["body"]
    event_id, timestamp = json.loads(body)["detail"]["event_id"], int(time.time())
    # Read for each event, so that a new secret applies at once.
    secret = boto3.client("secretsmanager").get_secret_value(SecretId=os.environ["SIGNING_SECRET_ARN"])["SecretString"]
    headers = {
        "content-type": "application/json",
        "webhook-id": event_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(secret, event_id, timestamp, body),
    }
    endpoint = os.environ["ENDPOINT"]
    response = HTTP.request("POST", endpoint, body=body.encode(), headers=headers)
    # A redirect is an error, too: following it would send the event to an address that is not configured.
    if not 200 <= response.status < 300:
        raise RuntimeError(f"{endpoint} answered {response.status}; the event {event_id} will be sent again")


def sign(secret: str, event_id: str, timestamp: int, body: str) -> str:
    """Returns the signature: an HMAC-SHA256, in Base64, with the bytes that the secret encodes in Base64.

    `timestamp`: when the request is sent, in seconds since 1970. A receiver refuses old ones.
    """
    signed = f"{event_id}.{timestamp}.{body}".encode()
    return f"v1,{base64.b64encode(hmac.digest(base64.b64decode(secret), signed, hashlib.sha256)).decode()}"
