"""The stack deployed to a local cloud: its outputs, its providers' secrets, and its deployment errors."""

from collections.abc import Mapping

from backdrop_local.clients import LocalClients
from backdrop_local.home import STACK
from backdrop_local.providers import PROVIDERS


def read_outputs(clients: LocalClients, name: str = STACK) -> dict[str, str]:
    """The stack's outputs by name."""
    found = clients.cloudformation.describe_stacks(StackName=name)["Stacks"][0].get("Outputs", [])
    return {entry.get("OutputKey", ""): entry.get("OutputValue", "") for entry in found}


def put_secrets(clients: LocalClients, parameters: Mapping[str, str], stack: str = STACK) -> None:
    """Stores the key of each active provider."""
    for provider in PROVIDERS:
        if parameters.get(f"{provider.parameter}MaxInFlight", "0") != "0":
            name = f"{stack}/{provider.secret}/api-key"
            clients.secrets.put_secret_value(SecretId=name, SecretString=provider.read_key())


def read_failure_reasons(clients: LocalClients) -> list[str]:
    """Returns the failure reasons of the last deployment's resources, the first cause first."""
    reasons: list[str] = []
    for event in clients.cloudformation.describe_stack_events(StackName=STACK)["StackEvents"]:
        status, reason = event.get("ResourceStatus", ""), event.get("ResourceStatusReason", "")
        name = event.get("LogicalResourceId", "")
        if name == STACK and status in ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS"):
            break
        if status.endswith("_FAILED") and reason and "cancelled" not in reason and name != STACK:
            reasons.insert(0, f"{name}: {reason}")
    return reasons
