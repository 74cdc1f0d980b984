"""When the bench does not report: what it measured was not the pipeline."""

from collections.abc import Mapping, Sequence
from statistics import median

MAX_STANDIN_SHARE = 0.01
"""Of the calls' time: what the stand-in may take beyond the latency that it was asked for."""
MAX_SPREAD = 0.05
"""From the lowest to the highest of a ratio's repeats, by their median."""
MAX_OTHER_PROGRAMS_SHARE = 0.15
"""Of the machine's processors: what programs that are not the bench's may take during a run. At a tenth, runs of four
minutes still agreed within half a hundredth."""


class UnreliableMeasurementError(Exception):
    """A figure would say something of another thing than the pipeline; the words say of what."""


class NoisyMachineError(UnreliableMeasurementError):
    """Another try may help: something else was at work on the machine."""


def check_standin(name: str, own_seconds: float, calls_seconds: float) -> None:
    """The stand-in was quick enough to be a provider; `own_seconds` of `calls_seconds` were its own doing."""
    share = own_seconds / calls_seconds
    if share > MAX_STANDIN_SHARE:
        raise UnreliableMeasurementError(
            f"{name}: the stand-in was the bottleneck, it took {share:.1%} of the calls' time for itself"
            f" (at most {MAX_STANDIN_SHARE:.0%})"
        )


def check_faults(name: str, counts: Mapping[str, float]) -> None:
    """Nothing went wrong that nobody asked for."""
    faults = [f"{what} ({times:g})" for what, times in sorted(counts.items()) if times]
    if faults:
        raise UnreliableMeasurementError(f"{name}: faults that nobody asked for: {', '.join(faults)}")


def check_spread(name: str, ratios: Sequence[float], max_spread: float = MAX_SPREAD) -> None:
    """Repeats of a ratio lie near enough together."""
    spread = (max(ratios) - min(ratios)) / median(ratios)
    if spread > max_spread:
        shown = ", ".join(f"{ratio:.3f}" for ratio in ratios)
        raise UnreliableMeasurementError(
            f"{name}: the machine was too noisy, repeats gave {shown}: a spread of {spread:.1%} (at most"
            f" {max_spread:.0%})"
        )


def check_machine(name: str, other_programs_share: float) -> None:
    """The machine was the bench's own."""
    if other_programs_share > MAX_OTHER_PROGRAMS_SHARE:
        raise NoisyMachineError(
            f"{name}: other programs took {other_programs_share:.1%} of the machine's processors"
            f" (at most {MAX_OTHER_PROGRAMS_SHARE:.0%}); end them, and measure again"
        )


def check_starts(name: str, cold_starts: Mapping[str, float], *, cold: bool) -> None:
    """No function started cold in a run that is to be warm, and some did in one that is to be cold."""
    if cold and not cold_starts:
        raise UnreliableMeasurementError(f"{name}: no function started cold")
    started = [f"{function} ({times:g})" for function, times in sorted(cold_starts.items())]
    if started and not cold:
        raise NoisyMachineError(f"{name}: started cold after all: {', '.join(started)}")
