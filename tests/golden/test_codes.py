"""The closed lists: every code with where it leaves its job, and the words of the other lists; no sentence."""

from enum import StrEnum

from backdrop.campaigns.report import ITEM_STATUSES, CampaignStatus
from backdrop.model.capabilities import SUPPORTED_PROVIDERS
from backdrop.model.circuit import REASON_BY_CODE, LaneState, PauseReason
from backdrop.model.codes import Code
from backdrop.model.error_catalog import ERROR_CATALOG
from backdrop.model.errors import BackdropError
from backdrop.model.job import AttemptOutcome, JobStatus, MoneyStatus, Problem
from backdrop_cli.display_status import DisplayStatus
from backdrop_cli.gallery.album import MissingReason
from backdrop_cli.operate.checks import CheckState
from tests.golden.golden import Golden
from tests.unit.core_items import NOW

LISTS: dict[str, type[StrEnum]] = {
    "status of a job": JobStatus,
    "money": MoneyStatus,
    "outcome of an attempt": AttemptOutcome,
    "status of a campaign": CampaignStatus,
    "reason of a pause": PauseReason,
    "state of a lane": LaneState,
    "state of a check of doctor": CheckState,
    "reason for no thumb": MissingReason,
}


def test_a_code_keeps_its_class_and_what_it_says_of_money(golden: Golden) -> None:
    found: dict[str, object] = {}
    for code in Code:
        found[code.value] = {
            "end": ERROR_CATALOG[code].disposition.value,
            "retryable": Problem.from_error(BackdropError(code, "x"), NOW).retryable,
            "may_have_cost": ERROR_CATALOG[code].cost.may_be_charged,
            "pauses_for": REASON_BY_CODE[code].value if code in REASON_BY_CODE else None,
        }
    golden.holds("codes", found)


def test_every_other_closed_list_keeps_its_words(golden: Golden) -> None:
    found = {name: [word.value for word in one] for name, one in LISTS.items()}
    stages = [one.name.lower() for one in DisplayStatus]
    golden.holds(
        "words",
        found | {"stage of a photo": stages, "end of an item": ITEM_STATUSES, "provider": sorted(SUPPORTED_PROVIDERS)},
    )
