"""Applies what the emulator accepts and drops: time to live, numbers by reference, a Map's concurrency by path."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from backdrop.campaigns.campaign import compute_item_concurrency
from backdrop_local import template
from backdrop_local.clients import Clients
from backdrop_local.home import STACK
from backdrop_local.providers import PROVIDERS
from backdrop_local.release import HERE


def apply(clients: Clients, parameters: Mapping[str, str], built: Path = HERE.built, stack: str = STACK) -> None:
    """Brings tables and event source mappings to what the built template says."""
    listed = clients.cloudformation.describe_stack_resources(StackName=stack)["StackResources"]
    ids = {entry["LogicalResourceId"]: entry.get("PhysicalResourceId", "") for entry in listed}
    resources: dict[str, Any] = template.load(built)["Resources"]
    for name, resource in resources.items():
        properties: dict[str, Any] = resource.get("Properties", {})
        match resource["Type"]:
            case "AWS::DynamoDB::Table" if name in ids:
                _set_time_to_live(clients, ids[name], properties)
            case "AWS::Lambda::EventSourceMapping" if name in ids:
                _set_numbers(clients, ids[name], properties, parameters)
            case "AWS::Serverless::StateMachine" if name in ids:
                set_concurrency(clients, ids[name], parameters)
            case _:
                pass


def _set_time_to_live(clients: Clients, table: str, properties: Mapping[str, Any]) -> None:
    wanted = properties.get("TimeToLiveSpecification")
    found = clients.dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    if wanted and wanted["Enabled"] is not (found.get("TimeToLiveStatus") == "ENABLED"):
        clients.dynamodb.update_time_to_live(TableName=table, TimeToLiveSpecification=wanted)


def set_concurrency(clients: Clients, machine: str, parameters: Mapping[str, str]) -> None:
    """What a campaign's plan says of the default provider's lane, for a Map that reads no path."""
    limits = {one.secret: int(parameters[f"{one.parameter}MaxInFlight"]) for one in PROVIDERS}
    definition = json.loads(clients.stepfunctions.describe_state_machine(stateMachineArn=machine)["definition"])
    for state in definition["States"].values():
        if "MaxConcurrencyPath" in state:
            state["MaxConcurrency"] = compute_item_concurrency(limits, {parameters["DefaultProvider"]})
            del state["MaxConcurrencyPath"]
    clients.stepfunctions.update_state_machine(stateMachineArn=machine, definition=json.dumps(definition))


def _set_numbers(clients: Clients, mapping: str, properties: Mapping[str, Any], parameters: Mapping[str, str]) -> None:
    changes: dict[str, Any] = {}
    if "BatchSize" in properties:
        changes["BatchSize"] = number(properties["BatchSize"], parameters)
    if "ScalingConfig" in properties:
        most = number(properties["ScalingConfig"]["MaximumConcurrency"], parameters)
        changes["ScalingConfig"] = {"MaximumConcurrency": most}
    if changes:
        clients.functions.update_event_source_mapping(UUID=mapping, **changes)


def number(value: Any, parameters: Mapping[str, str]) -> int:
    """A number of the template, where a parameter's reference stands for its value."""
    match value:
        case {"Ref": str(name)}:
            return int(parameters[name])
        case int() | str():
            return int(value)
        case _:
            raise TypeError(f"expected a number or a parameter, found {value!r}")
