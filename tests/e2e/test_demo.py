"""The demo on a local cloud: all pictures are delivered, and bill and receipts agree."""

import io
import json
from typing import Any
from urllib.parse import unquote

import pytest
from rich.console import Console

from backdrop_cli.demo import run_demo
from backdrop_local.cloud import Cloud
from backdrop_local.demo_orders import build_demo_orders

pytestmark = pytest.mark.usefixtures("composed_pictures")

PICTURES = 15


def test_demo_delivers_all_pictures_with_a_correct_bill(cloud: Cloud) -> None:
    output = io.StringIO()
    failed = run_demo.run_on_cloud(cloud, build_demo_orders(), Console(file=output, width=100))
    assert not failed, output.getvalue()
    assert "they agree" in output.getvalue()
    assert "not_a_photo" in output.getvalue()
    folder = max((cloud.home.path / "demo").iterdir())
    page = (folder / "index.html").read_text("utf-8")
    shown = json.loads(page.split('id="album">')[1].split("</script>")[0])
    images = [entry for entry in shown["entries"] if entry["kind"] == "image"]
    assert "stand-in" in shown["notices"][0]
    assert {key for image in images for _, key in image["picks"]} == list_picture_keys(cloud, f"demo/{folder.name}/")
    assert [link for image in images for link in list_links(image) if not (folder / link).is_file()] == []
    assert len({image["files"][0]["after"] for image in images}) == PICTURES


def list_links(image: dict[str, Any]) -> list[str]:
    """Returns the links of a picture's thumbnails and full-size files, as paths in the page's folder."""
    files = image["files"]
    links = [image["before"], image["before_full"], *(link for file in files for link in (file["after"], file["full"]))]
    return [unquote(link) for link in links]


def list_picture_keys(cloud: Cloud, prefix: str) -> set[str]:
    """Returns the keys of all pictures in the receipts under a prefix."""
    s3, bucket = cloud.clients.s3, cloud.outputs()["OutputBucketName"]
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=f"_backdrop/receipts/{prefix}").get("Contents", [])
    receipts = [json.loads(s3.get_object(Bucket=bucket, Key=entry.get("Key", ""))["Body"].read()) for entry in listed]
    keys = [result["key"] for receipt in receipts for job in receipt["jobs"] for result in job["results"]]
    assert len(keys) == PICTURES
    return set(keys)
