"""The page: how close the simulated world comes to the emulator, and what it predicts for AWS."""

from collections.abc import Mapping, Sequence

from backdrop.aws.table import MAX_BATCH_GET_KEYS
from backdrop.model.budget_shares import MAX_SHARES, MIN_SLOTS_FOR_SHARES
from backdrop.model.pricing import look_up_image_price, to_usd
from backdrop.model.schedule import MESSAGE_LIFETIME
from backdrop.reconcile.sweep import MAX_AGE, MAX_PHOTOS
from bench.aws_cost.bill import (
    DOWNLOAD_SECONDS,
    LAMBDA_REQUESTS_PER_BATCH,
    REQUEST_SECONDS,
    count_requests,
    sum_usd,
)
from bench.aws_cost.cost_result import CostRow, load_costs
from bench.aws_cost.idle_stack import load_one_provider_stack
from bench.aws_cost.page import build_row_lines, read_memory
from bench.cpu_usage import STAGES
from bench.extrapolation import aws_timing, faulty_folder, quotas
from bench.extrapolation.aws_timing import SMALL_FOLDER_PHOTOS, ScaledRun
from bench.extrapolation.faulty_folder import FaultyRun
from bench.extrapolation.prediction import NAME, Extrapolation, PredictedRun, Prediction
from bench.saved_results import FOLDER, load_result
from docs.tables import format_table
from simulation.world.simulated_stack import RECONCILE_INTERVAL_SECONDS, RETENTION_SECONDS

PAGE = FOLDER / "extrapolation.md"
MAX_ERROR = 0.05
"""The maximum relative error for a held-out run."""
NARROW_LIMIT, PHOTOS_PER_SLOT = 10, 100
ADDED_PER_MINUTE = round(60 * aws_timing.ADDED_POLLERS / aws_timing.SCALING_SECONDS)
FILLED_AFTER_MINUTES = (aws_timing.MAX_POLLERS - aws_timing.INITIAL_POLLERS) / ADDED_PER_MINUTE
JOB_WRITE_UNITS = 6
"""A transaction on a waiting job of up to 2 KB, whose index entry moves: 4 units for the job, and 2 for the entry."""
REPEAT_REQUESTS: Mapping[str, int] = {"render": 2, "deliver": 5}
REPEAT_USE: Mapping[str, float] = {
    "lambda requests": 2,
    "dynamodb reads": 7,
    "sqs": 1 + 2 * LAMBDA_REQUESTS_PER_BATCH,
    "s3 reads": 1,
    "events": 1,
}
"""What a message uses whose job is done: requests by function, and units by price. Render finds out that it is done,
and deliver announces its end once more.
"""
LATE_REQUESTS = 3
LATE_USE: Mapping[str, float] = {"dynamodb reads": 2, "s3 reads": 1}
"""What deliver requests in addition if a message that was sent again led to the call: it does not know the receipt."""
REWRITE_REQUESTS = 2
"""Those by which deliver writes a receipt again whose contents the check of the photo has discarded."""
COLUMNS = (
    "photos",
    "N·S/C",
    "drained in",
    "of the ideal",
    "ms between calls",
    "requests per photo",
    "reconcile's requests per hour",
    f"the folder of {SMALL_FOLDER_PHOTOS}, s",
    "AWS, USD",
    "for 1,000",
    "the provider, USD",
    "commit",
)


def find_tagged_row() -> CostRow:
    """Returns the row of AWS's costs whose photos have tags, as here."""
    return next(row for row in load_costs().rows if row.has_tags)


def write_page() -> None:
    """Writes the page from the saved result."""
    found = load_result(NAME, Extrapolation)
    if found:
        PAGE.write_text(format_page(found.result, found.machine))


def list_large_folders(found: Extrapolation) -> Sequence[ScaledRun]:
    """Returns the runs with ten slots, from the smallest folder to the largest."""
    return [one for one in found.scaled if one.limit == NARROW_LIMIT and not one.has_mandate]


def list_wide_lanes(found: Extrapolation) -> Sequence[ScaledRun]:
    """Returns the runs with a hundred photos for each slot, from the fewest slots to the most."""
    return [one for one in found.scaled if one.photos == PHOTOS_PER_SLOT * one.limit and not one.has_mandate]


