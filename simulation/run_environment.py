"""The commit and the machine, which every page of results names."""

import os
import platform
import subprocess
from pathlib import Path

from simulation.mutation.killer_files import CONDITION_KILLERS_FILE, KILLING_SEEDS_FILE

ROOT = Path(__file__).parents[1]
# When several pages are written one after another, what the first ones wrote must not count as uncommitted changes.
RESULT_PATHS = (
    "docs/results",
    "bench/results",
    *(str(file.relative_to(ROOT)) for file in (KILLING_SEEDS_FILE, CONDITION_KILLERS_FILE)),
)
MEMINFO, CPUINFO = Path("/proc/meminfo"), Path("/proc/cpuinfo")


def describe_environment(root: Path = ROOT) -> str:
    """Returns the commit of the tree, and the processors, memory, system, and Python of this machine."""
    memory = int(read_proc_field(MEMINFO, "MemTotal").split()[0] or 0) // 1_000_000
    processors = f"{os.cpu_count()} x {read_proc_field(CPUINFO, 'model name')}"
    system = f"{platform.system()} {platform.machine()}"
    return f"{describe_commit(root)}, {processors}, {memory} GB, {system}, Python {platform.python_version()}"


def describe_commit(root: Path = ROOT) -> str:
    """Returns the commit that is checked out, and whether the files differ from it."""
    try:
        name = _git(root, "rev-parse", "--short=10", "HEAD")
        changed = _git(root, "status", "--porcelain", "--", ".", *(f":!{path}" for path in RESULT_PATHS))
    except (FileNotFoundError, subprocess.CalledProcessError):
        return "an unknown commit"
    return f"commit {name}" + (" with uncommitted changes" if changed else "")


def _git(root: Path, *arguments: str) -> str:
    completed = subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, text=True)  # noqa: S607
    return completed.stdout.strip()


def read_proc_field(path: Path, name: str) -> str:
    """Returns a field of one of the kernel's tables under /proc."""
    if not path.is_file():
        return "unknown"
    fields = (line.partition(":") for line in path.read_text().splitlines())
    return next((value.strip() for key, _, value in fields if key.strip() == name), "unknown")
