"""What the wheel contains, as pyproject.toml declares it."""

import tomllib

from backdrop_local.home import ROOT


def test_every_package_of_the_wheel_declares_its_types() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert [package for package in packages if not (ROOT / package / "py.typed").is_file()] == []
