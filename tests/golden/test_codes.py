"""The closed lists: every code with where it leaves its job, and the words of the other lists; no sentence."""

from enum import StrEnum

from backdrop.campaigns.report import ENDS, Fate
from backdrop.model.capabilities import SPOKEN
from backdrop.model.circuit import REASONS, LaneState, Reason
from backdrop.model.codes import Code
from backdrop.model.error_catalog import CODES
from backdrop.model.errors import BackdropError
from backdrop.model.job import Money, Outcome, Problem, Status
from backdrop_cli.operate.checks import State
from backdrop_cli.page.shots import Missing
from backdrop_cli.stages import Stage
from docs.make_troubleshooting import COSTS
from tests.golden.golden import Golden
from tests.unit.core_items import NOW

LISTS: dict[str, type[StrEnum]] = {
    "status of a job": Status,
    "money": Money,
    "outcome of an attempt": Outcome,
    "status of a campaign": Fate,
    "reason of a pause": Reason,
    "state of a lane": LaneState,
    "state of a check of doctor": State,
    "reason for no thumb": Missing,
}


def test_a_code_keeps_its_class_and_what_it_says_of_money(golden: Golden) -> None:
    found: dict[str, object] = {}
    for code in Code:
        found[code.value] = {
            "end": CODES[code].end.value,
            "retryable": Problem.of(BackdropError(code, "x"), NOW).retryable,
            "may_have_cost": code in COSTS,
            "pauses_for": REASONS[code].value if code in REASONS else None,
        }
    golden.holds("codes", found)


def test_every_other_closed_list_keeps_its_words(golden: Golden) -> None:
    found = {name: [word.value for word in one] for name, one in LISTS.items()}
    stages = [one.name.lower() for one in Stage]
    golden.holds("words", found | {"stage of a photo": stages, "end of an item": ENDS, "provider": sorted(SPOKEN)})
