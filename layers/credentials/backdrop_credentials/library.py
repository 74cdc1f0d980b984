"""The C2PA library: signs files, and measures how much a signature adds. Imported with the first signature."""

from dataclasses import dataclass
from functools import cache
from io import BytesIO
from typing import Any

import c2pa

from backdrop_credentials.certificates import SigningIdentity

SIGNATURE_BYTES = 64
MEASURING_SLACK = 64
"""A few numbers in a manifest take more bytes in a larger file."""
SIGNING_USAGES = (
    "1.3.6.1.5.5.7.3.4",  # emailProtection
    "1.3.6.1.5.5.7.3.36",  # documentSigning
    "1.3.6.1.4.1.311.76.59.1.9",  # Microsoft's own for C2PA
    "1.3.6.1.4.1.62558.2.1",  # C2PA claim signing
)
"""The extended key usages with which a certificate may sign a manifest, from c2pa-rs's `valid_eku_oids.cfg`. Without
a list, the library accepts emailProtection only. It always accepts certificates for time stamps or OCSP responses."""
_STORE_NAME = "ingredient.c2pa"
_PLAIN_SETTINGS: dict[str, Any] = {
    # Signing must not depend on other servers, and a picture's own bytes must not choose a server to call. To decode
    # a stated identity, the library asks the server that it names.
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False, "verify_after_sign": False},
    "core": {"decode_identity_assertions": False},
    "builder": {"thumbnail": {"enabled": False}},
}


class SigningError(Exception):
    """The library refuses to sign. The message is the library's."""


@dataclass(frozen=True)
class Statement:
    """What is signed: a manifest's definition, and one more ingredient.

    `ingredient_store`: the manifest store in the ingredient's file, if it becomes part of the manifest. The ingredient
    then also states what was found in that file. The file itself is not needed, and so not hashed again.
    """

    manifest: dict[str, Any]
    ingredient: dict[str, Any] | None = None
    ingredient_store: bytes | None = None


def build_context(trusted_pem: str = "") -> c2pa.Context:
    """`trusted_pem`: the root certificates that are trusted."""
    trust = {"trust_config": "\n".join(SIGNING_USAGES)} | ({"trust_anchors": trusted_pem} if trusted_pem else {})
    return c2pa.Context(c2pa.Settings.from_dict(_PLAIN_SETTINGS | {"trust": trust}))


def sign_file(data: bytes, mime_type: str, statement: Statement, identity: SigningIdentity) -> bytes:
    """Returns the signed file. Whether it holds is not checked. Raises SigningError."""
    context, errors = build_context(identity.chain.root_pem), list[Exception]()
    manifest, ingredient, store = statement.manifest, statement.ingredient, statement.ingredient_store
    if ingredient:
        if store is not None:
            ingredient = ingredient | {"manifest_data": {"format": "application/c2pa", "identifier": _STORE_NAME}}
        manifest = manifest | {"ingredients": [*manifest["ingredients"], ingredient]}
    try:
        with _build_signer(identity, errors) as signer, c2pa.Builder(manifest, context=context) as builder:
            if store is not None:
                builder.add_resource(_STORE_NAME, BytesIO(store))
            target = BytesIO()
            builder.sign(signer, mime_type, BytesIO(data), target)
            return target.getvalue()
    except c2pa.C2paError as error:
        if errors:
            raise errors[0] from error
        raise SigningError(str(error)) from error


def measure_signature(mime_type: str, statement: Statement, identity: SigningIdentity) -> int:
    """Returns by how many bytes this signature enlarges a file at most. Does not use a key in KMS."""
    if identity.sign:
        identity = SigningIdentity(identity.chain, sign=lambda _: bytes(SIGNATURE_BYTES))
    sample = build_sample(mime_type)
    signed = sign_file(sample, mime_type, statement, identity)
    return len(signed) - len(sample) + MEASURING_SLACK


@cache
def build_sample(mime_type: str) -> bytes:
    """Returns a picture of one pixel."""
    from PIL import Image

    file = BytesIO()
    Image.new("RGB", (1, 1)).save(file, mime_type.removeprefix("image/"))
    return file.getvalue()


def _build_signer(identity: SigningIdentity, errors: list[Exception]) -> c2pa.Signer:
    """`errors`: receives what the identity's `sign` raises, because the library only reports that it failed."""
    certificates, sign = identity.chain.embedded_pem, identity.sign
    if sign is None:
        key = identity.private_key or ""
        return c2pa.Signer.from_info(c2pa.C2paSignerInfo(b"es256", certificates.encode(), key.encode(), None))

    def sign_or_record(data: bytes) -> bytes:
        try:
            return sign(data)
        except Exception as error:
            errors.append(error)
            raise

    return c2pa.Signer.from_callback(sign_or_record, c2pa.C2paSigningAlg.ES256, certificates)
