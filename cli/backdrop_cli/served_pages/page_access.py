"""Access control of the served pages: a secret path, checks of two request headers, and a content security policy."""

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from backdrop_cli.served_pages.presigner import Presigner

LOOPBACK_ADDRESS = "127.0.0.1"
_LOOPBACK_NAMES = (LOOPBACK_ADDRESS, "localhost")


@dataclass(frozen=True)
class PageAccess:
    """The token is only in the pages' addresses. Anyone who has it can spend the operator's money."""

    port: int
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32))

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK_ADDRESS}:{self.port}/{self.token}/"

    def authorize_path(self, target: str) -> str | None:
        """Returns the path behind the token, or None if the token is wrong."""
        token, slash, path = target.partition("?")[0].removeprefix("/").partition("/")
        is_token_valid = hmac.compare_digest(token.encode(), self.token.encode())
        return path if is_token_valid and slash else None

    def is_own_request(self, headers: Mapping[str, str | None], *, is_write: bool) -> bool:
        """Returns whether a request comes from this page.

        A site that resolves its name to this machine (DNS rebinding) sends another Host; another site's page sends
        another Origin. Browsers send the Origin with every write.
        """
        host, origin = headers.get("Host"), headers.get("Origin")
        if host not in {f"{name}:{self.port}" for name in _LOOPBACK_NAMES}:
            return False
        return origin == f"http://{host}" or (origin is None and not is_write)


def build_headers(presigner: Presigner, nonce: str) -> dict[str, str]:
    """Returns headers that let the page run its own script, upload to its one bucket, and show what it serves."""
    policy = (
        "default-src 'none'",
        f"script-src 'nonce-{nonce}'",
        f"style-src 'nonce-{nonce}'",
        "img-src blob: data: 'self'",
        f"connect-src 'self' {presigner.upload_origin}",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
    return {"Content-Security-Policy": "; ".join(policy), **BASE_HEADERS}


BASE_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
