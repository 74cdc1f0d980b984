"""Builds what signs pictures, from the settings of a function."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from backdrop_credentials.keys import SigningKeys

if TYPE_CHECKING:
    from collections.abc import Callable

    from backdrop.aws.settings import Settings
    from backdrop.bootstrap import Bootstrap, ClientFactory
    from backdrop_credentials.service import SigningService


def build_signing_keys(settings: Settings, create_client: ClientFactory) -> SigningKeys:
    certificate_secret = f"{settings.stack_name}/c2pa/certificate"
    return SigningKeys(settings.content_credentials_key_arn, certificate_secret, create_client("kms"))


def build_signing_service(settings: Settings, bootstrap: Bootstrap) -> Callable[[], SigningService]:
    """Returns a function that returns the service. The C2PA library is loaded with the first call."""
    keys = build_signing_keys(settings, bootstrap.client)

    @cache
    def load() -> SigningService:
        from backdrop_credentials.service import SigningService
        from backdrop_credentials.signing import PictureSigner

        signer = PictureSigner(
            keys, settings.digital_source_type, settings.content_credentials_prompt, settings.release
        )
        return SigningService(bootstrap.ledger, bootstrap.output_bucket, signer)

    return load
