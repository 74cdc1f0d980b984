"""A drop from the look at the files to the last picture: plan, question, upload, follow, download."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backdrop.model.pricing import micro_of
from backdrop_cli.download import fetch as pictures
from backdrop_cli.drop import tell
from backdrop_cli.drop.files import gather
from backdrop_cli.drop.follow import Awaited, Follow, cost_text
from backdrop_cli.drop.plan import Plan, Planner
from backdrop_cli.drop.sidecars import Answer, Choice
from backdrop_cli.drop.upload import Progress, upload
from backdrop_cli.errors import DONE, REFUSED, RefusedError, StoppedError
from backdrop_cli.lint.verb import LOOKING, LOOKING_QUICKLY
from backdrop_cli.screen import Screen, several
from backdrop_cli.stack import Stack
from backdrop_cli.stages import Stage
from backdrop_cli.watch import Shown
from backdrop_cli.words import duration, size

MOST_PHOTOS, MOST_MICRO_USD = 50, micro_of(1)
"""Above either of these a drop asks first."""


@dataclass(frozen=True)
class Asked:
    """What the command line says of a drop; `answer`: what becomes of sidecars that a person wrote."""

    paths: Sequence[Path]
    to: str | None = None
    wish: bytes | None = None
    answer: Answer | None = None
    quick: bool = False
    strict: bool = False
    wait: bool = False
    download: Path | None = None
    yes: bool = False


def drop(stack: Stack, screen: Screen, asked: Asked) -> int:
    """Do it; the exit code. What is uploaded goes on by itself, whatever becomes of this command."""
    found = gather(asked.paths, asked.to)
    with screen.busy(LOOKING_QUICKLY if asked.quick else LOOKING):
        planner = Planner(stack, found.photos, found.instructions, asked.wish, quick=asked.quick)
        disputed = [] if asked.answer else planner.disputed()
        plans = {one: planner.plan(one) for one in (Answer if disputed else (asked.answer,))}
    if disputed:
        document = tell.document(stack, found, plans[Answer.REPLACE]) | tell.to_answer(disputed, plans)
        _refuse_ineffective_answer(screen, plans, document)
        tell.dispute(screen, disputed, plans)
        plan = plans[_answer(screen, disputed, document)]
    else:
        plan = plans[asked.answer]
    document = tell.document(stack, found, plan)
    tell.announce(stack, screen, found, plan, _where(plan))
    try:
        _agree(screen, plan, asked)
    except RefusedError:
        screen.data(document | {"uploaded": 0})
        raise
    if asked.download:
        pictures.make(asked.download.expanduser())
    began = stack.clock.now()
    progress = Progress(plan.files)
    try:
        _upload(stack, screen, progress, document)
        _tell_uploaded(screen, plan, progress)
        if not (asked.wait or asked.download):
            return _left_alone(screen, document, plan)
        follow = Follow(stack, _awaited(plan, progress), began)
        return _watched(stack, screen, asked, follow, document)
    except KeyboardInterrupt:
        raise StoppedError(_stopped(progress, plan)) from None


def _answer(screen: Screen, disputed: Sequence[Choice], document: dict[str, Any]) -> Answer:
    """What the person answers; RefusedError where they stop, or cannot be asked."""
    why, many = screen.mute, several(len(disputed), "photo")
    if not why:
        answer = input("[r]eplace, [k]eep, or [N] stop: ").strip().lower()
        found = next((one for one in Answer if answer in (one.value, one.value[0])), None)
        if found:
            return found
        raise RefusedError("nothing was uploaded")
    screen.data(document | {"uploaded": 0})
    have = "has" if len(disputed) == 1 else "have"
    raise RefusedError(
        f"nothing was uploaded; {many} {have} instructions that a person wrote, and {why}, so say --replace or --keep"
    )


def _upload(stack: Stack, screen: Screen, progress: Progress, document: dict[str, Any]) -> None:
    """Upload, and tell how much went up also where it breaks off."""
    try:
        upload(stack.uploads, progress, screen, stack.at_once)
    except BaseException:
        screen.data(document | _uploaded(progress))
        raise
    document.update(_uploaded(progress))


def _where(plan: Plan) -> str:
    """The folder that all photos have in common."""
    folders = [row.key.split("/")[:-1] for row in plan.rows]
    common: list[str] = []
    for names in zip(*folders, strict=False):
        if len({*names}) > 1:
            break
        common.append(names[0])
    return "".join(f"{name}/" for name in common)


def _agree(screen: Screen, plan: Plan, asked: Asked) -> None:
    """RefusedError where somebody says no, or --strict forbids it."""
    _refuse_ineffective(plan, "add --prompt")
    troubled = plan.troubled
    if asked.strict and troubled:
        raise RefusedError(
            f"nothing was uploaded; {several(len(troubled), 'photo')} would be refused, and --strict stops for that"
        )
    photos = sum(row.goes or bool(row.bought) for row in plan.rows)
    if plan.files and (photos > MOST_PHOTOS or plan.price > MOST_MICRO_USD):
        screen.agree(tell.question(plan), yes=asked.yes)


def _refuse_ineffective(plan: Plan, remedy: str) -> None:
    if many := len(plan.ineffective):
        raise RefusedError(
            f"nothing was uploaded; the new instructions for {several(many, 'photo')} name neither a prompt nor an "
            f"operation, so the old pictures would stay; {remedy}"
        )


def _refuse_ineffective_answer(screen: Screen, plans: Mapping[Answer | None, Plan], document: dict[str, Any]) -> None:
    """RefusedError where --replace would have no effect, so that it is no answer to the question."""
    remedy = "add --prompt" if plans[Answer.KEEP].ineffective else "add --prompt, or say --keep"
    try:
        _refuse_ineffective(plans[Answer.REPLACE], remedy)
    except RefusedError:
        screen.data(document | {"uploaded": 0})
        raise


def _awaited(plan: Plan, progress: Progress) -> dict[str, Awaited]:
    """What intake must have seen of each photo: what was uploaded of it."""
    done = progress.done
    rows = [row for row in plan.rows if not row.unreadable]
    return {row.key: Awaited(done.get(row.key), done.get(row.sidecar)) for row in rows}


def _tell_uploaded(screen: Screen, plan: Plan, progress: Progress) -> None:
    if plan.files:
        speed = f"{size(progress.sent)} in {duration(progress.seconds)}, {size(progress.per_second)}/s"
        screen.say(f"✓ {several(len(progress.done), 'file')} uploaded: {speed}.", "green")
    else:
        screen.say("Nothing to upload: everything is in the bucket already.")


def _uploaded(progress: Progress) -> dict[str, Any]:
    seconds = round(progress.seconds, 3)
    return {"uploaded": len(progress.done), "uploaded_bytes": progress.sent, "upload_seconds": seconds}


def _left_alone(screen: Screen, document: dict[str, Any], plan: Plan) -> int:
    screen.data(document)
    where = _where(plan)
    screen.say("The photos go on by themselves. `backdrop status --watch` shows how far they are, and")
    screen.line(f"  backdrop download {where or '--all'} pictures/" if where else "  backdrop download --all pictures/")
    screen.say("fetches the pictures.")
    return DONE


# -- until the last picture is back ----------------------------------------------------------------------------


def _watched(stack: Stack, screen: Screen, asked: Asked, follow: Follow, document: dict[str, Any]) -> int:
    shown = Shown(screen)

    def look() -> bool:
        moved = follow.glance()
        if follow.open:
            shown.update(len(follow.seen) - len(follow.open), len(follow.seen), *_far(follow))
        return moved

    try:
        with screen.live(shown.picture):
            follow.until_the_end(look)
    finally:
        tell.outcome(screen, follow)
    document |= tell.ends(follow)
    if asked.download:
        keys = [key for photo in document["photos"] for key in photo["pictures"]]
        done = pictures.fetch(stack, screen, keys, asked.download.expanduser())
        pictures.tell(screen, done)
        document["download"] = done.document()
    screen.data(document)
    return DONE if follow.counts[Stage.STORED] == len(follow.seen) else REFUSED


def _far(follow: Follow) -> tuple[str, str]:
    """How far it is: photos by stage, then money and time."""
    counts, left = follow.counts, follow.seconds_to_go()
    stages = ", ".join(f"{counts[stage]:,} {stage}" for stage in reversed(Stage) if counts[stage])
    to_go = f"about {duration(left)} to go" if left else "time to go known when the first are back"
    gone = f"{duration(follow.seconds)} gone"
    return stages, ", ".join(filter(None, (f"{cost_text(*follow.cost)} so far", follow.earlier_text, gone, to_go)))


def _stopped(progress: Progress, plan: Plan) -> str:
    done, all_of_them = len(progress.done), len(plan.files)
    if done < all_of_them:
        return (
            f"stopped; {done:,} of {several(all_of_them, 'file')} are uploaded and go on by themselves. "
            "The same command uploads the rest"
        )
    return (
        "stopped watching; what is uploaded goes on by itself. The same command watches on and uploads nothing "
        "twice, `backdrop cancel` ends what is not bought yet"
    )
