"""One seed of the bench: a cloud of its own, the naive pipeline and then Backdrop, and the verdict."""

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from backdrop_local import cloud as local_cloud
from backdrop_local.cleanup import clean_up_on_exit
from backdrop_local.cloud import Cloud
from backdrop_local.home import Home
from fault_bench import backdrop_pipeline, faulted_run, verdict
from fault_bench.bench_pipeline import BenchPipeline
from fault_bench.bench_plan import BenchPlan, draw_bench_plan
from fault_bench.bench_reviewers import run_reviewers
from fault_bench.faulted_run import ObservedRun
from fault_bench.naive_pipeline import naive_deployment
from fault_bench.standin_provider import StandinProvider, run_provider
from fault_bench.verdict import PipelineFigures
from simulation.invariants.job_ends import END_STATUSES
from simulation.invariants.violations import Violation, parse_ledger

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - the folder in it is made by mkdtemp
MIN_FREE_BYTES = 8_000_000_000

PrintLine = Callable[[str], None]


@dataclass(frozen=True)
class BenchSettings:
    """The size of a run: photos, seconds per call, calls at the same time, and how long a caller waits for an answer.

    `use_all_lanes`: the photos go to all four lanes.
    """

    photos: int
    call_seconds: float
    concurrency_limit: int
    timeout_seconds: int
    use_all_lanes: bool = False

    @property
    def ideal_seconds(self) -> float:
        """How long the calls take without faults."""
        return self.photos * self.call_seconds / self.concurrency_limit

    @property
    def max_run_seconds(self) -> float:
        """How long to wait for a pipeline to come to rest; reconcile runs every five minutes."""
        return 4 * self.ideal_seconds + 900


@dataclass(frozen=True)
class BenchResult:
    """One seed's result; `naive` is None if only Backdrop ran."""

    plan: BenchPlan
    backdrop: PipelineFigures
    naive: PipelineFigures | None
    violations: tuple[Violation, ...]


def run_bench_seed(seed: int, settings: BenchSettings, print_line: PrintLine, *, include_naive: bool) -> BenchResult:
    """Runs the last build of the pipelines through a seed's plan, on a cloud that is removed afterward."""
    limits = {"concurrency_limit": settings.concurrency_limit, "timeout_seconds": settings.timeout_seconds}
    plan = draw_bench_plan(
        seed,
        settings.photos,
        call_seconds=settings.call_seconds,
        **limits,
        use_all_lanes=settings.use_all_lanes,
        # The naive pipeline cannot do what they request.
        has_requests=not include_naive,
    )
    home = Home(Path(tempfile.mkdtemp(prefix="backdrop-chaos-", dir=find_fast_folder())))
    standin_settings = {
        "in_flight_limit": settings.concurrency_limit,
        "pictures": "prepared",
        "requests_per_minute": dict[str, int](),
    }
    with (
        clean_up_on_exit(home),
        run_provider(seed, standin_settings) as backdrop_provider,
        run_provider(seed, standin_settings) as naive_provider,
    ):
        parameters = backdrop_pipeline.build_parameters(
            backdrop_provider.standin_url, **limits, use_all_lanes=settings.use_all_lanes
        )
        cloud = local_cloud.up(home, parameters, print_line, build=False)
        naive = None
        if include_naive:
            naive = _run_naive(
                naive_deployment.deploy_pipeline(cloud, naive_provider, **limits), plan, settings, print_line
            )
        backdrop, violations = _run_backdrop(cloud, backdrop_provider, plan, settings, print_line)
    if violations:
        home.remove_files(keep_logs=True)
        print_line(f"seed {seed}: promises were broken; the logs of the emulator and of SAM are in {home.logs_folder}")
    else:
        shutil.rmtree(home.path)
    return BenchResult(plan, backdrop, naive, tuple(violations))


def find_fast_folder() -> Path | None:
    """Returns shared memory if there is enough: each new worker unpacks 100 MB, and all is deleted at the end."""
    has_space = SHARED_MEMORY.is_dir() and shutil.disk_usage(SHARED_MEMORY).free >= MIN_FREE_BYTES
    return SHARED_MEMORY if has_space else None


