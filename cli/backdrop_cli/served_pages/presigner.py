"""Presigned forms and links that give a browser access to one object for a limited time."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from backdrop_cli.gallery.album import GalleryFile

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

FORM_SECONDS = 15 * 60
LINK_SECONDS = 60 * 60


class UploadForm(NamedTuple):
    """A presigned POST: its URL, and the form fields to send before the file."""

    url: str
    fields: Mapping[str, str]


class Presigner:
    """Presigns with the user's credentials for one stack; sends nothing to AWS."""

    def __init__(self, client: "S3Client", input_bucket: str, output_bucket: str) -> None:
        self._client, self._input_bucket, self._output_bucket = client, input_bucket, output_bucket

    def create_form(self, key: str, size: int, content_type: str) -> UploadForm:
        """Returns a form that uploads exactly `size` bytes to this key within 15 minutes.

        S3 replaces `${filename}` in a key with the file's name, so the page must send the file under exactly that name.
        """
        response = self._client.generate_presigned_post(
            self._input_bucket,
            key,
            Fields={"Content-Type": content_type},
            Conditions=[{"Content-Type": content_type}, ["content-length-range", size, size]],
            ExpiresIn=FORM_SECONDS,
        )
        return UploadForm(response["url"], response["fields"])

    def create_link(self, file: GalleryFile) -> str:
        """Returns a link to the full picture, valid for an hour."""
        location = {"Bucket": file.bucket or self._output_bucket, "Key": file.key}
        return self._client.generate_presigned_url("get_object", Params=location, ExpiresIn=LINK_SECONDS)

    @property
    def upload_origin(self) -> str:
        """The origin that files are uploaded to."""
        parts = urlsplit(self.create_form("-", 1, "image/jpeg").url)
        return f"{parts.scheme}://{parts.netloc}"
