"""Bytes that a call needs, in the output bucket under `_backdrop/work/inputs/`."""

from backdrop.aws.s3 import OutputBucket
from backdrop.model.object_keys import input_key


class S3CallInputStore:
    """Bytes put aside under names that belong to their content (Inputs)."""

    def __init__(self, output: OutputBucket) -> None:
        self._output = output

    def put(self, name: str, data: bytes) -> None:
        """Put bytes where render finds them."""
        self._output.put(input_key(name), data, "application/octet-stream")

    def find(self, name: str) -> bytes | None:
        """The bytes, or None where they lie there no more."""
        key = self._output.find_key(input_key(name))
        return self._output.read(key) if key else None
