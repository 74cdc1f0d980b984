"""A release's own files: those of this repository, or what was kept of an older one."""

from dataclasses import dataclass
from pathlib import Path

from backdrop_local.home import ROOT


@dataclass(frozen=True)
class Release:
    """A folder with a template, and with the functions and layers that it names."""

    folder: Path

    @property
    def template(self) -> Path:
        """As it was written."""
        return self.folder / "template.yaml"

    @property
    def built_template(self) -> Path:
        """As SAM built it, beside the artefacts."""
        return self.folder / ".aws-sam" / "build" / "template.yaml"


CURRENT_RELEASE = Release(ROOT)
