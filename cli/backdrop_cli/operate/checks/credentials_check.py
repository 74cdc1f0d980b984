"""Checks the key and certificates of Content Credentials, by a trial signature with the role of sign."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from backdrop.deliver.manifest import MAX_MANIFEST_BYTES
from backdrop_cli.formatting import format_bytes
from backdrop_cli.operate.checks import CheckResult, CheckState
from backdrop_cli.operate.set_key import require_clients
from backdrop_cli.stack import Stack

CHECK_NAME = "content credentials"
KEY_PARAMETER = "ContentCredentialsKeyArn"
RENEWAL_TIME = timedelta(days=30)
_FIX = "docs/provenance.md says how to set up the key and its certificates. Waiting pictures need nothing else."
_RENEW = "Renew the certificate, and store the new chain in the secret {secret}; docs/provenance.md says how."
_SHORTEN = "Have the certificate issued by an ECDSA root and intermediate; docs/provenance.md says how."


def check_credentials(stack: Stack) -> Iterator[CheckResult]:
    """Yields nothing while the stack adds no Content Credentials."""
    if not stack.parameters.get(KEY_PARAMETER):
        return
    response: Any = require_clients(stack).functions.invoke(
        FunctionName=f"{stack.name}-credentials-check", Payload=b"{}"
    )
    payload = response["Payload"].read()
    if response.get("FunctionError"):
        message = f"cannot be checked: {stack.name}-credentials-check failed"
        yield CheckResult(CHECK_NAME, CheckState.UNKNOWN, message, "Read the log of the deliver function.")
        return
    result: dict[str, Any] = json.loads(payload)
    expires_at = result["expires_at"] and datetime.fromisoformat(result["expires_at"])
    if result["problem"]:
        yield CheckResult(CHECK_NAME, CheckState.WRONG, result["problem"], _FIX)
    elif expires_at and expires_at - stack.clock.now() < RENEWAL_TIME:
        fix = _RENEW.format(secret=f"{stack.name}/c2pa/certificate")
        yield CheckResult(CHECK_NAME, CheckState.WRONG, f"a certificate expires on {expires_at:%Y-%m-%d}", fix)
    elif result["added_bytes"] > MAX_MANIFEST_BYTES:  # only with large certificates
        message = f"each signature adds {format_bytes(result['added_bytes'])}, because the certificates are large"
        yield CheckResult(CHECK_NAME, CheckState.WRONG, message, _SHORTEN)
    else:
        expiry = f", and its certificates are valid until {expires_at:%Y-%m-%d}" if expires_at else ""
        message = f"a trial signature with the key is valid{expiry}; each adds {format_bytes(result['added_bytes'])}"
        yield CheckResult(CHECK_NAME, CheckState.GOOD, message)
