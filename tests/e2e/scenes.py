"""What a reader of each page has before them: files in their folder, and photos in the cloud."""

import json
import shutil
from pathlib import Path
from typing import Any

from backdrop_local import cloud
from backdrop_local.home import ROOT
from tests.contract.standin_client import StandinClient
from tests.documented import filled_in
from tests.e2e.folder import photo
from tests.e2e.shop import eventually
from tests.e2e.typist import Typist

NOTIFICATIONS: dict[str, dict[str, object]] = {"EventBridgeConfiguration": {}}


class Scene:
    """A folder of the reader's, and their cloud."""

    def __init__(self, typist: Typist) -> None:
        self.typist, self.here = typist, typist.here

    def file(self, name: str, content: bytes | str | object) -> None:
        """A file; an object is written as JSON."""
        path = self.here / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = content if isinstance(content, bytes | str) else json.dumps(content)
        path.write_bytes(data if isinstance(data, bytes) else data.encode())

    def photos(self, *names: str) -> None:
        for name in names:
            self.file(name, photo(f"{self.here.name}/{name}"))

    def put(self, key: str, content: bytes | object) -> None:
        """A file in the input bucket."""
        running = cloud.find_running(self.typist.home)
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        running.clients.s3.put_object(Bucket=running.outputs()["InputBucketName"], Key=key, Body=data)

    def says(self, *words: str) -> dict[str, Any]:
        """What a command answers, as data."""
        return json.loads(self.typist.runs(" ".join(["backdrop", *words, "--json"]), self.here))

    def is_stored(self, key: str) -> None:
        """Returns once a photo's first job is."""

        def look() -> bool:
            receipts = cloud.find_running(self.typist.home)
            bucket = receipts.outputs()["OutputBucketName"]
            listed = receipts.clients.s3.list_objects_v2(Bucket=bucket, Prefix=f"{key}/")
            return listed["KeyCount"] > 0

        eventually(look, f"{key} is delivered")


def of_everybody(scene: Scene) -> None:
    """What any page may name."""
    shutil.copytree(ROOT / "examples", scene.here / "examples")
    scene.photos("shoes/red.jpg", "shoes/blue.jpg", "red.jpg")
    scene.file("red.jpg.json", {"prompt": "on a beach"})
    scene.file("key.txt", "standin-key\n")
    scene.file("picks.csv", "key,output\nshoes/red.jpg,\n")
    scene.file("events.json", NOTIFICATIONS)


def of_instructions(scene: Scene) -> None:
    """The mistakes that `lint` shows, and a photo to ask for directly."""
    scene.photos("shop/bags/tote.jpg", "shop/bags/hat.jpg", "shop/shoes/red.jpg", "shop/shoes/blue.jpg")
    scene.file("shop/bags/tote.jpg.json", {"promt": "on marble", "prompt": "on oak", "style": "golden hours"})
    scene.file("shop/shoes/Red.jpg.json", {"prompt": "on oak"})
    scene.file("shop/shoes/blue.jpg.json", {"operation": "remove"})
    scene.file("shop/bags/_backdrop.json", {"prompt": "on oak"})
    outputs = cloud.find_running(scene.typist.home).outputs()
    bucket = outputs["InputBucketName"]
    request = {"bucket": bucket, "key": "requested/red.jpg", "instructions": {"prompt": "on a marble table"}}
    scene.file("request.json", request)
    detail = json.dumps(request | {"instructions": {"operation": "remove"}})
    event = {"EventBusName": outputs["EventBusName"], "Source": "shop", "DetailType": "Image Requested"}
    scene.file("entries.json", [event | {"Detail": detail}])
    scene.put("requested/red.jpg", photo("requested"))


def of_operating(scene: Scene) -> None:
    """Failures to redrive, a folder whose defaults changed, and a photo that waits to be cancelled."""
    running = cloud.find_running(scene.typist.home)
    with StandinClient(running.standin_url) as standin:
        standin.fault("status", {"code": 400}, prompt_regex="coats of", times=2)
    for name in ("coats/long.jpg", "coats/short.jpg"):
        scene.put(f"{name}.json", {"prompt": f"the coats of {name}"})
        scene.put(name, photo(name))
    scene.put("shoes/_backdrop.json", {"operation": "remove"})
    scene.put("shoes/rerun.jpg", photo("rerun"))
    scene.typist.runs("backdrop pause segmind", scene.here)
    scene.put("hats/cap.jpg.json", {"prompt": "on a peg", "provider": "segmind"})
    scene.put("hats/cap.jpg", photo("cap"))
    scene.is_stored("shoes/rerun.jpg")
    scene.put("shoes/_backdrop.json", {"prompt": "on a shelf"})
    eventually(lambda: len(scene.says("failures", "--prefix", "coats/")["failures"]) == 2, "two failures")
    eventually(lambda: scene.says("status")["providers"], "the waiting job")


def of_deploying(scene: Scene) -> None:
    """What a removed stack left, by its names."""
    outputs = cloud.find_running(scene.typist.home).outputs()
    scene.file("kept.json", filled_in(ROOT / "docs" / "deploying.md", "ResourceIdentifier", outputs))
    shutil.copy(ROOT / "kept.yaml", scene.here)


def of_drop(scene: Scene) -> None:
    """So many photos that a drop asks first."""
    scene.photos(*(f"shoes/{n}.jpg" for n in range(17)))


def of_gallery(scene: Scene) -> None:
    """A photo that came back."""
    scene.put("shoes/gallery.jpg.json", {"prompt": "on a shelf"})
    scene.put("shoes/gallery.jpg", photo("gallery"))
    scene.is_stored("shoes/gallery.jpg")


def of_campaigns(scene: Scene) -> None:
    """A catalog in the bucket, a campaign that can be stopped on its way, and what another is started with."""
    with StandinClient(cloud.find_running(scene.typist.home).standin_url) as standin:
        standin.fault("slow", {"ms": 90_000}, prompt_regex="on fresh snow")
    shutil.copy(ROOT / "examples" / "seasonal-campaign" / "campaign.json", scene.here)
    for name in ("catalog/red.jpg", "catalog/blue.jpg"):
        scene.put(name, photo(name))


def of_first_day(scene: Scene) -> None:
    """The photo of the first deployment."""
    scene.put("try/red.jpg", photo("first-day"))


SCENES = {
    "docs/campaigns.md": of_campaigns,
    "docs/deploying.md": of_deploying,
    "docs/drop.md": of_drop,
    "docs/first-day-on-aws.md": of_first_day,
    "docs/gallery.md": of_gallery,
    "docs/instructions.md": of_instructions,
    "docs/operating.md": of_operating,
}


def set_for(page: Path, typist: Typist) -> None:
    """All that the page's reader has."""
    scene = Scene(typist)
    of_everybody(scene)
    own = SCENES.get(str(page.relative_to(ROOT)))
    if own:
        own(scene)
