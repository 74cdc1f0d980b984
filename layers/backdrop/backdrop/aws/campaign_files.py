"""The objects that campaigns stream from and to S3: manifests, lists of items, and reports."""

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from backdrop.aws.aws_errors import access_denied, read_aws_error_code, translate_errors, unavailable
from backdrop.aws.s3 import NOT_FOUND_CODES

if TYPE_CHECKING:
    from botocore.response import StreamingBody
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

# S3 requires at least 5 MB for every part but the last, and allows at most 10,000 parts.
PART_BYTES = 8_000_000
CHUNK_BYTES = 1_000_000


class S3ManifestReader:
    """Reads the manifests that people put into a bucket."""

    def __init__(self, client: "S3Client") -> None:
        self._client = client

    def read_chunks(self, bucket: str, key: str) -> Iterator[bytes] | None:
        """Returns the object's bytes, read chunk by chunk on demand, or None if there is no such object."""
        try:
            body = self._client.get_object(Bucket=bucket, Key=key)["Body"]
        except (ClientError, BotoCoreError) as error:
            if read_aws_error_code(error) in NOT_FOUND_CODES:
                return None
            raise access_denied(key, error) from error
        return _iterate_chunks(body)


def _iterate_chunks(body: "StreamingBody") -> Iterator[bytes]:
    try:
        yield from body.iter_chunks(CHUNK_BYTES)
    except (BotoCoreError, OSError) as error:
        raise unavailable("S3", error) from error


class CampaignFiles:
    """Writes and reads a campaign's objects in the output bucket."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self.bucket = bucket

    @contextmanager
    def open_writer(self, key: str, content_type: str) -> Generator[Callable[[bytes], None]]:
        """Writes an object piece by piece. If the block raises, no object is written."""
        with translate_errors("S3"):
            upload = _MultipartUpload(self._client, self.bucket, key, content_type)
            try:
                yield upload.write
                upload.complete()
            except BaseException:
                upload.abort()
                raise

    def put(self, key: str, data: bytes, content_type: str) -> None:
        with self.open_writer(key, content_type) as write:
            write(data)

    def find(self, key: str) -> bytes | None:
        """Returns the object's bytes, or None if there is no such object."""
        try:
            return self._client.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        except (ClientError, BotoCoreError, OSError) as error:
            if read_aws_error_code(error) in NOT_FOUND_CODES:
                return None
            raise unavailable("S3", error) from error


class _MultipartUpload:
    """An upload that uses parts only if the object is larger than one part."""

    def __init__(self, client: "S3Client", bucket: str, key: str, content_type: str) -> None:
        self._client, self._bucket, self._key, self._content_type = client, bucket, key, content_type
        self._buffer = bytearray()
        self._upload_id = ""
        self._parts: list[CompletedPartTypeDef] = []

    def write(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) >= PART_BYTES:
            self._upload_part()

    def complete(self) -> None:
        """Uploads the rest and creates the object."""
        if not self._upload_id:
            body = bytes(self._buffer)
            self._client.put_object(Bucket=self._bucket, Key=self._key, Body=body, ContentType=self._content_type)
            return
        if self._buffer:
            self._upload_part()
        self._client.complete_multipart_upload(
            Bucket=self._bucket, Key=self._key, UploadId=self._upload_id, MultipartUpload={"Parts": self._parts}
        )

    def abort(self) -> None:
        if self._upload_id:
            self._client.abort_multipart_upload(Bucket=self._bucket, Key=self._key, UploadId=self._upload_id)

    def _upload_part(self) -> None:
        if not self._upload_id:
            created = self._client.create_multipart_upload(
                Bucket=self._bucket, Key=self._key, ContentType=self._content_type
            )
            self._upload_id = created["UploadId"]
        number = len(self._parts) + 1
        uploaded = self._client.upload_part(
            Bucket=self._bucket, Key=self._key, UploadId=self._upload_id, PartNumber=number, Body=bytes(self._buffer)
        )
        self._parts.append({"ETag": uploaded["ETag"], "PartNumber": number})
        self._buffer.clear()
