"""The times of the local cloud: two processors for all programs, and one thread that emulates AWS."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bench.drain.scenario import Scenario
from bench.extrapolation.large_world import LargeWorld
from fault_bench.bench_pipeline import MAX_PARALLEL_UPLOADS

PROCESSORS = 2
EMULATOR_CONCURRENCY = 5
"""The emulator's concurrency for a function without its own limit."""
TASKS_PER_INVOCATION = 2
"""The emulator's work for an invocation, as a multiple of that for a request: it polls, dispatches, and responds."""
TIME_SLICE_SECONDS = 0.02
"""The seconds for which a task uses a processor before the next task's turn."""
NEVER_COLD = 10**7


@dataclass(frozen=True)
class MachineCosts:
    """Seconds. `request_cpu`: a function's CPU time per request, by function. `emulator_cpu`: the emulator's per
    request. `upload_cpu` and `standin_cpu`: those of the uploader and the stand-in per photo.

    Fitted: `invocation_delay`, idle time per invocation, and `cold_start_cpu`, the CPU time of a cold start.
    """

    request_cpu: Mapping[str, float]
    emulator_cpu: float
    upload_cpu: float
    standin_cpu: float
    invocation_delay: float
    cold_start_cpu: float


@dataclass(eq=False)
class LocalMachine:
    """The processors and the emulator, and when each is free, in seconds since the start."""

    processors_free_at: list[float] = field(default_factory=lambda: [0.0] * PROCESSORS)
    emulator_free_at: float = 0.0

    def work(self, now: float, seconds: float) -> float:
        """Returns when some work ends that starts as soon as a processor is free."""
        place = min(range(PROCESSORS), key=self.processors_free_at.__getitem__)
        self.processors_free_at[place] = max(now, self.processors_free_at[place]) + seconds
        return self.processors_free_at[place]

    def serve(self, now: float, seconds: float) -> float:
        """Returns when the emulator ends some work. It does one task at a time, on the processor that it used last."""
        begins = max(now, self.emulator_free_at)
        free = [place for place in range(PROCESSORS) if self.processors_free_at[place] <= begins]
        place = max(free or range(PROCESSORS), key=lambda one: self.processors_free_at[one] * (1 if free else -1))
        self.emulator_free_at = self.processors_free_at[place] = max(begins, self.processors_free_at[place]) + seconds
        return self.emulator_free_at


class LocalTiming:
    """A large world with the times of one machine. `cold`: no function has a worker yet."""

    def __init__(self, world: LargeWorld, costs: MachineCosts, *, cold: bool) -> None:
        self.world, self.costs, self.machine = world, costs, LocalMachine()
        self._idle = dict.fromkeys(costs.request_cpu, 0 if cold else NEVER_COLD)
        world.transport.add_latency = self.add_latency
        world.lambda_service.before_invocation, world.lambda_service.after_invocation = (
            self.start_invocation,
            self.end_invocation,
        )
        world.event_delay_changes.append(lambda _body, _delays: [0.0])
        for name in ("intake", "deliver"):
            world.mappings[name].max_concurrency = EMULATOR_CONCURRENCY

    def add_latency(self, service: str, _operation: str) -> None:
        """Adds the time of a worker's request."""
        worker = self.world.event_loop.current_worker
        name = worker.name.rpartition("-")[0] if worker else ""
        self.wait_for_processor(self.costs.request_cpu.get(name, 0.0))
        if service == "provider":
            self.wait_for_processor(self.costs.standin_cpu)
        elif service != "downloads":
            self.wait_for_emulator(self.costs.emulator_cpu)

    def start_invocation(self, name: str) -> None:
        """Adds the time until a worker receives an invocation. The worker may start cold."""
        self.wait_for_emulator(self.costs.emulator_cpu * TASKS_PER_INVOCATION / 2)
        self.world.clock.sleep(self.costs.invocation_delay)
        if not self._idle[name]:
            self.wait_for_processor(self.costs.cold_start_cpu)
        else:
            self._idle[name] -= 1

    def end_invocation(self, name: str) -> None:
        """Adds the emulator's time for the result of an invocation."""
        self.wait_for_emulator(self.costs.emulator_cpu * TASKS_PER_INVOCATION / 2)
        self._idle[name] += 1

    def upload(self, keys: list[str]) -> None:
        """Uploads the keys with several uploaders."""
        for n in range(MAX_PARALLEL_UPLOADS):
            self.world.event_loop.spawn(
                "bench", lambda n=n: self._upload_each(keys[n::MAX_PARALLEL_UPLOADS]), timeout_seconds=NEVER_COLD
            )

    def _upload_each(self, keys: list[str]) -> None:
        for key in keys:
            self.wait_for_processor(self.costs.upload_cpu)
            self.wait_for_emulator(self.costs.emulator_cpu)
            self.world.upload(key)

    def wait_for_processor(self, seconds: float) -> None:
        """Makes the caller wait for a processor, one time slice at a time."""
        while seconds > 0:
            now = self.world.elapsed_seconds
            self.world.clock.sleep(self.machine.work(now, min(seconds, TIME_SLICE_SECONDS)) - now)
            seconds -= TIME_SLICE_SECONDS

    def wait_for_emulator(self, seconds: float) -> None:
        """Makes the caller wait for the emulator."""
        now = self.world.elapsed_seconds
        self.world.clock.sleep(self.machine.serve(now, seconds) - now)


def simulate_scenario(scenario: Scenario, costs: MachineCosts, seed: int = 1) -> LargeWorld:
    """Simulates one scenario of the bench."""
    world = LargeWorld(seed, in_flight=scenario.limit, seconds=scenario.seconds, account=scenario.slots)
    timing = LocalTiming(world, costs, cold=scenario.cold)
    world.start()
    timing.upload([f"shoes/{n:05}.jpg" for n in range(scenario.photos)])
    world.run_until_ended(scenario.photos, scenario.timeout_seconds)
    return world