def format_page(found: Extrapolation, machine: str) -> str:
    """Returns the complete page."""
    wide_lanes, outlived = list_wide_lanes(found), [one for one in found.scaled if one.expired]
    return (
        "\n\n".join(
            [
                "# Beyond one machine",
                "Written by `make simulate FAULTS=none`: the product's own code in the simulated world of `make"
                " simulate`, without faults and with many photos. First, that world is compared with the emulator,"
                " whose times it has to predict. Then it uses AWS's times. Nothing here was measured on AWS."
                f" The last run was on {machine}; the tables name the commits of the others.",
                _format_prediction(found.prediction),
                _format_large_folders(list_large_folders(found)),
                *([_format_more_slots(wide_lanes)] if wide_lanes else ()),
                *([_format_mandates(found)] if any(one.has_mandate for one in found.scaled) else ()),
                *([_format_outlived(outlived)] if outlived else ()),
                *([_format_faulty(found.faulty)] if found.faulty else ()),
                quotas.format_section(),
            ]
        )
        + "\n"
    )


# -- the emulator ------------------------------------------------------------------------------------------------


def _format_prediction(found: Prediction | None) -> str:
    if found is None:
        return '## Compared with the emulator\n\nNot calibrated yet. Run `make bench ONLY="drain held_out"`.'
    costs = found.costs
    own = ", ".join(f"{name} {1000 * seconds:.2f}" for name, seconds in costs.request_cpu.items())
    worst = max((abs(one.error) for one in found.held_out), default=0.0)
    return "\n\n".join(
        [
            "## Compared with the emulator",
            "The local cloud consists of two processors that all programs share, and one thread that emulates AWS."
            " The CPU time of a request is what [the bench](README.md) counted in its warm runs of a hundred"
            f" photos, divided among the requests: {own} ms for a function, {1000 * costs.emulator_cpu:.2f} ms for the"
            f" emulator (an invocation counts as two requests), {1000 * costs.upload_cpu:.1f} ms for an upload, and"
            f" {1000 * costs.standin_cpu:.1f} ms for the stand-in per call. Two numbers are fitted by least squares to"
            " the seconds of those runs, and to those in which a slot was empty between its calls:"
            f" {1000 * costs.invocation_delay:.0f} ms of idle time per invocation, and {costs.cold_start_cpu:.2f} s of"
            " CPU time per cold start.",
            "Seconds from the first upload to the end of the last job. The last column is the error of N·S/C alone,"
            " which the model must improve on.",
            "### Runs used in the fit",
            _format_predicted_runs(found.calibration),
            "### Held-out runs",
            _format_predicted_runs(found.held_out),
            f"The largest error is {worst:.1%}; the limit is {MAX_ERROR:.0%}.",
        ]
    )


def _format_predicted_runs(rows: Sequence[PredictedRun]) -> str:
    return format_table(
        ("", "measured s", "predicted s", "error", "N·S/C error"),
        [
            (
                one.scenario.name,
                f"{one.measured:.1f}",
                f"{one.predicted:.1f}",
                f"{one.error:+.1%}",
                f"{one.ideal_error:+.1%}",
            )
            for one in rows
        ],
    )


# -- AWS ---------------------------------------------------------------------------------------------------------


