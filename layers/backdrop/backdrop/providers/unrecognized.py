"""A paid response in which Backdrop does not recognize the picture: the money is certain, and the response is kept."""

from backdrop.core.answer import Answer, Class
from backdrop.core.job import Link

MAX_RAW_BYTES = 1_000_000


def unrecognized(body: bytes, key: str, charged: int, basis: str = "price_list", *, final: bool = False) -> Answer:
    """The answer for one charged picture that is not found in `body`; `charged` is micro-dollars."""
    links = (Link(url=None, unrecognized=True),)
    return Answer(Class.OK, links=links, charged=charged, basis=basis, final=final, raw=raw_response(body, key))


def raw_response(body: bytes, key: str) -> bytes:
    """A response as it is kept for a person: up to a megabyte, without our API key, should the provider repeat it."""
    return body.replace(key.encode(), b"(key)")[:MAX_RAW_BYTES]
