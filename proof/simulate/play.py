"""One seed: its plan played to the end under faults, then in good weather until all is at rest, then once more."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from random import Random

from proof.checker.books import Breach, Promise
from proof.checker.rest import bound_breaches
from proof.simulate.act import Act
from proof.simulate.ears import Ears
from proof.simulate.faults import POISON
from proof.simulate.lasting import LONGEST_DAYS_SECONDS
from proof.simulate.manners import Manners
from proof.simulate.people import People
from proof.simulate.plan import AMPLE, Plan
from proof.simulate.rest import ERRORS, rest_breaches, unrest, views
from proof.simulate.watch import Watch
from proof.world.clock import START
from proof.world.faults import AT, Faults
from proof.world.faults.people import LONGEST_PAUSE_SECONDS
from proof.world.s3_objects import Version
from proof.world.stack import World

LOOK_SECONDS = 60
BOUND_SECONDS = 3 * 3600
SLOW_BOUND_SECONDS = 8 * 86_400
SLOW_RECONCILE_SECONDS = 3600
SLOW_LOOK_SECONDS = 600
AFTER_REST_SECONDS = 660
# A person who paused a lane lets it go on after at most so long.
PEOPLES_SECONDS = LONGEST_PAUSE_SECONDS + 60
ENCORE_SECONDS = 1800
LONGER_SECONDS = 240
# What lasts longest (an hour, and half of one, and the tries in between) may keep all from what is still to strike.
MOST_LONGER = 40
MOST_GROWING = 20
# What the longest seeds need when nothing strikes any more, several times over: for days of reconciliations, and for
# each job that came until all faults had struck.
MOST_CALLS = 60_000
MOST_CALLS_A_JOB = 100
ASLEEP = timedelta(days=3)
USELESS_CLOCK = "clock_jump_of_an_hour"
JUMPING_CLOCKS = frozenset({"clock_jump", USELESS_CLOCK})
WRONG_CLOCKS = JUMPING_CLOCKS | {"clock_skew"}
FORGOTTEN = "shoes/forgotten.jpg"
FIRST_LANE = ""
FEWEST_MORE = 2


@dataclass
class Run:
    """What one seed showed. `breaches`: with the number of the call after which each showed.

    `error`: what an exception that nobody caught has to say.
    """

    plan: Plan
    error: str = ""
    breaches: list[tuple[int, Breach]] = field(default_factory=list[tuple[int, Breach]])
    fired: Counter[str] = field(default_factory=Counter[str])
    ends: Counter[str] = field(default_factory=Counter[str])
    photos: int = 0
    paid: int = 0
    unknown: int = 0
    calls: int = 0
    seconds: float = 0.0
    digest: str = ""

    @property
    def broken(self) -> list[str]:
        """The names of the broken promises, the first first."""
        return list(dict.fromkeys(breach.promise.name for _, breach in self.breaches))


class Play:
    """Plays one plan; `patience`: after so many calls it is over, whatever is still to come."""

    def __init__(self, plan: Plan, patience: int = 10 * MOST_CALLS) -> None:
        self.plan = plan
        self._last_call = self._patience = patience
        self.world = World(plan.seed, **plan.setup)
        self.people = People(self.world, Random(f"people {plan.seed}"))
        self.people.wrong_clocks = bool(WRONG_CLOCKS & {*plan.faults})
        self.people.jumping_clocks = bool(JUMPING_CLOCKS & {*plan.faults})
        self.people.useless_clocks = USELESS_CLOCK in plan.faults
        self.watch = Watch(self.world, self.people)
        if plan.asleep:
            self._sleep()
        if plan.late:
            self.world.clock.wait_until(self.world.clock.time.replace(hour=23, minute=57))
        self.ears = Ears(self.world)
        self.manners = Manners(self.world, self.watch, self.ears, self.people)
        self.faults = Faults(self.world, plan.faults)
        self.faults.heard.append(self._count_deaths)
        self.world.event_delays.append(self._overheard)

    def _overheard(self, body: str, delays: list[float]) -> list[float]:
        self.people.told.append(body)
        return delays

    def _count_deaths(self, fault: str) -> None:
        if fault == POISON:
            self.watch.a_death()

    def _sleep(self) -> None:
        """The stack came to be three days ago, and since then nobody was told of a photo that lies there."""
        self.world.clock.wait_until(START + ASLEEP)
        photo = Version("v-forgotten", b"", START + timedelta(hours=1), {}, {"operation": "remove"})
        self.world.input.objects[FORGOTTEN] = [photo]
        self.people.untouched.add(FORGOTTEN)

    def run(self) -> Run:
        """The whole run; it ends early where a promise is broken."""
        world = self.world
        for act in self.plan.acts:
            world.hub.after(act.at, lambda one=act: self.people.do(one))
        world.start()
        self._for(self.plan.minutes * 60)
        self._until_all_fired()
        self.faults.end()
        bound = MOST_CALLS + MOST_CALLS_A_JOB * len(self.watch.memory.jobs)
        self._last_call = len(self.world.wire.calls) + min(bound, self._patience)
        self._settle()
        self._encore()
        return self._told()

    @property
    def _broken(self) -> bool:
        return bool(self.watch.breaches)

    def _for(self, seconds: float) -> None:
        if not self._broken:
            self.world.hub.run_until(self.world.clock.time + timedelta(seconds=seconds), self._is_over)

    def _is_over(self) -> bool:
        """Whether a promise is broken; that all this ever ends is one of them."""
        if len(self.world.wire.calls) > self._last_call and not self._broken:
            self.watch.found([Breach(Promise.DRAINED, f"{len(self.world.wire.calls)} calls, and no end")])
        return self._broken

    def _until_all_fired(self) -> None:
        """More photos come until each announced fault has struck."""
        for number in range(MOST_LONGER):
            if self._broken or not self.faults.silent():
                return
            self._more(number)
            self._for(LONGER_SECONDS)
        self.watch.found([Breach(Promise.FAULTS_FIRED, f"{name} never struck") for name in self.faults.silent()])

    def _more(self, number: int) -> None:
        self.people.do(Act(0, "budget", (str(AMPLE),)))
        self.people.mend()
        growth = 1 + number // 4 if number < MOST_GROWING else 1
        silent = {name.partition(AT)[2] for name in self.faults.silent()}
        for place in range(self.world.setup.in_flight * growth) if FIRST_LANE in silent else ():
            self.people.do(Act(0, "drop", (f"late/{number}-{place}.jpg", f"late {number} {place}", "cut")))
        for lane in sorted(silent.intersection(self.plan.lanes)):
            self._more_at(lane, number)
        self.people.do(Act(0, "task", (f"late/{number}-0.jpg", "cut", "", "plain")))
        self.world.resume()
        if "slow_mapping" in self.faults.silent():
            self.world.pause(seconds=LONGER_SECONDS / 2)

    def _more_at(self, lane: str, number: int) -> None:
        """Some photos for a further lane, at last as many as it may have at work."""
        for place in range(min(FEWEST_MORE + number, self.world.setup.in_flight)):
            key = f"late/{lane}-{number}-{place}.jpg"
            self.people.do(Act(0, "sidecar", (key, f"marble-{lane}")))
            self.people.do(Act(0, "drop", (key, f"late {lane} {number} {place}", "")))
        self.world.resume(provider=lane)

    def _settle(self) -> None:
        """In good weather, until all is at rest, and still is some reconciliations later."""
        world, began = self.world, self.world.clock.time
        bound, look = BOUND_SECONDS, LOOK_SECONDS
        if self.plan.slow:
            bound, look = SLOW_BOUND_SECONDS, SLOW_LOOK_SECONDS
            world.reconcile.every_seconds = SLOW_RECONCILE_SECONDS
        others = LONGEST_DAYS_SECONDS if self.plan.for_days else PEOPLES_SECONDS
        why, calm = "not looked at", 0.0
        while not self._broken and calm < AFTER_REST_SECONDS and (world.clock.time - began).total_seconds() < bound:
            self._for(look)
            why = unrest(world, self.watch, self.people)
            busy = why or (world.clock.time - began).total_seconds() < others
            calm = 0.0 if busy else calm + look
        if self._broken:
            return
        self.watch.found(bound_breaches(calm >= AFTER_REST_SECONDS, bound, why))
        self.watch.found(rest_breaches(world, self.watch, self.people, self.faults.struck(), self.ears))
        self.watch.found(self.manners.at_rest(views(world, ERRORS), self.faults.struck()))

    def _encore(self) -> None:
        """Everything is told once more, and nothing is bought."""
        if self._broken:
            return
        world = self.world
        if (world.clock.time + timedelta(seconds=ENCORE_SECONDS)).date() != world.clock.time.date():
            # A new day has a new budget, and what waited for it goes.
            self._for(ENCORE_SECONDS)
            self._settle()
        before = self.watch.bills.charged.total()
        for body in dict.fromkeys(self.people.told):
            world.sqs.post(world.lines["intake"], body)
        self.people.do(Act(0, "default", ("elsewhere/", "cut")))
        self._for(ENCORE_SECONDS)
        more = self.watch.bills.charged.total() - before
        if more:
            self.watch.found([Breach(Promise.NO_REPEATS, f"{more} paid calls for the same again")])
        self.watch.found(rest_breaches(world, self.watch, self.people, self.faults.struck(), self.ears))
        self.watch.found(self.manners.at_rest(views(world, ERRORS), self.faults.struck()))

    def _told(self) -> Run:
        world, jobs = self.world, self.watch.memory.jobs.values()
        story = "\n".join(world.story())
        return Run(
            plan=self.plan,
            breaches=self.watch.breaches,
            fired=self.faults.fired,
            ends=Counter(job["status"] for job in jobs),
            photos=sum(act.deed in ("drop", "copy") for act in self.plan.acts),
            paid=self.watch.bills.charged.total(),
            unknown=sum(attempt["unknown"] > 0 for job in jobs for attempt in job["attempts"]),
            calls=len(world.wire.calls),
            seconds=(world.clock.time - START).total_seconds(),
            digest=sha256(story.encode()).hexdigest(),
        )


def play(plan: Plan) -> Run:
    """Play a plan."""
    return Play(plan).run()
