"""One seed of the bench: a cloud of its own, the naive pipeline and Backdrop one after the other, and the verdict."""

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from backdrop_local import cloud as local_cloud
from backdrop_local.cloud import Cloud
from backdrop_local.home import Home
from backdrop_local.leash import leashed
from proof.chaos import ours, play, verdict
from proof.chaos.naive import deployment
from proof.chaos.pipeline import Pipeline
from proof.chaos.plan import Plan, draw
from proof.chaos.play import Played
from proof.chaos.provider import Provider, provider
from proof.chaos.verdict import Figures
from proof.checker.books import Breach, read_ledger
from proof.checker.ends import ENDS

MEMORY = Path("/dev/shm")  # noqa: S108 - the folder in it is made by mkdtemp
WORKERS_BYTES = 8_000_000_000

Say = Callable[[str], None]


@dataclass(frozen=True)
class Size:
    """How big a run is: photos, seconds of one call, calls at a time, and the longest wait for an answer.

    `mixed`: the photos go to all four lanes.
    """

    photos: int
    seconds: float
    limit: int
    timeout_seconds: int
    mixed: bool = False

    @property
    def ideal_seconds(self) -> float:
        """How long the calls take when nothing goes wrong."""
        return self.photos * self.seconds / self.limit

    @property
    def patience_seconds(self) -> float:
        """After so long a pipeline that has not come to rest never will: reconcile runs every five minutes."""
        return 4 * self.ideal_seconds + 900


@dataclass(frozen=True)
class Result:
    """One seed's outcome; `naive` is None where only Backdrop was run."""

    plan: Plan
    backdrop: Figures
    naive: Figures | None
    breaches: tuple[Breach, ...]


def run(seed: int, size: Size, say: Say, *, beside: bool) -> Result:
    """Both pipelines, as they were built last, through the plan of a seed, on a cloud that is gone afterwards."""
    limits = {"limit": size.limit, "timeout_seconds": size.timeout_seconds}
    plan = draw(seed, size.photos, seconds=size.seconds, **limits, mixed=size.mixed)
    home = Home(Path(tempfile.mkdtemp(prefix="backdrop-chaos-", dir=quick_folder())))
    settings = {"in_flight_limit": size.limit, "pictures": "prepared", "requests_per_minute": dict[str, int]()}
    with leashed(home), provider(seed, settings) as mine, provider(seed, settings) as its:
        parameters = ours.parameters(mine.standin_url, **limits, mixed=size.mixed)
        cloud = local_cloud.up(home, parameters, say, build=False)
        naive = None
        if beside:
            naive = _naive(deployment.pipeline(cloud, its, **limits), plan, size, say)
        backdrop, breaches = _backdrop(cloud, mine, plan, size, say)
    if breaches:
        home.forget(but_logs=True)
        say(f"seed {seed}: promises were broken; what emulator and SAM said is in {home.logs}")
    else:
        shutil.rmtree(home.path)
    return Result(plan, backdrop, naive, tuple(breaches))


def quick_folder() -> Path | None:
    """Memory where there is plenty of it: each new worker unpacks 100 MB, and all of it is deleted at the end."""
    roomy = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= WORKERS_BYTES
    return MEMORY if roomy else None


def _naive(pipeline: Pipeline, plan: Plan, size: Size, say: Say) -> Figures:
    play.warm_up(pipeline, plan, _always)
    played = play.under_faults(pipeline, plan, _always, size.patience_seconds)
    say(_told(plan, pipeline, played))
    letters = verdict.keys_of_events(pipeline.take_letters())
    bill = verdict.charges(pipeline.provider.state.bill.jobs())
    pictures = {key.removesuffix(".png") + ".jpg" for key in pipeline.whole_pictures()}
    again = [name for name in plan.uploads if name.removesuffix(".json") in pictures]
    second = play.second_time(pipeline, plan, again, _always, size.patience_seconds)
    repeats = second, play.edited(pipeline, plan, _always, size.patience_seconds)
    return verdict.figures(
        plan,
        with_picture=pictures,
        with_word=letters,
        bill=bill,
        recorded_calls={},
        letters_for=letters,
        repeats=repeats,
        played=played,
    )


def _backdrop(cloud: Cloud, mine: Provider, plan: Plan, size: Size, say: Say) -> tuple[Figures, list[Breach]]:
    pipeline, patience = ours.pipeline(cloud, mine), size.patience_seconds

    def at_rest() -> bool:
        jobs = read_ledger(ours.items(cloud)).jobs.values()
        return all(job["status"] in ENDS for job in jobs)

    keys = [*play.warm_up(pipeline, plan, at_rest), *(photo.key for photo in plan.photos)]
    played = play.under_faults(pipeline, plan, at_rest, patience)
    say(_told(plan, pipeline, played))
    letters, sight = pipeline.take_letters(), ours.look(cloud, pipeline)
    bill, ledger = verdict.charges(mine.state.bill.jobs()), read_ledger(sight.items)
    breaches = verdict.promises(plan, keys, sight, bill) + verdict.run_breaches(plan, played, ledger, letters)
    # Nothing else is bought this time, so no other photo could show that these are why the provider refuses.
    early = {photo.key for photo in plan.photos if photo.trouble and photo.trouble.early}
    again = [name for name in plan.uploads if name.removesuffix(".json") not in early]
    second = play.second_time(pipeline, plan, again, at_rest, patience)
    repeats = second, play.edited(pipeline, plan, at_rest, patience)
    final = verdict.promises(plan, keys, ours.look(cloud, pipeline), verdict.charges(mine.state.bill.jobs()))
    breaches += [breach for breach in final if breach not in breaches] + verdict.repeat_breaches(*repeats)
    column = verdict.figures(
        plan,
        with_picture=verdict.pictured(ledger, sight.pictures),
        with_word=sight.reports.keys(),
        bill=bill,
        recorded_calls=verdict.calls_on_record(ledger),
        letters_for=verdict.keys_of_letters(ledger, letters),
        repeats=repeats,
        played=played,
    )
    return column, breaches


def _told(plan: Plan, pipeline: Pipeline, played: Played) -> str:
    return (
        f"seed {plan.seed}, {pipeline.name}: {played.calls} calls, {played.kills} workers killed,"
        f" drained at {played.drain.efficiency:.0%}, at rest after {played.seconds_to_rest:.0f} s; now all of it again"
    )


def _always() -> bool:
    """The naive pipeline has no books that could say that something is left to do."""
    return True
