"""Paid responses in which Backdrop does not recognize the picture: the charge is certain, and the response is kept."""

from backdrop.model.job import PictureLink
from backdrop.model.provider_result import ProviderResult, RetryClass
from backdrop.providers.redaction import redact_response


def build_unrecognized_result(
    body: bytes, key: str, charged: int, basis: str = "price_list", *, final: bool = False, picture_count: int = 1
) -> ProviderResult:
    """Builds the result for charged pictures that are not found in `body`. `charged` is in micro-dollars."""
    links = (PictureLink(url=None, is_unrecognized=True),) * picture_count
    return ProviderResult(
        RetryClass.OK,
        links=links,
        charged=charged,
        basis=basis,
        is_final=final,
        raw_response=redact_response(body, key),
    )
