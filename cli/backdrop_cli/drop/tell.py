"""What a drop says before it begins, and what it says at the end; the same as data for scripts."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from backdrop.model.codes import Code
from backdrop.model.error_catalog import CODES
from backdrop.model.job import Job, Status
from backdrop.model.object_keys import Kind, kind_of
from backdrop.model.pricing import PRICE_LIST_DATE, usd_of, usd_text
from backdrop_cli.drop import pace
from backdrop_cli.drop.files import Gathered
from backdrop_cli.drop.follow import Follow, cost_text
from backdrop_cli.drop.overlay import size_of
from backdrop_cli.drop.plan import Plan, by_code
from backdrop_cli.drop.sidecars import Action, Answer, Author, Choice
from backdrop_cli.operate.budget import left_today
from backdrop_cli.screen import Screen, several
from backdrop_cli.stack import Stack
from backdrop_cli.stages import Stage
from backdrop_cli.words import duration, size

MOST_PER_CODE = 5


def announce(stack: Stack, screen: Screen, found: Gathered, plan: Plan, where: str) -> None:
    """How many photos, how much they cost at most, how long that takes, and what would be refused."""
    weight = size(sum(size_of(source) for source in plan.files.values()))
    tops = sorted({row.key.partition("/")[0] + "/" for row in plan.rows if "/" in row.key})
    into = where or (f"{', '.join(tops)}" if 0 < len(tops) <= MOST_PER_CODE else "the input bucket")
    screen.line(f"{several(len(plan.rows), 'photo')} into {into}, stack {stack.name}", "bold")
    rows = list(_sums(found, plan, weight))
    screen.table({"": "right", " ": "left", "  ": "words"}, ((f"{n:,}", what, words) for n, what, words in rows))
    _troubles(screen, plan)
    _hints(screen, found, plan)
    if plan.jobs:
        _money_and_time(stack, screen, plan)
    elif plan.files:
        screen.say(f"{price_text(plan).capitalize()}.")


def _sums(found: Gathered, plan: Plan, weight: str) -> Iterator[tuple[int, str, str]]:
    again = sum(row.again and row.goes for row in plan.rows)
    there = sum(not row.goes for row in plan.rows)
    written = len(plan.chosen(Action.WRITE))
    replaced = [one.author for one in plan.chosen(Action.REPLACE) if one.written is not None]
    ours, theirs = replaced.count(Author.COMMAND), replaced.count(Author.PERSON)
    sidecars = sum(isinstance(plan.files[key], Path) for key in plan.files if kind_of(key) is not Kind.PHOTO)
    silent = sum(row.says_nothing for row in plan.rows)
    rows = [
        (sum(kind_of(key) is Kind.PHOTO for key in plan.files), "to upload", weight),
        (again, "of them again", "there already, but refused, failed or cancelled"),
        (there, "there already", "the same bytes; not uploaded again"),
        (sidecars, _noun(sidecars, "file", " of instructions"), "new or changed"),
        (written, _noun(written, "sidecar", " to write"), "where there is none yet"),
        (ours, _noun(ours, "sidecar", " to replace"), "written earlier by `drop` or the page"),
        (theirs, _noun(theirs, "sidecar", " to replace"), "written by a person"),
        (silent, "without instructions", "reported, not bought"),
        (found.passed_over, "passed over", "not photos by name, such as .txt files and dotfiles"),
    ]
    return (row for row in rows if row[0])


def _troubles(screen: Screen, plan: Plan) -> None:
    """What intake would refuse, by code."""
    for code, named in by_code(plan.rows).items():
        if code == Code.NO_INSTRUCTIONS:
            continue
        photos = len({key for key, _ in named})
        screen.say(f"! {several(photos, 'photo')} would be refused: {code}", "yellow")
        for key, words in named[:MOST_PER_CODE]:
            screen.point("  -", f"{key}: {words}")
        if len(named) > MOST_PER_CODE:
            screen.say(f"    … and {len(named) - MOST_PER_CODE:,} more: `backdrop lint` lists them")


def _hints(screen: Screen, found: Gathered, plan: Plan) -> None:
    for file in found.unread:
        screen.say(
            f"! {file} is not part of this drop. It has no effect on these photos unless it is in the bucket.", "yellow"
        )
    for key in plan.replaced:
        words = "For photos that have pictures already, run `backdrop rerun` afterwards."
        screen.say(f"! {key} in the bucket is replaced. It applies to new photos below it. {words}", "yellow")
    kept = [one.is_local for one in plan.chosen(Action.KEEP)]
    if many := kept.count(False):
        words = f"{_keep(many)} the instructions that are already in the bucket. To replace them"
        screen.say(f"! {words}, run again with `--replace`.", "yellow")
    if many := kept.count(True):
        words = f"{_keep(many)} the instructions of a sidecar on this machine. To use the new ones instead"
        screen.say(f"! {words}, run again with `--replace`.", "yellow")
    if requested := sum(row.requested and not (row.goes or row.sidecar) for row in plan.rows):
        words = f"{several(requested, 'photo')} with pictures that a campaign or another request asked for"
        screen.say(f"! {words}. To use the sidecars in the bucket again, run `backdrop rerun`.", "yellow")
    for path, why in found.unreadable.items():
        screen.say(f"! {path}: {why}", "yellow")
    if any(row.says_nothing for row in plan.rows):
        screen.say('Describe the new background with --prompt "on a marble table", or put sidecars next to the photos.')


def _noun(number: int, noun: str, rest: str) -> str:
    return f"{noun}{'' if number == 1 else 's'}{rest}"


def _keep(photos: int) -> str:
    return f"{photos:,} photo keeps" if photos == 1 else f"{photos:,} photos keep"


def _money_and_time(stack: Stack, screen: Screen, plan: Plan) -> None:
    seconds = _seconds(stack, plan)
    how_long = f"about {duration(seconds)}" if seconds else "the time is known when the first pictures are back"
    screen.say(f"{price_text(plan).capitalize()} (list prices of {PRICE_LIST_DATE}); {how_long}.")
    left = left_today(stack)
    if plan.price > left:
        screen.say(
            f"! Today's budget has {usd_text(left)} left; what it does not cover waits for the next day.", "yellow"
        )
    for name in bound_to(plan.jobs):
        for pause in stack.keeper.ledger.lane(name).pauses:
            screen.say(f"! {name} is paused ({pause.code.value}), so they wait until it goes on.", "yellow")


class Priced(Protocol):
    """A plan of a drop, or of the page."""

    @property
    def price(self) -> int: ...
    @property
    def images(self) -> int: ...


def price_text(plan: Priced) -> str:
    """`at most $0.24 for 4 images`."""
    if not plan.images:
        return "nothing is bought ($0.00)"
    return f"at most {usd_text(plan.price)} for {several(plan.images, 'image')}"


def dispute(screen: Screen, disputed: Sequence[Choice], plans: Mapping[Answer | None, Plan]) -> None:
    """The photos with instructions that a person wrote, and what it costs to replace or to keep them."""
    have = "photo has" if len(disputed) == 1 else "photos have"
    screen.say(f"! {len(disputed):,} {have} instructions that a person wrote, and the new ones differ:", "yellow")
    for one in disputed[:MOST_PER_CODE]:
        screen.point("  -", f"{one.key}: {one.over}{' on this machine' if one.is_local else ''}")
    if len(disputed) > MOST_PER_CODE:
        screen.say(f"    … and {len(disputed) - MOST_PER_CODE:,} more")
    replaced, kept = plans[Answer.REPLACE], plans[Answer.KEEP]
    screen.say(f"Replace them: {price_text(replaced)}. Keep them: {price_text(kept)}.")


def bound_to(jobs: Sequence[Job]) -> list[str]:
    """The providers whose lanes some jobs must wait for; those that name several go where it is open."""
    return sorted({job.provider for job in jobs if isinstance(job.instructions.get("provider", ""), str)})


def _seconds(stack: Stack, plan: Plan) -> float | None:
    """How long until all are back, by the calls of the newest receipts; None where there are none."""
    call = pace.of_receipts(stack)
    return None if call is None else seconds_of(stack, plan.jobs, call)


def seconds_of(stack: Stack, jobs: Sequence[Job], call: float) -> float:
    """How long until these jobs are back, where a call takes so many seconds and others wait before them."""
    ours = Counter(job.provider for job in jobs)
    return 1 + max(pace.to_go(n + stack.in_lane(name), stack.limits.get(name, 1), call) for name, n in ours.items())


def question(plan: Plan) -> str:
    """What is asked."""
    price = f" and spend up to {usd_text(plan.price)}" if plan.price else ""
    what = several(len(plan.going), "photo") if plan.going else f"{several(len(plan.files), 'file')} of instructions"
    return f"Upload {what}{price}?"


def outcome(screen: Screen, follow: Follow) -> None:
    """How each photo ended, what that cost, and what to do about those that did not go well."""
    counts = follow.counts
    images, files = sum(one.images for one in follow.seen.values()), sum(one.files for one in follow.seen.values())
    words = ", ".join(f"{counts[stage]:,} {stage}" for stage in Stage if counts[stage])
    cost = ", ".join(filter(None, (cost_text(*follow.cost), follow.earlier_text)))
    screen.say(f"{words}: {several(images, 'image')} in {several(files, 'file')}, {cost}.", "bold")
    bad: dict[Code, list[tuple[str, str]]] = {}
    for key, sight in follow.seen.items():
        for problem in sight.problems:
            bad.setdefault(problem.code, []).append((key, str(problem.message)))
        if sight.stage is Stage.REFUSED and not sight.problems:
            bad.setdefault(Code.FOLDER_DEFAULTS_BROKEN, []).append((key, sight.note))
    for code, named in bad.items():
        screen.say(f"✗ {code.value}: {CODES[code].hint}", "yellow")
        for key, message in named[:MOST_PER_CODE]:
            screen.point("  -", f"{key}: {message}")
        if len(named) > MOST_PER_CODE:
            screen.say(f"    … and {len(named) - MOST_PER_CODE:,} more: `backdrop failures --code {code.value} --all`")
    if follow.stopped:
        screen.say(f"Not waited for any longer: {follow.stopped} What is uploaded goes on by itself.", "yellow")


# -- for scripts -----------------------------------------------------------------------------------------------


def document(stack: Stack, found: Gathered, plan: Plan) -> dict[str, Any]:
    """The plan."""
    return {
        "stack": stack.name,
        "bucket": plan.bucket,
        "photos": len(plan.rows),
        "to_upload": len(plan.going),
        "there_already": sum(not row.goes for row in plan.rows),
        "again": sum(row.again for row in plan.rows),
        "sidecars_written": len(plan.chosen(Action.WRITE)),
        "sidecars_replaced": sum(one.written is not None for one in plan.chosen(Action.REPLACE)),
        "sidecars_kept": len(plan.chosen(Action.KEEP)),
        "without_instructions": sum(row.says_nothing for row in plan.rows),
        "passed_over": found.passed_over,
        "jobs": len(plan.jobs),
        "images": plan.images,
        "most_usd": usd_of(plan.price),
        "would_be_refused": [
            {"key": key, "code": code, "message": words}
            for code, named in by_code(plan.rows).items()
            for key, words in named
        ],
    }


def to_answer(disputed: Sequence[Choice], plans: Mapping[Answer | None, Plan]) -> dict[str, Any]:
    """The question about sidecars that a person wrote."""
    costs = {
        answer.value: {"images": plans[answer].images, "most_usd": usd_of(plans[answer].price)} for answer in Answer
    }
    return {"to_answer": {"photos": [one.key for one in disputed], **costs}}


def ends(follow: Follow) -> dict[str, Any]:
    """How it ended."""
    certain, unknown = follow.cost
    return {
        "ended": not follow.open,
        "stopped": follow.stopped or None,
        "counts": {stage.name.lower(): number for stage, number in follow.counts.items()},
        "delivered_images": sum(one.images for one in follow.seen.values()),
        "delivered_files": sum(one.files for one in follow.seen.values()),
        "usd": usd_of(certain),
        "earlier_usd": usd_of(follow.earlier),
        "unknown_usd": usd_of(unknown),
        "photos": [_ended(key, sight.stage, sight.note, sight.jobs) for key, sight in follow.seen.items()],
    }


def _ended(key: str, stage: Stage, note: str, jobs: Sequence[Any]) -> Mapping[str, Any]:
    pictures = [result.key for job in jobs if job.status is Status.STORED for result in job.results]
    return {"key": key, "stage": stage.name.lower(), "note": note or None, "pictures": pictures}
