"""A person at the upload page of a simulated stack: the requests of the page's script, in the same order."""

import base64
import hashlib
from collections.abc import Mapping
from typing import Any

import boto3

from backdrop_cli.aws_clients import SIGNING_CONFIG
from backdrop_cli.served_pages.page_files import PageFiles
from backdrop_cli.served_pages.presigner import Presigner
from backdrop_cli.upload_page.upload_api import UploadApi
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import World
from simulation.world.world_inspector import INPUT_BUCKET, OUTPUT_BUCKET
from tests.simulated.command_user import build_cli_stack

FORM_FIELDS = {"kind": "replace", "prompt": "on sand", "style": "", "provider": "", "folder": "shoes", "answer": ""}


def build_presigner() -> Presigner:
    """Returns a presigner with made-up keys, which sends no requests."""
    client: Any = boto3.client(
        "s3", aws_access_key_id="me", aws_secret_access_key="x", region_name="eu-central-1", config=SIGNING_CONFIG
    )
    return Presigner(client, INPUT_BUCKET, OUTPUT_BUCKET)


def describe_file(name: str, data: bytes) -> dict[str, Any]:
    """Returns a file's description as the page's script sends it."""
    return {
        "name": name,
        "size": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "head": base64.b64encode(data[:4096]).decode(),
    }


class PageUser:
    """A person who has files and drags them onto the page."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.stack = build_cli_stack(world)
        self.api = UploadApi(self.stack, build_presigner(), PageFiles(self.stack.bucket_reader.read_file))
        self.files: dict[str, bytes] = {}

    def drag(self, *names: str, **others: bytes) -> None:
        """Adds photos that differ from all others, or files with these bytes (with the suffix .jpg)."""
        self.files |= {name: build_photo(name) for name in names}
        self.files |= {f"{name}.jpg": data for name, data in others.items()}

    def request_plan(self, **fields: Any) -> Mapping[str, Any]:
        """Returns the plan and its price, before anything is uploaded."""
        files = [describe_file(name, data) for name, data in self.files.items()]
        self.api.check_files({"files": files})
        return self.api.plan_upload({**FORM_FIELDS, **fields, "files": files})

    def send(self, *, agreed: bool = False, **fields: Any) -> int:
        """Presses the button, which uploads all photos. Returns the upload's number."""
        plan = self.request_plan(**fields)
        started = self.api.start_upload({"plan": plan["plan"], "agreed": agreed})
        names = {row["key"]: row["name"] for row in plan["rows"]}
        for key in started["keys"]:
            self.upload(started["drop"], key, self.files[names[key]])
        return started["drop"]

    def upload(self, drop: int, key: str, data: bytes) -> None:
        upload = {"drop": drop, "key": key}
        if self.api.create_form(upload)["form"]:
            self.world.upload_photo(key, data)
            assert self.api.check_arrival(upload) == {"arrived": True}

    def view_progress(self, *known: tuple[int, int]) -> Mapping[str, Any]:
        """Returns the only upload as the page shows it, two seconds later."""
        self.world.run_for(2)
        (drop,) = self.api.read_progress({"drops": [{"drop": drop, "known": many} for drop, many in known]})["drops"]
        return drop
