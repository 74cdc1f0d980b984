"""The `backdrop` commands on the pages that need nothing else of a stack end as each page shows, from top to bottom."""

import json
import re
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from backdrop.model.codes import Code
from backdrop_cli.served_pages.page_server import PageServer
from simulation.world.sample_images import build_photo
from simulation.world.simulated_provider import ProviderKind
from simulation.world.simulated_stack import World
from simulation.world.world_inspector import INPUT_BUCKET
from tests.corpus.certificates import draw_product, encode
from tests.credentials.signed_files import sign
from tests.documented_commands import ROOT, SIMULATED_PAGES, Command, commands_on
from tests.e2e.aws_cli import AwsCli
from tests.signing_pki import build_chain, to_pem
from tests.simulated.command_user import Person
from tests.simulated.doctor_stack import build_checked_stack
from tests.simulated.upload_page_user import PageUser
from tests.unit.campaign_machine import MACHINE

UNTIL_CTRL_C = re.compile(r"--watch|^backdrop page\b")


class Reader:
    """A person who follows a page in a folder of its own, on a stack that no other page uses."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, page: str, here: Path) -> None:
        self.monkeypatch, self.here = monkeypatch, here
        if page == "docs/alarms.md":
            self.person = build_checked_stack(monkeypatch).person
        else:
            world = World(
                other_providers={
                    "segmind": ProviderKind.LOOKUP_BY_PROVIDER_ID,
                    "runware": ProviderKind.LOOKUP_BY_OUR_ID,
                }
            )
            self.person = Person(world, monkeypatch)
        self.world = self.person.world

    def write(self, name: str, content: bytes | object) -> None:
        """Writes a file into the reader's folder. An object is written as JSON."""
        path = self.here / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())

    def upload(self, key: str, **instructions: Any) -> None:
        """Uploads a photo that no other one is like, with a sidecar, and waits until it has had its effect."""
        if instructions:
            self.world.upload_sidecar(key, **instructions)
        self.world.upload_photo(key, build_photo(key))
        self.world.run_until_empty()

    def run(self, command: Command) -> None:
        """Runs a command of the page, which must end as the page shows."""
        line, _, output_file = re.sub(r"--port \d+", "--port 0", command.line).partition(" > ")
        program, *words = shlex.split(line)
        if program == "aws":
            AwsCli({}, self.here).parse(command.line.replace("<CampaignStateMachineArn>", MACHINE))
            return
        assert program == "backdrop", command.line
        if UNTIL_CTRL_C.search(command.line):
            self._run_until_ctrl_c(words)
            return
        result = self.person.run(*words, answer=command.answer or None)
        assert result.code == command.fails, f"{command.line}\n{result.out}{result.err}"
        assert not command.answer or "[y/N]" in result.out + result.err, f"{command.line} asked no question"
        if output_file:
            self.write(output_file, result.out.encode())

    def _run_until_ctrl_c(self, words: list[str]) -> None:
        opened: list[str] = []

        def press_ctrl_c(*_: object) -> None:
            raise KeyboardInterrupt

        stack = self.person.stack
        client = cast("Any", PageUser(self.world).api.presigner)._client  # noqa: SLF001  no other way to it
        signing = cast("Any", type("Clients", (), {"signing": client}))
        self.person.stack = replace(stack, sleep=press_ctrl_c, clients=signing)
        with self.monkeypatch.context() as patch:
            patch.setattr(PageServer, "serve_forever", press_ctrl_c)
            patch.setattr("webbrowser.open", press_ctrl_c if "--no-browser" in words else opened.append)
            result = self.person.run(*words)
        self.person.stack = stack
        assert result.out.count("\n") > 1, result.err
        assert result.code in (0, 130), result.err


def prepare_approval(reader: Reader) -> None:
    """Pictures that wait for approval: one of a photo, and two of a variant of another photo."""
    reader.upload("lamps/red.jpg", prompt="on a shelf", approval="required")
    variants = {"beach": {"prompt": "on a beach", "num_images": 2}}
    reader.upload("lamps/blue.jpg", approval="required", variants=variants)
    assert len(reader.person.run("review", "--json").data["pictures"]) == 3


def prepare_campaigns(reader: Reader) -> None:
    """A catalog in the bucket, and the input of a campaign."""
    reader.write("campaign.json", json.loads((ROOT / "examples/seasonal-campaign/campaign.json").read_text()))
    for key in ("catalog/red.jpg", "catalog/blue.jpg"):
        reader.upload(key)


def prepare_delivered_photo(reader: Reader) -> None:
    reader.upload("shoes/delivered.jpg", prompt="on a shelf")


def prepare_drop(reader: Reader) -> None:
    """Enough photos that `drop` asks for confirmation."""
    for number in range(17):
        reader.write(f"shoes/{number}.jpg", build_photo(str(number)))


def prepare_marketplaces(reader: Reader) -> None:
    """A picture that meets the rules."""
    reader.write("done/red.jpg", encode(draw_product((1000, 1000))))


def prepare_operating(reader: Reader) -> None:
    """Failures to redrive, a folder whose defaults changed, and a waiting photo to cancel."""
    reader.person.upload_failing(Code.REQUEST_REJECTED, "coats/long.jpg", "coats/short.jpg")
    reader.world.s3.upload(INPUT_BUCKET, "shoes/_backdrop.json", b'{"operation": "remove"}')
    reader.upload("shoes/rerun.jpg")
    reader.world.s3.upload(INPUT_BUCKET, "shoes/_backdrop.json", b'{"prompt": "on a shelf"}')
    assert reader.person.run("pause", "segmind").code == 0
    reader.upload("hats/cap.jpg", prompt="on a peg", provider="segmind")


def prepare_provenance(reader: Reader) -> None:
    """A signed picture, and a certificate chain."""
    reader.write("red.png", sign())
    reader.write("chain.pem", to_pem(build_chain()).encode())


PREPARE_BY_PAGE: dict[str, Callable[[Reader], None]] = {
    "docs/approval.md": prepare_approval,
    "docs/campaigns.md": prepare_campaigns,
    "docs/costs.md": prepare_delivered_photo,
    "docs/drop.md": prepare_drop,
    "docs/gallery.md": prepare_delivered_photo,
    "docs/marketplaces.md": prepare_marketplaces,
    "docs/operating.md": prepare_operating,
    "docs/provenance.md": prepare_provenance,
    "docs/statement.md": prepare_delivered_photo,
}


@pytest.mark.parametrize("page", SIMULATED_PAGES)
def test_every_command_of_a_page_ends_as_shown(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    reader = Reader(monkeypatch, page, tmp_path)
    for name in ("shoes/red.jpg", "shoes/blue.jpg"):
        reader.write(name, build_photo(name))
    reader.write("picks.csv", b"key,output\nshoes/red.jpg,\n")
    if prepare := PREPARE_BY_PAGE.get(page):
        prepare(reader)
    for command in commands_on(ROOT / page):
        reader.run(command)
        reader.world.run_until_empty()