def _format_large_folders(rows: Sequence[ScaledRun]) -> str:
    largest = rows[-1]
    return "\n\n".join(
        [
            f"## One folder, up to {largest.photos:,} photos",
            f"Assumed for AWS: {1000 * REQUEST_SECONDS:.0f} ms for a request, {DOWNLOAD_SECONDS:g} s for a download,"
            f" {1000 * aws_timing.DISPATCH_SECONDS:.0f} ms from a message to its function's code,"
            f" {aws_timing.COLD_START_SECONDS:g} s more for a cold start, {1000 * aws_timing.TRANSACTION_SECONDS:.0f}"
            f" ms for which a transaction holds its items, {aws_timing.UPLOADS_PER_SECOND} uploads per second, and the"
            " functions' own time as counted for [what AWS costs](../../docs/results/aws_cost.md). Each function starts"
            f" with {aws_timing.INITIAL_POLLERS} batches at a time, and Lambda adds {ADDED_PER_MINUTE} per minute up to"
            f" its limit, {aws_timing.MAX_POLLERS:,} for intake and for deliver, C for the lane. So the account needs a"
            f" quota of up to {3 * aws_timing.MAX_POLLERS:,} concurrent invocations. The provider takes"
            f" {largest.seconds:g} s per call, with {largest.limit} concurrent calls. The photos have tags.",
            f"No function has a worker at first. The first picture is stored {rows[0].first_seconds:.0f} s after the"
            f" first upload: the call takes {largest.seconds:g} s, and three functions start.",
            f"Fairness: a folder of {SMALL_FOLDER_PHOTOS} photos arrives a minute after the last photo of the large"
            " one. The column is the time until its last picture; alone, it takes one turn of the slots. N counts"
            " both folders. The simulated queue gives a free slot to the folder with fewer photos in flight. So does"
            " SQS, with its own thresholds (a tenth of the consumers' time).",
            format_table(COLUMNS, [_format_run(one) for one in rows]),
            "Every row was simulated photo by photo.",
            _format_checks(rows),
            "Requests per photo: intake, render, and deliver. A batch shares some of intake's requests. If so many"
            f" pollers wait that each photo is taken alone, they are {_count_alone('intake'):g}, and never more."
            f" Reconcile's requests are limited per run: it checks {MAX_PHOTOS:,} recent photos every"
            f" {RECONCILE_INTERVAL_SECONDS // 60} minutes, so {MAX_PHOTOS * 3600 // RECONCILE_INTERVAL_SECONDS:,} per"
            f" hour, for their first {MAX_AGE.days * 24} h.",
        ]
    )


def _format_run(one: ScaledRun) -> Sequence[str]:
    requests = " + ".join(f"{times:.2f}" for times in one.requests.values())
    hourly = sum(one.reconcile_per_hour.values())
    usd = compute_usd(one)
    return (
        f"{one.photos:,}",
        _format_duration(one.ideal_seconds),
        _format_duration(one.ended_seconds),
        f"{one.ideal_seconds / one.ended_seconds:.1%}",
        f"{one.pause_ms:.0f}",
        requests,
        f"{hourly:,.0f}",
        f"{one.small_folder_seconds:.0f}",
        f"{usd:,.2f}",
        f"{1000 * usd / one.photos:.3f}",
        f"{one.photos * _image_usd():,.0f}",
        _format_commit(one),
    )


def _format_commit(one: ScaledRun) -> str:
    return one.commit.removeprefix("commit ")


def compute_usd(one: ScaledRun) -> float:
    """Returns AWS's cost, with that of messages that were sent again, and of reconcile."""
    memory = read_memory(load_one_provider_stack())
    each = sum_usd(build_row_lines(find_tagged_row(), memory, one.seconds))
    repeats = max(0.0, one.invocations["deliver"] - 1)
    rest = one.requests["deliver"] - _count_alone("deliver") - repeats * (REPEAT_REQUESTS["deliver"] + REWRITE_REQUESTS)
    late = max(0.0, rest) / LATE_REQUESTS
    each += repeats * _compute_use_usd(REPEAT_REQUESTS, REPEAT_USE, memory)
    each += late * _compute_use_usd({"deliver": LATE_REQUESTS}, LATE_USE, memory)
    hourly = _compute_reconcile_usd(one, memory["reconcile"])
    return one.photos * each + one.ended_seconds / 3600 * hourly


def _compute_use_usd(requests: Mapping[str, int], use: Mapping[str, float], memory: Mapping[str, float]) -> float:
    """Returns the cost of units by price, and of requests by function, for the time that they take."""
    seconds = REQUEST_SECONDS * sum(times * memory[name] for name, times in requests.items())
    return quotas.compute_list_usd("lambda seconds", seconds) + sum(
        quotas.compute_list_usd(price, amount) for price, amount in use.items()
    )


