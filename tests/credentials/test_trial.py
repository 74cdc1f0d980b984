"""A trial signature: it refuses every key and certificate with which pictures could not be signed."""

import re
import shutil
import subprocess
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import ObjectIdentifier
from cryptography.x509.oid import ExtendedKeyUsageOID

from backdrop.model.errors import RetryLaterError
from backdrop_credentials.reading import FileReport, FileVerdict
from backdrop_credentials.trial import try_signing
from tests.documented_commands import ROOT
from tests.signing_pki import (
    SIGNING_USAGES,
    FakeKms,
    Issued,
    MakeKeys,
    build_chain,
    build_issuers,
    build_keys,
    build_leaf_key,
    issue,
    to_key_pem,
    to_pem,
)


def refuse(code: str) -> FakeKms:
    error: Any = ClientError({"Error": {"Code": code}}, "Sign")
    return FakeKms(build_leaf_key(), refusal=error)


def build_other_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def build_p384_keys() -> MakeKeys:
    key = ec.generate_private_key(ec.SECP384R1())
    root, intermediate = build_issuers()
    leaf = issue("P-384", key, intermediate)
    return lambda: build_keys([leaf, intermediate, root], key_pem=leaf.key_pem)


def build_foreign_chain() -> list[Issued]:
    """Returns a chain whose leaf names the issuer, but is signed by another one of the same name."""
    leaf, intermediate, root = build_chain()
    impostor = issue("Intermediate", build_other_key(), root, is_ca=True)
    return [issue("Shop", build_leaf_key(), impostor), intermediate, root]


def build_chain_with_expired_issuer(index: int) -> list[Issued]:
    """Returns a chain whose intermediate (0) or root (1) has expired."""
    ends = [timedelta(days=365)] * 2
    ends[index] = timedelta(hours=-1)
    root = issue("Root", build_other_key(), is_ca=True, ends_in=ends[1])
    intermediate = issue("Intermediate", build_other_key(), root, is_ca=True, ends_in=ends[0])
    return [issue("Shop", build_leaf_key(), intermediate), intermediate, root]


@pytest.mark.parametrize("in_kms", [True, False])
def test_working_key_signs_and_states_its_expiry(in_kms: bool) -> None:
    chain = build_chain(ends_in=timedelta(days=90))
    keys = build_keys(chain) if in_kms else build_keys(chain, key_pem=chain[0].key_pem)
    result = try_signing(keys)
    assert (result.problem, result.expires_at) == ("", chain[0].certificate.not_valid_after_utc)
    assert 2_000 < result.added_bytes < 15_360


@pytest.mark.parametrize(
    ("make_keys", "named"),
    [
        (lambda: build_keys(build_chain(ends_in=timedelta(hours=-1))), "expired"),
        (lambda: build_keys(build_chain_with_expired_issuer(0)), "Certificate 2 expired"),
        (lambda: build_keys(build_chain_with_expired_issuer(1)), "Certificate 3 expired"),
        (lambda: build_keys(build_chain(starts_in=timedelta(hours=1))), "not valid before"),
        (lambda: build_keys(build_chain(extended_key_usages=())), "extended key usage"),
        (lambda: build_keys(build_chain(has_key_usage=False)), "digitalSignature"),
        (lambda: build_keys(kms=FakeKms(build_other_key())), "another key"),
        (lambda: build_keys(build_chain(), key_pem=to_key_pem(build_other_key())), "another key"),
        (lambda: build_keys(build_chain()[:-1]), "lacks its root"),
        (lambda: build_keys([build_chain()[0], build_chain()[2]]), "one is missing"),
        (lambda: build_keys(build_chain()[:1]), "lacks its root"),
        (lambda: build_keys([*reversed(build_chain())]), "self-signed"),
        (lambda: build_keys([build_chain()[0], *build_issuers()]), "in order"),
        (lambda: build_keys([issue("Shop", build_leaf_key())]), "self-signed"),
        (lambda: build_keys(build_foreign_chain()), "chain to the root"),
        (lambda: build_keys("not a certificate"), "contains no certificate"),
        (lambda: build_keys(to_pem(build_chain()).replace("MII", "AAA")), "damaged"),
        (lambda: build_keys(build_chain(), key_pem="not a key"), "BEGIN PRIVATE KEY"),
        (build_p384_keys(), "cannot be used"),
        (lambda: build_keys(kms=refuse("AccessDeniedException")), "kms:Sign"),
        (lambda: build_keys(kms=refuse("DisabledException")), "DisabledException"),
        (lambda: build_keys(kms=refuse("InvalidKeyUsageException")), "ECC_NIST_P256"),
        (lambda: build_keys(kms=refuse("NotFoundException")), "NotFoundException"),
        (lambda: build_keys(kms=refuse("KMSInvalidStateException")), "KMSInvalidStateException"),
    ],
)  # fmt: skip
def test_key_or_certificate_that_does_not_work_is_refused(make_keys: MakeKeys, named: str) -> None:
    assert named in try_signing(make_keys()).problem


