"""Pictures with Content Credentials: each is signed once, and kept as it is delivered under `_backdrop/signed/`.

A signature is different each time it is made. Therefore a redelivery writes the kept file again, also after the feature
was turned off. The package `backdrop_credentials` signs; its layer is attached only while the feature is on.
"""

from collections.abc import Callable
from dataclasses import dataclass

from backdrop.aws.s3 import OutputBucket, PreconditionFailedError
from backdrop.model.errors import ConflictError
from backdrop.model.ids import sha256_hex
from backdrop.model.job import Job
from backdrop.model.job_warning import JobWarning
from backdrop.model.output_spec import OutputSpec
from backdrop.ports import StoredObject

UNSIGNED_SHA256, CLAIMS_SHA256 = "backdrop-unsigned-sha256", "backdrop-claims-sha256"
SIGNED_SHA256, ADDED_BYTES = "backdrop-sha256", "backdrop-added-bytes"


@dataclass(frozen=True, eq=False)
class PictureFacts:
    """What Content Credentials state about one picture.

    `paid_file`: the provider's unchanged file; None if the picture is made from the file that a person approved, and
    the provider's file is gone. `maker`: the provider that made it; None if that is unknown, because another job bought
    it. `has_own_subject`: the picture shows the photo's own pixels of the product.
    """

    job: Job
    n: int
    output: OutputSpec
    paid_file: bytes | None
    maker: str | None
    has_own_subject: bool


@dataclass(frozen=True, eq=False)
class PreparedSignature:
    """The signature of a picture whose file is not made yet.

    `claims_sha256`: the hash of what it will state, without the version of Backdrop, and without what is known of the
    provider's file. `added_bytes`: by how much it enlarges the file at most. `sign` returns the signed file.
    """

    claims_sha256: str
    added_bytes: int
    warnings: tuple[JobWarning, ...]
    sign: Callable[[bytes], bytes]


type PrepareSignature = Callable[[PictureFacts], PreparedSignature]
"""Raises RetryLaterError if the stack's key or certificate cannot be used at the moment."""


@dataclass(frozen=True)
class SignedFiles:
    output_bucket: OutputBucket

    def head(self, key: str) -> StoredObject | None:
        return self.output_bucket.head(key)

    def find(self, key: str, data: bytes, kept: StoredObject) -> bytes | None:
        """Returns the kept signed file if it was made from this picture; otherwise None.

        Also None if the kept file was changed, because its signature would accuse it.
        """
        if kept.metadata.get(UNSIGNED_SHA256) != sha256_hex(data):
            return None
        signed = self.output_bucket.read(key)
        return signed if sha256_hex(signed) == kept.metadata.get(SIGNED_SHA256) else None

    def sign(
        self, key: str, data: bytes, signature: PreparedSignature, replaced: StoredObject | None, content_type: str
    ) -> bytes:
        """Returns the signed file, which is kept before it is delivered anywhere.

        `replaced`: the file that is kept so far. Raises ConflictError if another worker has kept one since.
        """
        signed = signature.sign(data)
        metadata = {
            UNSIGNED_SHA256: sha256_hex(data),
            CLAIMS_SHA256: signature.claims_sha256,
            ADDED_BYTES: str(signature.added_bytes),
            SIGNED_SHA256: sha256_hex(signed),
        }
        try:
            self.output_bucket.put_if_unchanged(
                key, signed, content_type, expected_etag=replaced.etag if replaced else None, metadata=metadata
            )
        except PreconditionFailedError as error:
            raise ConflictError from error
        return signed


def states_same(kept: StoredObject, signature: PreparedSignature | None) -> bool:
    """Whether a kept file states what the signature would. Without a signature, whatever it states stays."""
    return signature is None or kept.metadata.get(CLAIMS_SHA256) == signature.claims_sha256


def read_added_bytes(kept: StoredObject) -> int:
    return int(kept.metadata.get(ADDED_BYTES, "0"))
