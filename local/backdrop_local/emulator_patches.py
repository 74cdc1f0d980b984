"""Applies settings that the emulator ignores: time to live, numbers given as references, and `MaxConcurrencyPath`."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from backdrop.campaigns.campaign import compute_item_concurrency
from backdrop_local import template
from backdrop_local.clients import LocalClients
from backdrop_local.home import STACK
from backdrop_local.providers import PROVIDERS
from backdrop_local.release import CURRENT_RELEASE


def apply_patches(
    clients: LocalClients,
    parameters: Mapping[str, str],
    built: Path = CURRENT_RELEASE.built_template,
    stack: str = STACK,
) -> None:
    """Updates tables, event source mappings, and state machines to match the built template."""
    listed = clients.cloudformation.describe_stack_resources(StackName=stack)["StackResources"]
    ids = {entry["LogicalResourceId"]: entry.get("PhysicalResourceId", "") for entry in listed}
    resources: dict[str, Any] = template.load_template(built)["Resources"]
    for name, resource in resources.items():
        properties: dict[str, Any] = resource.get("Properties", {})
        match resource["Type"]:
            case "AWS::DynamoDB::Table" if name in ids:
                _set_time_to_live(clients, ids[name], properties)
            case "AWS::Lambda::EventSourceMapping" if name in ids:
                _update_mapping(clients, ids[name], properties, parameters)
            case "AWS::Serverless::StateMachine" if name in ids:
                set_map_concurrency(clients, ids[name], parameters)
            case _:
                pass


def _set_time_to_live(clients: LocalClients, table: str, properties: Mapping[str, Any]) -> None:
    specification = properties.get("TimeToLiveSpecification")
    current = clients.dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    if specification and specification["Enabled"] is not (current.get("TimeToLiveStatus") == "ENABLED"):
        clients.dynamodb.update_time_to_live(TableName=table, TimeToLiveSpecification=specification)


def set_map_concurrency(clients: LocalClients, state_machine_arn: str, parameters: Mapping[str, str]) -> None:
    """Sets the Map's concurrency to what a plan computes for the default provider. The emulator ignores paths."""
    limits = {one.secret: int(parameters[f"{one.parameter}MaxInFlight"]) for one in PROVIDERS}
    definition = json.loads(
        clients.stepfunctions.describe_state_machine(stateMachineArn=state_machine_arn)["definition"]
    )
    for state in definition["States"].values():
        if "MaxConcurrencyPath" in state:
            state["MaxConcurrency"] = compute_item_concurrency(limits, {parameters["DefaultProvider"]})
            del state["MaxConcurrencyPath"]
    clients.stepfunctions.update_state_machine(stateMachineArn=state_machine_arn, definition=json.dumps(definition))


def _update_mapping(
    clients: LocalClients, mapping: str, properties: Mapping[str, Any], parameters: Mapping[str, str]
) -> None:
    changes: dict[str, Any] = {}
    if "BatchSize" in properties:
        changes["BatchSize"] = resolve_number(properties["BatchSize"], parameters)
    if "ScalingConfig" in properties:
        max_concurrency = resolve_number(properties["ScalingConfig"]["MaximumConcurrency"], parameters)
        changes["ScalingConfig"] = {"MaximumConcurrency": max_concurrency}
    if changes:
        clients.functions.update_event_source_mapping(UUID=mapping, **changes)


def resolve_number(value: Any, parameters: Mapping[str, str]) -> int:
    """Returns a number from the template, resolving a reference to a parameter."""
    match value:
        case {"Ref": str(name)}:
            return int(parameters[name])
        case int() | str():
            return int(value)
        case _:
            raise TypeError(f"expected a number or a parameter, found {value!r}")
