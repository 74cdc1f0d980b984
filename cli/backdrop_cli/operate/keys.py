"""The verb `key set`: a provider's API key into its secret, from a prompt or a pipe, never from an argument."""

import getpass
import sys

from backdrop.aws.aws_errors import error_code
from backdrop_cli.clients import Clients
from backdrop_cli.errors import MisusedError, RefusedError
from backdrop_cli.operate.choice import lane_of
from backdrop_cli.screen import Screen
from backdrop_cli.stack import Stack

MOST_LETTERS = 4096
# An update of the stack does not make it anew: CloudFormation takes it to be there still.
_GONE = (
    "there is no secret {secret}: somebody deleted it. `aws secretsmanager restore-secret --secret-id {secret}` brings "
    "it back within its days of grace; after them, `aws secretsmanager create-secret --name {secret}` makes it anew. "
    "Then set the key once more"
)


def put(stack: Stack, screen: Screen, word: str) -> None:
    """Ask for the key, and put it where the functions read it."""
    name = lane_of(stack, word)
    key = _asked(name, quiet=screen.as_json)
    secret = secret_of(stack, name)
    clients = clients_of(stack)
    try:
        clients.secrets.put_secret_value(SecretId=secret, SecretString=key)
    except clients.secrets.exceptions.ClientError as error:
        if error_code(error) == "ResourceNotFoundException":
            raise RefusedError(_GONE.format(secret=secret)) from error
        raise
    paused = bool(stack.keeper.ledger.lane(name).pauses)
    screen.data({"stack": stack.name, "provider": name, "secret": secret, "set": True, "paused": paused})
    screen.say(f"✓ The key of {name} is set ({secret}); the functions take it within five minutes.", "green")
    if paused:
        screen.say(f"{name} is paused: `backdrop resume {name}` tries the key at once.")
    screen.say("`backdrop doctor` asks the provider whether it is accepted.")


def secret_of(stack: Stack, provider: str) -> str:
    """The name of a provider's secret."""
    return f"{stack.name}/{provider}/api-key"


def clients_of(stack: Stack) -> Clients:
    """The AWS services themselves."""
    if stack.clients is None:
        raise TypeError("a stack without AWS services")
    return stack.clients


def _asked(provider: str, *, quiet: bool) -> str:
    if sys.stdin.isatty() and not quiet:
        key = getpass.getpass(f"API key of {provider} (nothing is shown): ")
    else:
        key = sys.stdin.read(MOST_LETTERS + 1)
    key = key.strip("\ufeff \t\r\n")
    if not key:
        raise MisusedError(f"no key came; type it at the prompt, or pipe it: `backdrop key set {provider} < key.txt`")
    if len(key) > MOST_LETTERS or not key.isascii() or not key.isprintable() or " " in key:
        raise MisusedError("that is no API key: it is one word of letters, digits and signs; nothing was changed")
    return key
