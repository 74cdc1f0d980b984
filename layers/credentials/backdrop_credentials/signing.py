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
from backdrop_credentials.certificates import SigningIdentity
from backdrop_credentials.keys import SigningKeys, UnusableKeyError
from backdrop_credentials.library import SigningError, Statement, measure_signature, sign_file
from backdrop_credentials.manifest import (
    MAX_MANIFEST_BYTES,
    build_manifest,
    build_paid_file_ingredient,
    hash_claims,
)
from backdrop_credentials.reading import FileVerdict, read_credentials
from backdrop_credentials.trial import sign_sample

MAX_SHARE_OF_LIMIT = 0.5
"""The largest share of an output's `max_bytes` that credentials take before the provider's are left out."""
MAX_PAID_CREDENTIALS_BYTES = 500_000
"""What the credentials of the provider's file may add to a picture. With previews, they have some hundred kilobytes."""
RETRY_SECONDS = 60.0
_STORE_LABEL = b"c2pa"


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
            identity = self.keys.load()
        except UnusableKeyError as error:
            raise _to_signing_failed(error) from error
        try:
            return self._prepare(facts, identity)
        except SigningError as error:
            _require_working_key(identity)
            raise _to_result_error(str(error)) from error

    def _prepare(self, facts: PictureFacts, identity: SigningIdentity) -> PreparedSignature:
        mime_type, warnings = facts.output.content_type, list[JobWarning]()
        ingredient = build_paid_file_ingredient(facts)

        def state(*, with_prompt: bool) -> Statement:
            claims = build_manifest(facts, source_term=self.source_term, with_prompt=with_prompt)
            return Statement(claims, ingredient)

        with_prompt = self.states_prompt
        statement = state(with_prompt=with_prompt)
        added_bytes = measure_signature(mime_type, statement, identity)
        if with_prompt and added_bytes > MAX_MANIFEST_BYTES:
            with_prompt = False
            statement = state(with_prompt=False)
            added_bytes = measure_signature(mime_type, statement, identity)
            warnings.append(_build_warning(facts, "do not state the prompt, because it does not fit"))
        verdict = _read_verdict(facts.paid_file)
        if verdict.has_credentials:
            complete = replace(statement, ingredient_file=facts.paid_file)
            complete_bytes = _measure_complete(mime_type, complete, identity) if verdict.is_unchanged else None
            reason = _find_omission_reason(facts, complete_bytes, added_bytes)
            if complete_bytes is None or reason:
                text = f"do not contain those of the provider's file, because {reason}"
                warnings.append(_build_warning(facts, text))
            else:
                statement, added_bytes = complete, complete_bytes
        claims_sha256 = hash_claims(facts, source_term=self.source_term, with_prompt=with_prompt)
        sign = partial(_sign, _with_release(statement, self.release), mime_type, identity)
        return PreparedSignature(claims_sha256, added_bytes, tuple(warnings), sign)


def _read_verdict(paid_file: bytes | None) -> FileVerdict:
    # Most files have none, and the library needs longer to find that out.
    return read_credentials(paid_file).verdict if paid_file and _STORE_LABEL in paid_file else FileVerdict.NONE


def _measure_complete(mime_type: str, statement: Statement, identity: SigningIdentity) -> int | None:
    """Returns None if the library does not accept the credentials of the provider's file."""
    try:
        return measure_signature(mime_type, statement, identity)
    except SigningError:
        return None


def _find_omission_reason(facts: PictureFacts, complete_bytes: int | None, added_bytes: int) -> str:
    """Returns why the credentials of the provider's file are left out, or ""."""
    if complete_bytes is None:
        return "that file does not match them"
    if facts.output.max_bytes and complete_bytes > MAX_SHARE_OF_LIMIT * facts.output.max_bytes:
        return "max_bytes leaves no space for them"
    return "they are too large" if complete_bytes - added_bytes > MAX_PAID_CREDENTIALS_BYTES else ""


def _sign(statement: Statement, mime_type: str, identity: SigningIdentity, data: bytes) -> bytes:
    """Returns the signed file, which holds if only the chain's own root is trusted.

    Raises RetryLaterError if the key or certificate does not work, and ResultError if only this file fails.
    """
    try:
        signed = sign_file(data, mime_type, statement, identity)
    except UnusableKeyError as error:
        raise _to_signing_failed(error) from error
    except SigningError as error:
        _require_working_key(identity)
        raise _to_result_error(str(error)) from error
    report = read_credentials(signed, identity.chain.root_pem)
    if report.verdict is not FileVerdict.TRUSTED:
        _require_working_key(identity)
        raise _to_result_error(f"the signed file would be {report.verdict.value} ({', '.join(report.reasons)})")
    return signed


def _require_working_key(identity: SigningIdentity) -> None:
    """Raises RetryLaterError unless a sample can be signed, so that a bad key never costs a paid picture."""
    try:
        sign_sample(identity)
    except UnusableKeyError as error:
        raise _to_signing_failed(error) from error


def _to_result_error(reason: str) -> ResultError:
    return ResultError(Code.OUTPUT_NOT_MADE, f"The picture cannot get its Content Credentials: {reason}")


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
