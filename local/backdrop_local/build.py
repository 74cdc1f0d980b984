"""Builds the stack's artifacts for `make test`. Run it as a module."""

import sys

from backdrop_local import sam
from backdrop_local.errors import LocalCloudError
from backdrop_local.home import TOOLS


def main() -> None:
    """Builds the artifacts. Prints a failure as one message and exits with code 1."""
    try:
        sam.build(TOOLS / "logs" / "sam-build.log")
    except LocalCloudError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
