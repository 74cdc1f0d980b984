"""Prepares what the commands on each page need: files in the reader's folder, and photos in the cloud."""

import json
import shutil
from pathlib import Path
from typing import Any

from backdrop_local import cloud
from backdrop_local.home import ROOT
from tests.contract.standin_client import StandinClient
from tests.corpus.certificates import draw_product, encode
from tests.documented_commands import fill_in_json
from tests.e2e.command_runner import CommandRunner
from tests.e2e.deployed_stack import eventually
from tests.e2e.folder import photo
from tests.signing_pki import build_chain, to_pem
from tests.unit.credentials.signed_files import sign

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

    def run_json(self, *words: str) -> dict[str, Any]:
        """Runs a `backdrop` command with `--json` and returns its document."""
        return json.loads(self.runner.run_line(" ".join(["backdrop", *words, "--json"]), self.here))

    def wait_until_stored(self, key: str) -> None:
        """Waits until a photo's first picture is in the output bucket."""

        def poll() -> bool:
            running = cloud.find_running(self.runner.home)
            bucket = running.outputs()["OutputBucketName"]
            return running.clients.s3.list_objects_v2(Bucket=bucket, Prefix=f"{key}/")["KeyCount"] > 0

        eventually(poll, f"{key} is delivered")


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


def prepare_operating(setup: PageSetup) -> None:
    """Failures to redrive, a folder whose defaults changed, and a waiting photo to cancel."""
    running = cloud.find_running(setup.runner.home)
    with StandinClient(running.standin_url) as standin:
        standin.add_fault("status", {"code": 400}, prompt_regex="coats of", times=2)
    for name in ("coats/long.jpg", "coats/short.jpg"):
        setup.upload(f"{name}.json", {"prompt": f"the coats of {name}"})
        setup.upload(name, photo(name))
    setup.upload("shoes/_backdrop.json", {"operation": "remove"})
    setup.upload("shoes/rerun.jpg", photo("rerun"))
    setup.runner.run_line("backdrop pause segmind", setup.here)
    setup.upload("hats/cap.jpg.json", {"prompt": "on a peg", "provider": "segmind"})
    setup.upload("hats/cap.jpg", photo("cap"))
    setup.wait_until_stored("shoes/rerun.jpg")
    setup.upload("shoes/_backdrop.json", {"prompt": "on a shelf"})
    eventually(lambda: len(setup.run_json("failures", "coats/")["failures"]) == 2, "two failures")
    eventually(lambda: setup.run_json("status")["providers"], "the waiting job")


def prepare_deploying(setup: PageSetup) -> None:
    """The resources that a removed stack left behind."""
    outputs = cloud.find_running(setup.runner.home).outputs()
    setup.write_file("kept.json", fill_in_json(ROOT / "docs" / "deploying.md", "ResourceIdentifier", outputs))
    shutil.copy(ROOT / "kept.yaml", setup.here)


def prepare_drop(setup: PageSetup) -> None:
    """Enough photos that `drop` asks for confirmation."""
    setup.write_photos(*(f"shoes/{n}.jpg" for n in range(17)))


def prepare_delivered_photo(setup: PageSetup) -> None:
    """A photo with a picture."""
    setup.upload("shoes/delivered.jpg.json", {"prompt": "on a shelf"})
    setup.upload("shoes/delivered.jpg", photo("delivered"))
    setup.wait_until_stored("shoes/delivered.jpg")


def prepare_campaigns(setup: PageSetup) -> None:
    """A catalog in the bucket, the input of a campaign, and a slow provider, so that a campaign can be stopped."""
    with StandinClient(cloud.find_running(setup.runner.home).standin_url) as standin:
        standin.add_fault("slow", {"ms": 90_000}, prompt_regex="on fresh snow")
    shutil.copy(ROOT / "examples" / "seasonal-campaign" / "campaign.json", setup.here)
    for name in ("catalog/red.jpg", "catalog/blue.jpg"):
        setup.upload(name, photo(name))


def prepare_approval(setup: PageSetup) -> None:
    """Pictures that wait for approval: one of a photo, and two of a variant of another photo."""
    setup.upload("lamps/red.jpg.json", {"prompt": "on a shelf", "approval": "required"})
    setup.upload("lamps/red.jpg", photo("approval-red"))
    variants = {"beach": {"prompt": "on a beach", "num_images": 2}}
    setup.upload("lamps/blue.jpg.json", {"approval": "required", "variants": variants})
    setup.upload("lamps/blue.jpg", photo("approval-blue"))
    eventually(lambda: len(setup.run_json("review", "--prefix", "lamps/")["pictures"]) == 3, "three pictures that wait")


def prepare_first_day(setup: PageSetup) -> None:
    """The photo of the first deployment."""
    setup.upload("try/red.jpg", photo("first-day"))


def prepare_marketplaces(setup: PageSetup) -> None:
    """A picture that meets the rules."""
    setup.write_file("done/red.jpg", encode(draw_product((1000, 1000))))


def prepare_provenance(setup: PageSetup) -> None:
    """A signed picture, and a certificate chain."""
    setup.write_file("red.png", sign())
    setup.write_file("chain.pem", to_pem(build_chain()))


PREPARE_BY_PAGE = {
    "docs/approval.md": prepare_approval,
    "docs/campaigns.md": prepare_campaigns,
    "docs/costs.md": prepare_delivered_photo,
    "docs/deploying.md": prepare_deploying,
    "docs/drop.md": prepare_drop,
    "docs/first-day-on-aws.md": prepare_first_day,
    "docs/gallery.md": prepare_delivered_photo,
    "docs/instructions.md": prepare_instructions,
    "docs/marketplaces.md": prepare_marketplaces,
    "docs/operating.md": prepare_operating,
    "docs/provenance.md": prepare_provenance,
    "docs/statement.md": prepare_delivered_photo,
}


def prepare_page(page: Path, runner: CommandRunner) -> None:
    """Prepares everything that the commands of a page need."""
    setup = PageSetup(runner)
    prepare_common_files(setup)
    prepare = PREPARE_BY_PAGE.get(str(page.relative_to(ROOT)))
    if prepare:
        prepare(setup)


def resume_providers(runner: CommandRunner) -> None:
    """Resumes what the page left paused, because `doctor` would report it on the next page of the same cloud."""
    setup = PageSetup(runner)
    for lane in setup.run_json("status")["providers"]:
        if lane["state"] == "paused":
            runner.run_line(f"backdrop resume {lane['provider']}", setup.here)
