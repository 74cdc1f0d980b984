"""Paid responses in which Backdrop does not recognize the picture: the charge is certain, and the response is kept."""

import re

from backdrop.model.job import PictureLink
from backdrop.model.provider_result import ProviderResult, RetryClass
from backdrop.providers.http import MAX_JSON_BYTES

# The path and query of a link into our own bucket; JSON may escape the slashes. The provider's own links stay complete,
# because an operator needs them to recover the picture.
WORK_LINK = re.compile(rb"_backdrop\\*/work\\*/[^\s\"'<>]*")
SIGNATURE_PARAMETERS = re.compile(rb"(X-Amz-(?:Signature|Credential|Security-Token)=)[^&\\]*", re.IGNORECASE)


def build_unrecognized_result(
    body: bytes, key: str, charged: int, basis: str = "price_list", *, final: bool = False
) -> ProviderResult:
    """Builds the result for one charged picture that is not found in `body`. `charged` is in micro-dollars."""
    links = (PictureLink(url=None, is_unrecognized=True),)
    return ProviderResult(
        RetryClass.OK,
        links=links,
        charged=charged,
        basis=basis,
        is_final=final,
        raw_response=redact_response(body, key),
    )


def redact_response(body: bytes, key: str) -> bytes:
    """Prepares a response to be kept for an operator: removes our API key and the signatures of our links."""
    return WORK_LINK.sub(_remove_signature, body.replace(key.encode(), b"(key)"))[:MAX_JSON_BYTES]


def _remove_signature(link: re.Match[bytes]) -> bytes:
    return SIGNATURE_PARAMETERS.sub(rb"\1(blank)", link[0])