@pytest.mark.parametrize("usage", SIGNING_USAGES.values(), ids=SIGNING_USAGES)
def test_certificate_with_any_usage_for_signing_is_accepted(usage: ObjectIdentifier) -> None:
    chain = build_chain(extended_key_usages=[usage])
    assert try_signing(build_keys(chain)).problem == ""


@pytest.mark.parametrize(
    "usages",
    [
        [ExtendedKeyUsageOID.CLIENT_AUTH],
        [ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE],
        [ExtendedKeyUsageOID.TIME_STAMPING, ExtendedKeyUsageOID.EMAIL_PROTECTION],
    ],
)  # fmt: skip
def test_certificate_for_another_use_is_refused_for_its_usage(usages: Sequence[ObjectIdentifier]) -> None:
    assert "1.3.6.1.4.1.62558.2.1" in try_signing(build_keys(build_chain(extended_key_usages=usages))).problem


def test_unsuitable_certificate_that_the_library_signs_with_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    report = FileReport(FileVerdict.NOT_TRUSTED, ["signingCredential.invalid"])
    monkeypatch.setattr("backdrop_credentials.trial.read_credentials", Mock(return_value=report))
    assert "1.3.6.1.4.1.62558.2.1" in try_signing(build_keys()).problem


@pytest.mark.skipif(not shutil.which("openssl"), reason="needs OpenSSL")
def test_key_and_chain_that_the_page_makes_are_accepted(tmp_path: Path) -> None:
    [script] = re.findall(r"(?ms)^```text\n(openssl .*?)^```$", (ROOT / "docs" / "provenance.md").read_text())
    subprocess.run(["/bin/bash", "-ec", script], cwd=tmp_path, check=True, capture_output=True)
    keys = build_keys((tmp_path / "chain.pem").read_text(), key_pem=(tmp_path / "key.pem").read_text())
    assert try_signing(keys).problem == ""


@pytest.mark.skipif(not shutil.which("openssl"), reason="needs OpenSSL")
def test_other_pem_key_is_accepted_after_the_quoted_conversion(tmp_path: Path) -> None:
    generate = ["openssl", "ecparam", "-genkey", "-name", "prime256v1", "-out", "KEY"]
    subprocess.run(generate, cwd=tmp_path, check=True, capture_output=True)
    pem = (tmp_path / "KEY").read_text()
    key = load_pem_private_key(pem[pem.index("-----BEGIN EC PRIVATE KEY") :].encode(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    root, intermediate = build_issuers()
    chain = [issue("Shop", key, intermediate), intermediate, root]
    [command] = re.findall("`(openssl .*?)`", try_signing(build_keys(chain, key_pem=pem)).problem)
    converted = subprocess.run(command.split(), cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    assert try_signing(build_keys(chain, key_pem=converted)).problem == ""


@pytest.mark.parametrize("code", ["ThrottlingException", "KMSInternalException", "DependencyTimeoutException"])
def test_unavailable_kms_says_nothing_about_the_key(code: str) -> None:
    with pytest.raises(RetryLaterError):
        try_signing(build_keys(kms=refuse(code)))
