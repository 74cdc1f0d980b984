"""The `key set` command: stores a provider's API key, read from a prompt or a pipe, never from an argument."""

import getpass
import sys

from backdrop.aws.aws_errors import read_aws_error_code
from backdrop_cli.aws_clients import AwsClients
from backdrop_cli.errors import CommandError, UsageError
from backdrop_cli.operate.arguments import parse_enabled_provider
from backdrop_cli.screen import Screen
from backdrop_cli.stack import Stack

MAX_KEY_LENGTH = 4096
# Updating the stack does not recreate a deleted secret: CloudFormation assumes that it still exists.
_HOW_TO_RESTORE = (
    "the secret {secret} was deleted; restore it with `aws secretsmanager restore-secret --secret-id {secret}`, "
    "or, after its recovery window, create it: `aws secretsmanager create-secret --name {secret}`; then set it again"
)


def store_key(stack: Stack, screen: Screen, provider_argument: str) -> None:
    """Reads the key, and stores it in the secret that the functions read."""
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
    screen.print(f"✓ The key of {provider} is set ({secret}). The functions use it within five minutes.", "green")
    if paused:
        screen.print(f"{provider} is paused. To try the key now, run `backdrop resume {provider}`.")
    screen.print("To check whether the provider accepts it, run `backdrop doctor`.")


def format_secret_name(stack: Stack, provider: str) -> str:
    return f"{stack.name}/{provider}/api-key"


def require_clients(stack: Stack) -> AwsClients:
    """Returns the AWS clients, which only the simulator's stack lacks."""
    if stack.clients is None:
        raise TypeError("the stack has no AWS clients")
    return stack.clients


def _read_key(provider: str, *, no_prompt: bool) -> str:
    if sys.stdin.isatty() and not no_prompt:
        try:
            key = getpass.getpass(f"API key of {provider} (input is hidden): ")
        except EOFError:
            key = ""
    else:
        try:
            key = sys.stdin.read(MAX_KEY_LENGTH + 1)
        except UnicodeDecodeError as error:
            raise UsageError("nothing was changed; the key is not UTF-8: save its file as plain text") from error
    key = key.strip("\ufeff \t\r\n")
    if not key:
        raise UsageError(f"no key was given; type it at the prompt or pipe it: `backdrop key set {provider} < key.txt`")
    if len(key) > MAX_KEY_LENGTH or not key.isascii() or not key.isprintable() or " " in key:
        raise UsageError("nothing was changed; an API key consists of printable ASCII characters without spaces")
    return key
