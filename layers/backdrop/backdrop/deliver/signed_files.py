"""Pictures with Content Credentials: each is signed once, and kept as it is delivered under `_backdrop/signed/`.

A signature is different each time it is made. Therefore a redelivery writes the kept file again, also while the key or
its certificate cannot be used, and after the feature was turned off. The package `backdrop_credentials` signs; its
layer is attached only while the feature is on.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from backdrop.aws.s3 import OutputBucket, PreconditionFailedError
from backdrop.model.errors import ConflictError
from backdrop.model.ids import sha256_hex
from backdrop.model.job import Job
from backdrop.model.job_warning import JobWarning, WarningCode
from backdrop.model.output_spec import OutputSpec
from backdrop.model.sentence import Sentence
from backdrop.ports import StoredObject

UNSIGNED_SHA256, CLAIMS_SHA256 = "backdrop-unsigned-sha256", "backdrop-claims-sha256"
SIGNED_SHA256, ADDED_BYTES, OMISSIONS = "backdrop-sha256", "backdrop-added-bytes", "backdrop-omissions"


class Omission(StrEnum):
    """What Content Credentials leave out, as the metadata of a kept file names it."""

    PROMPT = "prompt"
    MISMATCHED_CREDENTIALS = "mismatched_credentials"
    CREDENTIALS_OVER_MAX_BYTES = "credentials_over_max_bytes"
    LARGE_CREDENTIALS = "large_credentials"


_OMISSION_TEXTS = {
    Omission.PROMPT: "do not state the prompt, because it does not fit",
    Omission.MISMATCHED_CREDENTIALS: (
        "do not contain those of the provider's file, because that file does not match them"
    ),
    Omission.CREDENTIALS_OVER_MAX_BYTES: (
        "do not contain those of the provider's file, because max_bytes leaves no space for them"
    ),
    Omission.LARGE_CREDENTIALS: "do not contain those of the provider's file, because they are too large",
}


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
class MeasuredSignature:
    """The signature of a picture whose file is not made yet.

    `added_bytes`: by how much it enlarges the file at most. `sign` returns the signed file.
    """

    added_bytes: int
    omissions: tuple[Omission, ...]
    sign: Callable[[bytes], bytes]


@dataclass(frozen=True, eq=False)
class PreparedSignature:
    """What is known of a signature without the key and its certificate.

    `claims_sha256`: the hash of what it is meant to state, without the version of Backdrop, and without what is known
    of the provider's file. `measure` loads the key; it raises RetryLaterError if the key or certificate cannot be used
    at the moment, and ResultError if only this picture cannot be signed.
    """

    claims_sha256: str
    measure: Callable[[], MeasuredSignature]


type PrepareSignature = Callable[[PictureFacts], PreparedSignature]


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
        self,
        key: str,
        data: bytes,
        claims_sha256: str,
        signature: MeasuredSignature,
        replaced: StoredObject | None,
        content_type: str,
    ) -> bytes:
        """Returns the signed file, which is kept before it is delivered anywhere.

        `replaced`: the file that is kept so far. Raises ConflictError if another worker has kept one since.
        """
        signed = signature.sign(data)
        metadata = {
            UNSIGNED_SHA256: sha256_hex(data),
            CLAIMS_SHA256: claims_sha256,
            ADDED_BYTES: str(signature.added_bytes),
            SIGNED_SHA256: sha256_hex(signed),
        }
        if signature.omissions:
            metadata[OMISSIONS] = ",".join(signature.omissions)
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


def read_omissions(kept: StoredObject) -> tuple[Omission, ...]:
    """Returns what a kept file leaves out, which a redelivery cannot find out without a key."""
    names = kept.metadata.get(OMISSIONS, "").split(",")
    return tuple(omission for omission in Omission if omission in names)


def build_omission_warnings(n: int, output: OutputSpec, omissions: Iterable[Omission]) -> Iterator[JobWarning]:
    picture = f"{n}@{output.name}" if output.name else str(n)
    for omission in omissions:
        text = Sentence(f"the Content Credentials of picture {picture} {_OMISSION_TEXTS[omission]}")
        yield JobWarning(code=WarningCode.CREDENTIALS_LEFT_OUT, text=text)
