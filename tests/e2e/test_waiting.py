"""In a new stack, whose keys are empty, photos wait with the reason in a report. They continue when the key is set."""

from collections.abc import Generator

import pytest

from backdrop_local.home import STACK
from tests.contract.standin_client import KEY
from tests.e2e.deployed_stack import DeployedStack, eventually
from tests.e2e.folder import Folder

SECRET = f"{STACK}/ideogram/api-key"


@pytest.fixture
def blank_key(stack: DeployedStack) -> Generator[None]:
    """The stack has no key. Its usual key is restored after the test."""
    stack.clients.secrets.put_secret_value(SecretId=SECRET, SecretString=" \n")
    stack.kill_render_workers()
    yield
    stack.clients.secrets.put_secret_value(SecretId=SECRET, SecretString=KEY)
    stack.kill_render_workers()


@pytest.mark.usefixtures("blank_key")
def test_photos_wait_while_the_key_is_blank(folder: Folder) -> None:
    folder.drop("red.jpg", folder.instructions)
    report = eventually(folder.stack.provider_report, "the provider's report")
    (entry,) = report["errors"]
    assert (entry["code"], entry["status"], entry["money"]) == ("provider_key_missing", "paused", "not_spent")
    assert "continues automatically" in entry["hint"]
    folder.wait_until_unpaid("red.jpg")
    assert (folder.charges(), folder.dead_letters("red.jpg")) == ([], [])
    folder.stack.clients.secrets.put_secret_value(SecretId=SECRET, SecretString=f"{KEY}\n")
    folder.wait_until_resumed("red.jpg")
