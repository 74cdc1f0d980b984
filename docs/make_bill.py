"""Writes requirements/bill-of-materials.cdx.json: what the layers consist of, native libraries included: `make docs`.

CycloneDX 1.6 (https://cyclonedx.org/docs/1.6/json/). A release attaches the file. It has neither a time nor a serial
number, so that the same locks always give the same bytes.
"""

import importlib.metadata
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import c2pa
import pillow_heif
from PIL import _avif, features

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "requirements" / "bill-of-materials.cdx.json"
LOCKS = (ROOT / "layers/dependencies/requirements.txt", ROOT / "layers/credentials/requirements.txt")
_LOCKED = re.compile(r"^([a-z0-9.-]+)==([^ ;]+)", re.MULTILINE)
_PILLOW_FEATURES = {
    "freetype": "freetype2",
    "harfbuzz": "harfbuzz",
    "lcms2": "littlecms2",
    "libavif": "avif",
    "libjpeg-turbo": "libjpeg_turbo",
    "libraqm": "raqm",
    "libtiff": "libtiff",
    "libwebp": "webp",
    "openjpeg": "jpg_2000",
    "zlib-ng": "zlib_ng",
}
SHARED_LIBRARIES = {
    "libXau": "libXau",
    "libavif": "libavif",
    "libbrotlicommon": "brotli",
    "libbrotlidec": "brotli",
    "libc2pa_c": "c2pa-rs",
    "libde265": "libde265",
    "libfreetype": "freetype",
    "libharfbuzz": "harfbuzz",
    "libheif": "libheif",
    "libjpeg": "libjpeg-turbo",
    "liblcms2": "lcms2",
    "liblzma": "liblzma",
    "libopenjp2": "openjpeg",
    "libpng16": "libpng",
    "libscipy_openblas64_": "openblas",
    "libsharpyuv": "libwebp",
    "libtiff": "libtiff",
    "libwebp": "libwebp",
    "libwebpdemux": "libwebp",
    "libwebpmux": "libwebp",
    "libx265": "x265",
    "libxcb": "libxcb",
    "libzstd": "libzstd",
}
"""The library of each file that a wheel bundles. dav1d, aom, and zlib-ng are linked into others."""


def read_native_versions() -> dict[str, dict[str, str]]:
    """Returns the version of each native library in the installed wheels, by package, as the library itself reports it.

    Some report none: the name of their file has it. That of libxcb and libXau has the version of their interface.
    """
    heif = pillow_heif.libheif_info()
    codecs = dict(re.findall(r"(\w+) \[\w+\]:v?([\d.]+)", _avif.codec_versions()))
    named = {SHARED_LIBRARIES[name]: version for name, version in _read_shared_versions("pillow")}
    return {
        "pillow-heif": {
            "libheif": heif["libheif"],
            "libde265": _read_version(heif["decoders"]["libde265"]),
            "x265": _read_version(heif["encoders"]["x265"]),
        },
        "pillow": {
            **{name: str(features.version(feature)) for name, feature in _PILLOW_FEATURES.items()},
            **codecs,
            **{library: named[library] for library in ("brotli", "libXau", "liblzma", "libxcb", "libzstd")},
            "libpng": "1.6." + named["libpng"].split(".")[1],
        },
        "simplejpeg": {"libjpeg-turbo": _read_linked_version("simplejpeg", r"libjpeg-turbo version ([\d.]+)")},
        "numpy": {"openblas": _read_linked_version("numpy", r"OpenBLAS ([\d.]+)")},
        "c2pa-python": {"c2pa-rs": c2pa.sdk_version()},
    }


def list_shared_libraries() -> set[str]:
    """Returns the names of all shared libraries in the layers' wheels, without version and hash."""
    return {name for package in _read_locked() for name, _ in _read_shared_versions(package)}


def build_page() -> str:
    natives = read_native_versions()
    components = [_build_package(name, version, natives.get(name, {})) for name, version in _read_locked().items()]
    bill = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {"type": "application", "bom-ref": "backdrop", "name": "backdrop"}},
        "components": components,
        "dependencies": [{"ref": "backdrop", "dependsOn": [component["bom-ref"] for component in components]}],
    }
    return json.dumps(bill, indent=1) + "\n"


def _read_locked() -> dict[str, str]:
    return dict(sorted(pair for lock in LOCKS for pair in _LOCKED.findall(lock.read_text())))


def _build_package(name: str, version: str, natives: dict[str, str]) -> dict[str, Any]:
    reference = f"pkg:pypi/{name}@{version}"
    package: dict[str, Any] = {
        "type": "library",
        "bom-ref": reference,
        "name": name,
        "version": version,
        "purl": reference,
    }
    inside = [
        {"type": "library", "bom-ref": f"{reference}#{library}", "name": library, "version": found}
        for library, found in sorted(natives.items())
    ]
    inside += [
        {
            "type": "library",
            "bom-ref": f"{reference}#{crate['purl']}",
            **{key: crate[key] for key in ("name", "version", "purl")},
        }
        for crate in _read_crates(name)
    ]
    return package | ({"components": inside} if inside else {})


def _read_crates(package: str) -> Iterator[dict[str, Any]]:
    """Yields the Rust crates that the wheel's own bill names (PEP 770), without those that only built it."""
    for file in importlib.metadata.files(package) or ():
        if file.match("*.dist-info/sboms/*.json"):
            for component in json.loads(file.read_text())["components"]:
                if component.get("purl", "").startswith("pkg:cargo/") and component.get("scope") != "excluded":
                    yield component


def _read_shared_versions(package: str) -> Iterator[tuple[str, str]]:
    for file in importlib.metadata.files(package) or ():
        if found := re.fullmatch(r"(?:.*/)?(lib\w+)(?:-\w{8})?\.so\.?([\d.]*)", str(file)):
            yield found[1], found[2]


def _read_linked_version(package: str, pattern: str) -> str:
    """Returns the version that a library of the wheel states in its text. Importing numpy takes longer."""
    for file in importlib.metadata.files(package) or ():
        if file.match("*.so") and (found := re.search(pattern.encode(), file.read_binary())):
            return found[1].decode()
    raise LookupError(f"no library of {package} states its version as {pattern}")


def _read_version(text: str) -> str:
    return re.findall(r"\d+(?:\.\d+)+", text)[0]


if __name__ == "__main__" and sys.platform == "linux":  # elsewhere, wheels bundle other files than the layers
    PAGE.write_text(build_page())
