"""Settings come from the environment and are validated."""

from decimal import Decimal

import pytest
from pydantic import ValidationError

from backdrop.aws.settings import ENVIRONMENT_PREFIXES, Settings, read_settings
from backdrop.model.capabilities import PROVIDERS, SUPPORTED_PROVIDERS
from backdrop.model.provider_result import OnLostAnswer
from backdrop.ports import IdeogramEndpoint, ProviderOptions, SegmindEndpoint

SUPPORTED = {name: prefix for name, prefix in ENVIRONMENT_PREFIXES.items() if name in SUPPORTED_PROVIDERS}
ALL = {
    "STACK_NAME": "shop",
    "INPUT_BUCKET": "photos",
    "READABLE_BUCKETS": "shelf, archive",
    "OUTPUT_BUCKET": "pictures",
    "LEDGER_TABLE": "ledger",
    "INTAKE_QUEUE_URL": "https://q/intake",
    "DELIVER_QUEUE_URL": "https://q/deliver",
    "DEAD_LETTER_QUEUE_URL": "https://q/dead",
    "EVENT_BUS_NAME": "bus",
    "DEFAULT_PROVIDER": "ideogram",
    "DAILY_BUDGET_USD": "2.5",
    "SETTLE_SECONDS": "7",
    "MAX_IMAGE_MEGAPIXELS": "40",
    "RESULT_HOSTS": "a.example, b.example ,",
    "RENDER_FUNCTION_NAME": "shop-render",
    "ON_LOST_ANSWER": "hold",
    "ONE_MIN_USD_PER_IMAGE": "0.045",
    "IDEOGRAM_ENDPOINT": "v1",
    "SEGMIND_ENDPOINT": "v2",
    "RUNWARE_UPLOADS": "false",
    "RUNWARE_CHECKS_CONTENT": "false",
}


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for prefix in ENVIRONMENT_PREFIXES.values():
        for name in ("QUEUE_URL", "BASE_URL", "TIMEOUT_SECONDS", "MAX_IN_FLIGHT"):
            monkeypatch.delenv(f"{prefix}_{name}", raising=False)
    for name in ALL:
        monkeypatch.delenv(name, raising=False)


def load_settings(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Settings:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return read_settings()


def test_every_setting_is_read_from_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load_settings(monkeypatch, **ALL)
    assert (settings.stack_name, settings.input_bucket, settings.output_bucket) == ("shop", "photos", "pictures")
    assert (settings.ledger_table, settings.event_bus_name) == ("ledger", "bus")
    assert settings.intake_queue_url == "https://q/intake"
    assert (settings.deliver_queue_url, settings.dead_letter_queue_url) == ("https://q/deliver", "https://q/dead")
    assert settings.daily_budget_usd == Decimal("2.5")
    assert (settings.settle_seconds, settings.max_image_megapixels) == (7, 40)
    assert settings.extra_result_hosts == ("a.example", "b.example")
    assert settings.other_input_buckets == {"shelf", "archive"}
    assert (settings.render_function_name, settings.on_lost_answer) == ("shop-render", OnLostAnswer.HOLD)


def test_missing_variables_leave_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load_settings(monkeypatch, INPUT_BUCKET="photos")
    assert (settings.output_bucket, settings.extra_result_hosts, settings.enabled_providers) == ("", (), {})
    assert settings.on_lost_answer is OnLostAnswer.RETRY_ONCE
    assert (settings.daily_budget_usd, settings.settle_seconds, settings.max_image_megapixels) == (10, 20, 100)


def test_budget_of_zero_is_not_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings(monkeypatch, DAILY_BUDGET_USD="0").daily_budget_usd == 0


@pytest.mark.parametrize(("name", "prefix"), SUPPORTED.items())
def test_provider_with_a_queue_is_enabled(monkeypatch: pytest.MonkeyPatch, name: str, prefix: str) -> None:
    variables = {
        f"{prefix}_QUEUE_URL": "https://q/lane",
        f"{prefix}_BASE_URL": "https://api.example/x",
        f"{prefix}_TIMEOUT_SECONDS": "90",
    }
    (lane,) = load_settings(monkeypatch, **variables).enabled_providers.items()
    assert lane[0] == name
    assert (lane[1].queue_url, lane[1].base_url, lane[1].timeout_seconds) == tuple([*list(variables.values())[:2], 90])


def test_credit_price_is_known_only_if_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings(monkeypatch).configured_prices == {}
    assert load_settings(monkeypatch, ONE_MIN_USD_PER_IMAGE="").configured_prices == {}
    assert load_settings(monkeypatch, ONE_MIN_USD_PER_IMAGE="0").configured_prices == {}
    assert load_settings(monkeypatch, ONE_MIN_USD_PER_IMAGE="0.045").configured_prices == {"1min": 45_000}


def test_provider_options_have_defaults_that_an_operator_can_change(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert load_settings(monkeypatch).provider_options == ProviderOptions(
        IdeogramEndpoint.V1, SegmindEndpoint.V2, runware_uploads=False, runware_checks_content=False
    )
    settings = load_settings(
        monkeypatch,
        IDEOGRAM_ENDPOINT="v2",
        SEGMIND_ENDPOINT="v1",
        RUNWARE_UPLOADS="true",
        RUNWARE_CHECKS_CONTENT="true",
    )
    assert settings.provider_options == ProviderOptions(
        IdeogramEndpoint.V2, SegmindEndpoint.V1, runware_uploads=True, runware_checks_content=True
    )


def test_every_provider_has_an_environment_prefix() -> None:
    assert tuple(ENVIRONMENT_PREFIXES) == tuple(SUPPORTED) == PROVIDERS


def test_provider_without_a_queue_is_off_but_keeps_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load_settings(monkeypatch, IDEOGRAM_QUEUE_URL="", IDEOGRAM_BASE_URL="https://api.example")
    assert settings.enabled_providers == {}
    assert settings.providers["ideogram"].base_url == "https://api.example"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DAILY_BUDGET_USD", "ten"),
        ("SETTLE_SECONDS", "a while"),
        ("IDEOGRAM_TIMEOUT_SECONDS", "long"),
        ("ON_LOST_ANSWER", "perhaps"),
        ("IDEOGRAM_ENDPOINT", "v3"),
        ("SEGMIND_ENDPOINT", "v3"),
        ("ONE_MIN_USD_PER_IMAGE", "cheap"),
    ],
)
def test_invalid_value_of_a_setting_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    with pytest.raises(ValidationError):
        load_settings(monkeypatch, **{name: value})


def test_empty_variable_counts_as_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load_settings(monkeypatch, DAILY_BUDGET_USD="", SETTLE_SECONDS="", IDEOGRAM_TIMEOUT_SECONDS="")
    assert (settings.daily_budget_usd, settings.settle_seconds, settings.providers["ideogram"].timeout_seconds) == (
        10,
        20,
        180,
    )
