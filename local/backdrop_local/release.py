"""A release's files: those of this repository, or those saved from an older release."""

from dataclasses import dataclass
from pathlib import Path

from backdrop_local.home import ROOT


@dataclass(frozen=True)
class Release:
    """A folder with a template, and the functions and layers that the template names."""

    folder: Path

    @property
    def template(self) -> Path:
        """The template as written."""
        return self.folder / "template.yaml"

    @property
    def built_template(self) -> Path:
        """The template that SAM built, next to the artifacts."""
        return self.folder / ".aws-sam" / "build" / "template.yaml"


CURRENT_RELEASE = Release(ROOT)
