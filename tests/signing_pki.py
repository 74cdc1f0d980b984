"""Keys and certificates for tests of Content Credentials, and signers that use them."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa, utils
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from backdrop_credentials.keys import SigningKeys
from backdrop_credentials.signing import PictureSigner

KMS_ARN = "arn:aws:kms:eu-central-1:123456789012:key/11111111-2222-3333-4444-555555555555"
SECRET_ARN = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:shop/c2pa/key-abcdef"
SIGNING_USAGES = {
    "emailProtection": ExtendedKeyUsageOID.EMAIL_PROTECTION,
    "documentSigning": x509.ObjectIdentifier("1.3.6.1.5.5.7.3.36"),
    "Microsoft's document signing": x509.ObjectIdentifier("1.3.6.1.4.1.311.76.59.1.9"),
    "claim signing": x509.ObjectIdentifier("1.3.6.1.4.1.62558.2.1"),
}
"""The extended key usages with which a certificate may sign a manifest."""
CERTIFICATE_SECRET = "shop/c2pa/certificate"

type PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey
type PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True)
class Issued:
    certificate: x509.Certificate
    key: PrivateKey

    @property
    def key_pem(self) -> str:
        return to_key_pem(self.key)


def to_key_pem(key: PrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def issue(
    name: str,
    key: PrivateKey,
    issuer: Issued | None = None,
    *,
    public_key: PublicKey | None = None,
    is_ca: bool = False,
    has_key_usage: bool = True,
    extended_key_usages: Sequence[x509.ObjectIdentifier] = (ExtendedKeyUsageOID.EMAIL_PROTECTION,),
    starts_in: timedelta = timedelta(days=-1),
    ends_in: timedelta = timedelta(days=365),
) -> Issued:
    """Issues a certificate; without `issuer`, it is self-signed. `public_key`: of a key that only KMS has."""
    certified_key = public_key or key.public_key()
    now = datetime.now(UTC)
    subject = x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Shop"), x509.NameAttribute(NameOID.COMMON_NAME, name)]
    )
    issuer_key = issuer.key if issuer else key
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(certified_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + starts_in)
        .not_valid_after(now + ends_in)
        .add_extension(x509.BasicConstraints(is_ca, None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(certified_key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    if has_key_usage:
        usage = x509.KeyUsage(not is_ca, False, False, False, False, is_ca, is_ca, False, False)
        builder = builder.add_extension(usage, critical=True)
    if extended_key_usages and not is_ca:
        builder = builder.add_extension(x509.ExtendedKeyUsage(extended_key_usages), critical=False)
    return Issued(builder.sign(issuer_key, hashes.SHA256()), key)


def build_issuers(rsa_bits: int = 0) -> tuple[Issued, Issued]:
    """Returns a root and its intermediate, with keys on P-256 or RSA keys of this length. Always the same ones."""
    return _generate_issuers(rsa_bits)


@cache
def _generate_issuers(rsa_bits: int) -> tuple[Issued, Issued]:

    def generate() -> PrivateKey:
        return rsa.generate_private_key(65_537, rsa_bits) if rsa_bits else ec.generate_private_key(ec.SECP256R1())

    root = issue("Root", generate(), is_ca=True)
    return root, issue("Intermediate", generate(), root, is_ca=True)


@cache
def build_leaf_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def to_pem(chain: Sequence[Issued]) -> str:
    return "".join(one.certificate.public_bytes(serialization.Encoding.PEM).decode() for one in chain)


def build_chain(*, rsa_bits: int = 0, **leaf_options: Any) -> list[Issued]:
    """Returns a leaf for the leaf key, its intermediate, and the root."""
    root, intermediate = build_issuers(rsa_bits=rsa_bits)
    return [issue("Shop", build_leaf_key(), intermediate, **leaf_options), intermediate, root]


@dataclass
class FakeKms:
    """KMS with one key. `refusal`: what it raises instead of signing. Counts the signatures."""

    key: ec.EllipticCurvePrivateKey
    refusal: Exception | None = None
    signature_count: int = 0

    def sign(self, *, KeyId: str, Message: bytes, MessageType: str, SigningAlgorithm: str) -> dict[str, bytes]:  # noqa: N803
        assert (KeyId, MessageType, SigningAlgorithm) == (KMS_ARN, "DIGEST", "ECDSA_SHA_256")
        assert len(Message) == hashlib.sha256().digest_size
        if self.refusal:
            raise self.refusal
        self.signature_count += 1
        return {"Signature": self.key.sign(Message, ec.ECDSA(utils.Prehashed(hashes.SHA256())))}


def build_keys(
    chain: Sequence[Issued] | str | None = None, *, kms: FakeKms | None = None, key_pem: str | None = None
) -> SigningKeys:
    """Returns the keys of a stack: in KMS, or as PEM if that is given."""
    certificates = chain if isinstance(chain, str) else to_pem(chain or build_chain())
    secrets = {CERTIFICATE_SECRET: certificates, SECRET_ARN: key_pem or ""}

    def read_secret(name: str, *, bypass_cache: bool = False) -> str:
        del bypass_cache
        return secrets[name]

    kms = kms or FakeKms(build_leaf_key())
    return SigningKeys(SECRET_ARN if key_pem else KMS_ARN, CERTIFICATE_SECRET, kms, read_secret)


def build_signer(
    keys: SigningKeys | None = None, *, states_prompt: bool = False, source_term: str = "", release: str = "1.2.3"
) -> PictureSigner:
    return PictureSigner(keys or build_keys(), source_term, states_prompt, release)


type MakeKeys = Callable[[], SigningKeys]
