"""Writes docs/settings.md from the template, the meter and the events: `make docs` (a test checks it)."""

from pathlib import Path
from typing import Any

import yaml
from aws_lambda_powertools.metrics import MetricUnit

from backdrop.aws.metric_names import Metric
from docs.make_event_schemas import MEANINGS, file_name
from docs.tables import table

ROOT = Path(__file__).parents[1]
PAGE = Path(__file__).parent / "settings.md"


class _Template(yaml.SafeLoader):
    """Reads CloudFormation's short forms as the text or list behind them."""


def _short_form(loader: yaml.SafeLoader, _tag: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node)
    return loader.construct_mapping(node) if isinstance(node, yaml.MappingNode) else str(node.value)


_Template.add_multi_constructor("!", _short_form)


def template() -> dict[str, Any]:
    """The stack's template."""
    return yaml.load((ROOT / "template.yaml").read_text(), _Template)  # noqa: S506  a safe loader with short forms


def parameters() -> str:
    """Every stack parameter with what it may be, in the groups of the deployment's own form."""
    document = template()
    groups = document["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    parts: list[str] = []
    for group in groups:
        rows = [_parameter(name, document["Parameters"][name]) for name in group["Parameters"]]
        head = ("parameter", "default", "may be", "meaning")
        parts.append(f"### {group['Label']['default']}\n\n{table(head, rows)}")
    return "\n\n".join(parts)


def _parameter(name: str, told: dict[str, Any]) -> tuple[str, str, str, str]:
    default = str(told.get("Default", ""))
    return f"`{name}`", f"`{default}`" if default else "(empty)", _may_be(told), " ".join(told["Description"].split())


def _may_be(told: dict[str, Any]) -> str:
    if "AllowedValues" in told:
        return " ".join(f"`{word}`" for word in told["AllowedValues"])
    if "MaxValue" in told:
        return f"{told['MinValue']:,} to {told['MaxValue']:,}"
    if "MinValue" in told:
        return f"{told['MinValue']} or more"
    return told["ConstraintDescription"].removeprefix("must be ").rstrip(".")


def outputs() -> str:
    """What a deployed stack tells of itself."""
    rows = [(f"`{name}`", told["Description"]) for name, told in template()["Outputs"].items()]
    return table(("output", ""), rows)


def events() -> str:
    """What is told and heard on the bus, with a schema and an example of each."""
    rows = [(f"`{kind}`", words, *_files_of(file_name(kind))) for kind, words in MEANINGS.items()]
    return table(("detail type", "when", "schema", "example"), rows)


def _files_of(name: str) -> tuple[str, str]:
    schema = f"[{name}.schema.json](../schemas/events/{name}.schema.json)"
    return schema, f"[{name}.json](../events/{name}.json)"


def metrics() -> str:
    """Every metric with its unit, its dimensions and what it counts."""
    rows = [(f"`{one}`", _unit(one), ", ".join(one.dimensions) or "–", one.description) for one in Metric]
    return table(("metric", "unit", "dimensions", "what it counts"), rows)


def _unit(metric: Metric) -> str:
    return "–" if metric.unit is MetricUnit.NoUnit else metric.unit.value


def page() -> str:
    """The whole page."""
    return f"""# Settings, outputs, events, metrics

This page is written from [template.yaml](../template.yaml) and the code by `make docs`; do not edit it. How to deploy:
[deploying.md](deploying.md).

## Parameters

{parameters()}

What cannot be together is refused when it is deployed, with the reason: a provider by default that is off, a call that
may take longer than its invocation, one bucket for both.

## Outputs

{outputs()}

A provider that is off has no lane.

## Events

On the bus `EventBusName`. What Backdrop tells has the source `backdrop` and is told at least once, again with the same
`detail.event_id`; what it hears may come from every other source. How to use them: [events.md](events.md).

{events()}

## Metrics

In the CloudWatch namespace `Backdrop`; each also has the dimension `service`, which is the stack's name, so that two
stacks in one account stay apart. A function writes them into its log and CloudWatch reads them there, so that none of
them costs a call or holds a job up. Where nothing happens nothing is counted, and nothing is paid for.

`SpentUSD` and `UnknownUSD` are counted with each write into the ledger's books that took, so that their sums are what
`backdrop spend` says. A message that comes again writes nothing anew, so it adds nothing; a worker that dies between
the write and its line leaves this one out, and then the ledger is right. They stand on the day when the answer came,
in the books on the day when the call was sent.

{metrics()}
"""


if __name__ == "__main__":
    PAGE.write_text(page())
