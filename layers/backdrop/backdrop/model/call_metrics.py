"""What is counted of the calls that one delivery of a job's message makes."""

from dataclasses import dataclass, field

from backdrop.model.provider_result import NOT_TAKEN_CLASSES, LookupStatus, ProviderResult


@dataclass
class CallMetrics:
    """`labels`: the job's provider and operation, empty while no job is known to be meant."""

    labels: dict[str, str] = field(default_factory=dict[str, str])
    call_seconds: float = 0
    latencies_ms: list[int] = field(default_factory=list[int])
    throttle_count: int = 0
    throttled_ms: int = 0

    def count_call(self, seconds: float, result: ProviderResult | LookupStatus) -> None:
        """A call was out for so long. Only calls that the provider took and ended tell how long it takes."""
        self.call_seconds += seconds
        if isinstance(result, ProviderResult) and result.retry_class not in NOT_TAKEN_CLASSES:
            self.latencies_ms.append(round(seconds * 1000))
