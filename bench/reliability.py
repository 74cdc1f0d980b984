"""The conditions under which the bench does not report a figure, because it did not measure the pipeline."""

from collections.abc import Mapping, Sequence
from statistics import median

MAX_STANDIN_SHARE = 0.01
"""The stand-in's maximum overhead beyond the requested latency, as a share of the calls' time."""
MAX_SPREAD = 0.05
"""The maximum range of a ratio's repeats, divided by their median."""
MAX_OTHER_PROGRAMS_SHARE = 0.15
"""The maximum share of the machine's processors that other programs may use during a run. At 10 percent, runs of four
minutes still agreed within 0.5 percent."""


class UnreliableMeasurementError(Exception):
    """A figure would not describe the pipeline. The message says what it would describe."""


class NoisyMachineError(UnreliableMeasurementError):
    """Another program was running on the machine, so another try may help."""


def check_standin(name: str, own_seconds: float, calls_seconds: float) -> None:
    """Raises UnreliableMeasurementError if the stand-in's overhead, `own_seconds` of `calls_seconds`, is too large."""
    share = own_seconds / calls_seconds
    if share > MAX_STANDIN_SHARE:
        raise UnreliableMeasurementError(
            f"{name}: the stand-in was the bottleneck: its overhead was {share:.1%} of the calls' time"
            f" (at most {MAX_STANDIN_SHARE:.0%})"
        )


def check_faults(name: str, counts: Mapping[str, float]) -> None:
    """Raises UnreliableMeasurementError if an unrequested fault occurred."""
    faults = [f"{what} ({times:g})" for what, times in sorted(counts.items()) if times]
    if faults:
        raise UnreliableMeasurementError(f"{name}: unrequested faults: {', '.join(faults)}")


def check_spread(name: str, ratios: Sequence[float], max_spread: float = MAX_SPREAD) -> None:
    """Raises UnreliableMeasurementError if repeats of a ratio differ too much."""
    spread = (max(ratios) - min(ratios)) / median(ratios)
    if spread > max_spread:
        shown = ", ".join(f"{ratio:.3f}" for ratio in ratios)
        raise UnreliableMeasurementError(
            f"{name}: the machine was too noisy, repeats gave {shown}: a spread of {spread:.1%} (at most"
            f" {max_spread:.0%})"
        )


def check_machine(name: str, other_programs_share: float) -> None:
    """Raises NoisyMachineError if other programs used too much of the machine."""
    if other_programs_share > MAX_OTHER_PROGRAMS_SHARE:
        raise NoisyMachineError(
            f"{name}: other programs used {other_programs_share:.1%} of the machine's processors"
            f" (at most {MAX_OTHER_PROGRAMS_SHARE:.0%}). Stop them, and measure again."
        )


def check_starts(name: str, cold_starts: Mapping[str, float], *, cold: bool) -> None:
    """Raises UnreliableMeasurementError for a cold start in a warm run, or for none in a cold run."""
    if cold and not cold_starts:
        raise UnreliableMeasurementError(f"{name}: no function started cold")
    started = [f"{function} ({times:g})" for function, times in sorted(cold_starts.items())]
    if started and not cold:
        raise NoisyMachineError(f"{name}: cold starts in a warm run: {', '.join(started)}")
