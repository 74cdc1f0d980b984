"""Signs delivered pictures: decides what a manifest carries, and what becomes of a picture that cannot be signed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from backdrop.deliver.manifest import (
    MAX_MANIFEST_BYTES,
    PictureFacts,
    build_manifest,
    build_paid_file_ingredient,
    hash_claims,
)
from backdrop.deliver.signing_messages import Omission
from backdrop.model.codes import Code
from backdrop.model.errors import ResultError, RetryLaterError
from backdrop_credentials.certificates import SigningIdentity
from backdrop_credentials.keys import SigningKeys, UnusableKeyError
from backdrop_credentials.library import SigningError, Statement, measure_signature, sign_file
from backdrop_credentials.reading import FileReport, FileVerdict, read_credentials
from backdrop_credentials.structure import read_store
from backdrop_credentials.trial import sign_sample

MAX_SHARE_OF_LIMIT = 0.5
"""The largest share of an output's `max_bytes` that credentials take before the provider's are left out."""
MAX_PAID_CREDENTIALS_BYTES = 500_000
"""What the credentials of the provider's file may add to a picture. With previews, they have some hundred kilobytes."""
RETRY_SECONDS = 60.0
_STORE_LABEL = b"c2pa"


@dataclass(frozen=True, eq=False)
class MeasuredSignature:
    """The signature of a picture.

    `added_bytes`: by how much it enlarges the file at most. `sign` returns the signed file.
    """

    added_bytes: int
    omissions: tuple[Omission, ...]
    sign: Callable[[bytes], bytes]


@dataclass(frozen=True)
class PictureSigner:
    """`states_prompt`: whether manifests contain the prompt. `release`: the version of Backdrop."""

    keys: SigningKeys
    source_term: str
    states_prompt: bool
    release: str

    def hash_claims(self, facts: PictureFacts) -> str:
        """Returns the hash of what a signature is meant to state.

        What fits depends on the certificate, but must not decide whether a picture is signed again. Therefore the
        claims are hashed as they are configured.
        """
        return hash_claims(facts, source_term=self.source_term, with_prompt=self.states_prompt)

    def measure(self, facts: PictureFacts) -> MeasuredSignature:
        """Loads the key. Raises RetryLaterError if the key or certificate cannot be used at the moment, and ResultError
        if only this picture cannot be signed.
        """
        try:
            identity = self.keys.load()
        except UnusableKeyError as error:
            raise _to_signing_failed(error) from error
        try:
            return self._measure_with(identity, facts)
        except SigningError as error:
            _require_working_key(identity)
            raise _to_result_error(str(error)) from error

    def _measure_with(self, identity: SigningIdentity, facts: PictureFacts) -> MeasuredSignature:
        mime_type, omissions = facts.output.content_type, list[Omission]()
        ingredient = build_paid_file_ingredient(facts)

        def state(*, with_prompt: bool) -> Statement:
            claims = build_manifest(facts, source_term=self.source_term, with_prompt=with_prompt)
            return Statement(claims, ingredient)

        statement = state(with_prompt=self.states_prompt)
        added_bytes = measure_signature(mime_type, statement, identity)
        if self.states_prompt and added_bytes > MAX_MANIFEST_BYTES:
            statement = state(with_prompt=False)
            added_bytes = measure_signature(mime_type, statement, identity)
            omissions.append(Omission.PROMPT)
        paid_file = facts.paid_file
        # Most files have no credentials, and the library needs longer to find that out.
        if ingredient and paid_file and _STORE_LABEL in paid_file:
            report = read_credentials(paid_file, identity.chain.root_pem)
            if report.verdict.has_credentials:
                complete = _add_store(statement, ingredient, paid_file, report)
                complete_bytes = _measure_complete(mime_type, complete, identity) if complete else None
                if complete is None or complete_bytes is None:
                    omissions.append(Omission.MISMATCHED_CREDENTIALS)
                elif omission := _find_omission(facts, complete_bytes, added_bytes):
                    omissions.append(omission)
                else:
                    statement, added_bytes = complete, complete_bytes
        sign = partial(_sign, _with_release(statement, self.release), mime_type, identity)
        return MeasuredSignature(added_bytes, tuple(omissions), sign)


def _add_store(
    statement: Statement, ingredient: dict[str, Any], paid_file: bytes, report: FileReport
) -> Statement | None:
    """Adds the credentials of the provider's file to its ingredient. Returns None if they do not match the file."""
    if not report.verdict.is_unchanged:
        return None
    store = read_store(paid_file, is_ours=False)
    return replace(statement, ingredient={**ingredient, **report.findings}, ingredient_store=store)


def _measure_complete(mime_type: str, statement: Statement, identity: SigningIdentity) -> int | None:
    """Returns None if the library does not accept the credentials of the provider's file."""
    try:
        return measure_signature(mime_type, statement, identity)
    except SigningError:
        return None


def _find_omission(facts: PictureFacts, complete_bytes: int, added_bytes: int) -> Omission | None:
    """Returns whether the provider's file's credentials, which match it, are left out nevertheless, and why."""
    if facts.output.max_bytes and complete_bytes > MAX_SHARE_OF_LIMIT * facts.output.max_bytes:
        return Omission.CREDENTIALS_OVER_MAX_BYTES
    return Omission.LARGE_CREDENTIALS if complete_bytes - added_bytes > MAX_PAID_CREDENTIALS_BYTES else None


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


def _with_release(statement: Statement, release: str) -> Statement:
    """Adds the version of Backdrop, which is not part of what decides whether a picture is signed again."""
    [generator] = statement.manifest["claim_generator_info"]
    named: Mapping[str, Any] = {"claim_generator_info": [generator | {"version": release}]}
    return replace(statement, manifest={**statement.manifest, **named})
