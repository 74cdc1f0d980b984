"""Signs delivered pictures: decides what a manifest carries, and what becomes of a picture that cannot be signed."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from backdrop.deliver.signed_files import PictureFacts, PreparedSignature
from backdrop.model.codes import Code
from backdrop.model.errors import ResultError, RetryLaterError
from backdrop.model.job_warning import JobWarning, WarningCode
from backdrop.model.sentence import Sentence
from backdrop_credentials.keys import SigningKeys, UnusableKeyError
from backdrop_credentials.library import SigningError, SigningIdentity, Statement, measure_signature, sign_file
from backdrop_credentials.manifest import build_manifest, build_paid_file_ingredient, hash_claims
from backdrop_credentials.reading import FileVerdict, read_credentials
from backdrop_credentials.trial import sign_sample

MAX_MANIFEST_BYTES = 15 * 1024
"""What Backdrop's own statement may add to a picture, in addition to the credentials that the provider's file has."""
MAX_SHARE_OF_LIMIT = 0.5
"""The largest share of an output's `max_bytes` that credentials take before the provider's are left out."""
RETRY_SECONDS = 60.0


@dataclass(frozen=True)
class PictureSigner:
    """`states_prompt`: whether manifests contain the prompt. `release`: the version of Backdrop."""

    keys: SigningKeys
    source_term: str
    states_prompt: bool
    release: str

    def prepare(self, facts: PictureFacts) -> PreparedSignature:
        """Implements `PrepareSignature`."""
        try:
            return self._prepare(facts, self.keys.load())
        except (UnusableKeyError, SigningError) as error:
            raise _to_signing_failed(error) from error

    def _prepare(self, facts: PictureFacts, identity: SigningIdentity) -> PreparedSignature:
        mime_type, warnings = facts.output.content_type, list[JobWarning]()
        ingredient = build_paid_file_ingredient(facts)

        def state(*, with_prompt: bool) -> Statement:
            claims = build_manifest(facts, source_term=self.source_term, with_prompt=with_prompt)
            return Statement(claims, ingredient)

        statement = state(with_prompt=self.states_prompt)
        added_bytes = measure_signature(mime_type, statement, identity)
        if self.states_prompt and added_bytes > MAX_MANIFEST_BYTES:
            statement = state(with_prompt=False)
            added_bytes = measure_signature(mime_type, statement, identity)
            warnings.append(_build_warning(facts, "do not state the prompt, because it does not fit"))
        file_verdict = read_credentials(facts.paid_file).verdict if facts.paid_file else FileVerdict.NONE
        if file_verdict.has_credentials:
            complete = replace(statement, ingredient_file=facts.paid_file)
            complete_bytes = measure_signature(mime_type, complete, identity) if file_verdict.is_unchanged else 0
            limit = facts.output.max_bytes
            if not file_verdict.is_unchanged:
                text = "do not contain those of the provider's file, because that file does not match them"
                warnings.append(_build_warning(facts, text))
            elif limit and complete_bytes > MAX_SHARE_OF_LIMIT * limit:
                text = "do not contain those of the provider's file, because max_bytes leaves no space for them"
                warnings.append(_build_warning(facts, text))
            else:
                statement, added_bytes = complete, complete_bytes
        claims_sha256 = hash_claims(statement.manifest, has_paid_credentials=statement.ingredient_file is not None)
        sign = partial(self._sign, _with_release(statement, self.release), mime_type, identity)
        return PreparedSignature(claims_sha256, added_bytes, tuple(warnings), sign)

    def _sign(self, statement: Statement, mime_type: str, identity: SigningIdentity, data: bytes) -> bytes:
        """Raises RetryLaterError if the key or certificate does not work, and ResultError if only this file fails."""
        try:
            return sign_file(data, mime_type, statement, identity)
        except UnusableKeyError as error:
            raise _to_signing_failed(error) from error
        except SigningError as error:
            _require_working_key(identity)
            message = f"The picture cannot get its Content Credentials: {error}"
            raise ResultError(Code.OUTPUT_NOT_MADE, message) from error


def _require_working_key(identity: SigningIdentity) -> None:
    """Raises RetryLaterError unless a sample can be signed, so that a bad key never costs a paid picture."""
    try:
        sign_sample(identity)
    except (UnusableKeyError, SigningError) as error:
        raise _to_signing_failed(error) from error


def _to_signing_failed(error: Exception) -> RetryLaterError:
    message = f"The picture is not delivered yet, because it cannot be signed: {error}"
    return RetryLaterError(Code.SIGNING_FAILED, message, RETRY_SECONDS)


def _build_warning(facts: PictureFacts, text: str) -> JobWarning:
    name = f"{facts.n}@{facts.output.name}" if facts.output.name else str(facts.n)
    message = f"the Content Credentials of picture {name} {text}"
    return JobWarning(code=WarningCode.CREDENTIALS_LEFT_OUT, text=Sentence(message))


def _with_release(statement: Statement, release: str) -> Statement:
    """Adds the version of Backdrop, which is not part of what decides whether a picture is signed again."""
    [generator] = statement.manifest["claim_generator_info"]
    named: Mapping[str, Any] = {"claim_generator_info": [generator | {"version": release}]}
    return replace(statement, manifest={**statement.manifest, **named})
