"""Every planted violation of a marketplace's rule is found, and no compliant picture is flagged."""

import pytest

from backdrop.imaging.measure import measure_file
from backdrop.model.certificate import Certificate, Verdict
from backdrop.model.errors import PhotoError
from backdrop.model.marketplaces import list_marketplaces, load_marketplace
from tests.corpus.certificates import CertificateCase, list_compliant_cases, list_violations

VIOLATIONS = [pytest.param(case, id=f"{case.marketplace}: {case.rule}: {case.name}") for case in list_violations()]
COMPLIANT = [pytest.param(case, id=f"{case.marketplace}: {case.name}") for case in list_compliant_cases()]
NOT_ENCODABLE = {("ebay", "format")}
"""eBay accepts every format that can be measured; other files are not measured at all."""


def certify(case: CertificateCase) -> Certificate:
    file = case.draw()
    measurements = measure_file(file.data, operation=case.operation, subject=file.subject)
    return load_marketplace(case.marketplace).certify(measurements, case.operation)


def list_failed_rules(certificate: Certificate) -> list[str]:
    return [check.rule for check in certificate.checks if check.verdict is Verdict.FAILED]


def test_corpus_covers_each_rule_of_each_marketplace() -> None:
    rules = {(name, rule.rule) for name in list_marketplaces() for rule in load_marketplace(name).rules}
    assert {(case.marketplace, case.rule) for case in list_violations()} == rules - NOT_ENCODABLE
    assert len(VIOLATIONS) >= 120
    assert len(COMPLIANT) >= 80


@pytest.mark.parametrize("case", VIOLATIONS)
def test_planted_violation_is_found(case: CertificateCase) -> None:
    certificate = certify(case)
    assert case.rule in list_failed_rules(certificate)
    assert certificate.verdict is Verdict.FAILED


@pytest.mark.parametrize("case", COMPLIANT)
def test_compliant_picture_is_not_flagged(case: CertificateCase) -> None:
    certificate = certify(case)
    assert list_failed_rules(certificate) == []
    if case.operation == "remove":
        assert certificate.verdict is Verdict.PASSED


@pytest.mark.parametrize("data", [b"", b"%PDF-1.7", b"8BPS", b"<svg/>", b"\xff\xd8\xff\xe0", b"RIFF\0\0\0\0WEBP"])
def test_file_that_is_no_picture_cannot_be_measured(data: bytes) -> None:
    with pytest.raises(PhotoError):
        measure_file(data)
