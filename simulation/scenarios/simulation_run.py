"""Runs one seed: its plan under faults, then without faults until the world is at rest, then all events once more."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from random import Random

from simulation.invariants.final_state import check_settle_bound
from simulation.invariants.job_ends import ERROR_REPORTS_PREFIX
from simulation.invariants.violations import Invariant, Violation, is_mask
from simulation.scenarios.actions import UserActions
from simulation.scenarios.call_log import CallLog
from simulation.scenarios.final_checks import RestCheck, check_final_state, read_documents
from simulation.scenarios.guard_faults import POISON_FAULT
from simulation.scenarios.invariant_monitor import InvariantMonitor
from simulation.scenarios.long_faults import MAX_LONG_FAULT_SECONDS
from simulation.scenarios.planned_action import PlannedAction
from simulation.scenarios.rate_limit_monitor import CLOCK_FAULTS, CLOCK_JUMP_FAULTS, HOUR_JUMP_FAULT, RateLimitMonitor
from simulation.scenarios.simulation_plan import AMPLE_BUDGET_MICRO_USD, SimulationPlan
from simulation.world.fault_profile import LANE_SEPARATOR, InstalledFaults
from simulation.world.fault_profile.operator_faults import MAX_PAUSE_SECONDS
from simulation.world.product_images import build_cut_out, build_scene, identify_product_photo
from simulation.world.simulated_s3 import ObjectVersion
from simulation.world.simulated_stack import World
from simulation.world.world_clock import WORLD_START

CHECK_INTERVAL_SECONDS = 60
MAX_SETTLE_SECONDS = 3 * 3600
MAX_SLOW_SETTLE_SECONDS = 8 * 86_400
SLOW_RECONCILE_INTERVAL_SECONDS = 3600
SLOW_CHECK_INTERVAL_SECONDS = 600
# Long enough for two reconciliations.
QUIET_SECONDS = 660
SLOW_QUIET_SECONDS = 2 * SLOW_RECONCILE_INTERVAL_SECONDS + SLOW_CHECK_INTERVAL_SECONDS
# The longest time for which an operator pauses a lane.
MAX_OPERATOR_PAUSE_SECONDS = MAX_PAUSE_SECONDS + 60
REPEAT_SECONDS = 1800
EXTENSION_SECONDS = 240
# The longest faults (an hour, half an hour, and the tries in between) may keep the others from striking.
MAX_EXTENSIONS = 100
MAX_GROWING_EXTENSIONS = 20
MAX_WAITING_PHOTOS = 20
CROWDED_EXTENSIONS = 10
# Several times what the longest seeds need after the last fault: for days of reconciliations, and for each job that
# arrived before all faults had struck, or that waits for days and is tried every hour.
MAX_CALLS = 60_000
MAX_CALLS_PER_JOB = 500
OLD_STACK_AGE = timedelta(days=3)
FORGOTTEN_KEY = "shoes/forgotten.jpg"
FIRST_LANE = ""
MIN_EXTRA_PHOTOS = 2


@dataclass
class SimulationResult:
    """What one seed showed. `violations`: each with the number of the call after which it appeared.

    `error`: the traceback of an unexpected exception. `product_counts`: what happened to the photos of a product.
    """

    plan: SimulationPlan
    error: str = ""
    violations: list[tuple[int, Violation]] = field(default_factory=list[tuple[int, Violation]])
    strike_counts: Counter[str] = field(default_factory=Counter[str])
    end_counts: Counter[str] = field(default_factory=Counter[str])
    product_counts: Counter[str] = field(default_factory=Counter[str])
    photo_count: int = 0
    paid_call_count: int = 0
    unknown_charge_count: int = 0
    call_count: int = 0
    simulated_seconds: float = 0.0

    @property
    def broken_invariants(self) -> list[str]:
        """The names of the broken invariants, in the order in which they broke."""
        return list(dict.fromkeys(violation.invariant.name for _, violation in self.violations))


class Simulation:
    """Runs one plan. It ends at the latest after `max_calls` more calls once the faults have ended."""

    def __init__(self, plan: SimulationPlan, max_calls: int = 10 * MAX_CALLS) -> None:
        self.plan = plan
        self._max_call_number = self._max_calls = max_calls
        self.world = World(plan.seed, **plan.setup)
        self.users = UserActions(self.world, Random(f"people {plan.seed}"))
        self.users.has_clock_faults = bool(CLOCK_FAULTS & {*plan.faults})
        self.users.has_clock_jumps = bool(CLOCK_JUMP_FAULTS & {*plan.faults})
        self.users.has_hour_long_jumps = HOUR_JUMP_FAULT in plan.faults
        self.monitor = InvariantMonitor(self.world, self.users)
        if plan.is_old_stack:
            self._age_stack()
        if plan.starts_before_midnight:
            self.world.clock.advance_to(self.world.clock.time.replace(hour=23, minute=57))
        self.call_log = CallLog(self.world, self.users)
        self.rate_limit_monitor = RateLimitMonitor(self.world, self.monitor, self.call_log, self.users)
        self.faults = InstalledFaults(self.world, plan.faults)
        self.faults.listeners.append(self._count_crash)
        self.monitor.undelivered.delivery_blocks = self.faults.delivery_blocks
        # After the faults, whose changes show which notifications are lost.
        self._lost_notifications: list[str] = []
        self.world.event_delay_changes.append(self._record_notification)
        self.world.downloads.choose_picture = self._choose_picture

    def _choose_picture(self, url: str) -> bytes | None:
        """Returns a scene or a cut-out for a photo of the product; None for the pictures of other photos."""
        result = url.rpartition("/")[2].removesuffix(".png")
        bills = (provider.bill for provider in self.world.simulated_providers.values())
        order = next((found.order for bill in bills if (found := bill.find_job_of_result(result))), None)
        job = self.monitor.snapshot.jobs[order.client_hint] if order else None
        if job is None or not identify_product_photo(job["sha256"]):
            return None
        # The links of all seeds are the same for the same purchases.
        name = f"{self.plan.seed} {url}"
        return build_scene(name) if job["operation"] == "replace" else build_cut_out(name)

    def _record_notification(self, body: str, delays: list[float]) -> list[float]:
        self.users.notifications.append(body)
        self._lost_notifications += [] if delays else [body]
        return delays

    def _count_crash(self, fault_name: str) -> None:
        if fault_name == POISON_FAULT:
            self.monitor.count_crash()

    def _age_stack(self) -> None:
        """Makes the stack three days old, with a photo that no event has ever announced."""
        self.world.clock.advance_to(WORLD_START + OLD_STACK_AGE)
        photo = ObjectVersion("v-forgotten", b"", WORLD_START + timedelta(hours=1), {}, {"operation": "remove"})
        self.world.input_bucket.objects[FORGOTTEN_KEY] = [photo]
        self.users.ignored_keys.add(FORGOTTEN_KEY)

    def run(self) -> SimulationResult:
        """Runs the plan to its end, or until an invariant is broken."""
        world = self.world
        last_action_at = world.clock.time + timedelta(seconds=self.plan.last_action_seconds)
        for action in self.plan.actions:
            world.event_loop.call_later(action.at_seconds, lambda planned=action: self.users.perform(planned))
        world.start()
        self._run_for(self.plan.fault_minutes * 60)
        self._run_until_all_faults_fired()
        self.faults.end()
        self.users.reviewers.may_crash = False
        max_calls = MAX_CALLS + MAX_CALLS_PER_JOB * len(self.monitor.snapshot.jobs)
        self._max_call_number = len(self.world.transport.calls) + min(max_calls, self._max_calls)
        self._run_for((last_action_at - world.clock.time).total_seconds())
        self._run_until_at_rest()
        self._repeat_everything()
        return self._build_result()

    @property
    def _has_violations(self) -> bool:
        return bool(self.monitor.violations)

    def _run_for(self, seconds: float) -> None:
        if not self._has_violations:
            self.world.event_loop.run_until(self.world.clock.time + timedelta(seconds=seconds), self._is_over)

    def _is_over(self) -> bool:
        """Whether an invariant is broken. Running for too many calls breaks one."""
        violations, call_count = self.monitor.violations, len(self.world.transport.calls)
        if call_count > self._max_call_number and not violations:
            self.monitor.add_violations(
                [Violation(Invariant.DRAINED_IN_TIME, f"{call_count} calls without coming to rest")]
            )
        return bool(violations)

    def _run_until_all_faults_fired(self) -> None:
        """Adds photos until each planned fault has struck."""
        round_no = 0
        for extension in range(1, MAX_EXTENSIONS + 1):
            if self._has_violations or not self.faults.list_unfired():
                return
            # If many photos wait, for example because S3 denies access to them, more would rarely give a fault a
            # chance. But they may wait as long as the faults last, for example if each of intake's workers is killed.
            is_crowded = self._count_waiting_photos() > MAX_WAITING_PHOTOS
            adds_photos = not is_crowded or extension % CROWDED_EXTENSIONS == 0
            self._extend(round_no, adds_photos=adds_photos)
            round_no += adds_photos
            self._run_for(EXTENSION_SECONDS)
        self.monitor.add_violations(
            [Violation(Invariant.FAULTS_FIRED, f"{name} never struck") for name in self.faults.list_unfired()]
        )

    def _count_waiting_photos(self) -> int:
        """Returns the length of the longest queue in which photos wait: intake's, or a lane."""
        return max(len(self.world.queues[name].messages) for name in ("intake", *self.world.simulated_providers))

    def _extend(self, round_no: int, *, adds_photos: bool) -> None:
        """Removes what may keep the lanes from buying, and adds photos."""
        self.users.perform(PlannedAction(0, "set_budget", (str(AMPLE_BUDGET_MICRO_USD),)))
        self.users.remove_broken_defaults()
        lanes_with_unfired_faults = {name.partition(LANE_SEPARATOR)[2] for name in self.faults.list_unfired()}
        if adds_photos and FIRST_LANE in lanes_with_unfired_faults:
            self._add_photos(round_no)
        for lane in sorted(lanes_with_unfired_faults.intersection(self.plan.other_lanes)):
            if adds_photos:
                self._add_photos_for_lane(lane, round_no)
            self.world.resume_lane(provider=lane)
        if adds_photos:
            self.users.perform(PlannedAction(0, "send_task", (f"late/{round_no}-0.jpg", "cut", "", "plain")))
        self.world.resume_lane()
        if "slow_mapping" in self.faults.list_unfired():
            self.world.pause_lane(seconds=EXTENSION_SECONDS / 2)

    def _add_photos(self, round_no: int) -> None:
        factor = 1 + round_no // 4 if round_no < MAX_GROWING_EXTENSIONS else 1
        for index in range(self.world.setup.in_flight * factor):
            self.users.perform(
                PlannedAction(0, "upload", (f"late/{round_no}-{index}.jpg", f"late {round_no} {index}", "cut"))
            )

    def _add_photos_for_lane(self, lane: str, round_no: int) -> None:
        """Adds photos for an additional lane, in the end as many as it may have in flight."""
        for index in range(min(MIN_EXTRA_PHOTOS + round_no, self.world.setup.in_flight)):
            key = f"late/{lane}-{round_no}-{index}.jpg"
            self.users.perform(PlannedAction(0, "write_sidecar", (key, f"marble-{lane}")))
            self.users.perform(PlannedAction(0, "upload", (key, f"late {lane} {round_no} {index}", "")))

    def _run_until_at_rest(self) -> None:
        """Runs without faults until everything is at rest, and still is several reconciliations later."""
        world, started_at = self.world, self.world.clock.time
        max_seconds, interval, min_quiet_seconds = MAX_SETTLE_SECONDS, CHECK_INTERVAL_SECONDS, QUIET_SECONDS
        if self.plan.has_days_long_recovery:
            max_seconds, interval = MAX_SLOW_SETTLE_SECONDS, SLOW_CHECK_INTERVAL_SECONDS
            min_quiet_seconds = SLOW_QUIET_SECONDS
            world.reconcile_schedule.interval_seconds = SLOW_RECONCILE_INTERVAL_SECONDS
        min_seconds = MAX_LONG_FAULT_SECONDS if self.plan.has_days_long_fault else MAX_OPERATOR_PAUSE_SECONDS
        rest_check = RestCheck(world, self.monitor, self.users)
        reason, quiet_seconds = "not checked", 0.0
        while (
            not self._has_violations
            and quiet_seconds < min_quiet_seconds
            and (world.clock.time - started_at).total_seconds() < max_seconds
        ):
            self._run_for(interval)
            reason = rest_check.find_pending_work()
            is_busy = reason or (world.clock.time - started_at).total_seconds() < min_seconds
            quiet_seconds = 0.0 if is_busy else quiet_seconds + interval
        if self._has_violations:
            return
        self.monitor.add_violations(check_settle_bound(quiet_seconds >= min_quiet_seconds, max_seconds, reason))
        self._check_final_state()

    def _check_final_state(self) -> None:
        strike_counts = self.faults.count_strikes()
        self.monitor.add_violations(
            check_final_state(self.world, self.monitor, self.users, strike_counts, self.call_log)
        )
        reports = read_documents(self.world, ERROR_REPORTS_PREFIX)
        self.monitor.add_violations(self.rate_limit_monitor.check_final_state(reports, strike_counts))

    def _repeat_everything(self) -> None:
        """Repeats all notifications, which must not buy anything. Those that were lost are sent once before."""
        if self._has_violations:
            return
        world = self.world
        if (world.clock.time + timedelta(seconds=REPEAT_SECONDS)).date() != world.clock.time.date():
            # A new day has a new budget, so jobs that waited for it continue.
            self._run_for(REPEAT_SECONDS)
            self._run_until_at_rest()
        if self._lost_notifications:
            # These are no repetitions yet: the sweep does not see that the same file was written again.
            for body in self._lost_notifications:
                world.sqs.send_externally(world.queues["intake"], body)
            self._run_until_at_rest()
        charges_before = self.monitor.billing.charge_counts.total()
        for body in dict.fromkeys(self.users.notifications):
            world.sqs.send_externally(world.queues["intake"], body)
        self.users.perform(PlannedAction(0, "write_default", ("elsewhere/", "cut")))
        self._run_for(REPEAT_SECONDS)
        new_charges = self.monitor.billing.charge_counts.total() - charges_before
        if new_charges:
            self.monitor.add_violations(
                [Violation(Invariant.NO_REPEAT_PURCHASES, f"{new_charges} paid calls for repeated notifications")]
            )
        self._check_final_state()

    def _build_result(self) -> SimulationResult:
        world, jobs = self.world, self.monitor.snapshot.jobs.values()
        return SimulationResult(
            plan=self.plan,
            violations=self.monitor.violations,
            strike_counts=self.faults.strike_counts,
            end_counts=Counter(job["status"] for job in jobs),
            product_counts=self._count_products(),
            photo_count=sum(action.name in ("upload", "copy_photo") for action in self.plan.actions),
            paid_call_count=self.monitor.billing.charge_counts.total(),
            unknown_charge_count=sum(attempt["unknown"] > 0 for job in jobs for attempt in job["attempts"]),
            call_count=len(world.transport.calls),
            simulated_seconds=(world.clock.time - WORLD_START).total_seconds(),
        )

    def hash_history(self) -> str:
        """Returns a hash of everything that has happened in this run."""
        return sha256("\n".join(self.world.format_history()).encode()).hexdigest()

    def _count_products(self) -> Counter[str]:
        """Counts what people and mandates did with pictures, as the page names it."""
        jobs, decisions = self.monitor.snapshot.jobs.values(), self.monitor.reviews.decisions.values()
        reasons = [fidelity["reason"] for job in jobs for result in job["results"] if (fidelity := result["fidelity"])]
        counts = Counter(f"decisions by {review['decided_via']}" for reviews in decisions for review in reviews)
        return counts + Counter(
            {
                "retries, because the product differed": self.monitor.billing.retry_counts.total(),
                "masks": sum(map(is_mask, jobs)),
                "pictures without their mask": reasons.count("mask_unavailable"),
                "decisions that came too late": self.users.reviewers.refused_count,
                "mandates": len(self.monitor.snapshot.mandates),
                "calls that mandates paid": sum(
                    bool(attempt.get("mandate")) for job in jobs for attempt in job["attempts"]
                ),
                "jobs that waited for their mandates": self.monitor.mandates.count_waiting_jobs(),
                "jobs that mandates refused": self.monitor.mandates.count_refused_jobs(),
                "mandates that a charge suspended": self.monitor.mandates.reported_overcharges,
            }
        )