def _compute_reconcile_usd(one: ScaledRun, memory_gb: float) -> float:
    """Returns the cost of reconcile per hour: its reads, messages, writes of jobs, lists, and the time of its requests.

    A query or an item is a read unit. Every batch is counted as a full one, and every write as one of a waiting job.
    """
    hourly = one.reconcile_per_hour

    def count(service: str) -> float:
        return sum(times for name, times in hourly.items() if name.startswith(service))

    writes, batches = (hourly.get(f"dynamodb {name}", 0.0) for name in ("transact_write_items", "batch_get_item"))
    amounts = {
        "dynamodb reads": count("dynamodb") - writes + (MAX_BATCH_GET_KEYS - 1) * batches,
        "dynamodb writes": writes * JOB_WRITE_UNITS,
        "sqs": count("sqs"),
        "s3 writes": count("s3"),
        "lambda seconds": sum(hourly.values()) * REQUEST_SECONDS * memory_gb,
    }
    return sum(quotas.compute_list_usd(price, amount) for price, amount in amounts.items())


def _count_alone(function: str) -> float:
    """Returns a function's requests for a single photo."""
    return count_requests(find_tagged_row().usage, function)


def list_violations(found: Extrapolation) -> Sequence[str]:
    """Returns what was wrong with the simulated photos. A row of an earlier release may not have been checked."""
    return [
        violation for row in found.scaled for violation in (row.violations if row.checked_photos else ("not checked",))
    ] + [*(found.faulty.violations if found.faulty else ())]


def _format_checks(rows: Sequence[ScaledRun]) -> str:
    checked, largest = [row for row in rows if row.checked_photos], rows[-1]
    return (
        f"Each of {sum(row.checked_photos for row in checked):,} photos was checked a minute after it had ended, with"
        " those [invariants of the seeds](../../docs/results/simulate.md) that concern a single photo: its jobs,"
        " receipt, report, pictures, and charges. At the end, the sums of all days were checked, and that every charge"
        f" belongs to a photo. {_format_violations([one for row in checked for one in row.violations])} The simulation"
        f" of {largest.photos:,} photos took {_format_duration(largest.cpu_minutes * 60)} of one core, and"
        f" {largest.peak_gigabytes:.1f} GB."
    )


def _format_violations(violations: Sequence[str]) -> str:
    return f"Violations: {'; '.join(violations[:10]) or 'none'}."


def _image_usd() -> float:
    return to_usd(look_up_image_price("ideogram", {"operation": "replace"}))


