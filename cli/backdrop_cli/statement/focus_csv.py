"""A statement as CSV with the columns of FOCUS, the FinOps Open Cost and Usage Specification.

docs/statement.md says what each column contains, and docs/decisions/0043-statements.md which ones are left out.
"""

import json
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import TextIO

from backdrop.model.csv_cells import format_csv_row
from backdrop.model.pricing import MICRO_PER_USD
from backdrop_cli.statement.charges import Charge, UnknownState
from backdrop_cli.statement.statement import Statement

FOCUS_VERSION = "1.4"
SERVICE_NAMES = {"ideogram": "Ideogram", "segmind": "Segmind", "1min": "1min.ai", "runware": "Runware"}
OPERATION_NAMES = {"replace": "New background", "remove": "Background removal"}
TAG_PREFIX = "backdrop:"
"""Of the tags that Backdrop defines, as FOCUS requires for tags that are not the customer's."""
_SECONDS_LENGTH = len("2026-11-20T12:00:00")

_STATE_TEXTS = {
    UnknownState.OPEN: "it is unknown whether this call was charged",
    UnknownState.UNDECIDED: "the answer was lost, and the usage records do not show which of several calls cost money",
    UnknownState.CHARGED: "the answer was lost, and the usage records show that this call was charged",
    UnknownState.NOT_CHARGED: "the answer was lost, and the usage records show that this call was not charged",
    UnknownState.BILLED_FAILURE: "the call failed, but the usage records show that it was charged",
}

type Cell = Callable[[Charge, Statement], str]

COLUMNS: dict[str, Cell] = {
    "BilledCost": lambda charge, _: format_decimal_usd(charge.charged),
    "BillingAccountId": lambda charge, statement: f"{statement.stack_name}/{charge.provider}",
    "BillingAccountName": lambda _charge, _statement: "",
    "BillingCurrency": lambda _charge, _statement: "USD",
    "BillingPeriodEnd": lambda _, statement: _format_time(statement.month.end),
    "BillingPeriodStart": lambda _, statement: _format_time(statement.month.start),
    "ChargeCategory": lambda _charge, _statement: "Usage",
    "ChargeClass": lambda _charge, _statement: "",
    "ChargeDescription": lambda charge, _: describe_charge(charge),
    "ChargeFrequency": lambda _charge, _statement: "Usage-Based",
    "ChargePeriodEnd": lambda charge, _: _format_next_day(charge.day),
    "ChargePeriodStart": lambda charge, _: f"{charge.day}T00:00:00Z",
    "ContractedCost": lambda charge, _: format_decimal_usd(charge.charged),
    "EffectiveCost": lambda charge, _: format_decimal_usd(charge.charged),
    "HostProviderName": lambda charge, _: get_service_name(charge.provider),
    "InvoiceIssuerName": lambda charge, _: get_service_name(charge.provider),
    "ListCost": lambda charge, _: format_decimal_usd(charge.charged),
    "PricingQuantity": lambda charge, _: "1" if charge.charged else "0",
    "PricingUnit": lambda _charge, _statement: "Requests",
    "ResourceId": lambda charge, _: f"s3://{charge.bucket}/{charge.key}" if charge.photo else charge.job_id,
    "ResourceName": lambda charge, _: charge.photo or charge.job_id,
    "ResourceType": lambda charge, _: "Photo" if charge.photo else "Price check",
    "ServiceCategory": lambda _charge, _statement: "AI and Machine Learning",
    "ServiceName": lambda charge, _: get_service_name(charge.provider),
    "ServiceProviderName": lambda charge, _: get_service_name(charge.provider),
    "ServiceSubcategory": lambda _charge, _statement: "Generative AI",
    "SkuId": lambda charge, _: "/".join(filter(None, (charge.provider, charge.operation, charge.price_class))),
    "SkuMeter": lambda charge, _: OPERATION_NAMES[charge.operation],
    "SubAccountId": lambda charge, _: charge.mandate,
    "SubAccountName": lambda charge, _: charge.mandate,
    "SubAccountType": lambda charge, _: "Mandate" if charge.mandate else "",
    "Tags": lambda charge, _: _build_tags(charge),
    "x_AttemptNumber": lambda charge, _: str(charge.attempt_no),
    "x_CampaignName": lambda charge, _: charge.campaign,
    "x_EndpointPath": lambda charge, _: charge.endpoint,
    "x_FolderName": lambda charge, _: charge.folder,
    "x_GroupChargedImageCount": lambda charge, _: str(charge.group_charged_count) if charge.group else "",
    "x_GroupImageCount": lambda charge, _: str(charge.group_count) if charge.group else "",
    "x_GroupName": lambda charge, _: charge.group,
    "x_IsProvisional": lambda _, statement: "true" if statement.is_provisional else "false",
    "x_JobId": lambda charge, _: charge.job_id,
    "x_PriceBasis": lambda charge, _: charge.basis,
    "x_ProviderRequestId": lambda charge, _: charge.provider_id,
    "x_RequestedImageCount": lambda charge, _: str(charge.image_count),
    "x_SubmittedAt": lambda charge, _: f"{charge.submitted_at[:_SECONDS_LENGTH]}Z",
    "x_UnknownChargeState": lambda charge, _: charge.state,
    "x_UnknownCost": lambda charge, _: format_decimal_usd(charge.unknown),
    "x_VariantName": lambda charge, _: charge.variant,
}
"""FOCUS's columns by name, and then Backdrop's own, by name. An empty cell is null."""


def write_csv(statement: Statement, file: TextIO) -> None:
    """Writes one row for each charge, a row at a time."""
    file.write(format_csv_row(COLUMNS))
    for charge in statement.store.list_charges():
        file.write(format_csv_row(cell(charge, statement) for cell in COLUMNS.values()))


def format_decimal_usd(micro_usd: int) -> str:
    """Formats micro-dollars as exact dollars: `0.0375`, `0`."""
    return f"{(Decimal(micro_usd) / MICRO_PER_USD).normalize():f}"


def get_service_name(provider: str) -> str:
    """Returns the provider's name as its owner writes it; that of a later release's provider as it is."""
    return SERVICE_NAMES.get(provider, provider)


def describe_charge(charge: Charge) -> str:
    """`New background at DEFAULT, by Ideogram`; `Background removal with birefnet-matting, by Runware`."""
    preposition = "at" if charge.operation == "replace" else "with"
    price_class = f" {preposition} {charge.price_class}" if charge.price_class else ""
    text = f"{OPERATION_NAMES[charge.operation]}{price_class}, by {get_service_name(charge.provider)}"
    return f"{text}: {_STATE_TEXTS[UnknownState(charge.state)]}" if charge.state else text


def _build_tags(charge: Charge) -> str:
    tags = {"campaign": charge.campaign, "folder": charge.folder, "mandate": charge.mandate}
    return json.dumps({f"{TAG_PREFIX}{name}": text for name, text in tags.items() if text}, ensure_ascii=False)


@cache
def _format_next_day(day: str) -> str:
    return f"{date.fromisoformat(day) + timedelta(days=1)}T00:00:00Z"


@cache
def _format_time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
