"""The certificate chain of the signing key, as PEM: the leaf first, its root last.

Reads only the fields that a check needs (RFC 5280, 4.1). The C2PA library checks everything else when it signs.
"""

import base64
import binascii
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

_BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", re.DOTALL)
_EXPLICIT_VERSION, _UTC_TIME, _GENERALIZED_TIME = 0xA0, 0x17, 0x18
_LONG_LENGTH = 0x80


class CertificateError(Exception):
    """The chain cannot be used. The message says what to store instead."""


@dataclass(frozen=True)
class Certificate:
    """`issuer` and `subject` are encoded names, which are only compared."""

    pem: str
    issuer: bytes
    subject: bytes
    valid_from: datetime
    expires_at: datetime

    @property
    def is_self_signed(self) -> bool:
        return self.issuer == self.subject


@dataclass(frozen=True)
class CertificateChain:
    """A leaf, any intermediate certificates, and the root, each issued by the next one."""

    certificates: Sequence[Certificate]

    @property
    def embedded_pem(self) -> str:
        """What pictures carry: all certificates except the root, which a verifier has in its own trust list."""
        return "".join(certificate.pem for certificate in self.certificates[:-1])

    @property
    def root_pem(self) -> str:
        return self.certificates[-1].pem

    @property
    def expires_at(self) -> datetime:
        return min(certificate.expires_at for certificate in self.certificates)

    def require_valid(self, now: datetime) -> None:
        """Raises CertificateError if one of the certificates is not valid at this time."""
        for number, certificate in enumerate(self.certificates, 1):
            if now > certificate.expires_at:
                raise CertificateError(f"Certificate {number} expired on {certificate.expires_at:%Y-%m-%d}. Renew it.")
            if now < certificate.valid_from:
                raise CertificateError(f"Certificate {number} is not valid before {certificate.valid_from:%Y-%m-%d}.")


@dataclass(frozen=True)
class SigningIdentity:
    """A key and its certificates. Exactly one of the two ways to sign is given.

    `private_key`: PEM. `sign`: returns the raw ECDSA signature (64 bytes) of some bytes; its exceptions pass through.
    """

    chain: CertificateChain
    private_key: str | None = None
    sign: Callable[[bytes], bytes] | None = None


def parse_chain(text: str) -> CertificateChain:
    """Raises CertificateError unless the text has a leaf, its root, and everything between them, in this order."""
    certificates = list(parse_certificates(text))
    if not certificates:
        raise CertificateError("It contains no certificate. Store the chain as PEM: the leaf first, the root last.")
    if certificates[0].is_self_signed:
        raise CertificateError(
            "Its first certificate is self-signed, so no issuer vouches for it. Store the leaf that was issued for the "
            "signing key first, and the root last."
        )
    if not any(certificate.is_self_signed for certificate in certificates):
        raise CertificateError(
            "It lacks its root: no certificate is self-signed. Append the issuer's root certificate."
        )
    is_in_order = all(one.issuer == issuer.subject for one, issuer in pairwise(certificates))
    if not certificates[-1].is_self_signed or not is_in_order:
        raise CertificateError(
            "Its certificates are not in order, or one is missing: each must be issued by the one after it, and the "
            "last one is the root."
        )
    return CertificateChain(certificates)


def parse_certificates(text: str) -> Iterator[Certificate]:
    """Yields every certificate of a PEM text. Raises CertificateError for one that is damaged."""
    for number, block in enumerate(_BLOCK.finditer(text), 1):
        try:
            yield _parse_certificate(base64.b64decode("".join(block[1].split()), validate=True))
        except (binascii.Error, ValueError, IndexError) as error:
            raise CertificateError(f"Certificate {number} of the PEM text is damaged.") from error


def _parse_certificate(data: bytes) -> Certificate:
    [(_, certificate)] = _iter_values(data)
    fields = list(_iter_values(next(_iter_values(certificate))[1]))
    if fields[0][0] == _EXPLICIT_VERSION:
        del fields[0]
    _serial, _algorithm, (_, issuer), (_, validity), (_, subject), *_ = fields
    valid_from, expires_at = (_parse_time(tag, text.decode("ascii")) for tag, text in _iter_values(validity))
    encoded = base64.b64encode(data).decode()
    lines = "\n".join(encoded[start : start + 64] for start in range(0, len(encoded), 64))
    pem = f"-----BEGIN CERTIFICATE-----\n{lines}\n-----END CERTIFICATE-----\n"
    return Certificate(pem, issuer, subject, valid_from, expires_at)


def _iter_values(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yields the tag and the content of each DER value. Raises ValueError if one is longer than the data."""
    position = 0
    while position < len(data):
        tag, length = data[position], data[position + 1]
        position += 2
        if length & _LONG_LENGTH:
            length_bytes = length & ~_LONG_LENGTH
            length = int.from_bytes(data[position : position + length_bytes])
            position += length_bytes
        if position + length > len(data):
            raise ValueError("a value is longer than its container")
        yield tag, data[position : position + length]
        position += length


def _parse_time(tag: int, text: str) -> datetime:
    if tag not in (_UTC_TIME, _GENERALIZED_TIME):
        raise ValueError("not a time")
    # Years of two digits are 1950 to 2049 (RFC 5280, 4.1.2.5.1).
    century = "" if tag == _GENERALIZED_TIME else "19" if text[:2] >= "50" else "20"
    return datetime.strptime(f"{century}{text}", "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)


def convert_signature(der: bytes) -> bytes:
    """Converts an ECDSA P-256 signature from DER, as KMS returns it, to the 64 bytes that COSE requires (RFC 9053)."""
    [(_, numbers)] = _iter_values(der)
    return b"".join(int.from_bytes(number).to_bytes(32) for _, number in _iter_values(numbers))
