"""The providers' API keys, from Secrets Manager."""

from aws_lambda_powertools.utilities.parameters import get_secret
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError

KEY_SECONDS = 300


def api_key(stack: str, provider: str, fresh: bool) -> str | None:
    """The plain text of `<stack>/<provider>/api-key`, trimmed; None while it holds none or cannot be read.

    Kept for five minutes; `fresh` reads past that.
    """
    try:
        text = get_secret(f"{stack}/{provider}/api-key", max_age=KEY_SECONDS, force_fetch=fresh)
    except GetParameterError:
        return None
    return str(text).strip() or None
