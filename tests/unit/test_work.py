"""Links to our own bucket: to exactly one object, for long enough, and to nobody who could not follow them."""

from typing import TYPE_CHECKING, cast
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest

from backdrop.aws.work import LINK_SECONDS, S3Work
from backdrop.core.identity import sha256_hex

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

REAL, LOCAL = "https://s3.eu-central-1.amazonaws.com", "http://127.0.0.1:4566"
HERE, THERE = "http://127.0.0.1:8080/segmind", "https://api.segmind.com"


class Recording:
    """A client that signs as the real one does, and keeps what would be written."""

    def __init__(self, endpoint: str) -> None:
        credentials = {"aws_access_key_id": "id", "aws_secret_access_key": "secret"}
        client = boto3.client("s3", endpoint_url=endpoint, region_name="eu-central-1", **credentials)
        self.meta, self.generate_presigned_url = client.meta, client.generate_presigned_url
        self.written: dict[str, bytes] = {}

    def put_object(self, **sent: object) -> None:
        """Keep it."""
        self.written[str(sent["Key"])] = cast("bytes", sent["Body"])


def work(endpoint: str) -> tuple[S3Work, Recording]:
    client = Recording(endpoint)
    return S3Work(cast("S3Client", client), "pictures"), client


@pytest.mark.parametrize(("endpoint", "by"), [(REAL, THERE), (REAL, HERE), (LOCAL, HERE)])
def test_a_link_leads_to_the_bytes_and_lives_for_more_than_an_hour(endpoint: str, by: str) -> None:
    ours, client = work(endpoint)
    link = ours.link(b"photo", by=by)
    assert link
    key = f"_backdrop/work/inputs/{sha256_hex(b'photo')}"
    assert client.written == {key: b"photo"}
    assert urlsplit(link).path.endswith(key)
    query = parse_qs(urlsplit(link).query)
    assert "X-Amz-Signature" in query or "Signature" in query
    assert LINK_SECONDS > 3600


def test_a_place_to_write_to_is_one_object() -> None:
    opening = work(REAL)[0].opening("runware-1", by=THERE)
    assert opening
    assert urlsplit(opening).path.endswith("/_backdrop/work/results/runware-1")
    assert "content-type" not in opening.lower()


def test_who_is_out_there_is_given_no_link_into_this_machine() -> None:
    ours, client = work(LOCAL)
    assert (ours.link(b"photo", by=THERE), ours.opening("x", by=THERE), client.written) == (None, None, {})


def test_a_result_without_a_link_is_kept_under_its_name() -> None:
    ours, client = work(REAL)
    ours.keep_result("segmind-1", b"picture")
    assert client.written == {"_backdrop/work/results/segmind-1": b"picture"}
