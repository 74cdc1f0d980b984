"""Whose processor time a run took: the functions' workers, the emulator, the stand-in, this process, and strangers."""

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
"""user, nice, system and steal among the columns of /proc/stat (proc(5)); interrupts are nobody's."""


@dataclass(frozen=True)
class CpuUsage:
    """Processor seconds by whose they are, and those of the whole machine; `workers`: of each living one, by stage."""

    by_program: Mapping[str, float]
    machine: float
    workers: Mapping[str, Mapping[int, float]] = field(default_factory=dict[str, Mapping[int, float]])

    def since(self, before: "CpuUsage") -> "CpuUsage":
        """What came after `before`, of which what a worker did that has ended by now is no part."""
        of = {name: used - before.by_program.get(name, 0.0) for name, used in self.by_program.items()}
        for stage, living in self.workers.items():
            earlier = before.workers.get(stage, {})
            of[stage] = sum(used - earlier.get(pid, 0.0) for pid, used in living.items())
            of[ENDED_WORKERS] -= sum(used for pid, used in earlier.items() if pid not in living)
        return CpuUsage(of, self.machine - before.machine)

    def machine_share(self, seconds: float) -> float:
        """The share of all processors that was used during so many seconds, by anybody."""
        return self.machine / (seconds * (os.cpu_count() or 1))

    def other_programs_share(self, seconds: float) -> float:
        """The share of the machine's processors that others took during so many seconds."""
        return max(0.0, self.machine - sum(self.by_program.values())) / (seconds * (os.cpu_count() or 1))


def measure_cpu(running: Cloud) -> CpuUsage:
    """Up to now. Workers that have ended count as theirs who waited for them: the emulator."""
    state = running.home.read_state()
    servers = {"emulator": state.emulator, "stand-in": state.standin}
    workers = {name: read_cpu_seconds(list_workers(running, name)) for name in STAGES}
    shares = {name: sum(seconds.values()) for name, seconds in workers.items()}
    shares |= {name: sum(read_cpu_seconds([one.pid]).values()) for name, one in servers.items() if one}
    ended = sum(_sum_stat_fields(one.pid, (13, 14)) for one in servers.values() if one)
    return CpuUsage({**shares, ENDED_WORKERS: ended, "bench": sum(os.times()[:2])}, read_machine_seconds(), workers)


def list_workers(running: Cloud, name: str) -> list[int]:
    """The processes of a function's workers."""
    return list_worker_pids(f"{running.home.emulator_folder / 'tmp'}/ministack-lambda-{STACK}-{name}-")


def read_cpu_seconds(pids: Iterable[int]) -> dict[int, float]:
    """The processor time that each process took so far (proc(5), stat: utime and stime); those that are gone, none."""
    return {pid: _sum_stat_fields(pid, (11, 12)) for pid in pids}


def read_machine_seconds() -> float:
    """What all processors worked since the machine was started, or were kept from it by their host."""
    columns = (PROC_FOLDER / "stat").read_text().split("\n", 1)[0].split()[1:]
    return sum(int(columns[place]) for place in _BUSY_COLUMNS) / TICKS_PER_SECOND


def _sum_stat_fields(pid: int, places: tuple[int, ...]) -> float:
    try:
        fields = (PROC_FOLDER / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return sum(int(fields[place]) for place in places) / TICKS_PER_SECOND
