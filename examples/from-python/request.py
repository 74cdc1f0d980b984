"""Asks Backdrop for a photo that lies in its input bucket: `python request.py BUS BUCKET KEY PROMPT`."""

import json
import sys

import boto3


def request(bus: str, bucket: str, key: str, prompt: str) -> str:
    """The id of the event; what became of it is told on the same bus.

    Raises RuntimeError where the bus did not take it.
    """
    detail = json.dumps({"bucket": bucket, "key": key, "instructions": {"prompt": prompt}})
    answer = boto3.client("events").put_events(
        Entries=[{"EventBusName": bus, "Source": "shop", "DetailType": "Image Requested", "Detail": detail}]
    )
    taken = answer["Entries"][0]
    if "EventId" not in taken:
        raise RuntimeError(f"{taken.get('ErrorCode')}: {taken.get('ErrorMessage')}")
    return taken["EventId"]


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit("usage: python request.py BUS BUCKET KEY PROMPT")
    print(request(*sys.argv[1:]))
