"""What keeps everybody out but the one page that this machine's user opened: a secret path, two headers, a policy."""

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from backdrop_cli.droppage.signed import Signed

HERE = "127.0.0.1"
_NAMES = (HERE, "localhost")


@dataclass(frozen=True)
class Guard:
    """The token is in the page's address and nowhere else; whoever has it may spend the operator's money."""

    port: int
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32))

    @property
    def address(self) -> str:
        """Where the page is."""
        return f"http://{HERE}:{self.port}/{self.token}/"

    def path_of(self, target: str) -> str | None:
        """What is asked for behind the token; None where the token is not ours."""
        token, slash, path = target.partition("?")[0].removeprefix("/").partition("/")
        known = hmac.compare_digest(token.encode(), self.token.encode())
        return path if known and slash else None

    def is_ours(self, headers: Mapping[str, str | None], *, writes: bool) -> bool:
        """Whether a request comes from this page.

        Another site's name that is made to lead to this machine (DNS rebinding) has another Host, another site's
        page another Origin. A browser sends the Origin with all that writes.
        """
        host, origin = headers.get("Host"), headers.get("Origin")
        if host not in {f"{name}:{self.port}" for name in _NAMES}:
            return False
        return origin == f"http://{host}" or (origin is None and not writes)


def headers(signed: Signed, nonce: str) -> dict[str, str]:
    """What a browser may do with the page: run its own script, upload to the one bucket, show what it serves itself."""
    policy = (
        "default-src 'none'",
        f"script-src 'nonce-{nonce}'",
        f"style-src 'nonce-{nonce}'",
        "img-src blob: data: 'self'",
        f"connect-src 'self' {signed.upload_origin}",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
    return {"Content-Security-Policy": "; ".join(policy), **EVERYWHERE}


EVERYWHERE = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
