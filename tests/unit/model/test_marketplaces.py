"""The marketplaces' data files, how a rule judges a measurement, and what an output's fields decide beforehand."""

from datetime import date
from typing import Any

import pytest

from backdrop.model.certificate import Certificate, Measured, Verdict
from backdrop.model.codec import from_json, to_json
from backdrop.model.item_size import CERTIFICATE_BYTES
from backdrop.model.marketplaces import MarketplaceRule, list_marketplaces, load_marketplace
from backdrop.model.output_spec import (
    OutputSpec,
    expand_output,
    find_marketplace_conflicts,
    parse_outputs,
    predict_measurements,
)
from tests.unit.instruction_places import parse_sidecar

LOGO = {"image": "_backdrop/brand/logo.png"}
MARKETPLACES = ["amazon-main", "ebay", "etsy", "google-merchant", "shopify", "walmart"]


def expand_one(**fields: Any) -> OutputSpec:
    (output,) = expand_output(fields)
    return output


def find_rule(marketplace: str, name: str) -> MarketplaceRule:
    return next(rule for rule in load_marketplace(marketplace).rules if rule.rule == name)


def find_violations(**fields: Any) -> list[str]:
    output = expand_one(**fields)
    return [reason for _, reason in load_marketplace(fields["for"]).find_violations(predict_measurements(output))]


def test_six_marketplaces_have_rules() -> None:
    assert list_marketplaces() == MARKETPLACES


@pytest.mark.parametrize("name", MARKETPLACES)
def test_every_rule_names_its_source_and_the_day_of_reading(name: str) -> None:
    marketplace = load_marketplace(name)
    assert date.fromisoformat(marketplace.dated)
    for rule in (*marketplace.rules, *marketplace.forbids):
        assert rule.source.startswith("https://")
        assert date.fromisoformat(rule.read_on) <= date.fromisoformat(marketplace.dated)
    for rule in marketplace.rules:
        assert rule.requirement in rule.demand or rule.rule == "whole_product"
        assert (rule.min, rule.max, rule.one_of) != (None, None, ())
        assert rule.requirement


@pytest.mark.parametrize("name", MARKETPLACES)
def test_the_marketplaces_own_output_breaks_none_of_its_rules(name: str) -> None:
    assert find_violations(**{"for": name}) == []


@pytest.mark.parametrize(
    ("marketplace", "rule", "measured", "verdict"),
    [
        ("amazon-main", "longest_side", 999, Verdict.FAILED),
        ("amazon-main", "longest_side", 1000, Verdict.PASSED),
        ("amazon-main", "longest_side", 10_000, Verdict.PASSED),
        ("amazon-main", "longest_side", 10_001, Verdict.FAILED),
        ("amazon-main", "subject_share", 0.85, Verdict.PASSED),
        ("amazon-main", "subject_share", 0.8499, Verdict.FAILED),
        ("amazon-main", "background", "#ffffff", Verdict.PASSED),
        ("amazon-main", "background", "#fefefe", Verdict.FAILED),
        ("amazon-main", "whole_product", None, Verdict.CANNOT_SAY),
        ("walmart", "aspect_ratio", 1.0, Verdict.PASSED),
        ("walmart", "aspect_ratio", 1.0005, Verdict.FAILED),
    ],
)
def test_rule_judges_a_measurement(marketplace: str, rule: str, measured: Measured, verdict: Verdict) -> None:
    assert find_rule(marketplace, rule).judge(measured) is verdict


@pytest.mark.parametrize(
    ("operation", "measured", "verdict"),
    [
        ("replace", "none", Verdict.FAILED),
        ("replace", "trainedAlgorithmicMedia", Verdict.PASSED),
        (None, "digitalCapture", Verdict.CANNOT_SAY),
        (None, None, Verdict.CANNOT_SAY),
        (None, "compositeWithTrainedAlgorithmicMedia", Verdict.PASSED),
    ],
)
def test_label_is_required_only_of_pictures_that_ai_made(
    operation: str | None, measured: str, verdict: Verdict
) -> None:
    assert find_rule("google-merchant", "ai_label").judge(measured, operation) is verdict


def test_rule_about_another_operation_is_not_in_the_certificate() -> None:
    google = load_marketplace("google-merchant")
    assert "ai_label" not in [check.rule for check in google.certify({}, "remove").checks]
    assert "ai_label" in [check.rule for check in google.certify({}, "replace").checks]
    assert "ai_label" in [check.rule for check in google.certify({}).checks]


