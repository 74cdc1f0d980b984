"""Links to our own bucket: each is for exactly one object, valid for long enough, and only for providers that can reach
it.
"""

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast
from urllib.parse import parse_qs, urlsplit

import pytest

from backdrop.aws.work_links import S3WorkStorage
from backdrop.model.ids import sha256_hex

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

REAL, LOCAL = "https://s3.eu-central-1.amazonaws.com", "http://127.0.0.1:4566"
HERE, THERE = "http://127.0.0.1:8080/segmind", "https://api.segmind.com"


class Recording:
    """A client that records writes."""

    def __init__(self, endpoint: str) -> None:
        self.meta = SimpleNamespace(endpoint_url=endpoint)
        self.written: dict[str, bytes] = {}

    def put_object(self, **sent: object) -> None:
        self.written[str(sent["Key"])] = cast("bytes", sent["Body"])


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "eu-central-1"}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)


def build_work(endpoint: str) -> tuple[S3WorkStorage, Recording]:
    client = Recording(endpoint)
    return S3WorkStorage(cast("S3Client", client), "pictures"), client


@pytest.mark.parametrize(
    ("endpoint", "by", "host", "prefix"),
    [
        (REAL, THERE, "pictures.s3.eu-central-1.amazonaws.com", "/"),
        (REAL, HERE, "pictures.s3.eu-central-1.amazonaws.com", "/"),
        (LOCAL, HERE, "127.0.0.1:4566", "/pictures/"),
    ],
)
def test_link_uses_the_buckets_region_and_outlives_an_hour(
    endpoint: str, by: str, host: str, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if endpoint == LOCAL:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    work, client = build_work(endpoint)
    link = work.create_download_link(b"photo", provider_url=by)
    assert link
    key = f"_backdrop/work/inputs/{sha256_hex(b'photo')}"
    assert client.written == {key: b"photo"}
    assert (urlsplit(link).netloc, urlsplit(link).path) == (host, prefix + key)
    query = parse_qs(urlsplit(link).query)
    assert query["X-Amz-Expires"] == ["7200"]
    assert query["X-Amz-SignedHeaders"] == ["host"]


def test_upload_link_is_for_one_object() -> None:
    opening = build_work(REAL)[0].create_upload_link("runware-1", provider_url=THERE)
    assert opening
    assert urlsplit(opening).path.endswith("/_backdrop/work/results/runware-1")
    assert parse_qs(urlsplit(opening).query)["X-Amz-SignedHeaders"] == ["host"]


def test_remote_provider_gets_no_link_into_this_machine() -> None:
    work, client = build_work(LOCAL)
    assert (
        work.create_download_link(b"photo", provider_url=THERE),
        work.create_upload_link("x", provider_url=THERE),
        client.written,
    ) == (None, None, {})


def test_result_without_a_link_is_saved_under_its_name() -> None:
    work, client = build_work(REAL)
    work.save_result("segmind-1", b"picture")
    assert client.written == {"_backdrop/work/results/segmind-1": b"picture"}
