"""Rules that map a provider's responses to retry classes. The first rule that matches decides."""

import re
from collections.abc import Container, Sequence
from dataclasses import dataclass

from backdrop.model.codes import Code
from backdrop.model.job import Suspicion
from backdrop.model.provider_result import LookupStatus, ProviderResult, RetryClass
from backdrop.providers.http import HttpResponse, parse_retry_after
from backdrop.providers.json_fields import is_json
from backdrop.providers.redaction import to_printable

# A 503 this soon after the request's last byte comes from the provider's front end: no work was started.
EARLY_SECONDS = 2.0
ANY_STATUS = range(1000)
MAX_SERVER_CHARACTERS = 40


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


# For statuses that a provider does not document. The first two are true of every photo: a wrong address, or an endpoint
# that was retired. Any other 4xx may be due to the account or to the photo: other jobs show which.
UNDOCUMENTED_REFUSALS = (
    ResponseRule(range(300, 400), RetryClass.PAUSE, Code.PROVIDER_MISCONFIGURED),
    ResponseRule({404, 405, 410, 421, 426, 451}, RetryClass.PAUSE, Code.PROVIDER_MISCONFIGURED),
    ResponseRule(
        frozenset(range(400, 500)) - {408}, RetryClass.PAUSE, Code.PROVIDER_REFUSES, suspicion=Suspicion.REFUSAL
    ),
)
# After any other status the charge is unknown.
DEFAULT_RULES = (*UNDOCUMENTED_REFUSALS, ResponseRule(ANY_STATUS, RetryClass.AMBIG))
# With a 403, firewalls refuse calls too, which they do not pass on, and not in JSON as the APIs do. It is tried again
# like an outage, and so pauses the lane only if it lasts.
EDGE_STATUS = 403
EDGE_RULE = ResponseRule({EDGE_STATUS}, RetryClass.BACKOFF, Code.PROVIDER_EDGE_REFUSES)


def find_rule(rules: Sequence[ResponseRule], status: int, proof: str, latency_seconds: float = 0.0) -> ResponseRule:
    """Returns the first rule that matches. DEFAULT_RULES follow the provider's own."""
    return next(rule for rule in (*rules, *DEFAULT_RULES) if rule.matches(status, proof, latency_seconds))


def describe_edge_refusal(provider_name: str, response: HttpResponse) -> ProviderResult | None:
    """Returns the result of a refusal that is not the API's own; None for any other response."""
    if response.status != EDGE_STATUS or is_json(response.body):
        return None
    server = to_printable(response.headers.get("Server", ""))[:MAX_SERVER_CHARACTERS]
    message = f"The network in front of {provider_name} answered {response.status}, and not the API"
    return build_result(EDGE_RULE, f"{message}. It calls itself {server}." if server else f"{message}.", response)


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
