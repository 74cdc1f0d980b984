"""Prepares what the commands on each page need: files in the reader's folder, and photos in the cloud."""

import json
import shutil

from backdrop_local import cloud
from backdrop_local.home import ROOT
from tests.documented_commands import fill_in_json
from tests.e2e.command_runner import CommandRunner
from tests.e2e.folder import photo

NOTIFICATIONS: dict[str, dict[str, object]] = {"EventBridgeConfiguration": {}}


class PageSetup:
    """The reader's folder and cloud."""

    def __init__(self, runner: CommandRunner) -> None:
        self.runner, self.here = runner, runner.here

    def write_file(self, name: str, content: bytes | str | object) -> None:
        """Writes a file into the reader's folder. An object is written as JSON."""
        path = self.here / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = content if isinstance(content, bytes | str) else json.dumps(content)
        path.write_bytes(data if isinstance(data, bytes) else data.encode())

    def write_photos(self, *names: str) -> None:
        for name in names:
            self.write_file(name, photo(f"{self.here.name}/{name}"))

    def upload(self, key: str, content: bytes | object) -> None:
        """Uploads a file to the input bucket. An object is written as JSON."""
        running = cloud.find_running(self.runner.home)
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        running.clients.s3.put_object(Bucket=running.outputs()["InputBucketName"], Key=key, Body=data)


def prepare_common_files(setup: PageSetup) -> None:
    """Files that any page may refer to."""
    shutil.copytree(ROOT / "examples", setup.here / "examples")
    setup.write_photos("shoes/red.jpg", "shoes/blue.jpg", "red.jpg")
    setup.write_file("red.jpg.json", {"prompt": "on a beach"})
    setup.write_file("key.txt", "standin-key\n")
    setup.write_file("picks.csv", "key,output\nshoes/red.jpg,\n")
    setup.write_file("events.json", NOTIFICATIONS)


def prepare_instructions(setup: PageSetup) -> None:
    """The errors that `lint` shows, and a photo for a direct request."""
    setup.write_photos("shop/bags/tote.jpg", "shop/bags/hat.jpg", "shop/shoes/red.jpg", "shop/shoes/blue.jpg")
    setup.write_file("shop/bags/tote.jpg.json", {"promt": "on marble", "prompt": "on oak", "style": "golden hours"})
    setup.write_file("shop/shoes/Red.jpg.json", {"prompt": "on oak"})
    setup.write_file("shop/shoes/blue.jpg.json", {"operation": "remove"})
    setup.write_file("shop/bags/_backdrop.json", {"prompt": "on oak"})
    outputs = cloud.find_running(setup.runner.home).outputs()
    bucket = outputs["InputBucketName"]
    request = {"bucket": bucket, "key": "requested/red.jpg", "instructions": {"prompt": "on a marble table"}}
    setup.write_file("request.json", request)
    detail = json.dumps(request | {"instructions": {"operation": "remove"}})
    event = {"EventBusName": outputs["EventBusName"], "Source": "shop", "DetailType": "Image Requested"}
    setup.write_file("entries.json", [event | {"Detail": detail}])
    setup.upload("requested/red.jpg", photo("requested"))


def prepare_deploying(setup: PageSetup) -> None:
    """The resources that a removed stack left behind."""
    outputs = cloud.find_running(setup.runner.home).outputs()
    setup.write_file("kept.json", fill_in_json(ROOT / "docs" / "deploying.md", "ResourceIdentifier", outputs))
    shutil.copy(ROOT / "kept.yaml", setup.here)


def prepare_first_day(setup: PageSetup) -> None:
    """The photo of the first deployment."""
    setup.upload("try/red.jpg", photo("first-day"))


PREPARE_BY_PAGE = {
    "docs/deploying.md": prepare_deploying,
    "docs/first-day-on-aws.md": prepare_first_day,
    "docs/instructions.md": prepare_instructions,
}


def prepare_page(page: str, runner: CommandRunner) -> None:
    """Prepares everything that the commands of a page need."""
    setup = PageSetup(runner)
    prepare_common_files(setup)
    prepare = PREPARE_BY_PAGE.get(page)
    if prepare:
        prepare(setup)