def _format_duration(seconds: float) -> str:
    for unit, size in (("days", 86_400.0), ("h", 3_600.0), ("min", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"


def _format_more_slots(rows: Sequence[ScaledRun]) -> str:
    return "\n\n".join(
        [
            "## More slots",
            f"The same, with more concurrent calls, and {PHOTOS_PER_SLOT} photos for each. Every claim and every answer"
            " writes the day's budget in a transaction: one item of the ledger, or from"
            f" {MIN_SLOTS_FOR_SHARES} slots on, one of up to {MAX_SHARES}"
            " [shares](../../docs/decisions/0050-budget-shares.md). If two transactions conflict, one of them is"
            " retried a moment later, up to ten times, and then returns its message to the queue. With"
            f" {ADDED_PER_MINUTE} more slots per minute, Lambda needs {FILLED_AFTER_MINUTES:.1f} minutes to fill"
            f" {aws_timing.MAX_POLLERS:,}: half of them, on average, are missing until then. So at most"
            f" {_compute_possible_share(rows[-1]):.1%} is possible in the last row.",
            format_table(
                (
                    "C",
                    "photos",
                    "N·S/C",
                    "drained in",
                    "of the ideal",
                    "ms between calls",
                    "conflicts per photo",
                    "renders per photo",
                    "commit",
                ),
                [
                    (
                        f"{one.limit:,}",
                        f"{one.photos:,}",
                        _format_duration(one.ideal_seconds),
                        _format_duration(one.ended_seconds),
                        f"{one.ideal_seconds / one.ended_seconds:.1%}",
                        f"{one.pause_ms:,.0f}",
                        f"{one.conflicts:.2f}",
                        f"{one.invocations['render']:.2f}",
                        _format_commit(one),
                    )
                    for one in rows
                ],
            ),
        ]
    )


def _compute_possible_share(one: ScaledRun) -> float:
    """Returns the share of the ideal that is possible while Lambda adds workers."""
    slots_per_second = ADDED_PER_MINUTE / 60
    missing_seconds = (one.limit - aws_timing.INITIAL_POLLERS) / slots_per_second / 2
    return one.ideal_seconds / (one.ideal_seconds + missing_seconds)


def _format_mandates(found: Extrapolation) -> str:
    plain = {(one.photos, one.limit, one.seconds): one for one in found.scaled if not one.has_mandate}
    rows = [one for one in found.scaled if one.has_mandate]
    others = [plain.get((one.photos, one.limit, one.seconds)) for one in rows]
    return "\n\n".join(
        [
            "## One mandate for all photos",
            "A mandate is one item, which is not divided: every claim and every answer of its photos writes it.",
            format_table(
                ("C", "photos", "of the ideal", "without a mandate", "conflicts per photo", "commit"),
                [
                    (
                        f"{one.limit:,}",
                        f"{one.photos:,}",
                        f"{one.ideal_seconds / one.ended_seconds:.1%}",
                        f"{other.ideal_seconds / other.ended_seconds:.1%}" if other else "",
                        f"{one.conflicts:.2f}",
                        _format_commit(one),
                    )
                    for one, other in zip(rows, others, strict=True)
                ],
            ),
        ]
    )


def _format_outlived(rows: Sequence[ScaledRun]) -> str:
    usual = sum(one.times for one in find_tagged_row().usage.requests if one.function in STAGES)
    days = RETENTION_SECONDS["ideogram"] / 86_400
    return "\n\n".join(
        [
            "## A lane that outlives its messages",
            f"SQS keeps a message of the lane for {days:.0f} days; the ledger keeps the job. Reconcile sends a job"
            f" again that has waited for {MESSAGE_LIFETIME.days} days, so render and deliver handle some photos more"
            " than once. In these runs, messages expired, and all jobs ended. For each repeated delivery,"
            f" {REWRITE_REQUESTS} requests are the simulation's own: the check of the photo had discarded the receipt,"
            " which is then written again. AWS's cost leaves them out.",
            format_table(
                (
                    "photos",
                    "C",
                    "S",
                    "N·S/C",
                    "drained in",
                    "of the ideal",
                    "expired messages",
                    "renders per photo",
                    f"requests per photo ({usual:.0f} for a single one)",
                    "commit",
                ),
                [
                    (
                        f"{one.photos:,}",
                        f"{one.limit:,}",
                        f"{one.seconds:g}",
                        _format_duration(one.ideal_seconds),
                        _format_duration(one.ended_seconds),
                        f"{one.ideal_seconds / one.ended_seconds:.1%}",
                        f"{one.expired:,}",
                        f"{one.invocations['render']:.2f}",
                        f"{sum(one.requests.values()):.2f}",
                        _format_commit(one),
                    )
                    for one in rows
                ],
            ),
        ]
    )


def _format_faulty(run: FaultyRun) -> str:
    ended = ", ".join(f"{count:,} {status}" for status, count in sorted(run.statuses.items()))
    strikes = ", ".join(f"`{name}` {count:,}" for name, count in sorted(run.strikes.items()))
    ideal_seconds = run.photos * faulty_folder.SECONDS / faulty_folder.LIMIT
    return "\n\n".join(
        [
            "## A large folder with faults",
            f"{run.photos:,} photos with C = {faulty_folder.LIMIT} and S = {faulty_folder.SECONDS:g}, with the faults"
            f" of a seed, {run.rarity} times as rare, until the last photo has ended."
            f" {faulty_folder.SETTLING_SECONDS / 3600:.0f} hours later, each photo was checked as above. Each failure"
            " needs a fault that explains its code. The simulated queues deliver a message any number of times.",
            f"The photos had ended after {_format_duration(run.days * 86_400)}: {ended}. {run.calls:,} calls were"
            f" charged. {_format_violations(run.violations)} N·S/C is {_format_duration(ideal_seconds)}. Photos"
            " for which the provider always fails (`failing_photo`) can take days: when nothing else goes to their"
            " lane, they look like an outage, and the lane pauses between attempts. The simulation took"
            f" {_format_duration(run.cpu_minutes * 60)} of one core, and {run.peak_gigabytes:.1f} GB, on {run.commit}.",
            f"How often each fault struck: {strikes}.",
        ]
    )


if __name__ == "__main__":
    write_page()
