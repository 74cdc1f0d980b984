"""Writes docs/settings.md from the template, the metrics, and the events: `make docs` (a test checks it)."""

from pathlib import Path
from typing import Any

import yaml
from aws_lambda_powertools.metrics import MetricUnit

from backdrop.aws.metric_names import Metric
from docs.make_event_schemas import EVENT_MEANINGS, format_file_name
from docs.tables import format_table

ROOT = Path(__file__).parents[1]
PAGE = Path(__file__).parent / "settings.md"


class _Template(yaml.CSafeLoader):
    """Reads CloudFormation's short forms as the text or list behind them."""


def _read_short_form(loader: yaml.CSafeLoader, _tag: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node)
    return loader.construct_mapping(node) if isinstance(node, yaml.MappingNode) else str(node.value)


_Template.add_multi_constructor("!", _read_short_form)


def read_template() -> dict[str, Any]:
    return yaml.load((ROOT / "template.yaml").read_text(), _Template)  # noqa: S506  a safe loader with short forms


def format_parameters() -> str:
    """Returns every stack parameter with its values, in the groups of CloudFormation's form."""
    document = read_template()
    groups = document["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    parts: list[str] = []
    for group in groups:
        rows = [_format_parameter(name, document["Parameters"][name]) for name in group["Parameters"]]
        headers = ("parameter", "default", "values", "meaning")
        parts.append(f"### {group['Label']['default']}\n\n{format_table(headers, rows)}")
    return "\n\n".join(parts)


def _format_parameter(name: str, specification: dict[str, Any]) -> tuple[str, str, str, str]:
    description = " ".join(specification["Description"].split())
    default = str(specification.get("Default", ""))
    return f"`{name}`", f"`{default}`" if default else "(empty)", _format_allowed_values(specification), description


def _format_allowed_values(specification: dict[str, Any]) -> str:
    if "AllowedValues" in specification:
        return " ".join(f"`{word}`" if word else "(empty)" for word in specification["AllowedValues"])
    if "MaxValue" in specification:
        return f"{specification['MinValue']:,} to {specification['MaxValue']:,}"
    if "MinValue" in specification:
        return f"{specification['MinValue']} or more"
    return specification["ConstraintDescription"].removeprefix("must be ").rstrip(".")


def format_outputs() -> str:
    rows = [(f"`{name}`", output["Description"]) for name, output in read_template()["Outputs"].items()]
    return format_table(("output", ""), rows)


def format_events() -> str:
    rows = [
        (f"`{kind}`", meaning, *_format_file_links(format_file_name(kind))) for kind, meaning in EVENT_MEANINGS.items()
    ]
    return format_table(("detail type", "when", "schema", "example"), rows)


def _format_file_links(name: str) -> tuple[str, str]:
    schema = f"[{name}.schema.json](../schemas/events/{name}.schema.json)"
    return schema, f"[{name}.json](../events/{name}.json)"


def format_metrics() -> str:
    rows = [(f"`{one}`", _format_unit(one), ", ".join(one.dimensions) or "–", one.description) for one in Metric]
    return format_table(("metric", "unit", "dimensions", "what it counts"), rows)


def _format_unit(metric: Metric) -> str:
    return "–" if metric.unit is MetricUnit.NoUnit else metric.unit.value


def build_page() -> str:
    return f"""# Settings, outputs, events, metrics

`make docs` writes this page from [template.yaml](../template.yaml) and the code; do not edit it. How to deploy:
[deploying.md](deploying.md).

## Parameters

{format_parameters()}

The deployment check refuses values that contradict one another, with the reason: a disabled default provider, a call
that may take longer than its invocation, one bucket for both input and output.

## Outputs

{format_outputs()}

A disabled provider has no lane.

## Events

These events are on the bus `EventBusName`. Backdrop's own have the source `backdrop` and are published at least once;
a repeated event has the same `detail.event_id`. Requests may come from any other source. How to use them:
[events.md](events.md).

{format_events()}

## Metrics

The CloudWatch namespace is `Backdrop`. Each metric also has the dimension `service`, the stack's name, which keeps the
stacks of an account separate. A function writes metrics to its log and CloudWatch reads them there, so they neither
cost a call nor delay a job. A metric without data is not billed.

`SpentUSD` and `UnknownUSD` count every amount that is written to the ledger, so their sums equal `backdrop
spend`. A redelivered message writes nothing again, so it adds nothing. If a worker crashes between the write and its
log line, the line is missing, and the ledger is right. The metrics count a charge on the day of the answer, and the
ledger counts it on the day of the call.

{format_metrics()}
"""


if __name__ == "__main__":
    PAGE.write_text(build_page())
