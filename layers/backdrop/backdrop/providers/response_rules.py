"""A provider's table of answers: which status with which words is of which class; the first row that fits decides."""

import re
from collections.abc import Container, Sequence
from dataclasses import dataclass

from backdrop.model.codes import Code
from backdrop.model.job import Suspicion
from backdrop.model.provider_result import LookupStatus, ProviderResult, RetryClass
from backdrop.providers.http import HttpResponse, parse_retry_after

# A 503 that comes so soon after the request's last byte was said at the door: nothing was begun.
EARLY_SECONDS = 2.0
ANY_STATUS = range(1000)


@dataclass(frozen=True)
class ResponseRule:
    """Answers with one of these statuses whose words match (a regular expression, case aside; "": any words).

    Words are error codes, or what published.py finds: never a message's free text. `verdict` is a Standing where the
    words tell of earlier work and not of this call. `early_only`: only what came at once; `late_only`: only what did
    not. `suspicion`: why the job itself may be the reason.
    """

    statuses: Container[int]
    verdict: RetryClass | LookupStatus
    code: Code = Code.CHARGE_UNKNOWN
    pattern: str = ""
    early_only: bool = False
    late_only: bool = False
    suspicion: Suspicion | None = None

    def matches(self, status: int, proof: str, latency_seconds: float) -> bool:
        """Whether the row is about such an answer."""
        is_in_window = not self.late_only if latency_seconds <= EARLY_SECONDS else not self.early_only
        return status in self.statuses and is_in_window and re.search(self.pattern, proof, re.IGNORECASE) is not None


# What no page of a provider names: 4xx is a refusal, 3xx a wrong address, anything else tells nothing of the charge.
DEFAULT_RULES = (
    ResponseRule(range(300, 400), RetryClass.PAUSE, Code.PROVIDER_MISCONFIGURED),
    ResponseRule({408}, RetryClass.AMBIG),
    ResponseRule(range(400, 500), RetryClass.PERM, Code.REQUEST_REJECTED),
    ResponseRule(ANY_STATUS, RetryClass.AMBIG),
)


def find_rule(rules: Sequence[ResponseRule], status: int, proof: str, latency_seconds: float = 0.0) -> ResponseRule:
    """The row that decides."""
    return next(row for row in (*rules, *DEFAULT_RULES) if row.matches(status, proof, latency_seconds))


def build_result(
    rule: ResponseRule, message: str, response: HttpResponse | None = None, default_retry_seconds: float | None = None
) -> ProviderResult:
    """The row as an Answer; `default_retry_seconds` is how long to wait for a slot where the provider does not say."""
    if isinstance(rule.verdict, LookupStatus):
        return ProviderResult.lost(message)
    wait = (
        parse_retry_after(response.headers)
        if response and rule.verdict in (RetryClass.QUOTA, RetryClass.BACKOFF)
        else None
    )
    if rule.verdict is RetryClass.QUOTA and wait is None:
        wait = default_retry_seconds
    return ProviderResult(rule.verdict, rule.code, message, retry_after_seconds=wait, suspicion=rule.suspicion)
