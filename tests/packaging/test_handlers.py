"""The built artefact alone: every handler imports as on AWS, with nothing of this machine.

And what a cold start costs there, counted: libraries, modules, clients, and the bytes of what is shipped.
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

RUNTIME = TOOLS / "runtime"
FOLDERS = sorted(path.parent.name for path in (ROOT / "functions").glob("*/app.py"))
WITHOUT_LAYERS = {"deployment_check"}  # the runtime's own packages are all that it may use

# Run by a bare interpreter: no site-packages, no environment, only the paths it is given.
IMPORT_IT = """
import importlib, json, sys
module, _, name = sys.argv[1].rpartition(".")
sys.path += sys.argv[2:]
handler = getattr(importlib.import_module(module), name)
files = {key: getattr(value, "__file__", None) or "" for key, value in sys.modules.items()}
print(json.dumps({"callable": callable(handler), "files": files}))
"""

# What of the artefact each function loads while it starts, settings read and services built; no picture is opened then.
SDK = {"aws_lambda_powertools", "boto3", "botocore", "certifi", "dateutil", "jmespath", "s3transfer", "six", "urllib3"}
CHECKS = {"annotated_types", "pydantic", "pydantic_core", "typing_extensions", "typing_inspection"}
HTTP = {"charset_normalizer", "idna", "requests"}
LIBRARIES = {
    "campaign": SDK | CHECKS,
    "deliver": SDK | CHECKS | HTTP,
    "deployment_check": set[str](),
    "intake": SDK | CHECKS,
    "reconcile": SDK | CHECKS | HTTP,
    "render": SDK | CHECKS | HTTP,
}
MOST_MODULES = {
    "campaign": 620,
    "deliver": 795,
    "deployment_check": 400,
    "intake": 700,
    "reconcile": 720,
    "render": 800,
}
MOST_PACKED_KB = {"DependenciesLayer": 36_000, "BackdropLayer": 1_150}
MOST_FUNCTION_KB = 20

# The clients that are made while a worker starts.
START_IT = """
import json, sys
sys.path += sys.argv[1:]
import boto3
made = []
boto3.client = lambda service, **given: made.append(service)
import app
print(json.dumps(made))
"""


@dataclass(frozen=True)
class Function:
    """One function of the built template and the folders that AWS would put on its path."""

    handler: str
    code: Path
    layers: tuple[Path, ...]


@cache
def functions() -> dict[str, Function]:
    """The functions of the built template by logical id."""
    built = template.load_template(CURRENT_RELEASE.built_template)
    shared: dict[str, Any] = built.get("Globals", {}).get("Function", {})
    found: dict[str, Function] = {}
    for name, resource in built["Resources"].items():
        if resource["Type"] != "AWS::Serverless::Function":
            continue
        properties = shared | resource["Properties"]
        layers = [built["Resources"][layer["Ref"]] for layer in properties.get("Layers", [])]
        found[name] = Function(
            handler=properties["Handler"],
            code=_folder(properties["CodeUri"]),
            layers=tuple(_folder(layer["Properties"]["ContentUri"]) / "python" for layer in layers),
        )
    return found


def import_alone(function: Function) -> dict[str, Any]:
    """What importing the handler with only its own paths loads."""
    loaded: dict[str, Any] = run_alone(IMPORT_IT, [function.handler, *paths_of(function)])
    return loaded


def paths_of(function: Function) -> list[str]:
    """Where its worker finds modules."""
    return list(map(str, [function.code, *function.layers, RUNTIME]))


def run_alone(script: str, given: list[str], **environment: str) -> Any:
    """What a script prints, as JSON."""
    command = [sys.executable, "-I", "-S", "-B", "-c", script, *given]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module", autouse=True)
def _built() -> None:
    assert CURRENT_RELEASE.built_template.is_file(), "nothing is built; run `make test`, which builds first"


def test_the_artefact_holds_every_function_of_the_repository() -> None:
    source: dict[str, Any] = template.load_template()["Resources"]
    deployed = sorted(
        Path(resource["Properties"]["CodeUri"]).name
        for resource in source.values()
        if resource["Type"] == "AWS::Serverless::Function"
    )
    assert deployed == FOLDERS


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_handler_imports_from_the_artefact_alone(folder: str) -> None:
    function = _of(folder)
    loaded = import_alone(function)
    assert loaded["callable"]
    assert f"{function.code}/" in loaded["files"][function.handler.rpartition(".")[0]]


@pytest.mark.parametrize("folder", sorted({*FOLDERS} - WITHOUT_LAYERS))
def test_a_function_with_layers_takes_no_package_from_the_runtime(folder: str) -> None:
    function = _of(folder)
    assert function.layers
    files: dict[str, str] = import_alone(function)["files"]
    assert [name for name, file in files.items() if file.startswith(f"{RUNTIME}/")] == []


def test_a_missing_dependency_would_be_seen(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("import pytest\nlambda_handler = print\n")
    with pytest.raises(AssertionError, match="No module named 'pytest'"):
        import_alone(Function("app.lambda_handler", tmp_path, ()))


# -- what a cold start costs -------------------------------------------------------------------------------------


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_function_loads_no_library_and_no_module_that_it_did_not_load_before(folder: str) -> None:
    function = _of(folder)
    files: dict[str, str] = import_alone(function)["files"]
    layers = tuple(f"{layer}/" for layer in function.layers)
    loaded = {name.partition(".")[0] for name, file in files.items() if layers and file.startswith(layers)}
    assert loaded - {"backdrop"} == LIBRARIES[folder]
    assert len(files) <= MOST_MODULES[folder]


@pytest.mark.parametrize("folder", sorted({*FOLDERS} - WITHOUT_LAYERS))
def test_a_function_builds_its_services_without_a_client(folder: str) -> None:
    assert run_alone(START_IT, paths_of(_of(folder)), POWERTOOLS_METRICS_NAMESPACE="Backdrop") == []


def test_what_is_shipped_stays_small() -> None:
    packed = {
        name: measure_packed_bytes(CURRENT_RELEASE.built_template.parent / name) / 1000 for name in MOST_PACKED_KB
    }
    assert {name: kb for name, kb in packed.items() if kb > MOST_PACKED_KB[name]} == {}
    for function in functions().values():
        assert measure_packed_bytes(function.code) / 1000 <= MOST_FUNCTION_KB, function.code


def _of(folder: str) -> Function:
    source: dict[str, Any] = template.load_template()["Resources"]
    for name, function in functions().items():
        if Path(source[name]["Properties"]["CodeUri"]).name == folder:
            return function
    raise LookupError(f"template.yaml has no function with the code of functions/{folder}")


def _folder(uri: str) -> Path:
    return (CURRENT_RELEASE.built_template.parent / uri).resolve()
