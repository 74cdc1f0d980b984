"""Links to what lies in the output bucket under `_backdrop/work/`, for providers that read or write it themselves."""

from functools import cached_property
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import boto3
from botocore.config import Config

from backdrop.aws.call_input_store import S3Inputs
from backdrop.aws.clients import QUICK
from backdrop.aws.s3 import OutputBucket
from backdrop.model.ids import sha256_hex
from backdrop.model.object_keys import input_key, result_key

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# As long as a call may last, waiting in the provider's queue included. A link dies with the credentials that sign it,
# and those of a function live longer than this.
LINK_SECONDS = 7_200


class S3Work:
    """`_backdrop/work/` as providers come to know it (Work)."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket
        self._output = OutputBucket(client, bucket)

    def link(self, data: bytes, *, by: str) -> str | None:
        """An address from which the bytes can be read for two hours; None where `by` cannot reach this machine."""
        if not self._reached_by(by):
            return None
        name = sha256_hex(data)
        S3Inputs(self._output).put(name, data)
        read = {"Bucket": self._bucket, "Key": input_key(name)}
        return self._signer.generate_presigned_url("get_object", Params=read, ExpiresIn=LINK_SECONDS)

    def opening(self, name: str, *, by: str) -> str | None:
        """An address to which one result can be written for two hours, with any Content-Type; None as above."""
        if not self._reached_by(by):
            return None
        written = {"Bucket": self._bucket, "Key": result_key(name)}
        return self._signer.generate_presigned_url("put_object", Params=written, ExpiresIn=LINK_SECONDS)

    def keep_result(self, name: str, data: bytes) -> None:
        """Put a result aside that came without a link."""
        self._output.put(result_key(name), data, "application/octet-stream")

    def has_result(self, name: str) -> bool:
        """Whether there is a result of that name."""
        return self._output.find(result_key(name)) == result_key(name)

    @cached_property
    def _signer(self) -> "S3Client":
        """Signs for the bucket's own region: by default a link leads to the global address, which may redirect."""
        style = "path" if _on_this_machine(self._client.meta.endpoint_url) else "virtual"
        ours = Config(signature_version="s3v4", s3={"addressing_style": style})
        return boto3.client("s3", config=QUICK.merge(ours))

    def _reached_by(self, address: str) -> bool:
        """Whoever is on this machine reaches all of it; who is not reaches no loopback."""
        return not _on_this_machine(self._client.meta.endpoint_url) or _on_this_machine(address)


def _on_this_machine(address: str) -> bool:
    host = urlsplit(address).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
