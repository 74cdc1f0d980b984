"""Reads secrets, such as the providers' API keys, from Secrets Manager."""

from functools import cache

from aws_lambda_powertools.utilities.parameters import SecretsProvider
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError

from backdrop.aws.aws_errors import read_aws_error_code, unavailable
from backdrop.aws.clients import CLIENT_CONFIG
from backdrop.ports import ApiKey

KEY_CACHE_SECONDS = 300
# Waiting does not help: the secret does not exist, has no value, is scheduled for deletion, or denies us access.
# Where a role may read only this name, AWS denies access even if the secret does not exist.
MISSING_SECRET_REASONS = {
    "ResourceNotFoundException": "does not exist",
    "InvalidRequestException": "has no value, or is scheduled for deletion",
    "AccessDeniedException": "does not exist, or the function may not read it",
    "DecryptionFailure": "cannot be decrypted with its KMS key",
}


@cache
def _build_secrets_provider() -> SecretsProvider:
    return SecretsProvider(boto_config=CLIENT_CONFIG)


class UnreadableSecretError(Exception):
    """A person must act before the secret can be read: it does not exist, or denies us access."""


def read_secret(name: str, *, bypass_cache: bool = False) -> str:
    """Returns the trimmed plain text of a secret, by name or ARN; "" for one without text. Cached for five minutes.

    Raises UnreadableSecretError, and RetryLaterError if Secrets Manager is unavailable.
    """
    try:
        text = _build_secrets_provider().get(name, max_age=KEY_CACHE_SECONDS, force_fetch=bypass_cache)
    except GetParameterError as error:
        cause = error.__cause__ or error.__context__ or error
        code = read_aws_error_code(cause)
        if code not in MISSING_SECRET_REASONS:
            raise unavailable("Secrets Manager", cause) from error
        reason = f"the secret {name} {MISSING_SECRET_REASONS[code]} ({code})"
        raise UnreadableSecretError(reason) from error
    return text.strip("\ufeff \t\r\n") if isinstance(text, str) else ""


def read_api_key(stack_name: str, provider: str, bypass_cache: bool) -> ApiKey:
    """Returns the key in `<stack>/<provider>/api-key`."""
    return _read_key(f"{stack_name}/{provider}/api-key", bypass_cache)


def read_admin_key(stack_name: str) -> ApiKey:
    """Returns the key in `<stack>/ideogram/admin-key`. Only the function reconcile-bill may read it."""
    return _read_key(f"{stack_name}/ideogram/admin-key", bypass_cache=True)


def _read_key(name: str, bypass_cache: bool) -> ApiKey:
    try:
        key = read_secret(name, bypass_cache=bypass_cache)
    except UnreadableSecretError as error:
        return ApiKey(missing_reason=str(error))
    if key.startswith("{"):  # what the console of AWS stores by default
        return ApiKey(missing_reason=f"the secret {name} is a JSON object; store the key alone, as plaintext")
    return ApiKey(key) if key else ApiKey(missing_reason=f"the secret {name} is empty")
