"""Every handler in the built artifact can be imported as on AWS, without packages of this machine.

Also limits what a cold start loads: libraries, modules, clients, and the size of the artifact.
"""

import json
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from backdrop_local import template
from backdrop_local.home import ROOT, TOOLS
from backdrop_local.release import CURRENT_RELEASE
from bench.cold_starts import measure_packed_bytes
from tests.corpus.files import saved
from tests.corpus.scene import scene

RUNTIME = TOOLS / "runtime"
FOLDERS = sorted(path.parent.name for path in (ROOT / "functions").glob("*/app.py"))
WITHOUT_LAYERS = {"deployment_check"}  # uses only the runtime's own packages

# Run by a bare interpreter, with no site-packages, no environment, and only the given paths.
IMPORT_HANDLER = """
import importlib, json, sys
module, _, name = sys.argv[1].rpartition(".")
sys.path += sys.argv[2:]
handler = getattr(importlib.import_module(module), name)
files = {key: getattr(value, "__file__", None) or "" for key, value in sys.modules.items()}
print(json.dumps({"callable": callable(handler), "files": files}))
"""

# The libraries that each function loads during its start, until it has read the settings and built its services.
SDK = {"aws_lambda_powertools", "boto3", "botocore", "certifi", "dateutil", "jmespath", "s3transfer", "six", "urllib3"}
VALIDATION = {"annotated_types", "pydantic", "pydantic_core", "typing_extensions", "typing_inspection"}
HTTP = {"charset_normalizer", "idna", "requests"}
LIBRARIES = {
    "campaign": SDK | VALIDATION,
    "credentials_check": SDK | VALIDATION | {"backdrop_credentials"},
    "deliver": SDK | VALIDATION | HTTP,
    "deployment_check": set[str](),
    "intake": SDK | VALIDATION,
    "price_check": SDK | VALIDATION | HTTP,
    "reconcile": SDK | VALIDATION | HTTP,
    "reconcile_bill": SDK | VALIDATION | HTTP,
    "render": SDK | VALIDATION | HTTP,
    "sign": SDK | VALIDATION | {"backdrop_credentials"},
}
MAX_MODULES = {
    "campaign": 640,
    "credentials_check": 580,
    "deliver": 740,
    "deployment_check": 400,
    "intake": 650,
    "price_check": 680,
    "reconcile": 720,
    "reconcile_bill": 690,
    "render": 720,
    "sign": 640,
}
# With some room, because versions of zlib differ by 1 KB and more.
# A JPEG's missing pixels are found with TurboJPEG, whose package needs numpy. The build removes numpy's tests.
MAX_PACKED_KB = {"DependenciesLayer": 54_500, "BackdropLayer": 2_050, "CredentialsLayer": 10_500}
MAX_UNPACKED_MB = 250
"""AWS's limit for a function with its layers (Lambda quotas). `sign` has all three layers."""
MAX_FUNCTION_KB = 20

# Prints the clients that are created while a worker starts.
START_WORKER = """
import json, sys
sys.path += sys.argv[1:]
import boto3
made = []
boto3.client = lambda service, **given: made.append(service)
import app
print(json.dumps(made))
"""

# Prints the size of each photo after decoding it, by file name.
DECODE_PHOTOS = """
import json, sys
from pathlib import Path
sys.path += sys.argv[2:]
from backdrop.imaging.prepare import load_upright_photo
print(json.dumps({path.name: load_upright_photo(path.read_bytes(), 50).size for path in Path(sys.argv[1]).iterdir()}))
"""
PHOTO_FORMATS = ("jpeg", "png", "webp", "tiff", "bmp", "gif", "heic", "avif")


@dataclass(frozen=True)
class Function:
    """A function of the built template, and the folders that AWS puts on its path."""

    handler: str
    code: Path
    layers: tuple[Path, ...]


@cache
def functions() -> dict[str, Function]:
    """Returns the functions of the built template by logical ID."""
    built = template.load_template(CURRENT_RELEASE.built_template)
    shared: dict[str, Any] = built.get("Globals", {}).get("Function", {})
    functions_by_id: dict[str, Function] = {}
    for name, resource in built["Resources"].items():
        if resource["Type"] != "AWS::Serverless::Function":
            continue
        properties = shared | resource["Properties"]
        layers = [built["Resources"][reference["Ref"]] for reference in properties.get("Layers", [])]
        functions_by_id[name] = Function(
            handler=properties["Handler"],
            code=_resolve_folder(properties["CodeUri"]),
            layers=tuple(_resolve_folder(layer["Properties"]["ContentUri"]) / "python" for layer in layers),
        )
    return functions_by_id


@cache
def import_alone(function: Function) -> dict[str, Any]:
    """Imports the handler with only its own paths, and returns what was loaded."""
    loaded: dict[str, Any] = run_alone(IMPORT_HANDLER, [function.handler, *list_paths(function)])
    return loaded


def list_paths(function: Function) -> list[str]:
    """Returns the folders in which the function's worker finds modules."""
    return list(map(str, [function.code, *function.layers, RUNTIME]))


