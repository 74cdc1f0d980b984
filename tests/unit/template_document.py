"""template.yaml as data for its tests, parsed and resolved for one set of parameters."""

import re
from functools import cache
from pathlib import Path
from typing import Any, cast

import yaml

type Node = Any

PROVIDERS = ("Ideogram", "Segmind", "OneMin", "Runware")
ALL_ON = {**{f"{provider}MaxInFlight": "2" for provider in PROVIDERS}, "IdeogramEndpoint": "v2"}
NO_VALUE = object()
PSEUDO = {
    "AWS::StackName": "backdrop",
    "AWS::AccountId": "123456789012",
    "AWS::Region": "eu-central-1",
    "AWS::Partition": "aws",
}


class _Loader(yaml.CSafeLoader):
    """Reads CloudFormation's short forms (!Ref, !Sub) as their long forms."""


def _intrinsic(loader: yaml.CSafeLoader, name: str, node: yaml.Node) -> Node:
    value: Node
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        raise TypeError(f"!{name} takes a text or a list at {node.start_mark}")
    return {name if name in ("Ref", "Condition") else f"Fn::{name}": value}


_Loader.add_multi_constructor("!", _intrinsic)


@cache
def read_template() -> Node:
    """Returns the template with long forms of its intrinsic functions. Do not change it."""
    text = (Path(__file__).parents[2] / "template.yaml").read_text(encoding="utf-8")
    return yaml.load(text, _Loader)  # noqa: S506  our own file, by a loader that builds only data


class Deployed:
    """The template resolved for these parameters: conditions evaluated and references replaced.

    A resource is replaced by its own name: `!Ref PhotoBucket` becomes `PhotoBucket`, an attribute
    `PhotoBucket.Arn`. An unresolved function fails with a `KeyError`.
    """

    def __init__(self, **parameters: str) -> None:
        self.template = read_template()
        defaults = {name: str(p["Default"]) for name, p in self.template["Parameters"].items()}
        self.parameters = defaults | parameters
        self.resources = self._present("Resources")
        self.outputs = self._present("Outputs")

    def of_type(self, kind: str) -> dict[str, Node]:
        """Returns the properties of all resources of one type, by logical ID."""
        found = {name: r for name, r in self.resources.items() if r["Type"] == kind}
        return {name: r["Properties"] for name, r in found.items()}

    def refusals(self) -> list[str]:
        """Returns the descriptions of the template's rules that these parameters violate."""
        rules = [self.resolve(rule) for rule in self.template["Rules"].values()]
        bound = [rule for rule in rules if rule.get("RuleCondition", True)]
        assertions = [(a["Assert"], a["AssertDescription"]) for r in bound for a in r["Assertions"]]
        return [description for holds, description in assertions if not holds]

    def resolve(self, node: Node) -> Node:
        if isinstance(node, list):
            values = [self.resolve(item) for item in cast("list[Node]", node)]
            return [value for value in values if value is not NO_VALUE]
        return self._resolve_map(cast("dict[str, Node]", node)) if isinstance(node, dict) else node

    def _resolve_map(self, node: dict[str, Node]) -> Node:
        if len(node) == 1 and (found := self._function(*next(iter(node.items())))) is not None:
            return found
        resolved = {name: self.resolve(item) for name, item in node.items()}
        return {name: value for name, value in resolved.items() if value is not NO_VALUE}

    def _present(self, section: str) -> dict[str, Node]:
        items = self.template[section].items()
        kept = {n: i for n, i in items if "Condition" not in i or self._holds(i["Condition"])}
        return {name: self.resolve(item) for name, item in kept.items()}

    def _holds(self, condition: str) -> bool:
        return self.resolve(self.template["Conditions"][condition])

    def _function(self, name: str, value: Node) -> Node:
        if name == "Ref":
            return NO_VALUE if value == "AWS::NoValue" else self._value(value)
        if name == "Condition" and isinstance(value, str):
            return self._holds(value)
        if name == "Fn::GetAtt":
            return value if isinstance(value, str) else ".".join(value)
        if name == "Fn::Sub":
            return self._substitute(value)
        if name == "Fn::FindInMap":
            return self.template["Mappings"][value[0]][value[1]][value[2]]
        if name == "Fn::If":
            return self.resolve(value[1] if self._holds(value[0]) else value[2])
        return self._logic(name, value)

    def _logic(self, name: str, value: Node) -> Node:
        if not name.startswith("Fn::"):
            return None
        values = self.resolve(value)
        return {
            "Fn::Equals": lambda: str(values[0]) == str(values[1]),
            "Fn::Not": lambda: not values[0],
            "Fn::And": lambda: all(values),
            "Fn::Join": lambda: values[0].join(values[1]),
            "Fn::Split": lambda: values[1].split(values[0]),
        }[name]()

    def _value(self, name: str) -> str:
        return PSEUDO.get(name) or self.parameters.get(name, name)

    def _substitute(self, value: Node) -> str:
        text, own = (value, {}) if isinstance(value, str) else value
        own = self.resolve(own)
        filled = re.sub(r"\$\{([\w:.]+)\}", lambda m: own[m[1]] if m[1] in own else self._value(m[1]), text)
        return filled.replace("${!", "${")