def _run_naive(
    pipeline: BenchPipeline, plan: BenchPlan, settings: BenchSettings, print_line: PrintLine
) -> PipelineFigures:
    faulted_run.warm_up(pipeline, plan, _is_always_at_rest)
    observed = faulted_run.run_under_faults(pipeline, plan, _is_always_at_rest, settings.max_run_seconds)
    print_line(_format_progress(plan, pipeline, observed))
    dead_letter_keys = verdict.find_naive_letter_keys(pipeline.drain_dead_letters())
    bill = verdict.read_charges(pipeline.provider.state.bill.jobs())
    pictures = {key.removesuffix(".png") + ".jpg" for key in pipeline.list_valid_pictures()}
    repeated_files = [name for name in plan.uploads if name.removesuffix(".json") in pictures]
    repeat_calls = faulted_run.repeat_uploads(
        pipeline, plan, repeated_files, _is_always_at_rest, settings.max_run_seconds
    )
    repeats = repeat_calls, faulted_run.edit_sidecar(pipeline, plan, _is_always_at_rest, settings.max_run_seconds)
    return verdict.build_figures(
        plan,
        picture_keys=pictures,
        reported_keys=dead_letter_keys,
        charges_billed=bill,
        recorded_calls={},
        dead_letter_keys=dead_letter_keys,
        repeats=repeats,
        observed=observed,
    )


def _run_backdrop(
    cloud: Cloud, provider: StandinProvider, plan: BenchPlan, settings: BenchSettings, print_line: PrintLine
) -> tuple[PipelineFigures, list[Violation]]:
    pipeline, max_seconds = backdrop_pipeline.connect_pipeline(cloud, provider), settings.max_run_seconds

    def at_rest() -> bool:
        jobs = parse_ledger(backdrop_pipeline.read_ledger_items(cloud)).jobs.values()
        return all(job["status"] in END_STATUSES for job in jobs)

    keys = [*faulted_run.warm_up(pipeline, plan, at_rest), *(photo.key for photo in plan.photos)]
    with run_reviewers(cloud, plan.seed) as reviewers:
        observed = faulted_run.run_under_faults(pipeline, plan, at_rest, max_seconds)
    print_line(_format_progress(plan, pipeline, observed))
    letters, snapshot = pipeline.drain_dead_letters(), backdrop_pipeline.take_snapshot(cloud, pipeline)
    bill, ledger = verdict.read_charges(provider.state.bill.jobs()), parse_ledger(snapshot.items)
    violations = [
        *verdict.check_invariants(plan, keys, snapshot, bill),
        *verdict.check_run(plan, observed, ledger, letters),
        *verdict.check_decisions(plan, ledger, snapshot.written_at, reviewers, letters),
    ]
    # Nothing else is bought in the second round, so no other photo could show that these cause the refusals.
    evidence_keys = {photo.key for photo in plan.photos if photo.fault and photo.fault.needs_later_success}
    repeated_files = [name for name in plan.uploads if name.removesuffix(".json") not in evidence_keys]
    repeat_calls = faulted_run.repeat_uploads(pipeline, plan, repeated_files, at_rest, max_seconds)
    repeats = repeat_calls, faulted_run.edit_sidecar(pipeline, plan, at_rest, max_seconds)
    final_violations = verdict.check_invariants(
        plan, keys, backdrop_pipeline.take_snapshot(cloud, pipeline), verdict.read_charges(provider.state.bill.jobs())
    )
    violations += [violation for violation in final_violations if violation not in violations] + verdict.check_repeats(
        *repeats
    )
    figures = verdict.build_figures(
        plan,
        picture_keys=verdict.list_photos_with_pictures(ledger, snapshot.pictures),
        reported_keys=snapshot.reports.keys(),
        charges_billed=bill,
        recorded_calls=verdict.count_recorded_calls_by_work(ledger),
        dead_letter_keys=verdict.find_backdrop_letter_keys(ledger, letters),
        repeats=repeats,
        observed=observed,
        retries=verdict.count_retries_by_work(ledger),
        decisions=verdict.DecisionCounts.from_run(reviewers, letters),
    )
    return figures, violations


def _format_progress(plan: BenchPlan, pipeline: BenchPipeline, observed: ObservedRun) -> str:
    return (
        f"seed {plan.seed}, {pipeline.name}: {observed.call_count} calls, {observed.kill_count} workers killed,"
        f" drain efficiency {observed.slot_use.efficiency:.0%}, at rest "
        f"after {observed.seconds_to_rest:.0f} s; uploading everything again"
    )


def _is_always_at_rest() -> bool:
    """The naive pipeline keeps no records of unfinished work."""
    return True