def run_alone(script: str, arguments: list[str], **environment: str) -> Any:
    """Runs a script in a bare interpreter, and returns the JSON that it prints."""
    command = [sys.executable, "-I", "-S", "-B", "-c", script, *arguments]
    completed = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert completed.returncode == 0, completed.stderr
    return json.loads(completed.stdout)


@pytest.fixture(scope="module", autouse=True)
def _built() -> None:
    assert CURRENT_RELEASE.built_template.is_file(), "nothing is built; run `make test`, which builds first"


def test_artifact_contains_every_function_of_the_repository() -> None:
    source: dict[str, Any] = template.load_template()["Resources"]
    deployed = sorted(
        Path(resource["Properties"]["CodeUri"]).name
        for resource in source.values()
        if resource["Type"] == "AWS::Serverless::Function"
    )
    assert deployed == FOLDERS


@pytest.mark.parametrize("folder", FOLDERS)
def test_handler_imports_from_the_artifact_alone(folder: str) -> None:
    function = _find_function(folder)
    loaded = import_alone(function)
    assert loaded["callable"]
    assert f"{function.code}/" in loaded["files"][function.handler.rpartition(".")[0]]


@pytest.mark.parametrize("folder", sorted({*FOLDERS} - WITHOUT_LAYERS))
def test_function_with_layers_uses_no_runtime_packages(folder: str) -> None:
    function = _find_function(folder)
    assert function.layers
    files: dict[str, str] = import_alone(function)["files"]
    assert [name for name, file in files.items() if file.startswith(f"{RUNTIME}/")] == []


def test_missing_dependency_makes_the_import_fail(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("import pytest\nlambda_handler = print\n")
    with pytest.raises(AssertionError, match="No module named 'pytest'"):
        import_alone(Function("app.lambda_handler", tmp_path, ()))


@pytest.mark.parametrize("folder", ["intake", "deliver"])
def test_photos_of_all_formats_are_decoded_with_the_artifact_alone(folder: str, tmp_path: Path) -> None:
    for photo_format in PHOTO_FORMATS:
        (tmp_path / photo_format).write_bytes(saved(scene(), photo_format))
    height, width = scene().shape[:2]
    decoded = run_alone(DECODE_PHOTOS, [str(tmp_path), *list_paths(_find_function(folder))])
    assert decoded == dict.fromkeys(PHOTO_FORMATS, [width, height])


# -- the cost of a cold start -------------------------------------------------------------------------------------


@pytest.mark.parametrize("folder", FOLDERS)
def test_function_loads_only_the_listed_libraries(folder: str) -> None:
    function = _find_function(folder)
    files: dict[str, str] = import_alone(function)["files"]
    layers = tuple(f"{layer}/" for layer in function.layers)
    loaded = {name.partition(".")[0] for name, file in files.items() if layers and file.startswith(layers)}
    assert loaded - {"backdrop"} == LIBRARIES[folder]
    assert len(files) <= MAX_MODULES[folder]


@pytest.mark.parametrize("folder", sorted({*FOLDERS} - WITHOUT_LAYERS))
def test_function_builds_its_services_without_a_client(folder: str) -> None:
    assert run_alone(START_WORKER, list_paths(_find_function(folder)), POWERTOOLS_METRICS_NAMESPACE="Backdrop") == []


def test_artifact_stays_within_its_size_limits() -> None:
    packed = {name: measure_packed_bytes(CURRENT_RELEASE.built_template.parent / name) / 1000 for name in MAX_PACKED_KB}
    assert {name: kb for name, kb in packed.items() if kb > MAX_PACKED_KB[name]} == {}
    for function in functions().values():
        assert measure_packed_bytes(function.code) / 1000 <= MAX_FUNCTION_KB, function.code
        folders = (function.code, *function.layers)
        unpacked_bytes = sum(path.stat().st_size for folder in folders for path in folder.rglob("*") if path.is_file())
        assert unpacked_bytes <= MAX_UNPACKED_MB * 1024**2, function.code


def _find_function(folder: str) -> Function:
    source: dict[str, Any] = template.load_template()["Resources"]
    for name, function in functions().items():
        if Path(source[name]["Properties"]["CodeUri"]).name == folder:
            return function
    raise LookupError(f"template.yaml has no function with the code of functions/{folder}")


def _resolve_folder(uri: str) -> Path:
    return (CURRENT_RELEASE.built_template.parent / uri).resolve()


def test_credentials_layer_has_no_leftovers_of_a_build() -> None:
    """The library's wheel has 31 MB that are only for building it, and names three packages that it never imports."""
    layer = functions()["CredentialsCheckFunction"].layers[-1]
    assert sorted(path.name for path in layer.iterdir() if not path.name.endswith(".dist-info")) == [
        "backdrop_credentials",
        "c2pa",
    ]
    files = {path.name for path in (layer / "c2pa").rglob("*") if path.is_file() and path.suffix != ".pyc"}
    assert files == {"__init__.py", "c2pa.py", "lib.py", "libc2pa_c.so"}
