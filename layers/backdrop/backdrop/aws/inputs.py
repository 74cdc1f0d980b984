"""Bytes that a call needs beside the photo, in the output bucket under `_backdrop/work/inputs/`, by their hash."""

from backdrop.aws.buckets import S3Output
from backdrop.core.identity import sha256_hex
from backdrop.core.layout import input_key


class S3Inputs:
    """The Inputs port."""

    def __init__(self, output: S3Output) -> None:
        self._output = output

    def keep(self, data: bytes) -> str:
        """Put bytes where render finds them; returns their SHA-256."""
        sha256 = sha256_hex(data)
        self._output.put(input_key(sha256), data, "application/octet-stream")
        return sha256

    def find(self, sha256: str) -> bytes | None:
        """The bytes, or None where they lie there no more."""
        found = self._output.find(input_key(sha256))
        return self._output.read(found) if found else None
