"""The demo on a local cloud: what it drops comes back, and the books are right."""

import io
import json
from collections.abc import Generator

import pytest
from rich.console import Console

from backdrop_cli.demo import run
from backdrop_local import cloud as local_cloud
from backdrop_local.cloud import Cloud
from backdrop_local.demo_orders import demo_orders

PICTURES = 10
# Room for a busy machine: two painters share the ten pictures, and a call waits for its turn.
UNHURRIED = {"IdeogramTimeoutSeconds": "120", "RenderTimeoutSeconds": "150", "LaneVisibilitySeconds": "160"}


@pytest.fixture
def unhurried(cloud: Cloud) -> Generator[Cloud]:
    """The cloud with a provider that may take its time; afterwards it is as it was."""
    yield local_cloud.up(cloud.home, cloud.parameters | UNHURRIED, print, build=False)
    local_cloud.up(cloud.home, cloud.parameters, print, build=False)


def test_a_demo_brings_everything_back_with_equal_books_and_a_page_of_it(unhurried: Cloud) -> None:
    said = io.StringIO()
    failed = run.on(unhurried, demo_orders(), Console(file=said, width=100))
    assert not failed, said.getvalue()
    assert "they agree" in said.getvalue()
    assert "not_a_photo" in said.getvalue()
    folder = max((unhurried.home.path / "demo").iterdir())
    page = (folder / "index.html").read_text("utf-8")
    assert page.count('class="after" src="pictures/') == PICTURES
    assert "stand-in" in page
    shown = {path.read_bytes() for path in (folder / "pictures").iterdir()}
    assert made(unhurried, f"demo/{folder.name}/") <= shown


def made(cloud: Cloud, prefix: str) -> set[bytes]:
    """The bytes of all pictures that the receipts under a prefix name."""
    s3, bucket = cloud.clients.s3, cloud.outputs()["OutputBucketName"]
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=f"_backdrop/receipts/{prefix}").get("Contents", [])
    told = [json.loads(s3.get_object(Bucket=bucket, Key=one.get("Key", ""))["Body"].read()) for one in listed]
    keys = [result["key"] for receipt in told for job in receipt["jobs"] for result in job["results"]]
    assert len(keys) == PICTURES
    return {s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}
