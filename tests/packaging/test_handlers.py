"""The built artefact alone: every handler imports as on AWS, with nothing of this machine."""

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
from backdrop_local.release import HERE

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


@dataclass(frozen=True)
class Function:
    """One function of the built template and the folders that AWS would put on its path."""

    handler: str
    code: Path
    layers: tuple[Path, ...]


@cache
def functions() -> dict[str, Function]:
    """The functions of the built template by logical id."""
    built = template.load(HERE.built)
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
    paths = [function.code, *function.layers, RUNTIME]
    command = [
        sys.executable,
        "-I",
        "-S",
        "-B",
        "-c",
        IMPORT_IT,
        function.handler,
        *map(str, paths),
    ]
    done = subprocess.run(command, env={}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    loaded: dict[str, Any] = json.loads(done.stdout)
    return loaded


@pytest.fixture(scope="module", autouse=True)
def _built() -> None:
    assert HERE.built.is_file(), "nothing is built; run `make test`, which builds first"


def test_the_artefact_holds_every_function_of_the_repository() -> None:
    source: dict[str, Any] = template.load()["Resources"]
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


def _of(folder: str) -> Function:
    source: dict[str, Any] = template.load()["Resources"]
    for name, function in functions().items():
        if Path(source[name]["Properties"]["CodeUri"]).name == folder:
            return function
    raise LookupError(f"template.yaml has no function with the code of functions/{folder}")


def _folder(uri: str) -> Path:
    return (HERE.built.parent / uri).resolve()
