"""`make audit` passes only if it checked everything, and each exception has a reason."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from backdrop_local import template
from backdrop_local.home import ROOT

# The minimum length of a reason, in characters.
MIN_REASON_LENGTH = 30
SCRIPT = ROOT / "requirements" / "vulnerabilities"
RECORDING_TOOL = '#!/bin/sh\necho "$@" >> commands\ncase "$*" in {fails}) exit 1;; esac\n'


def run_audit(folder: Path, *locks: str, fails: str = "nothing") -> tuple[int, list[str], str]:
    """Returns the script's exit code, the commands it ran, and its stderr.

    The tools fail for arguments like `fails`.
    """
    for tool in (".local/audit/bin/pip-audit", ".venv/bin/python"):
        (folder / tool).parent.mkdir(parents=True)
        (folder / tool).write_text(RECORDING_TOOL.format(fails=fails))
        (folder / tool).chmod(0o755)
    done = subprocess.run([str(SCRIPT), *locks], cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, (folder / "commands").read_text().splitlines(), done.stderr


def test_audit_passes_after_every_lock_file_was_checked(tmp_path: Path) -> None:
    code, requested, text = run_audit(tmp_path, "one.txt", "two.txt")
    assert (code, text) == (0, "")
    assert [line.rpartition(" ")[2] for line in requested[:2]] == ["one.txt", "two.txt"]
    assert " audit " in requested[2]


@pytest.mark.parametrize(
    ("fails", "named"),
    [("*one.txt", "one.txt"), ("*--package-lock-only*", "package-lock.json"), ("*--require*", "two")],
)
def test_failed_check_fails_the_audit_without_stopping_others(tmp_path: Path, fails: str, named: str) -> None:
    code, requested, text = run_audit(tmp_path, "one.txt", "two.txt", fails=fails)
    assert (code, len(requested)) == (1, 3)
    assert named in text


def test_package_unknown_to_the_index_does_not_pass(tmp_path: Path) -> None:
    _, requested, _ = run_audit(tmp_path, "one.txt")
    assert "--strict" in requested[0].split()


def test_every_lock_of_the_repository_is_audited() -> None:
    command = ["make", "-n", "audit"]
    planned = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    [line] = [line for line in planned.splitlines() if line.startswith("requirements/vulnerabilities")]
    locks = [
        *(path for path in ROOT.glob("requirements/*.txt") if path.name != "command.txt"),
        *ROOT.glob("layers/*/*.txt"),
    ]
    assert sorted(line.split()[1:]) == sorted(str(path.relative_to(ROOT)) for path in locks)


def test_each_skipped_checkov_rule_has_its_reason_above_it() -> None:
    lines = (ROOT / ".checkov.yaml").read_text(encoding="utf-8").splitlines()
    skipped = [number for number, line in enumerate(lines) if line.strip().startswith("- CKV")]
    settings: dict[str, Any] = yaml.safe_load("\n".join(lines))
    assert len(skipped) == len(settings["skip-check"]) > 0
    assert [lines[n] for n in skipped if not lines[n - 1].strip().startswith("# ")] == []


def test_partially_skipped_rules_have_reasons_in_the_template() -> None:
    everywhere = set(yaml.safe_load((ROOT / ".checkov.yaml").read_text(encoding="utf-8"))["skip-check"])
    skips = [
        skip
        for path in ("template.yaml", "kept.yaml")
        for resource in template.load_template(ROOT / path)["Resources"].values()
        for skip in resource.get("Metadata", {}).get("checkov", {}).get("skip", [])
    ]
    assert {skip["id"] for skip in skips} == {"CKV_AWS_18", "CKV_AWS_26", "CKV_AWS_116", "CKV_AWS_119"}
    assert [skip for skip in skips if len(skip["comment"]) < MIN_REASON_LENGTH or skip["id"] in everywhere] == []
