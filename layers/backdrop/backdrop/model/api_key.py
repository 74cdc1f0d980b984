"""A provider's API key on its way from the secret to the call."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ApiKey:
    """A provider's key, or why there is none."""

    value: str = ""
    missing_reason: str = ""
