"""A paid response in which Backdrop does not recognize the picture: the money is certain, and the response is kept."""

import re

from backdrop.model.job import Link
from backdrop.model.provider_result import Answer, Class
from backdrop.providers.http import MAX_JSON_BYTES

# The path and query of a link into our own bucket; JSON may escape the slashes. Links of the provider stay whole: a
# person needs them to recover the picture.
OUR_LINK = re.compile(rb"_backdrop\\*/work\\*/[^\s\"'<>]*")
SIGNED = re.compile(rb"(X-Amz-(?:Signature|Credential|Security-Token)=)[^&\\]*", re.IGNORECASE)


def unrecognized(body: bytes, key: str, charged: int, basis: str = "price_list", *, final: bool = False) -> Answer:
    """The answer for one charged picture that is not found in `body`; `charged` is micro-dollars."""
    links = (Link(url=None, unrecognized=True),)
    return Answer(Class.OK, links=links, charged=charged, basis=basis, final=final, raw=raw_response(body, key))


def raw_response(body: bytes, key: str) -> bytes:
    """A response as it is kept for a person: without our API key and our links' signatures, if it repeats them."""
    return OUR_LINK.sub(_unsigned, body.replace(key.encode(), b"(key)"))[:MAX_JSON_BYTES]


def _unsigned(link: re.Match[bytes]) -> bytes:
    return SIGNED.sub(rb"\1(blank)", link[0])
