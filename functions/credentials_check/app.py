"""The check of Content Credentials: makes a trial signature, with the role of the function `sign`.

CloudFormation calls it as a custom resource when the stack's signing key changes, and rejects the deployment if
pictures could not be signed. `backdrop doctor` calls it at any time.
"""

import json
import time
import urllib.request
from typing import TYPE_CHECKING, Any

from backdrop.aws.clients import lazy_client
from backdrop.aws.log import build_logger
from backdrop.aws.settings import read_settings
from backdrop.model.errors import RetryLaterError
from backdrop.model.ids import sha256_hex
from backdrop_credentials.build import build_signing_keys

if TYPE_CHECKING:
    from backdrop_credentials.trial import TrialResult

# A role's new permissions may take seconds to apply (IAM User Guide, "Changes are not always immediately visible").
MAX_TRIES, RETRY_PAUSE_SECONDS = 5, 3
RESPONSE_TIMEOUT_SECONDS = 10
# CloudFormation accepts at most 4,096 bytes for the whole response.
MAX_REASON_CHARACTERS = 3_000
KEY_ID_LENGTH = 16
CHECK_FAILED_REASON = "The check of Content Credentials itself failed; the log group of sign has the error."

logger = build_logger()
keys = build_signing_keys(read_settings(), lazy_client)


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Returns the result of a trial signature, and also sends it to CloudFormation if that asked for it.

    Raises OSError if the response could not be sent; Lambda then retries twice.
    """
    if "ResponseURL" not in event:
        return _to_json(_try_signing())
    problem, accepted_ids = CHECK_FAILED_REASON, event.get("PhysicalResourceId", "").split()
    key_id = sha256_hex(event["ResourceProperties"]["ContentCredentialsKeyArn"].encode())[:KEY_ID_LENGTH]
    try:
        # A deployment that fails is rolled back to the key before, whose certificate may be replaced by now. If that
        # failed too, the stack would need a person to repair it.
        is_known = event["RequestType"] == "Delete" or key_id in accepted_ids
        problem = "" if is_known else _check_deployment()
    finally:
        is_new = not problem and event["RequestType"] != "Delete"
        ids = [key_id, *(one for one in accepted_ids[:1] if one != key_id)] if is_new else accepted_ids
        _send_response(event, problem, " ".join(ids) or key_id)
    return {"problem": problem}


def _check_deployment() -> str:
    """Returns why pictures cannot be signed. Tries again first, because the role may be new."""
    problem = ""
    for attempt in range(MAX_TRIES):
        if attempt:
            time.sleep(RETRY_PAUSE_SECONDS)
        try:
            problem = _try_signing().problem
        except RetryLaterError as error:
            problem = str(error.message)
        if not problem:
            return ""
        logger.warning("no trial signature", problem=problem)
    return f"ContentCredentialsKeyArn: {problem} docs/provenance.md says how to set it up. Nothing was signed."


def _try_signing() -> "TrialResult":
    # Loads the C2PA library. If its layer is of another kind, that fails here, where CloudFormation gets a reason.
    from backdrop_credentials.trial import try_signing

    return try_signing(keys)


def _to_json(result: "TrialResult") -> dict[str, Any]:
    expires_at = result.expires_at.isoformat() if result.expires_at else None
    return {"problem": result.problem, "expires_at": expires_at, "added_bytes": result.added_bytes}


def _send_response(event: dict[str, Any], problem: str, resource_id: str) -> None:
    """Sends the response to the URL where CloudFormation waits for it.

    `resource_id`: the keys that were accepted, the current one first. After a new one, CloudFormation deletes the old
    resource, which changes nothing.
    """
    response = {
        "Status": "FAILED" if problem else "SUCCESS",
        "Reason": problem[:MAX_REASON_CHARACTERS] or "A trial signature was made.",
        "PhysicalResourceId": resource_id,
        **{name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")},
    }
    # CloudFormation created this URL, and signed it without a content type.
    request = urllib.request.Request(  # noqa: S310
        event["ResponseURL"], data=json.dumps(response).encode(), headers={"Content-Type": ""}, method="PUT"
    )
    urllib.request.urlopen(request, timeout=RESPONSE_TIMEOUT_SECONDS).close()  # noqa: S310
