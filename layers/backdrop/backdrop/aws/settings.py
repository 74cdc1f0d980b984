"""The functions' settings, read from environment variables and validated."""

import os
from dataclasses import field, fields
from decimal import Decimal

from backdrop.model.capabilities import SUPPORTED_PROVIDERS
from backdrop.model.codec import validate
from backdrop.model.place_leases import PROVIDERS_THAT_COUNT_IMAGES
from backdrop.model.pricing import CREDIT_PROVIDER, to_micro_usd
from backdrop.model.provider_result import OnLostAnswer
from backdrop.model.record import Record, record
from backdrop.ports import IdeogramEndpoint, ProviderOptions, SegmindEndpoint

ENVIRONMENT_PREFIXES = {
    "ideogram": "IDEOGRAM",
    "segmind": "SEGMIND",
    "1min": "ONE_MIN",
    "runware": "RUNWARE",
}


@record
class ProviderSettings(Record):
    """Settings of one provider. `queue_url` is empty while the provider is disabled."""

    queue_url: str = ""
    base_url: str = ""
    timeout_seconds: float = 180
    max_in_flight: int = 0


@record
class Settings(Record):
    """The stack's parameters and resources, with defaults for values that a function does not have."""

    stack_name: str = ""
    release: str = ""
    render_function_name: str = ""
    sign_function_name: str = ""
    input_bucket: str = ""
    readable_buckets: str = ""
    output_bucket: str = ""
    ledger_table: str = ""
    intake_queue_url: str = ""
    deliver_queue_url: str = ""
    dead_letter_queue_url: str = ""
    event_bus_name: str = ""
    mail_topic_arn: str = ""
    default_provider: str = "ideogram"
    daily_budget_usd: Decimal = Decimal(10)
    on_lost_answer: OnLostAnswer = OnLostAnswer.RETRY_ONCE
    ledger_retention_days: int = 0
    settle_seconds: int = 20
    max_image_megapixels: int = 100
    result_hosts: str = ""
    one_min_usd_per_image: Decimal | None = None
    ideogram_endpoint: IdeogramEndpoint = IdeogramEndpoint.V1
    segmind_endpoint: SegmindEndpoint = SegmindEndpoint.V2
    runware_uploads: bool = False
    runware_checks_content: bool = False
    provenance_metadata: bool = True
    ideogram_key_ids: str = ""
    bill_final_minutes: int = 60
    digital_source_type: str = ""
    content_credentials_key_arn: str = ""
    content_credentials_prompt: bool = False
    providers: dict[str, ProviderSettings] = field(default_factory=dict[str, ProviderSettings])

    @property
    def other_input_buckets(self) -> frozenset[str]:
        """The buckets, in addition to the input bucket, whose photos requests may name."""
        return frozenset(split_names(self.readable_buckets))

    @property
    def extra_result_hosts(self) -> tuple[str, ...]:
        """The hosts that the operator added to the allow-list for results."""
        return split_names(self.result_hosts)

    @property
    def configured_prices(self) -> dict[str, int]:
        """The price of one image, in micro-dollars, at providers that sell credits, if the operator has set it."""
        usd = self.one_min_usd_per_image
        return {CREDIT_PROVIDER: to_micro_usd(usd)} if usd and usd.is_finite() and to_micro_usd(usd) > 0 else {}

    @property
    def provider_options(self) -> ProviderOptions:
        """How to call providers that offer a choice."""
        return ProviderOptions(
            self.ideogram_endpoint, self.segmind_endpoint, self.runware_uploads, self.runware_checks_content
        )

    @property
    def max_in_flight_by_provider(self) -> dict[str, int]:
        """How many calls may be in flight at each enabled provider."""
        return {name: provider.max_in_flight for name, provider in self.providers.items() if provider.max_in_flight}

    @property
    def place_limits(self) -> dict[str, int]:
        """How many images may be in progress at each enabled provider that counts images instead of calls."""
        limits = self.max_in_flight_by_provider
        return {name: limit for name, limit in limits.items() if name in PROVIDERS_THAT_COUNT_IMAGES}

    @property
    def enabled_providers(self) -> dict[str, ProviderSettings]:
        """The enabled providers that this release supports."""
        return {
            name: provider
            for name, provider in self.providers.items()
            if provider.queue_url and name in SUPPORTED_PROVIDERS
        }


def split_names(names: str) -> tuple[str, ...]:
    """Splits a comma-separated list."""
    return tuple(name.strip() for name in names.split(",") if name.strip())


def read_settings() -> Settings:
    """Raises for an invalid value, so that the function does not start."""
    values: dict[str, object] = _read_environment(Settings, "")
    values["providers"] = {
        name: _read_environment(ProviderSettings, f"{prefix}_") for name, prefix in ENVIRONMENT_PREFIXES.items()
    }
    return validate(Settings, values)


def _read_environment(settings_type: type[Settings | ProviderSettings], prefix: str) -> dict[str, object]:
    names = {setting.name: prefix + setting.name.upper() for setting in fields(settings_type)}
    return {name: os.environ[variable] for name, variable in names.items() if os.environ.get(variable)}
