"""Builds what signs pictures, from the settings of a function."""

from backdrop.aws.settings import Settings
from backdrop.bootstrap import ClientFactory
from backdrop.deliver.signed_files import PictureFacts, PreparedSignature, PrepareSignature
from backdrop_credentials.keys import SigningKeys


def build_signing_keys(settings: Settings, create_client: ClientFactory) -> SigningKeys:
    certificate_secret = f"{settings.stack_name}/c2pa/certificate"
    return SigningKeys(settings.content_credentials_key_arn, certificate_secret, create_client("kms"))


def build_signer(settings: Settings, create_client: ClientFactory) -> PrepareSignature:
    """Returns the function that prepares signatures. The C2PA library is loaded with the first one."""
    keys = build_signing_keys(settings, create_client)

    def prepare(facts: PictureFacts) -> PreparedSignature:
        from backdrop_credentials.signing import PictureSigner

        signer = PictureSigner(
            keys, settings.digital_source_type, settings.content_credentials_prompt, settings.release
        )
        return signer.prepare(facts)

    return prepare
