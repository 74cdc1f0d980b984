"""The release before this one, kept as an archive: unpacked and built, to be deployed in the place of the present one.

CONTRIBUTING.md says how the archive is made.
"""

import fcntl
import tarfile
from pathlib import Path

from backdrop_local import sam
from backdrop_local.home import TOOLS
from backdrop_local.release import Release

RELEASES = Path(__file__).with_name("releases")


def previous() -> Release:
    """The only release that is kept; what was built of it before is used again."""
    (archive,) = RELEASES.glob("*.tar.gz")
    folder = TOOLS / "releases" / archive.name.removesuffix(".tar.gz")
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with tarfile.open(archive) as kept:
            kept.extractall(folder, filter="data")
        release = Release(folder)
        sam.build(TOOLS / "logs" / f"sam-build-{folder.name}.log", release)
    return release
