"""Signed links to objects under `_backdrop/work/`, for providers that read or write the output bucket themselves."""

from functools import cached_property
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import boto3
from botocore.config import Config

from backdrop.aws.clients import CLIENT_CONFIG
from backdrop.aws.s3 import OutputBucket
from backdrop.aws.work_store import S3CallInputStore
from backdrop.model.ids import sha256_hex
from backdrop.model.object_keys import input_key, result_key

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# The maximum duration of a call, including its wait in the provider's queue. A link expires with the credentials that
# signed it, and a function's credentials are valid for longer than this.
LINK_LIFETIME_SECONDS = 7_200


class S3WorkStorage:
    """The part of `_backdrop/work/` that providers read and write."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket
        self._output_bucket = OutputBucket(client, bucket)

    def create_download_link(self, data: bytes, *, provider_url: str) -> str | None:
        """Stores the bytes and returns a URL that serves them for two hours.

        Returns None if the server at `provider_url` cannot reach this machine's S3.
        """
        if not self._is_reachable_from(provider_url):
            return None
        name = sha256_hex(data)
        S3CallInputStore(self._output_bucket).put(name, data)
        parameters = {"Bucket": self._bucket, "Key": input_key(name)}
        return self._signing_client.generate_presigned_url(
            "get_object", Params=parameters, ExpiresIn=LINK_LIFETIME_SECONDS
        )

    def create_upload_link(self, name: str, *, provider_url: str) -> str | None:
        """Returns a URL that accepts one result for two hours, with any Content-Type.

        Returns None, as in create_download_link, if the server cannot reach this machine's S3.
        """
        if not self._is_reachable_from(provider_url):
            return None
        parameters = {"Bucket": self._bucket, "Key": result_key(name)}
        return self._signing_client.generate_presigned_url(
            "put_object", Params=parameters, ExpiresIn=LINK_LIFETIME_SECONDS
        )

    def save_result(self, name: str, data: bytes) -> None:
        """Stores a result that arrived without a link."""
        self._output_bucket.put(result_key(name), data, "application/octet-stream")

    def has_result(self, name: str) -> bool:
        return self._output_bucket.find_key(result_key(name)) == result_key(name)

    @cached_property
    def _signing_client(self) -> "S3Client":
        """Signs for the bucket's own region. By default, links use the global host name, which may redirect."""
        addressing_style = "path" if _is_local_address(self._client.meta.endpoint_url) else "virtual"
        signing_config = Config(signature_version="s3v4", s3={"addressing_style": addressing_style})
        return boto3.client("s3", config=CLIENT_CONFIG.merge(signing_config))

    def _is_reachable_from(self, url: str) -> bool:
        """Only a server on this machine can reach its loopback addresses."""
        return not _is_local_address(self._client.meta.endpoint_url) or _is_local_address(url)


def _is_local_address(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
