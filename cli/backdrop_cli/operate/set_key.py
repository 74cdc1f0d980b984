"""The verb `key set`: a provider's API key into its secret, from a prompt or a pipe, never from an argument."""

import getpass
import sys

from backdrop.aws.aws_errors import read_aws_error_code
from backdrop_cli.aws_clients import AwsClients
from backdrop_cli.errors import CommandError, UsageError
from backdrop_cli.operate.arguments import parse_enabled_provider
from backdrop_cli.screen import Screen
from backdrop_cli.stack import Stack

MAX_KEY_LENGTH = 4096
# An update of the stack does not make it anew: CloudFormation takes it to be there still.
_HOW_TO_RESTORE = (
    "there is no secret {secret}: somebody deleted it. `aws secretsmanager restore-secret --secret-id {secret}` brings "
    "it back within its days of grace; after them, `aws secretsmanager create-secret --name {secret}` makes it anew. "
    "Then set the key once more"
)


def store_key(stack: Stack, screen: Screen, provider_argument: str) -> None:
    """Ask for the key, and put it where the functions read it."""
    provider = parse_enabled_provider(stack, provider_argument)
    key = _read_key(provider, no_prompt=screen.as_json)
    secret = format_secret_name(stack, provider)
    clients = require_clients(stack)
    try:
        clients.secrets.put_secret_value(SecretId=secret, SecretString=key)
    except clients.secrets.exceptions.ClientError as error:
        if read_aws_error_code(error) == "ResourceNotFoundException":
            raise CommandError(_HOW_TO_RESTORE.format(secret=secret)) from error
        raise
    paused = bool(stack.circuit_breaker.ledger.read_health(provider).pauses)
    screen.print_json({"stack": stack.name, "provider": provider, "secret": secret, "set": True, "paused": paused})
    screen.print(f"✓ The key of {provider} is set ({secret}); the functions take it within five minutes.", "green")
    if paused:
        screen.print(f"{provider} is paused: `backdrop resume {provider}` tries the key at once.")
    screen.print("`backdrop doctor` asks the provider whether it is accepted.")


def format_secret_name(stack: Stack, provider: str) -> str:
    """The name of a provider's secret."""
    return f"{stack.name}/{provider}/api-key"


def require_clients(stack: Stack) -> AwsClients:
    """The AWS services themselves."""
    if stack.clients is None:
        raise TypeError("a stack without AWS services")
    return stack.clients


def _read_key(provider: str, *, no_prompt: bool) -> str:
    if sys.stdin.isatty() and not no_prompt:
        key = getpass.getpass(f"API key of {provider} (nothing is shown): ")
    else:
        key = sys.stdin.read(MAX_KEY_LENGTH + 1)
    key = key.strip("\ufeff \t\r\n")
    if not key:
        raise UsageError(f"no key came; type it at the prompt, or pipe it: `backdrop key set {provider} < key.txt`")
    if len(key) > MAX_KEY_LENGTH or not key.isascii() or not key.isprintable() or " " in key:
        raise UsageError("that is no API key: it is one word of letters, digits and signs; nothing was changed")
    return key
