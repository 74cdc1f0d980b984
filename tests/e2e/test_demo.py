"""The demo on a local cloud: what it drops comes back, and the books are right."""

import io
import json

import pytest
from rich.console import Console

from backdrop_cli.demo import run_demo
from backdrop_local.cloud import Cloud
from backdrop_local.demo_orders import build_demo_orders

pytestmark = pytest.mark.usefixtures("composed")

PICTURES = 15


def test_a_demo_brings_everything_back_with_equal_books_and_a_page_of_it(cloud: Cloud) -> None:
    said = io.StringIO()
    failed = run_demo.run_on_cloud(cloud, build_demo_orders(), Console(file=said, width=100))
    assert not failed, said.getvalue()
    assert "they agree" in said.getvalue()
    assert "not_a_photo" in said.getvalue()
    folder = max((cloud.home.path / "demo").iterdir())
    page = (folder / "index.html").read_text("utf-8")
    shown = json.loads(page.split('id="album">')[1].split("</script>")[0])
    shots = [entry for entry in shown["entries"] if entry["kind"] == "shot"]
    assert "stand-in" in shown["notices"][0]
    assert {key for shot in shots for _, key in shot["picks"]} == made(cloud, f"demo/{folder.name}/")
    assert [link for shot in shots for link in (shot["before"], shot["after"]) if not (folder / link).is_file()] == []
    assert len({shot["after"] for shot in shots}) == PICTURES


def made(cloud: Cloud, prefix: str) -> set[str]:
    """The keys of all pictures that the receipts under a prefix name."""
    s3, bucket = cloud.clients.s3, cloud.outputs()["OutputBucketName"]
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=f"_backdrop/receipts/{prefix}").get("Contents", [])
    told = [json.loads(s3.get_object(Bucket=bucket, Key=one.get("Key", ""))["Body"].read()) for one in listed]
    keys = [result["key"] for receipt in told for job in receipt["jobs"] for result in job["results"]]
    assert len(keys) == PICTURES
    return set(keys)