def test_worst_check_decides_the_verdict_of_a_certificate() -> None:
    shopify = load_marketplace("shopify")
    measured: dict[str, Measured] = {"megapixels": 4.0, "bytes": 1000, "format": "jpg"}
    assert shopify.certify(measured).verdict is Verdict.PASSED
    assert shopify.certify({**measured, "bytes": None}).verdict is Verdict.CANNOT_SAY
    assert shopify.certify({"bytes": None, "format": "webp"}).verdict is Verdict.FAILED


def test_certificate_survives_the_ledger() -> None:
    certificate = load_marketplace("amazon-main").certify({"longest_side": 2000, "subject_share": 1.0, "format": "jpg"})
    assert from_json(Certificate, to_json(certificate)) == certificate


@pytest.mark.parametrize("name", MARKETPLACES)
def test_certificate_fits_the_bytes_that_are_planned_for_it(name: str) -> None:
    marketplace = load_marketplace(name)
    measured: dict[str, Measured] = dict.fromkeys((rule.rule for rule in marketplace.rules), "#000000 to #ffffff")
    certificate = marketplace.certify(measured)
    failures = sum(len(f"{one.rule} is {one.measured}, but must be {one.required}; ") for one in certificate.checks)
    assert len(to_json(certificate)) + failures < CERTIFICATE_BYTES


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"for": "amazon-main", "width": 400}, "1,000 to 10,000 pixels; this makes it 400"),
        ({"for": "amazon-main", "format": "webp"}, "this makes it webp"),
        ({"for": "amazon-main", "background": "#eeeeee"}, "requires the background #ffffff"),
        ({"for": "amazon-main", "fit": "cover"}, "the whole product is in the frame; this cuts it off"),
        ({"for": "amazon-main", "margin": "8%"}, "at least 0.85 of the frame; this makes it 0.84"),
        ({"for": "amazon-main", "margin": "200px"}, "this makes it 0.8"),
        ({"for": "google-merchant", "width": 1500, "height": 499}, "at least 500 pixels"),
        ({"for": "google-merchant", "fit": "cover"}, "the whole product is in the frame; this cuts it off"),
        ({"for": "shopify", "width": 5000}, "at most 20"),
        ({"for": "walmart", "width": 2000, "height": 1800}, "width divided by height"),
        ({"for": "etsy", "width": 600}, "at least 635 pixels"),
        ({"for": "walmart", "max_bytes": 9_000_000}, "at most 5,000,000 bytes; this allows 9,000,000"),
    ],
)
def test_field_that_breaks_a_rule_is_named_with_its_rule(fields: dict[str, Any], words: str) -> None:
    (violation,) = find_violations(**fields)
    assert words in violation
    assert "http" not in violation, "docs/marketplaces.md has the sources"


def test_fields_of_the_output_win_over_those_of_the_marketplace() -> None:
    output = expand_one(**{"for": "amazon-main", "name": "shop", "format": "png", "width": 1600, "quality": None})
    assert (output.name, output.format, output.width, output.height) == ("shop", "png", 1600, 1600)
    assert (output.fit, output.background, output.trim, output.marketplace) == ("pad", "#ffffff", True, "amazon-main")
    assert expand_one(**{"for": "walmart", "fit": "cover"}).margin_share == 0


@pytest.mark.parametrize("name", MARKETPLACES)
def test_file_is_kept_within_the_marketplaces_limit_of_bytes(name: str) -> None:
    limit = find_rule(name, "bytes").max
    for given, expected in (({}, limit), ({"max_bytes": 70_000}, 70_000), ({"max_bytes": 90_000_000}, 90_000_000)):
        assert expand_one(**{"for": name, **given}).max_bytes == expected
    assert expand_one(**{"for": name, "format": "webp"}).max_bytes == limit
    assert expand_one(**{"for": name, "format": "png"}).max_bytes is None


def test_png_for_a_marketplace_is_accepted_without_a_limit() -> None:
    assert not parse_sidecar({"operation": "remove", "output": {"for": "ebay", "format": "png"}}).errors


def test_list_of_marketplaces_makes_one_named_output_each() -> None:
    outputs = parse_outputs({"output": [{}, {"for": ["ebay", "etsy"]}]})
    assert [(output.name, output.marketplace) for output in outputs] == [
        (None, None),
        ("ebay", "ebay"),
        ("etsy", "etsy"),
    ]


