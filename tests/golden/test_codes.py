"""Every error code with its disposition, and the values of the other enumerations, but no messages."""

from enum import StrEnum

from backdrop.campaigns.report import ITEM_STATUSES, CampaignStatus
from backdrop.model.capabilities import SUPPORTED_PROVIDERS
from backdrop.model.circuit import REASON_BY_CODE, LaneState, PauseReason
from backdrop.model.codes import Code
from backdrop.model.error_catalog import ERROR_CATALOG, Cost
from backdrop.model.errors import BackdropError
from backdrop.model.job import AttemptOutcome, JobStatus, MoneyStatus, Problem
from backdrop_cli.display_status import DisplayStatus
from backdrop_cli.gallery.album import MissingReason
from backdrop_cli.operate.checks import CheckState
from tests.golden.golden import Golden
from tests.unit.ledger_items import NOW

ENUMERATIONS: dict[str, type[StrEnum]] = {
    "status of a job": JobStatus,
    "money": MoneyStatus,
    "outcome of an attempt": AttemptOutcome,
    "status of a campaign": CampaignStatus,
    "reason of a pause": PauseReason,
    "state of a lane": LaneState,
    "state of a check of doctor": CheckState,
    "reason for no thumb": MissingReason,
}


def test_every_code_keeps_its_disposition_and_cost(golden: Golden) -> None:
    codes: dict[str, object] = {}
    for code in Code:
        codes[code.value] = {
            "end": ERROR_CATALOG[code].disposition.value,
            "retryable": Problem.from_error(BackdropError(code, "x"), NOW).retryable,
            "may_have_cost": ERROR_CATALOG[code].cost is not Cost.NOTHING,
            "pauses_for": REASON_BY_CODE[code].value if code in REASON_BY_CODE else None,
        }
    golden.check("codes", codes)


def test_every_other_enumeration_keeps_its_values(golden: Golden) -> None:
    values = {name: [member.value for member in enumeration] for name, enumeration in ENUMERATIONS.items()}
    stages = [status.name.lower() for status in DisplayStatus]
    golden.check(
        "words",
        values | {"stage of a photo": stages, "end of an item": ITEM_STATUSES, "provider": sorted(SUPPORTED_PROVIDERS)},
    )
