"""GitHub workflows have minimal permissions. `make scan` checks that they are well-formed and pinned."""

import json
from typing import Any

import pytest
import yaml

from backdrop_local.home import ROOT

FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def read_jobs(name: str) -> dict[str, Any]:
    return yaml.safe_load((ROOT / ".github" / "workflows" / f"{name}.yml").read_text(encoding="utf-8"))["jobs"]


def test_workflows_run_what_a_developer_runs() -> None:
    assert [path.stem for path in FILES] == ["audit", "proof", "release", "site", "test"]
    assert read_jobs("test")["test"]["steps"][-1] == {"run": ".ci/run"}
    assert read_jobs("audit")["audit"]["steps"][-1] == {"run": "make audit"}
    assert {"run": "make proof"} in read_jobs("proof")["proof"]["steps"]
    assert "make site" in [step.get("run") for step in read_jobs("site")["build"]["steps"]]


def test_release_is_published_and_deployed_only_after_tests_and_audit() -> None:
    release = read_jobs("release")
    needs = {name: set(job.get("needs", ())) for name, job in release.items()}
    assert needs["build"] == {"test", "audit"}
    assert (needs["deploy"], needs["attest"], needs["publish"]) == ({"build"}, {"build"}, {"attest"})
    assert [release[name]["uses"] for name in ("test", "audit")] == [
        "./.github/workflows/test.yml",
        "./.github/workflows/audit.yml",
    ]


def test_only_publishing_or_deploying_jobs_have_write_permissions() -> None:
    rights = {(path.stem, name): job["permissions"] for path in FILES for name, job in read_jobs(path.stem).items()}
    assert rights.pop(("release", "attest")) == {"attestations": "write", "id-token": "write"}
    assert rights.pop(("release", "publish")) == {"contents": "write"}
    assert rights.pop(("release", "deploy")) == {"id-token": "write"}
    assert rights.pop(("site", "publish")) == {"pages": "write", "id-token": "write"}
    assert list(rights.values()) == [{"contents": "read"}] * len(rights)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_long_lived_key_is_stored_at_github(path: Any) -> None:
    text = path.read_text(encoding="utf-8")
    assert yaml.safe_load(text)["permissions"] == {}
    assert "secrets." not in text
    assert "secret-access-key" not in text.lower()


def test_repository_variable_is_never_part_of_a_command() -> None:
    commands = [
        step.get("run", "") for path in FILES for job in read_jobs(path.stem).values() for step in job.get("steps", [])
    ]
    assert "sam deploy" in json.dumps(commands)
    assert "${{" not in json.dumps(commands)


@pytest.mark.parametrize("name", ["attest", "publish", "deploy"])
def test_job_with_rights_installs_nothing(name: str) -> None:
    steps = read_jobs("release")[name]["steps"]
    assert not any("checkout" in step.get("uses", "") for step in steps)
    commands = [word for step in steps for word in step.get("run", "").split()]
    assert not {"make", "pip", "npm", "python", "python3", "uv", "curl", "sam"} & set(commands)


def test_deployment_runs_the_locked_sam_of_the_build() -> None:
    release = read_jobs("release")
    (packed,) = (step["run"] for step in release["build"]["steps"] if "stack.tar.gz" in step.get("run", ""))
    assert packed.index("make setup") < packed.index("tar -czf stack.tar.gz .aws-sam/build samconfig.toml .local/sam")
    assert ".local/sam/bin/sam deploy" in release["deploy"]["steps"][-1]["run"]
    (python,) = (step for step in release["deploy"]["steps"] if "setup-python" in step.get("uses", ""))
    assert python["with"] == {"python-version-file": ".python-version"}


def test_built_and_deployed_parameters_are_the_same() -> None:
    release = read_jobs("release")
    (built,) = (step for step in release["build"]["steps"] if "make build" in step.get("run", ""))
    (deployed,) = (step for step in release["deploy"]["steps"] if "sam deploy" in step.get("run", ""))
    assert '${PARAMETERS:+--parameter-overrides "$PARAMETERS"}' in deployed["run"]
    assert built["env"]["PARAMS"] == deployed["env"]["PARAMETERS"] == "${{ vars.BACKDROP_PARAMETERS }}"
