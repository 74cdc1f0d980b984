"""Reads template.yaml as data: its parameters and resources, with intrinsic functions as mappings."""

from pathlib import Path
from typing import Any

import yaml

from backdrop_local.release import CURRENT_RELEASE


class _CloudFormationLoader(yaml.CSafeLoader):
    """Reads CloudFormation's short tags, such as `!Ref`."""


def _intrinsic(loader: _CloudFormationLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    match node:
        case yaml.ScalarNode():
            return {name: loader.construct_scalar(node)}
        case yaml.SequenceNode():
            return {name: loader.construct_sequence(node, deep=True)}
        case yaml.MappingNode():
            return {name: loader.construct_mapping(node, deep=True)}
        case _:
            raise TypeError(f"unexpected YAML node {node.tag}")


_CloudFormationLoader.add_multi_constructor("!", _intrinsic)


def load_template(path: Path = CURRENT_RELEASE.template) -> dict[str, Any]:
    """Returns the template as plain dictionaries and lists."""
    return yaml.load(path.read_text(), _CloudFormationLoader)  # noqa: S506 - a SafeLoader with CloudFormation's tags


def read_defaults(path: Path = CURRENT_RELEASE.template) -> dict[str, str | None]:
    """Returns every stack parameter with its default in CloudFormation's form, or None."""
    declared: dict[str, dict[str, Any]] = load_template(path).get("Parameters", {})
    return {name: _format_default(body.get("Default")) for name, body in declared.items()}


def _format_default(value: object) -> str | None:
    if value is None:
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)
