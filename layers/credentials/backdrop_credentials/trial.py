"""A trial signature: finds out whether a key and its certificates work, with the rights of the function `sign`."""

from dataclasses import dataclass
from datetime import datetime

from backdrop.imaging.xmp import CREATOR_TOOL, VOCABULARY
from backdrop_credentials.certificates import SigningIdentity
from backdrop_credentials.keys import SigningKeys, UnusableKeyError
from backdrop_credentials.library import SigningError, Statement, build_sample, sign_file
from backdrop_credentials.reading import FileVerdict, read_credentials

MIME_TYPE = "image/png"
STATEMENT_BYTES = 2_000
"""The additional size of a picture's own statement, with two ingredients and four actions."""
_CREATED = {"action": "c2pa.created", "digitalSourceType": f"{VOCABULARY}digitalCreation"}
_SAMPLE = Statement(
    {
        "claim_generator_info": [{"name": CREATOR_TOOL}],
        "ingredients": [],
        "assertions": [{"label": "c2pa.actions.v2", "created": True, "data": {"actions": [_CREATED]}}],
    }
)
_REQUIREMENTS = (
    "The key must be ECDSA P-256. The leaf certificate needs the key usage digitalSignature and an extended key usage "
    "for signing: C2PA claim signing (1.3.6.1.4.1.62558.2.1), documentSigning, or emailProtection. It must not be a CA."
)
_OTHER_KEY_CODE, _UNSUITABLE_CODE = "claimSignature.mismatch", "signingCredential.invalid"


@dataclass(frozen=True)
class TrialResult:
    """`problem`: why pictures cannot be signed, or empty.

    `added_bytes`: by how much a signature enlarges a picture, with about what Backdrop states about one.
    """

    problem: str = ""
    expires_at: datetime | None = None
    added_bytes: int = 0


def try_signing(keys: SigningKeys) -> TrialResult:
    """Signs a sample. Raises RetryLaterError if AWS is unavailable."""
    try:
        identity = keys.load(bypass_cache=True)
        signed = sign_sample(identity)
    except UnusableKeyError as error:
        return TrialResult(str(error))
    return TrialResult("", identity.chain.expires_at, len(signed) - len(build_sample(MIME_TYPE)) + STATEMENT_BYTES)


def sign_sample(identity: SigningIdentity) -> bytes:
    """Returns a signed sample that holds if only the chain's own root is trusted.

    Raises UnusableKeyError if there is none, and RetryLaterError if KMS cannot be reached.
    """
    try:
        signed = sign_file(build_sample(MIME_TYPE), MIME_TYPE, _SAMPLE, identity)
    except SigningError as error:
        raise UnusableKeyError(f"The key or its certificates cannot be used ({error}). {_REQUIREMENTS}") from error
    report = read_credentials(signed, identity.chain.root_pem)
    if report.verdict is FileVerdict.TRUSTED:
        return signed
    if _OTHER_KEY_CODE in report.reasons:
        raise UnusableKeyError("The leaf certificate was issued for another key.")
    if _UNSUITABLE_CODE in report.reasons:
        raise UnusableKeyError(f"The leaf certificate does not suit ({_UNSUITABLE_CODE}). {_REQUIREMENTS}")
    raise UnusableKeyError("The certificates do not form a chain to the root at their end.")
