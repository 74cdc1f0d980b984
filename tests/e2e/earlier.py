"""The release before this one, kept as an archive: unpacked and built, to be deployed in the place of the present one.

CONTRIBUTING.md says how the archive is made.
"""

import fcntl
import hashlib
import tarfile
from pathlib import Path

from backdrop_local import sam
from backdrop_local.home import TOOLS
from backdrop_local.release import Release

RELEASES = Path(__file__).with_name("releases")


def previous() -> Release:
    """The only release that is kept; what was built of it before is used again."""
    (archive,) = RELEASES.glob("*.tar.gz")
    content = hashlib.sha256(archive.read_bytes()).hexdigest()[:8]
    folder = TOOLS / "releases" / f"{archive.name.removesuffix('.tar.gz')}-{content}"
    folder.mkdir(parents=True, exist_ok=True)
    release, is_built = Release(folder), folder / "is-built"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not is_built.exists():
            with tarfile.open(archive) as kept:
                kept.extractall(folder, filter="data")
            sam.build(TOOLS / "logs" / f"sam-build-{folder.name}.log", release)
            is_built.touch()
    return release
