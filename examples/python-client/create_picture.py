"""Creates a picture and waits for it: `python create_picture.py STACK PHOTO PROMPT`."""

import sys
from pathlib import Path

from backdrop_client import AwaitingApprovalError, Backdrop, BackdropClientError, WaitTimeoutError


def create(stack: str, photo: str, prompt: str) -> Path:
    """Returns the picture's file, which is saved next to the photo. Run again, it buys nothing again."""
    result = Backdrop(stack).create(photo, prompt=prompt).wait(timeout=300)
    return result.pictures[0].save(Path(photo).with_suffix(".new.png"))


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit("usage: python create_picture.py STACK PHOTO PROMPT")
    try:
        print(create(*sys.argv[1:]))
    except (AwaitingApprovalError, WaitTimeoutError) as error:
        sys.exit(f"Not ready yet, run it again later: {error}")
    except BackdropClientError as error:
        sys.exit(f"{error.code}: {error}")
