"""Rules that map a provider's responses to retry classes. The first rule that matches decides."""

import re
from collections.abc import Container, Sequence
from dataclasses import dataclass

from backdrop.model.codes import Code
from backdrop.model.job import Suspicion
from backdrop.model.provider_result import LookupStatus, ProviderResult, RetryClass
from backdrop.providers.http import HttpResponse, parse_retry_after

# A 503 this soon after the request's last byte comes from the provider's front end: no work was started.
EARLY_SECONDS = 2.0
ANY_STATUS = range(1000)


@dataclass(frozen=True)
class ResponseRule:
    """The meaning of responses with one of these statuses and a matching proof.

    A proof is an error code, or a result of published_errors.py, never the free text of a message. `pattern` is a
    regular expression that ignores case; "" matches any proof. `verdict` is a LookupStatus if the proof is about
    earlier work and not about this call. `early_only` matches only responses within EARLY_SECONDS. `suspicion` is why
    the job itself may be the cause.
    """

    statuses: Container[int]
    verdict: RetryClass | LookupStatus
    code: Code = Code.CHARGE_UNKNOWN
    pattern: str = ""
    early_only: bool = False
    suspicion: Suspicion | None = None

    def matches(self, status: int, proof: str, latency_seconds: float) -> bool:
        is_in_window = not self.early_only or latency_seconds <= EARLY_SECONDS
        return status in self.statuses and is_in_window and re.search(self.pattern, proof, re.IGNORECASE) is not None


# For statuses that a provider does not document: 4xx is a refusal and 3xx a wrong address. After any other status the
# charge is unknown.
DEFAULT_RULES = (
    ResponseRule(range(300, 400), RetryClass.PAUSE, Code.PROVIDER_MISCONFIGURED),
    ResponseRule({408}, RetryClass.AMBIG),
    ResponseRule(range(400, 500), RetryClass.PERM, Code.REQUEST_REJECTED),
    ResponseRule(ANY_STATUS, RetryClass.AMBIG),
)


def find_rule(rules: Sequence[ResponseRule], status: int, proof: str, latency_seconds: float = 0.0) -> ResponseRule:
    """Returns the first rule that matches. DEFAULT_RULES follow the provider's own."""
    return next(rule for rule in (*rules, *DEFAULT_RULES) if rule.matches(status, proof, latency_seconds))


def build_result(
    rule: ResponseRule, message: str, response: HttpResponse | None = None, default_retry_seconds: float | None = None
) -> ProviderResult:
    """Builds a rule's result. `default_retry_seconds` is the wait after a QUOTA response that does not state one."""
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
