"""The state machines are valid, checked with a public validator of the Amazon States Language."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from backdrop_local.home import ROOT
from tests.packaging.node_command import NODE

FOLDERS = ("statemachines", "examples")
MACHINES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.asl.json"))
VALIDATOR = ROOT / ".local/node/node_modules/asl-validator/dist/bin/asl-validator.js"


def validate(definition: str) -> str:
    """Returns the validator's findings for a state machine, "" if it is valid."""
    assert VALIDATOR.is_file(), "make .local/node/.installed"
    command = [*NODE, str(VALIDATOR), "--json-definition", definition]
    completed = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "NODE_OPTIONS": ""}, check=False
    )
    return f"{completed.stdout}{completed.stderr}" if completed.returncode else ""


@pytest.mark.parametrize("machine", MACHINES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_state_machine_is_valid(machine: Path) -> None:
    assert validate(machine.read_text().replace("${Partition}", "aws")) == ""


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage", "Next": "Nowhere"}, "Nowhere"),
        ({"Type": "Pass"}, "terminal state"),
    ],
    ids=["leads_nowhere", "never_ends"],
)
def test_validator_detects_invalid_state_machines(state: dict[str, Any], message: str) -> None:
    assert message in validate(json.dumps({"StartAt": "One", "States": {"One": state}}))
