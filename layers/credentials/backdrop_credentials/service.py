"""Signs finished pictures for deliver, which opens foreign files and so has no right to use the key.

What a signature states is read from the ledger here. Deliver only names the job and the picture, and says whether
that shows the photo's own pixels of the product.
"""

from dataclasses import dataclass
from typing import NoReturn

from backdrop.aws.ledger import Ledger
from backdrop.aws.s3 import OutputBucket, PreconditionFailedError
from backdrop.deliver.manifest import PictureFacts
from backdrop.deliver.paid_files import find_kept_file
from backdrop.deliver.signed_files import ADDED_BYTES, CLAIMS_SHA256, OMISSIONS, SIGNED_SHA256, UNSIGNED_SHA256
from backdrop.deliver.signing_messages import SigningFailure, SigningRequest, SigningResponse
from backdrop.model.codes import Code
from backdrop.model.errors import ConflictError, ResultError, RetryLaterError
from backdrop.model.fidelity import requests_own_pixels
from backdrop.model.ids import sha256_hex
from backdrop.model.job import Job, JobStatus
from backdrop.model.object_keys import signed_key, unsigned_key
from backdrop.model.output_spec import FULL_SIZE, OutputSpec, parse_outputs
from backdrop_credentials.signing import RETRY_SECONDS, MeasuredSignature, PictureSigner


@dataclass(frozen=True)
class SigningService:
    ledger: Ledger
    output_bucket: OutputBucket
    signer: PictureSigner

    def answer(self, request: SigningRequest) -> SigningResponse:
        """Measures the signature of a picture or, if its file is finished, signs it and keeps the signed file."""
        try:
            facts = self._read_facts(request)
            measured = self.signer.measure(facts)
            sha256 = self._sign(request, facts, measured) if request.unsigned_sha256 else ""
        except (ResultError, RetryLaterError, ConflictError) as error:
            return SigningResponse(failure=SigningFailure.from_error(error))
        return SigningResponse(added_bytes=measured.added_bytes, omissions=measured.omissions, sha256=sha256)

    def _read_facts(self, request: SigningRequest) -> PictureFacts:
        """Raises ConflictError if the job is no longer delivered, and RetryLaterError if it has no such picture."""
        job = self.ledger.find_job(request.source_id, request.job_id)
        if job is None or job.status is not JobStatus.PAID or job.paid_attempt_no != request.attempt:
            raise ConflictError
        outputs = {output.name: output for output in parse_outputs(job.instructions)}
        output = outputs.get(request.output)
        if output is None or job.is_mask or not 1 <= request.n <= len(job.usable_links):
            _refuse("its job has no such picture")
        if request.has_own_subject and not _may_have_own_subject(job, output):
            _refuse("its job does not request the photo's own pixels")
        kept_key = find_kept_file(self.output_bucket, job, request.n)
        paid_file = self.output_bucket.read(kept_key) if kept_key else None
        return PictureFacts(job, request.n, output, request.has_own_subject, paid_file, self._find_maker(job))

    def _sign(self, request: SigningRequest, facts: PictureFacts, measured: MeasuredSignature) -> str:
        """Returns the hash of the signed file. Raises ConflictError if another worker has kept one since."""
        job, output = facts.job, facts.output
        picture = (job.job_id, job.paid_attempt_no, facts.n, output.name)
        data = self.output_bucket.read(unsigned_key(*picture, request.unsigned_sha256))
        if sha256_hex(data) != request.unsigned_sha256:
            _refuse("its file is not the one that was to be signed")
        signed = measured.sign(data)
        metadata = {
            UNSIGNED_SHA256: request.unsigned_sha256,
            CLAIMS_SHA256: self.signer.hash_claims(facts),
            ADDED_BYTES: str(measured.added_bytes),
            SIGNED_SHA256: sha256_hex(signed),
        }
        if measured.omissions:
            metadata[OMISSIONS] = ",".join(measured.omissions)
        try:
            self.output_bucket.put_if_unchanged(
                signed_key(*picture, output.format),
                signed,
                output.content_type,
                expected_etag=request.replaced_etag,
                metadata=metadata,
            )
        except PreconditionFailedError as error:
            raise ConflictError from error
        return metadata[SIGNED_SHA256]

    def _find_maker(self, job: Job) -> str | None:
        """Returns the provider that made the paid files; None if another job bought them and cannot be found."""
        if job.reused_from is None:
            return _find_paid_provider(job)
        owner = self.ledger.find_content_owner(job.content_id)
        buyer = self.ledger.find_job(owner.source_id, owner.job_id) if owner else None
        return _find_paid_provider(buyer) if buyer and buyer.job_id == job.reused_from else None


def _find_paid_provider(job: Job) -> str | None:
    return next((attempt.provider for attempt in job.attempts if attempt.n == job.paid_attempt_no), None)


def _may_have_own_subject(job: Job, output: OutputSpec) -> bool:
    return output.size == FULL_SIZE if job.operation == "remove" else requests_own_pixels(job.instructions)


def _refuse(reason: str) -> NoReturn:
    message = f"The picture is not delivered yet, because the function that signs refuses it: {reason}."
    raise RetryLaterError(Code.SIGNING_FAILED, message, RETRY_SECONDS)
