"""Signed result links that expire, in the two forms that the stand-in can write them."""

import hashlib
import hmac
from dataclasses import dataclass
from enum import StrEnum


class LinkRefusal(StrEnum):
    """Why a link is refused, in the stand-in's words."""

    UNSIGNED = "link without a valid exp or sig"
    FORGED = "wrong signature"
    EXPIRED = "link expired"


@dataclass(frozen=True)
class LinkSigner:
    """Signs (id, exp) with a secret that follows from the server's seed."""

    seed: int

    def sign(self, ident: str, exp: int) -> str:
        """The signature of a link in 64 hex digits; `exp` in Unix seconds."""
        secret = f"backdrop stand-in {self.seed}".encode()
        return hmac.new(secret, f"{ident}/{exp}".encode(), hashlib.sha256).hexdigest()

    def build_query(self, ident: str, exp: int) -> str:
        """The query part of a link."""
        return f"exp={exp}&sig={self.sign(ident, exp)}"

    def verify(self, ident: str, exp: str, signature: str, *, now: float) -> LinkRefusal | None:
        """Why the link is refused, or None if it holds."""
        if not (exp.isascii() and exp.isdigit() and signature.isascii()):
            return LinkRefusal.UNSIGNED
        if not hmac.compare_digest(self.sign(ident, int(exp)), signature):
            return LinkRefusal.FORGED
        return LinkRefusal.EXPIRED if now > int(exp) else None
