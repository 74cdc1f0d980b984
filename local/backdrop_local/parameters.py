"""Settles the stack parameters of a local cloud: template, this machine, stand-in, PARAMS."""

import difflib
import os
import platform
import shlex
from collections.abc import Mapping

from backdrop_local import template
from backdrop_local.errors import LocalCloudError
from backdrop_local.providers import PROVIDERS
from backdrop_local.release import HERE, Release

ARCHITECTURES = {"aarch64": "arm64", "arm64": "arm64"}


def architecture() -> str:
    """What this machine's processor is called on Lambda."""
    return ARCHITECTURES.get(platform.machine(), "x86_64")


def settle(standin_url: str, asked: Mapping[str, str], release: Release = HERE) -> dict[str, str]:
    """Every parameter of the template with the value to deploy; what was asked wins.

    Raises:
        LocalCloudError: something was asked for that is no parameter of the template.
    """
    defaults = template.defaults(release.template)
    check_names(asked, list(defaults))
    chosen = {"Architecture": architecture(), "RequireTls": "false"}
    for provider in PROVIDERS:
        chosen |= provider.parameters(standin_url)
    settled = defaults | chosen | dict(asked)
    return {name: value for name, value in settled.items() if name in defaults and value is not None}


def asked_for() -> dict[str, str]:
    """The parameters that the environment variable PARAMS names, as "Name=value Other=value".

    Raises:
        LocalCloudError: a word of it is not Name=value, or a quotation is not closed.
    """
    try:
        return read_words(shlex.split(os.environ.get("PARAMS", "")))
    except ValueError as error:
        raise LocalCloudError(f"PARAMS cannot be read: {str(error).lower()}") from error


def read_words(words: list[str]) -> dict[str, str]:
    """Splits Name=value words."""
    wrong = [word for word in words if "=" not in word[1:]]
    if wrong:
        raise LocalCloudError(
            f'PARAMS holds {wrong[0]!r}; it should look like PARAMS="DailyBudgetUSD=5 SettleSeconds=2"'
        )
    return dict(word.split("=", 1) for word in words)


def check_names(asked: Mapping[str, str], known: list[str]) -> None:
    """Refuses a name that the template does not declare, and offers the nearest."""
    for name in asked:
        if name in known:
            continue
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]}?" if near else "template.yaml lists them"
        raise LocalCloudError(f"the stack has no parameter {name}; {hint}")
