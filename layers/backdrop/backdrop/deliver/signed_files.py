"""Pictures with Content Credentials: each is signed once, and kept as it is delivered under `_backdrop/signed/`.

A signature is different each time it is made. Therefore a redelivery writes the kept file again, also while the key or
its certificate cannot be used, and after the feature was turned off. The function `sign` signs: deliver, which opens
foreign files, has no right to use the key.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from backdrop.aws.functions import Function
from backdrop.aws.s3 import OutputBucket
from backdrop.deliver.manifest import PictureFacts, hash_claims
from backdrop.deliver.signing_messages import Omission, SigningRequest, SigningResponse
from backdrop.model.codec import from_json, to_json
from backdrop.model.errors import ConflictError
from backdrop.model.ids import sha256_hex
from backdrop.model.job_warning import JobWarning, WarningCode
from backdrop.model.object_keys import unsigned_key
from backdrop.model.output_spec import OutputSpec
from backdrop.model.sentence import Sentence
from backdrop.ports import StoredObject

UNSIGNED_SHA256, CLAIMS_SHA256 = "backdrop-unsigned-sha256", "backdrop-claims-sha256"
SIGNED_SHA256, ADDED_BYTES, OMISSIONS = "backdrop-sha256", "backdrop-added-bytes", "backdrop-omissions"

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


@dataclass(frozen=True)
class Signing:
    """Asks the function `sign`. The other fields are parameters of the stack, see `hash_claims`."""

    function: Function
    source_term: str
    states_prompt: bool

    def hash_claims(self, facts: PictureFacts) -> str:
        return hash_claims(facts, source_term=self.source_term, with_prompt=self.states_prompt)

    def measure(self, facts: PictureFacts) -> int:
        """Returns by how many bytes the signature enlarges the file at most. Raises the same as `sign`."""
        return self._invoke(_build_request(facts)).added_bytes

    def sign(self, facts: PictureFacts, unsigned_sha256: str, replaced: StoredObject | None) -> SigningResponse:
        """Has a file signed and kept that is under `unsigned_key`. `replaced`: the signed file that is kept so far.

        Raises RetryLaterError if the key or certificate cannot be used, or the function cannot run now, ResultError if
        only this picture cannot be signed, and ConflictError if another worker has changed the job or the kept file.
        """
        return self._invoke(_build_request(facts, unsigned_sha256, replaced))

    def _invoke(self, request: SigningRequest) -> SigningResponse:
        response = from_json(SigningResponse, self.function.invoke(to_json(request)))
        if response.failure:
            raise response.failure.to_error()
        return response


def _build_request(
    facts: PictureFacts, unsigned_sha256: str = "", replaced: StoredObject | None = None
) -> SigningRequest:
    job = facts.job
    return SigningRequest(
        source_id=job.source_id,
        job_id=job.job_id,
        attempt=job.paid_attempt_no,
        n=facts.n,
        output=facts.output.name,
        has_own_subject=facts.has_own_subject,
        unsigned_sha256=unsigned_sha256,
        replaced_etag=replaced.etag if replaced else None,
    )


@dataclass(frozen=True)
class SignedFiles:
    """`signing`: None while the stack adds no Content Credentials."""

    output_bucket: OutputBucket
    signing: Signing | None

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
        self, signing: Signing, facts: PictureFacts, data: bytes, key: str, replaced: StoredObject | None
    ) -> tuple[bytes, tuple[Omission, ...]]:
        """Returns the signed file, which is kept before it is delivered anywhere, and what its credentials leave out.

        Raises the same as `Signing.sign`.
        """
        job, output, sha256 = facts.job, facts.output, sha256_hex(data)
        unsigned = unsigned_key(job.job_id, job.paid_attempt_no, facts.n, output.name, sha256)
        self.output_bucket.put(unsigned, data, output.content_type)
        response = signing.sign(facts, sha256, replaced)
        signed = self.output_bucket.read(key)
        if sha256_hex(signed) != response.sha256:
            raise ConflictError
        return signed, response.omissions


def states_same(kept: StoredObject, claims_sha256: str | None) -> bool:
    """Whether a kept file states what a signature would. Without one (None), whatever it states stays."""
    return claims_sha256 is None or kept.metadata.get(CLAIMS_SHA256) == claims_sha256


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
