"""Settles the stack parameters of a local cloud: template, this machine, stand-in, PARAMS."""

import difflib
import os
import platform
import shlex
from collections.abc import Mapping

from backdrop_local import template
from backdrop_local.errors import LocalCloudError
from backdrop_local.providers import PROVIDERS
from backdrop_local.release import CURRENT_RELEASE, Release

ARCHITECTURES = {"aarch64": "arm64", "arm64": "arm64"}


def lambda_architecture() -> str:
    """What this machine's processor is called on Lambda."""
    return ARCHITECTURES.get(platform.machine(), "x86_64")


def resolve_parameters(
    standin_url: str, requested: Mapping[str, str], release: Release = CURRENT_RELEASE
) -> dict[str, str]:
    """Every parameter of the template with the value to deploy; what was asked wins.

    Raises:
        LocalCloudError: something was asked for that is no parameter of the template.
    """
    defaults = template.read_defaults(release.template)
    check_parameter_names(requested, list(defaults))
    chosen = {"Architecture": lambda_architecture(), "RequireTls": "false"}
    for provider in PROVIDERS:
        chosen |= provider.build_parameters(standin_url)
    resolved = defaults | chosen | dict(requested)
    return {name: value for name, value in resolved.items() if name in defaults and value is not None}


def read_params_variable() -> dict[str, str]:
    """The parameters that the environment variable PARAMS names, as "Name=value Other=value".

    Raises:
        LocalCloudError: a word of it is not Name=value, or a quotation is not closed.
    """
    try:
        return parse_assignments(shlex.split(os.environ.get("PARAMS", "")))
    except ValueError as error:
        raise LocalCloudError(f"PARAMS cannot be read: {str(error).lower()}") from error


def parse_assignments(words: list[str]) -> dict[str, str]:
    """Splits Name=value words."""
    malformed = [word for word in words if "=" not in word[1:]]
    if malformed:
        raise LocalCloudError(
            f'PARAMS holds {malformed[0]!r}; it should look like PARAMS="DailyBudgetUSD=5 SettleSeconds=2"'
        )
    return dict(word.split("=", 1) for word in words)


def check_parameter_names(requested: Mapping[str, str], known: list[str]) -> None:
    """Refuses a name that the template does not declare, and offers the nearest."""
    for name in requested:
        if name in known:
            continue
        close_matches = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {close_matches[0]}?" if close_matches else "template.yaml lists them"
        raise LocalCloudError(f"the stack has no parameter {name}; {hint}")
