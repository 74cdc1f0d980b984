"""The signing key in KMS, or as PEM in a secret, and the certificate chain in its secret."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from backdrop.aws.aws_errors import read_aws_error_code, unavailable
from backdrop.aws.secrets import UnreadableSecretError, read_secret
from backdrop_credentials.certificates import CertificateError, SigningIdentity, convert_signature, parse_chain

KMS_ARN_PART = ":kms:"
# Waiting may help. Every other code of KMS concerns the key itself, or the permission to use it.
TRANSIENT_CODES = frozenset(
    {
        "DependencyTimeoutException",
        "InternalFailure",
        "KMSInternalException",
        "KeyUnavailableException",
        "RequestTimeout",
        "ServiceUnavailable",
        "ThrottlingException",
    }
)
_PKCS8_KEY = re.compile(r"-----BEGIN PRIVATE KEY-----[^-]+-----END PRIVATE KEY-----")
_NO_KEY = (
    "The secret in ContentCredentialsKeyArn must contain one private key as unencrypted PKCS #8 PEM, which begins with "
    "BEGIN PRIVATE KEY, and nothing else. `openssl pkcs8 -topk8 -nocrypt -in KEY` converts other PEM keys."
)


class UnusableKeyError(Exception):
    """The key or its certificate does not work until a person changes it. The message says what is wrong."""


@dataclass(frozen=True)
class SigningKeys:
    """`key_arn`: a key in KMS, or a secret with a private key as PEM. `kms`: the client of KMS."""

    key_arn: str
    certificate_secret: str
    kms: Any
    read_secret: Callable[..., str] = read_secret

    def load(self, *, bypass_cache: bool = False) -> SigningIdentity:
        """Returns the key and its certificates; the secrets are cached for five minutes.

        Raises UnusableKeyError, and RetryLaterError if Secrets Manager cannot be reached.
        """
        try:
            text = self.read_secret(self.certificate_secret, bypass_cache=bypass_cache)
            chain = parse_chain(text)
            chain.require_valid(datetime.now(UTC))
            if KMS_ARN_PART in self.key_arn:
                return SigningIdentity(chain, sign=self._sign_with_kms)
            private_key = self.read_secret(self.key_arn, bypass_cache=bypass_cache).strip()
            if not _PKCS8_KEY.fullmatch(private_key):
                raise UnusableKeyError(_NO_KEY)
            return SigningIdentity(chain, private_key=private_key)
        except UnreadableSecretError as error:
            raise UnusableKeyError(f"The key or its certificate chain cannot be read: {error}.") from error
        except CertificateError as error:
            raise UnusableKeyError(
                f"The certificate chain in {self.certificate_secret} cannot be used. {error}"
            ) from error

    def _sign_with_kms(self, data: bytes) -> bytes:
        """Raises UnusableKeyError, and RetryLaterError if KMS cannot be reached."""
        try:
            response = self.kms.sign(
                KeyId=self.key_arn,
                Message=hashlib.sha256(data).digest(),
                MessageType="DIGEST",
                SigningAlgorithm="ECDSA_SHA_256",
            )
        except (ClientError, BotoCoreError) as error:
            code = read_aws_error_code(error)
            if not isinstance(error, ClientError) or code in TRANSIENT_CODES:
                raise unavailable("KMS", error) from error
            message = (
                f"KMS does not sign with the key in ContentCredentialsKeyArn ({code}). It must be an enabled key for "
                "signing with the key spec ECC_NIST_P256 in the stack's region, and its policy must allow kms:Sign to "
                "the role of sign."
            )
            raise UnusableKeyError(message) from error
        return convert_signature(response["Signature"])
