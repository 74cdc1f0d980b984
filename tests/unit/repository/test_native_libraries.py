"""The native libraries in the layers' wheels: none is older than its minimum, and none is unknown."""

import sys
import tomllib

import pytest

from docs import make_bill

MINIMUMS: dict[str, dict[str, str]] = tomllib.loads(
    (make_bill.ROOT / "requirements" / "native_libraries.toml").read_text()
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the layers are built from the wheels for Linux")


def parse_version(text: str) -> list[int]:
    return [int(part) for part in text.split(".")]


def find_outdated(versions: dict[str, dict[str, str]]) -> list[str]:
    return [
        f"{package} bundles {name} {versions[package].get(name, '0')}, but {minimum} is required"
        for package, libraries in MINIMUMS.items()
        for name, minimum in libraries.items()
        if parse_version(versions[package].get(name, "0")) < parse_version(minimum)
    ]


def test_no_bundled_library_is_older_than_its_minimum() -> None:
    assert find_outdated(make_bill.read_native_versions()) == []


@pytest.mark.parametrize(("library", "version"), [("libheif", "1.23.0"), ("libde265", "1.1.0"), ("libheif", "1.9.9")])
def test_library_older_than_its_minimum_is_named(library: str, version: str) -> None:
    versions = make_bill.read_native_versions()
    versions["pillow-heif"][library] = version
    assert [line.split()[2] for line in find_outdated(versions)] == [library]


def test_each_bundled_library_has_a_minimum() -> None:
    assert make_bill.list_shared_libraries() == set(make_bill.SHARED_LIBRARIES)
    bundled = {package: set(libraries) for package, libraries in make_bill.read_native_versions().items()}
    assert {package: set(libraries) for package, libraries in MINIMUMS.items()} == bundled
    assert set().union(*bundled.values()) >= set(make_bill.SHARED_LIBRARIES.values())


def test_bill_of_materials_is_current() -> None:
    assert make_bill.PAGE.read_text() == make_bill.build_page(), "run `make docs`"
