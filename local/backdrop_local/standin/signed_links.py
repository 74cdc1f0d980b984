"""Signed result links that expire."""

import hashlib
import hmac
from dataclasses import dataclass
from enum import StrEnum


class LinkRefusal(StrEnum):
    """The reasons for which a link is rejected."""

    UNSIGNED = "link without a valid exp or sig"
    FORGED = "wrong signature"
    EXPIRED = "link expired"


@dataclass(frozen=True)
class LinkSigner:
    """Signs an ID and its expiry with a secret derived from the server's seed."""

    seed: int

    def sign(self, ident: str, exp: int) -> str:
        """Returns the signature of a link in 64 hex digits. `exp` is in Unix seconds."""
        secret = f"backdrop stand-in {self.seed}".encode()
        return hmac.new(secret, f"{ident}/{exp}".encode(), hashlib.sha256).hexdigest()

    def build_query(self, ident: str, exp: int) -> str:
        """Returns the query part of a link."""
        return f"exp={exp}&sig={self.sign(ident, exp)}"

    def verify(self, ident: str, exp: str, signature: str, *, now: float) -> LinkRefusal | None:
        """Returns the reason to reject the link, or None if it is valid."""
        if not (exp.isascii() and exp.isdigit() and signature.isascii()):
            return LinkRefusal.UNSIGNED
        if not hmac.compare_digest(self.sign(ident, int(exp)), signature):
            return LinkRefusal.FORGED
        return LinkRefusal.EXPIRED if now > int(exp) else None