@pytest.mark.parametrize(
    ("instructions", "words"),
    [
        ({"operation": "replace", "output": {"for": "walmart"}}, ["walmart requires the background"]),
        ({"operation": "replace", "output": {"for": ["ebay", "amazon-main"]}}, ["amazon-main requires the background"]),
        ({"operation": "remove", "output": {"for": "amazon-main"}, "logo": LOGO}, ["an added logo"]),
        ({"operation": "remove", "output": [{"for": "ebay", "logo": LOGO}, {}]}, ["an added logo"]),
        ({"operation": "remove", "output": [{"for": "ebay"}, {"logo": LOGO}]}, []),
        ({"operation": "remove", "output": {"for": "etsy"}, "logo": LOGO}, []),
        ({"operation": "remove", "output": {"for": "ebay", "logo": {"image": "none"}}, "logo": LOGO}, []),
        (
            {"operation": "remove", "output": {"for": "ebay", "logo": LOGO}, "logo": {"image": "none"}},
            ["an added logo"],
        ),
        ({"operation": "remove", "output": {"for": "ebay"}, "logo": {"image": "none"}}, []),
        (
            {"operation": "remove", "output": {"for": ["amazon-main", "ebay", "etsy"]}, "logo": LOGO},
            ["amazon-main does not accept", "ebay does not accept"],
        ),
        ({"operation": "remove", "output": {"for": "walmart"}}, []),
        (
            {"operation": "remove", "frame": "4:5", "subject_size": 0.5, "output": {"for": "amazon-main"}},
            ["subject_size: amazon-main requires"],
        ),
        ({"operation": "remove", "frame": "4:5", "position": "bottom", "output": {"for": "amazon-main"}}, ["it 0.748"]),
        ({"operation": "remove", "frame": "4:5", "subject_size": 0.98, "output": {"for": "amazon-main"}}, []),
        ({"operation": "remove", "frame": "4:5", "output": {"for": "amazon-main"}}, []),
        ({"operation": "replace"}, []),
        *(
            (
                {"operation": "remove", "shadow": {"type": one}, "output": {"for": ["amazon-main", "walmart", "etsy"]}},
                [
                    "amazon-main requires the background #ffffff, and a shadow darkens it",
                    "walmart requires the background",
                ],
            )
            for one in ("contact", "drop", "reflection")
        ),
        (
            {"operation": "remove", "output": [{"for": "amazon-main", "shadow": {"type": "drop"}}, {}]},
            ["a shadow darkens it"],
        ),
        (
            {
                "operation": "remove",
                "shadow": {"type": "drop"},
                "output": {"for": "walmart", "shadow": {"type": "none"}},
            },
            [],
        ),
    ],
)
def test_marketplace_refuses_what_no_measurement_can_repair(instructions: dict[str, Any], words: list[str]) -> None:
    errors = [one.reason for one in find_marketplace_conflicts(instructions)]
    assert len(errors) == len(words)
    assert all(one in error for one, error in zip(words, errors, strict=True))


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ({"for": ["amazon-main", "ebay"]}, []),
        ({"for": "amazon-main", "shadow": {"type": "drop"}}, ["a shadow darkens it"]),
        ({"for": "ebay", "logo": LOGO}, ["an added logo"]),
    ],
)
def test_inherited_shadow_and_logo_are_no_error(output: dict[str, Any], words: list[str]) -> None:
    instructions = {"operation": "remove", "shadow": {"type": "contact"}, "logo": LOGO, "output": output}
    errors = [one.reason for one in find_marketplace_conflicts(instructions, ["shadow", "logo"])]
    assert len(errors) == len(words)
    assert all(one in error for one, error in zip(words, errors, strict=True))


def test_picture_has_none_of_the_shared_fields_that_its_marketplace_does_not_accept() -> None:
    instructions = {"shadow": {"type": "drop"}, "logo": LOGO, "title": "Cup"}
    outputs = parse_outputs({**instructions, "output": [{}, {"for": ["amazon-main", "ebay", "etsy"]}]})
    drawn = {output.name: (output.shadow is not None, output.logo is not None) for output in outputs}
    assert drawn == {None: (True, True), "amazon-main": (False, False), "ebay": (True, False), "etsy": (True, True)}
    assert {output.texts.title for output in outputs} == {"Cup"}
