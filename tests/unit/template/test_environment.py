"""Each function has exactly the environment variables that its code reads."""

import ast
from dataclasses import fields
from pathlib import Path

import pytest

from backdrop.aws.settings import ENVIRONMENT_PREFIXES, ProviderSettings, Settings
from tests.unit.template_document import ALL_ON, Deployed, Node

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "layers" / "backdrop" / "backdrop"
# Builds the services. A setting that a builder reads counts for the functions that call the builder.
BOOTSTRAP = ast.parse((PACKAGE / "bootstrap.py").read_text())
# Reads the settings of the providers that are passed to it.
REGISTRY_NAME = "backdrop.providers.registry"
CREDENTIALS_NAME = "backdrop_credentials.build"
CREDENTIALS = ast.parse((ROOT / "layers" / "credentials" / "backdrop_credentials" / "build.py").read_text())
KEY_ARN = "arn:aws:kms:eu-central-1:123456789012:key/1"
REGISTRY = ast.parse((PACKAGE / "providers" / "registry.py").read_text())
POWERTOOLS = {"POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_NAMESPACE", "POWERTOOLS_LOG_LEVEL"}
# Properties that read a setting under another name.
READ_AS = {
    "extra_result_hosts": {"RESULT_HOSTS"},
    "other_input_buckets": {"READABLE_BUCKETS"},
    "configured_prices": {"ONE_MIN_USD_PER_IMAGE"},
    "max_in_flight_by_provider": {f"{prefix}_MAX_IN_FLIGHT" for prefix in ENVIRONMENT_PREFIXES.values()},
    "place_limits": {"IDEOGRAM_MAX_IN_FLIGHT"},
    "provider_options": {"IDEOGRAM_ENDPOINT", "SEGMIND_ENDPOINT", "RUNWARE_UPLOADS", "RUNWARE_CHECKS_CONTENT"},
}
ONE_BY_ONE = {
    "readable_buckets",
    "one_min_usd_per_image",
    "ideogram_endpoint",
    "segmind_endpoint",
    "runware_uploads",
    "runware_checks_content",
}
OURS = {field.name for field in fields(Settings)} - ONE_BY_ONE | READ_AS.keys()
PER_PROVIDER = {field.name for field in fields(ProviderSettings)}


def list_configured_functions() -> dict[str, Node]:
    """The functions that have settings, by the folder of their code."""
    functions = Deployed(**ALL_ON, ContentCredentialsKeyArn=KEY_ARN).of_type("AWS::Serverless::Function").values()
    return {Path(function["CodeUri"]).name: function for function in functions if "Environment" in function}


def read_environment(folder: str) -> dict[str, str]:
    """Returns the environment variables of a function."""
    return list_configured_functions()[folder]["Environment"]["Variables"]


def read_in(module: Path) -> set[str]:
    """Returns the names of settings that a handler and its builders in the composition root read."""
    builders = {node.name: node for node in ast.walk(BOOTSTRAP) if isinstance(node, ast.FunctionDef)}
    parts: list[ast.AST] = [ast.parse(module.read_text())]
    read, called = set[str](), set[str]()
    for part in parts:
        nodes = list(ast.walk(part))
        attributes = [node for node in nodes if isinstance(node, ast.Attribute)]
        read |= {node.attr for node in attributes if not _is_bootstrap(node.value)}
        new = {node.attr for node in attributes if _is_bootstrap(node.value)} - called
        called |= new
        parts += [builders[name] for name in new & builders.keys()]
        parts += [one for node in nodes if isinstance(node, ast.ImportFrom) for one in _find_signing_builders(node)]
        parts += [REGISTRY for node in nodes if isinstance(node, ast.ImportFrom) and node.module == REGISTRY_NAME]
    return read & (OURS | PER_PROVIDER)


def _find_signing_builders(node: ast.ImportFrom) -> list[ast.FunctionDef]:
    """Returns the builders of Content Credentials that a handler imports, and the one that each of them calls."""
    if node.module != CREDENTIALS_NAME:
        return []
    builders = {one.name: one for one in ast.walk(CREDENTIALS) if isinstance(one, ast.FunctionDef)}
    imported = [builders[alias.name] for alias in node.names]
    called = {one.id for builder in imported for one in ast.walk(builder) if isinstance(one, ast.Name)}
    return [*imported, *(builders[name] for name in called & builders.keys())]


def _is_bootstrap(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) or (isinstance(node, ast.Name) and node.id in ("self", "bootstrap"))


def list_variables(names: set[str]) -> set[str]:
    """The environment variables that these settings are read from."""
    own = {one for name in names & OURS for one in READ_AS.get(name, {name.upper()})} - {"PROVIDERS"}
    prefixes = ENVIRONMENT_PREFIXES.values()
    return own | {f"{prefix}_{name.upper()}" for prefix in prefixes for name in names & PER_PROVIDER}


def test_every_handler_of_the_repository_is_checked() -> None:
    folders = {path.parent.name for path in (ROOT / "functions").glob("*/app.py")}
    assert set(list_configured_functions()) == folders - {"deployment_check"}


@pytest.mark.parametrize(
    "folder", ["intake", "render", "deliver", "sign", "reconcile", "campaign", "credentials_check"]
)
def test_function_gets_exactly_the_settings_that_its_code_reads(folder: str) -> None:
    needed = list_variables(read_in(ROOT / "functions" / folder / "app.py"))
    assert set(read_environment(folder)) - POWERTOOLS == needed


def test_every_setting_is_passed_to_a_function() -> None:
    given = {name for folder in list_configured_functions() for name in read_environment(folder)}
    assert list_variables(OURS | PER_PROVIDER) <= given


@pytest.mark.parametrize("folder", ["intake", "render", "deliver", "sign", "reconcile", "campaign"])
def test_logs_and_metrics_name_their_stack(folder: str) -> None:
    variables = read_environment(folder)
    assert {name: variables[name] for name in POWERTOOLS} == {
        "POWERTOOLS_SERVICE_NAME": "backdrop",
        "POWERTOOLS_METRICS_NAMESPACE": "Backdrop",
        "POWERTOOLS_LOG_LEVEL": "INFO",
    }


@pytest.mark.parametrize("folder", ["render", "reconcile"])
def test_functions_that_pause_lanes_have_the_name_of_render(folder: str) -> None:
    stack = Deployed()
    name = stack.resources["RenderFunction"]["Properties"]["FunctionName"]
    assert read_environment(folder)["RENDER_FUNCTION_NAME"] in (name, "RenderFunction"), (
        "its name, or a reference to it"
    )


def test_stack_without_credentials_gives_deliver_no_setting_for_them() -> None:
    deliver = Deployed(**ALL_ON).resources["DeliverFunction"]["Properties"]
    variables = {"SIGN_FUNCTION_NAME", "CONTENT_CREDENTIALS_PROMPT"}
    assert not variables & deliver["Environment"]["Variables"].keys()
    assert variables <= read_environment("deliver").keys()


def test_release_in_signatures_is_that_of_the_stack() -> None:
    assert read_environment("sign")["RELEASE"] == Deployed().outputs["Version"]["Value"]
