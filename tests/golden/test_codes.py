"""Every error code with its disposition, and the values of the other enumerations, but no messages.

Users see the values in JSON documents, events, receipts, and reports, or write them.
"""

import ast
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

from backdrop.campaigns.report import ITEM_STATUSES, CampaignStatus
from backdrop.deliver.signing_messages import Omission
from backdrop.model.bill_records import FindingKind, KeyUse
from backdrop.model.capabilities import SUPPORTED_PROVIDERS
from backdrop.model.certificate import Verdict
from backdrop.model.circuit import REASON_BY_CODE, LaneState, PauseReason
from backdrop.model.codes import Code
from backdrop.model.error_catalog import ERROR_CATALOG, Cost
from backdrop.model.errors import BackdropError
from backdrop.model.fidelity import CannotSayReason, FidelityVerdict
from backdrop.model.job import AttemptOutcome, JobStatus, MoneyStatus, Problem, SettlementResult
from backdrop.model.job_warning import WarningCode
from backdrop.model.mandate import MandateState, WhenSpent
from backdrop.model.photo_facts import ChangeCode
from backdrop.model.price_check import QuoteOutcome
from backdrop.model.provider_result import OnLostAnswer
from backdrop.model.review import DecisionChannel, ReviewDecision
from backdrop_cli.display_status import DisplayStatus
from backdrop_cli.gallery.album import MissingReason
from backdrop_cli.operate.checks import CheckState
from backdrop_cli.statement.charges import UnknownState
from backdrop_client.errors import ClientCode
from backdrop_client.outcome import State
from backdrop_credentials.reading import FileVerdict
from tests.golden.golden import Golden
from tests.unit.ledger_items import NOW

ENUMERATIONS: dict[str, type[StrEnum]] = {
    "status of a job": JobStatus,
    "money": MoneyStatus,
    "outcome of an attempt": AttemptOutcome,
    "settlement of a charge": SettlementResult,
    "unknown charge of a statement": UnknownState,
    "finding of reconcile-bill": FindingKind,
    "use of a key": KeyUse,
    "outcome of a quote": QuoteOutcome,
    "status of a campaign": CampaignStatus,
    "state of a mandate": MandateState,
    "what happens when a mandate is spent": WhenSpent,
    "reason of a pause": PauseReason,
    "state of a lane": LaneState,
    "state of a check of doctor": CheckState,
    "reason for no thumb": MissingReason,
    "code of a warning": WarningCode,
    "code of a change": ChangeCode,
    "verdict of a certificate": Verdict,
    "verdict of a comparison": FidelityVerdict,
    "reason for no comparison": CannotSayReason,
    "verdict of verify": FileVerdict,
    "what credentials leave out": Omission,
    "decision of a review": ReviewDecision,
    "channel of a decision": DecisionChannel,
    "policy for lost answers": OnLostAnswer,
    "state of a photo in the client": State,
    "code of the client": ClientCode,
}
FROZEN_ELSEWHERE = {"Code", "DisplayStatus", "Metric"}
"""Enumerations that a test below, or the one of the metrics, compares member by member."""
INTERNAL = {
    "BrandImageUse": "names an image in messages",
    "CallbackOutcome": "a stored field of requests, which no document shows",
    "Cost": "texts of the list of codes",
    "Decision": "decided and forgotten within one invocation",
    "Disposition": "recorded with each code",
    "FailureKind": "sent between two functions and forgotten",
    "FollowUp": "selects a text",
    "Gate": "decided and forgotten within one invocation",
    "IdeogramEndpoint": "values of a parameter, which is recorded with its declaration",
    "ImageStepKind": "a stored field of jobs, which no document shows",
    "LookupStatus": "decided and forgotten within one invocation",
    "NextAction": "decided and forgotten within one invocation",
    "ObjectKind": "a stored field of requests, which no document shows",
    "ObstacleKind": "documents show its code",
    "Origin": "a stored field of problems, which no document shows",
    "OwnPixelsProblem": "documents show the code of its warning",
    "PaidFile": "texts of the list of codes",
    "PlanDecision": "decided and forgotten within one invocation",
    "RenderOutcome": "decided and forgotten within one invocation",
    "RetryClass": "decided and forgotten within one invocation",
    "SegmindEndpoint": "values of a parameter, which is recorded with its declaration",
    "SidecarAction": "decided and forgotten within one command",
    "SidecarAuthor": "decided and forgotten within one command",
    "SidecarPolicy": "options of commands, which are recorded with them",
    "Suspicion": "a stored field of attempts, which no document shows",
}
"""Enumerations that users do not see, each with what shows that."""
PACKAGES = ("layers/backdrop", "layers/credentials", "client", "cli")
ROOT = Path(__file__).parents[2]


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


def test_every_enumeration_is_frozen_or_internal() -> None:
    frozen = {enumeration.__name__ for enumeration in ENUMERATIONS.values()}
    assert sorted(list_enumerations()) == sorted(frozen | FROZEN_ELSEWHERE | {*INTERNAL})


def list_enumerations() -> Iterator[str]:
    """Yields the names of all enumerations of texts in the product."""
    for path in (file for package in PACKAGES for file in (ROOT / package).rglob("*.py")):
        # Parsing only these files takes a fraction of the time.
        if "(StrEnum)" in (source := path.read_text()):
            yield from (
                node.name
                for node in ast.walk(ast.parse(source))
                if isinstance(node, ast.ClassDef) and any(ast.unparse(base) == "StrEnum" for base in node.bases)
            )


def test_every_other_enumeration_keeps_its_values(golden: Golden) -> None:
    values = {name: [member.value for member in enumeration] for name, enumeration in ENUMERATIONS.items()}
    stages = [status.name.lower() for status in DisplayStatus]
    golden.check(
        "words",
        values | {"stage of a photo": stages, "end of an item": ITEM_STATUSES, "provider": sorted(SUPPORTED_PROVIDERS)},
    )
