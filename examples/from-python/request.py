"""Requests a new background for a photo in the input bucket: `python request.py BUS BUCKET KEY PROMPT`."""

import json
import sys

import boto3


def request(bus: str, bucket: str, key: str, prompt: str) -> str:
    """Returns the ID of the event. Backdrop publishes the result on the same bus.

    Raises RuntimeError if the bus rejects the event.
    """
    detail = json.dumps({"bucket": bucket, "key": key, "instructions": {"prompt": prompt}})
    response = boto3.client("events").put_events(
        Entries=[{"EventBusName": bus, "Source": "shop", "DetailType": "Image Requested", "Detail": detail}]
    )
    entry = response["Entries"][0]
    if "EventId" not in entry:
        raise RuntimeError(f"{entry.get('ErrorCode')}: {entry.get('ErrorMessage')}")
    return entry["EventId"]


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit("usage: python request.py BUS BUCKET KEY PROMPT")
    print(request(*sys.argv[1:]))
