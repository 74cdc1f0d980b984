"""CPU time by program: the functions' workers, the emulator, the stand-in, this process, and other programs."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from backdrop_local.cloud import Cloud
from backdrop_local.home import STACK
from fault_bench.worker_killer import PROC_FOLDER, list_worker_pids

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
STAGES = ("intake", "render", "deliver")
ENDED_WORKERS = "ended workers"
_BUSY_COLUMNS = (0, 1, 2, 7)
"""The columns user, nice, system, and steal of /proc/stat (proc(5)). Interrupts belong to no program."""


@dataclass(frozen=True)
class CpuUsage:
    """CPU seconds by program and of the whole machine. `workers`: those of each running worker, by stage."""

    by_program: Mapping[str, float]
    machine: float
    workers: Mapping[str, Mapping[int, float]] = field(default_factory=dict[str, Mapping[int, float]])

    def since(self, before: "CpuUsage") -> "CpuUsage":
        """Returns the usage since `before`. Excludes from a stage the time of workers that have ended since."""
        of = {name: used - before.by_program.get(name, 0.0) for name, used in self.by_program.items()}
        for stage, living in self.workers.items():
            earlier = before.workers.get(stage, {})
            of[stage] = sum(used - earlier.get(pid, 0.0) for pid, used in living.items())
            of[ENDED_WORKERS] -= sum(used for pid, used in earlier.items() if pid not in living)
        return CpuUsage(of, self.machine - before.machine)

    def machine_share(self, seconds: float) -> float:
        """Returns the share of all processors that was used during this many seconds, by any program."""
        return self.machine / (seconds * (os.cpu_count() or 1))

    def other_programs_share(self, seconds: float) -> float:
        """Returns the share of all processors that other programs used during this many seconds."""
        return max(0.0, self.machine - sum(self.by_program.values())) / (seconds * (os.cpu_count() or 1))


def measure_cpu(running: Cloud) -> CpuUsage:
    """Returns the usage up to now. Exited workers count toward the process that waited for them, the emulator."""
    state = running.home.read_state()
    servers = {"emulator": state.emulator, "stand-in": state.standin}
    workers = {name: read_cpu_seconds(list_workers(running, name)) for name in STAGES}
    shares = {name: sum(seconds.values()) for name, seconds in workers.items()}
    shares |= {name: sum(read_cpu_seconds([one.pid]).values()) for name, one in servers.items() if one}
    ended = sum(_sum_stat_fields(one.pid, (13, 14)) for one in servers.values() if one)
    return CpuUsage({**shares, ENDED_WORKERS: ended, "bench": sum(os.times()[:2])}, read_machine_seconds(), workers)


def list_workers(running: Cloud, name: str) -> list[int]:
    """Returns the process IDs of a function's workers."""
    return list_worker_pids(f"{running.home.emulator_folder / 'tmp'}/ministack-lambda-{STACK}-{name}-")


def read_cpu_seconds(pids: Iterable[int]) -> dict[int, float]:
    """Returns the CPU time of each process (proc(5), stat: utime and stime). 0 for a process that has exited."""
    return {pid: _sum_stat_fields(pid, (11, 12)) for pid in pids}


def read_machine_seconds() -> float:
    """Returns the CPU time of all processors since boot, including time stolen by the host."""
    columns = (PROC_FOLDER / "stat").read_text().split("\n", 1)[0].split()[1:]
    return sum(int(columns[place]) for place in _BUSY_COLUMNS) / TICKS_PER_SECOND


def _sum_stat_fields(pid: int, places: tuple[int, ...]) -> float:
    try:
        fields = (PROC_FOLDER / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return sum(int(fields[place]) for place in places) / TICKS_PER_SECOND
