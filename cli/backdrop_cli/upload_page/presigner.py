"""Forms and links that let a browser at one object for a while, signed with the person's own credentials."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from backdrop_cli.gallery.album import GalleryFile

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

FORM_SECONDS = 15 * 60
LINK_SECONDS = 60 * 60


class UploadForm(NamedTuple):
    """A presigned POST: where it goes and the fields that come before the file."""

    url: str
    fields: Mapping[str, str]


class Presigner:
    """Signs for one stack; nothing is sent to AWS for it."""

    def __init__(self, client: "S3Client", input_bucket: str, output_bucket: str) -> None:
        self._client, self._input_bucket, self._output_bucket = client, input_bucket, output_bucket

    def create_form(self, key: str, size: int, content_type: str) -> UploadForm:
        """Lets so many bytes be uploaded under this key and no other, within a quarter of an hour.

        S3 puts the file's own name where a key has `${filename}` in it, so whoever sends the form calls the file that.
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
        """Lets a whole picture be seen for an hour."""
        location = {"Bucket": file.bucket or self._output_bucket, "Key": file.key}
        return self._client.generate_presigned_url("get_object", Params=location, ExpiresIn=LINK_SECONDS)

    @property
    def upload_origin(self) -> str:
        """The one place that files go to, as a browser names it."""
        parts = urlsplit(self.create_form("-", 1, "image/jpeg").url)
        return f"{parts.scheme}://{parts.netloc}"
