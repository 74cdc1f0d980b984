"""The providers' API keys, from Secrets Manager."""

from functools import cache

from aws_lambda_powertools.utilities.parameters import SecretsProvider
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError

from backdrop.aws.aws_errors import error_code, unavailable
from backdrop.aws.clients import QUICK
from backdrop.model.api_key import ApiKey

KEY_SECONDS = 300
# Where waiting mends nothing: no such secret, no value, to be deleted, or not for our eyes.
MISSING = frozenset(
    {"ResourceNotFoundException", "InvalidRequestException", "AccessDeniedException", "DecryptionFailure"}
)


@cache
def _secrets() -> SecretsProvider:
    return SecretsProvider(boto_config=QUICK)


def api_key(stack: str, provider: str, fresh: bool) -> ApiKey:
    """The plain text of `<stack>/<provider>/api-key`, trimmed.

    Kept for five minutes; `fresh` reads past that.
    """
    name = f"{stack}/{provider}/api-key"
    try:
        text = _secrets().get(name, max_age=KEY_SECONDS, force_fetch=fresh)
    except GetParameterError as error:
        cause = error.__cause__ or error.__context__ or error
        if error_code(cause) not in MISSING:
            raise unavailable("Secrets Manager", cause) from error
        return ApiKey(missing=f"the secret {name} cannot be read: {str(error)[:200]}")
    key = text.strip("\ufeff \t\r\n") if isinstance(text, str) else ""
    return ApiKey(key) if key else ApiKey(missing=f"the secret {name} is empty")
