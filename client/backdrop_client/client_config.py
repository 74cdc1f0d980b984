"""The file with which a client of a mandate connects, so that it needs no right to describe the stack.

CloudFormation would show it the operator's address, the keys, and the queues too.
"""

from decimal import Decimal
from pathlib import Path

from pydantic import ValidationError

from backdrop.aws.settings import ProviderSettings, Settings
from backdrop.model.codec import from_json
from backdrop.model.record import Record, record
from backdrop_client.errors import ClientCode, StackUnusableError

_NO_ACCESS = "no access"
"""In place of a queue's URL: a provider without one counts as disabled, and a client has no right to any queue."""


@record
class ClientConfig(Record):
    """What a client needs to know of a stack. `providers`: the enabled ones, each with its calls in flight at most."""

    stack: str
    region: str
    mandate: str
    input_bucket: str
    output_bucket: str
    ledger_table: str
    default_provider: str
    max_image_megapixels: int
    one_min_usd_per_image: Decimal | None
    providers: dict[str, int]

    @property
    def settings(self) -> Settings:
        """The settings of the stack's functions, as far as a client uses them."""
        return Settings(
            stack_name=self.stack,
            input_bucket=self.input_bucket,
            output_bucket=self.output_bucket,
            ledger_table=self.ledger_table,
            default_provider=self.default_provider,
            max_image_megapixels=self.max_image_megapixels,
            one_min_usd_per_image=self.one_min_usd_per_image,
            providers={
                name: ProviderSettings(queue_url=_NO_ACCESS, max_in_flight=limit)
                for name, limit in self.providers.items()
            },
        )


def build_client_config(settings: Settings, region: str, mandate: str) -> ClientConfig:
    return ClientConfig(
        stack=settings.stack_name,
        region=region,
        mandate=mandate,
        input_bucket=settings.input_bucket,
        output_bucket=settings.output_bucket,
        ledger_table=settings.ledger_table,
        default_provider=settings.default_provider,
        max_image_megapixels=settings.max_image_megapixels,
        one_min_usd_per_image=settings.one_min_usd_per_image,
        providers={name: provider.max_in_flight for name, provider in settings.enabled_providers.items()},
    )


def read_client_config(path: str | Path) -> ClientConfig:
    """Raises StackUnusableError if the file is not one that this release wrote, and OSError if it cannot be read."""
    try:
        return from_json(ClientConfig, Path(path).read_text("utf-8"))
    except (ValidationError, UnicodeDecodeError) as error:
        message = f"{path} is not the configuration of a client of this release."
        hint = "Write it again: the operator's `backdrop mandate show NAME --config` prints it."
        raise StackUnusableError(ClientCode.STACK_UNUSABLE, message, hint) from error
