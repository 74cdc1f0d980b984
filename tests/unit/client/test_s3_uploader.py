"""An upload in parts fails with S3's own error, as an upload with one request does."""

from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from backdrop.aws.aws_errors import read_aws_error_code
from backdrop_client.s3_uploader import PART_BYTES, S3Uploader


@pytest.mark.parametrize(
    ("size", "operation"), [(PART_BYTES, "put_object"), (PART_BYTES + 1, "create_multipart_upload")], ids=str
)
def test_refused_upload_raises_the_error_of_s3(tmp_path: Path, size: int, operation: str) -> None:
    photo = tmp_path / "photo.jpg"
    with photo.open("wb") as file:
        file.truncate(size)
    client = boto3.client("s3", region_name="eu-central-1", aws_access_key_id="id", aws_secret_access_key="secret")
    with Stubber(client) as stubber:
        stubber.add_client_error(operation, "AccessDenied")
        with pytest.raises(ClientError) as raised:
            S3Uploader(client, "photos").upload_file("photo.jpg", photo)
    assert read_aws_error_code(raised.value) == "AccessDenied"
