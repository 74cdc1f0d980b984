"""A trial signature: finds out whether a key and its certificates work, with the rights of the deliver function."""

from dataclasses import dataclass
from datetime import datetime

from backdrop.imaging.xmp import CREATOR_TOOL, VOCABULARY
from backdrop_credentials.keys import SigningKeys, UnusableKeyError
from backdrop_credentials.library import SigningError, SigningIdentity, Statement, build_sample, sign_file
from backdrop_credentials.reading import FileVerdict, read_credentials

MIME_TYPE = "image/png"
_CREATED = {"action": "c2pa.created", "digitalSourceType": f"{VOCABULARY}digitalCreation"}
_SAMPLE = Statement(
    {
        "claim_generator_info": [{"name": CREATOR_TOOL}],
        "ingredients": [],
        "assertions": [{"label": "c2pa.actions.v2", "created": True, "data": {"actions": [_CREATED]}}],
    }
)
_EXPLANATIONS = {
    "certificate was not valid": "One of its certificates has expired, or is not valid yet.",
    "certificate is invalid": (
        "A certificate does not meet the C2PA profile: the leaf needs the key usage digitalSignature and an extended "
        "key usage such as emailProtection or documentSigning, and must not be a CA."
    ),
    "does not match": "The leaf certificate was issued for another key.",
}


@dataclass(frozen=True)
class TrialResult:
    """`problem`: why pictures cannot be signed, or empty. `added_bytes`: by how much a signature enlarges a file."""

    problem: str = ""
    expires_at: datetime | None = None
    added_bytes: int = 0


def try_signing(keys: SigningKeys) -> TrialResult:
    """Signs a sample and reads it back, trusting only the chain's own root.

    Raises RetryLaterError if AWS is unavailable.
    """
    try:
        identity = keys.load(bypass_cache=True)
        signed = sign_sample(identity)
    except UnusableKeyError as error:
        return TrialResult(str(error))
    except SigningError as error:
        return TrialResult(_explain(str(error)))
    added_bytes = len(signed) - len(build_sample(MIME_TYPE))
    expires_at = identity.chain.expires_at
    if read_credentials(signed, identity.chain.root_pem).verdict is not FileVerdict.TRUSTED:
        return TrialResult("The certificates do not form a chain to the root at their end.", expires_at, added_bytes)
    return TrialResult("", expires_at, added_bytes)


def sign_sample(identity: SigningIdentity) -> bytes:
    """Raises UnusableKeyError, SigningError, or RetryLaterError."""
    return sign_file(build_sample(MIME_TYPE), MIME_TYPE, _SAMPLE, identity)


def _explain(message: str) -> str:
    explanation = next((text for part, text in _EXPLANATIONS.items() if part in message), "")
    return f"The key or its certificates cannot be used ({message}). {explanation}".rstrip()
