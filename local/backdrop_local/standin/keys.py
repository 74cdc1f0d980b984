"""The owners of API keys: declared accounts, or, if none is declared, any key that does not start with `invalid`."""

import hashlib
from dataclasses import dataclass

from backdrop_local.standin.settings import StandinSettings

DEFAULT_KEY = "standin-key"
"""The key that the local cloud uses. It is a valid admin key until other keys are declared."""


@dataclass(frozen=True)
class KeyOwner:
    """A valid key. `label` is the part that may be shown."""

    key: str
    label: str
    account: str
    is_admin: bool


def find_owner(key: str | None, settings: StandinSettings) -> KeyOwner | None:
    """Returns the owner of a key. None if it is missing, revoked, not declared, or starts with `invalid`."""
    if not key or key in settings.revoked or key.startswith("invalid"):
        return None
    declared = settings.keys.get(key)
    if declared is not None:
        return KeyOwner(key, format_label(key), declared.account, declared.admin)
    if settings.keys:
        return None
    account = f"account-{hashlib.sha256(key.encode()).hexdigest()[:8]}"
    return KeyOwner(key, format_label(key), account, is_admin=key == DEFAULT_KEY)


def format_label(key: str) -> str:
    """Returns the last four characters, which is how keys are shown everywhere."""
    return f"…{key[-4:]}"
