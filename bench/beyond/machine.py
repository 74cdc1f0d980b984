"""Time as the local cloud takes it: two processors for all, and one thread that plays AWS."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bench.beyond.large import LargeWorld
from bench.drain.scenario import Scenario
from fault_bench.bench_pipeline import MAX_PARALLEL_UPLOADS

PROCESSORS = 2
AT_ONCE = 5
"""Invocations of a function that has no limit of its own, in the emulator."""
TURNS_OF_AN_INVOCATION = 2
"""The emulator's work for an invocation by that for a request: it polls and hands over, and takes the answer."""
SLICE = 0.02
"""Seconds of a processor that one gets before the next has its turn."""
FOREVER = 10**7


@dataclass(frozen=True)
class Costs:
    """Seconds. `processor`: of a function's for each of its requests, by function; `served`: of the emulator's for one;
    `upload` and `called`: of the uploader's and the stand-in's for a photo.

    Fitted: `waits`, in which nobody works, for each invocation; `starts`, of a processor for a cold start.
    """

    processor: Mapping[str, float]
    served: float
    upload: float
    called: float
    waits: float
    starts: float


@dataclass(eq=False)
class Machine:
    """Who waits for whom; moments are seconds since the beginning."""

    processors: list[float] = field(default_factory=lambda: [0.0] * PROCESSORS)
    emulator: float = 0.0

    def work(self, now: float, seconds: float) -> float:
        """When some work is done that begins as soon as a processor is free."""
        place = min(range(PROCESSORS), key=self.processors.__getitem__)
        self.processors[place] = max(now, self.processors[place]) + seconds
        return self.processors[place]

    def serve(self, now: float, seconds: float) -> float:
        """When the emulator has done some work: one thing after another, on the processor that it had last."""
        begins = max(now, self.emulator)
        free = [place for place in range(PROCESSORS) if self.processors[place] <= begins]
        place = max(free or range(PROCESSORS), key=lambda one: self.processors[one] * (1 if free else -1))
        self.emulator = self.processors[place] = max(begins, self.processors[place]) + seconds
        return self.emulator


class LocalCloud:
    """A large world on one machine. `cold`: no function has a worker yet."""

    def __init__(self, world: LargeWorld, costs: Costs, *, cold: bool) -> None:
        self.world, self.costs, self.machine = world, costs, Machine()
        self._idle = dict.fromkeys(costs.processor, 0 if cold else FOREVER)
        world.transport.add_latency = self.travel
        world.lambda_service.before_invocation, world.lambda_service.after_invocation = self.enter, self.leave
        world.event_delay_changes.append(lambda _body, _delays: [0.0])
        for name in ("intake", "deliver"):
            world.mappings[name].max_concurrency = AT_ONCE

    def travel(self, service: str, _operation: str) -> None:
        """A request of a worker's, up to its answer."""
        worker = self.world.event_loop.current_worker
        name = worker.name.rpartition("-")[0] if worker else ""
        self.work(self.costs.processor.get(name, 0.0))
        if service == "provider":
            self.work(self.costs.called)
        elif service != "downloads":
            self.serve(self.costs.served)

    def enter(self, name: str) -> None:
        """An invocation is handed to a worker, which may have to be started."""
        self.serve(self.costs.served * TURNS_OF_AN_INVOCATION / 2)
        self.world.clock.sleep(self.costs.waits)
        if not self._idle[name]:
            self.work(self.costs.starts)
        else:
            self._idle[name] -= 1

    def leave(self, name: str) -> None:
        """Its answer is taken."""
        self.serve(self.costs.served * TURNS_OF_AN_INVOCATION / 2)
        self._idle[name] += 1

    def upload(self, keys: list[str]) -> None:
        """Some uploaders share the keys."""
        for n in range(MAX_PARALLEL_UPLOADS):
            self.world.event_loop.spawn(
                "bench", lambda n=n: self._upload_each(keys[n::MAX_PARALLEL_UPLOADS]), timeout_seconds=FOREVER
            )

    def _upload_each(self, keys: list[str]) -> None:
        for key in keys:
            self.work(self.costs.upload)
            self.serve(self.costs.served)
            self.world.upload(key)

    def work(self, seconds: float) -> None:
        """Who asks waits for a processor, again and again."""
        while seconds > 0:
            now = self.world.seconds
            self.world.clock.sleep(self.machine.work(now, min(seconds, SLICE)) - now)
            seconds -= SLICE

    def serve(self, seconds: float) -> None:
        """Who asks waits for the emulator."""
        now = self.world.seconds
        self.world.clock.sleep(self.machine.serve(now, seconds) - now)


def rehearse(scenario: Scenario, costs: Costs, seed: int = 1) -> LargeWorld:
    """One scenario of the bench, played in the simulated world."""
    world = LargeWorld(seed, in_flight=scenario.limit, seconds=scenario.seconds, account=scenario.slots)
    cloud = LocalCloud(world, costs, cold=scenario.cold)
    world.start()
    cloud.upload([f"shoes/{n:05}.jpg" for n in range(scenario.photos)])
    world.play(scenario.photos, scenario.patience_seconds)
    return world
