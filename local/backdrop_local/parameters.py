"""Resolves the stack parameters of a local cloud from the template, this machine, the stand-in, and PARAMS."""

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
    """Returns Lambda's name for this machine's processor architecture."""
    return ARCHITECTURES.get(platform.machine(), "x86_64")


def resolve_parameters(
    standin_url: str, requested: Mapping[str, str], release: Release = CURRENT_RELEASE
) -> dict[str, str]:
    """Returns every parameter of the template with the value to deploy. Requested values take precedence.

    Raises:
        LocalCloudError: a requested name is not a parameter of the template.
    """
    defaults = template.read_defaults(release.template)
    check_parameter_names(requested, list(defaults))
    chosen = {"Architecture": lambda_architecture(), "RequireTls": "false"}
    for provider in PROVIDERS:
        chosen |= provider.build_parameters(standin_url)
    resolved = defaults | chosen | dict(requested)
    return {name: value for name, value in resolved.items() if name in defaults and value is not None}


def read_params_variable() -> dict[str, str]:
    """Returns the parameters in the environment variable PARAMS, in the form "Name=value Other=value".

    Raises:
        LocalCloudError: a part is not Name=value, or a quote is not closed.
    """
    try:
        return parse_assignments(shlex.split(os.environ.get("PARAMS", "")))
    except ValueError as error:
        raise LocalCloudError(f"PARAMS cannot be read: {str(error).lower()}") from error


def parse_assignments(words: list[str]) -> dict[str, str]:
    """Splits Name=value arguments."""
    malformed = [word for word in words if "=" not in word[1:]]
    if malformed:
        raise LocalCloudError(
            f'PARAMS holds {malformed[0]!r}. Write, for example, PARAMS="DailyBudgetUSD=5 SettleSeconds=2".'
        )
    return dict(word.split("=", 1) for word in words)


def check_parameter_names(requested: Mapping[str, str], known: list[str]) -> None:
    """Raises LocalCloudError for a name that the template does not declare, and suggests the closest match."""
    for name in requested:
        if name in known:
            continue
        close_matches = difflib.get_close_matches(name, known, n=1)
        hint = f"Did you mean {close_matches[0]}?" if close_matches else "See template.yaml for the list."
        raise LocalCloudError(f"the stack has no parameter {name}. {hint}")
