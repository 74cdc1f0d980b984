"""Guards of the instruction contract: one purchase in either order, what waits is woken, what is edited runs alone."""

from collections.abc import Iterator

from proof.mutants.mutant import DroppedRow, mutant
from proof.mutants.scene import photos, wishes

PHOTO, FOLDERS, ASKING, NAMING = "steps/photo.py", "steps/folders.py", "steps/asking.py", "steps/naming.py"
WANTED, AGAIN, PICTURES = "steps/wanted.py", "core/transitions/again.py", "steps/pictures.py"
CALM = "reordered_message"


def outputs(at: float, count: int, *, every: float = 1.0) -> Iterator[str]:
    """Each photo's outputs are edited, and edited back, as often as there is time."""
    for round_ in range(8):
        yield from wishes(at + round_ * 4, count, ("cut-small", "cut")[round_ % 2], every=every)


WORDLESS = photos(5, 8, tags="foreign")
# A delivered photo is deleted, and its bytes come back without a word.
RETURNED = ("5 drop a.jpg a cut", "300 delete a.jpg", "500 drop a.jpg a foreign")


def just_then(count: int, seconds: float) -> Iterator[str]:
    """Photos, each in a folder of its own, whose defaults come so many seconds later."""
    for n in range(count):
        yield f"{5 + n * 2} drop f{n}/a.jpg a foreign"
        yield f"{5 + n * 2 + seconds + n % 8 * 0.2} default f{n}/ cut"


INSTRUCTING_MUTANTS = (
    mutant(
        "buys-on-defaults-at-once",
        "2.3: a photo without a word of its own is given time, though its folder has defaults",
        (
            PHOTO,
            "            case Decision.WAIT:\n",
            "            case Decision.WAIT if self.asking.defaults.above(look.bucket, look.key):\n"
            "                return self._resolve(state, owners)\n"
            "            case Decision.WAIT:\n",
        ),
        faults=CALM,
        deeds=("1 default / cut", *(f"{10 + n} pair p{n}.jpg a file:marble 8" for n in range(6))),
    ),
    mutant(
        "forgets-who-waits",
        "2.3: a photo that waits for instructions stands in the index",
        ("core/watch.py", "if source.wanting:", "if False:"),
        faults=CALM,
        deeds=(*WORDLESS, "120 default / cut"),
    ),
    mutant(
        "wakes-nobody",
        "2.3: instructions that come later wake what waits",
        (FOLDERS, "if not problems:\n            self._wake(look)", "if not problems:\n            pass"),
        faults=CALM,
        deeds=(*WORDLESS, "120 default / cut"),
    ),
    mutant(
        "wakes-some",
        "2.3: however many wait, all are woken, some at a time",
        (FOLDERS, "MOST_WOKEN = 500", "MOST_WOKEN = 2"),
        (FOLDERS, "if len(woken) == MOST_WOKEN:", "if False:"),
        faults=CALM,
        deeds=(*WORDLESS, "120 default / cut"),
    ),
    mutant(
        "wakes-once",
        "2.3: who came to rest while a folder was woken is woken by a second look",
        (FOLDERS, "if not look.again:\n            look_again(", "if False:\n            look_again("),
        faults="slow_service stale_index",
        deeds=just_then(80, 20.6),
    ),
    mutant(
        "wakes-only-the-first-time",
        "2.3: the waking of a folder is repeated where its worker died",
        (
            FOLDERS,
            "if not problems:\n            self._wake(look)",
            "if not problems and not look.again:\n            self._wake(look)",
        ),
        faults="killed_intake",
        deeds=just_then(80, 40),
    ),
    mutant(
        "reads-over-what-is-broken",
        "2.3: a broken folder default holds its photos",
        (ASKING, "if broken:\n            return Wanted()", "if False:\n            return Wanted()"),
        faults=CALM,
        deeds=("1 default / typo", *photos(10, 6)),
    ),
    mutant(
        "holds-for-ever",
        "2.3: held photos go by themselves when the defaults are mended",
        (PHOTO, 'held_by="" if seen.photo_error or request else broken', "held_by=state.source.held_by or broken"),
        faults=CALM,
        deeds=("1 default / typo", *photos(10, 6), "200 default / marble"),
    ),
    mutant(
        "holds-without-a-word",
        "2.3: a broken folder default makes one report",
        (
            "steps/holding.py",
            "errors, now = place.errors if place else (), self.clock.now()",
            "errors, now = (), self.clock.now()",
        ),
        faults=CALM,
        deeds=("1 default / typo", *photos(10, 6)),
    ),
    mutant(
        "sweeps-no-defaults",
        "3.12: folder defaults that no event told of are found",
        ("steps/sweep.py", "LOOKED_AT = (Kind.PHOTO, Kind.DEFAULTS)", "LOOKED_AT = (Kind.PHOTO,)"),
        faults="lost_event",
        deeds=just_then(15, 60),
    ),
    mutant(
        "root-first",
        "2.3: the defaults of the photo's own folder win over those above",
        ("core/layout.py", "for depth in range(len(folders), -1, -1)", "for depth in range(len(folders) + 1)"),
        faults=CALM,
        deeds=("1 default / cut", "1 default shoes/ marble", "9 drop shoes/a.jpg a foreign"),
    ),
    mutant(
        "waits-though-it-is-gone",
        "2.3: a photo that is deleted while it waits waits no more",
        ("steps/standing.py", '"waiting_since": None, "held_by"', '"held_by"'),
        faults=CALM,
        deeds=(*WORDLESS, *(f"{14 + n} delete p{n}.jpg" for n in range(8))),
    ),
    mutant(
        "deaf-to-redelivery-of-the-gone",
        "1: a look that died of a photo that is gone is finished by the next",
        (
            PHOTO,
            "            if not look.again:\n                return IntakeResult()\n        self._hand_on(source",
            "            return IntakeResult()\n        self._hand_on(source",
        ),
        faults="killed_intake",
        deeds=("1 pause 900", *photos(5, 20), *(f"{100 + n * 5} delete p{n}.jpg" for n in range(20))),
    ),
    mutant(
        "forgets-that-it-was-gone",
        "2.3: a photo that was deleted and comes back is a new one",
        (PHOTO, "if not source.seen_gone:", "if False:"),
        faults=CALM,
        deeds=RETURNED,
    ),
    mutant(
        "keeps-the-jobs-of-the-deleted",
        "2.3: a photo that was deleted and comes back is a new one",
        ("steps/photo_state.py", "if not source.jobs or source.seen_gone or not", "if not source.jobs or not"),
        faults=CALM,
        deeds=RETURNED,
    ),
    mutant(
        "held-though-it-is-gone",
        "2.3: a photo that is deleted while it is held is held no more",
        (PHOTO, "or source.waiting_since or source.held_by:", "or source.waiting_since:"),
        faults=CALM,
        deeds=(
            "1 default / typo",
            "10 drop a.jpg a cut",
            "100 delete a.jpg",
            "200 default / cut",
        ),
    ),
    mutant(
        "one-edit-runs-all",
        "2.3: what is edited runs alone",
        (
            WANTED,
            "image_sha256=image, asked=asked, revision=revision\n        ),",
            "image_sha256=image, asked=asked, revision=source.asked_from\n        ),",
        ),
        faults=CALM,
        deeds=(*photos(10, 4, tags="foreign"), *wishes(12, 4, "seasons"), *wishes(200, 4, "seasons-mild")),
    ),
    mutant(
        "buys-each-upload",
        "2.3: the same bytes again are no reason to buy",
        (
            WANTED,
            'image, revision = photo.sha256 or "", instructions.revision',
            'image, revision = photo.sha256 or "", photo.version_id',
        ),
        faults=CALM,
        deeds=(
            *photos(10, 4, tags="foreign"),
            *wishes(12, 4, "cut"),
            *(f"{200 + n} again p{n}.jpg" for n in range(4)),
            *wishes(300, 4, "cut-dear"),
        ),
    ),
    mutant(
        "buys-each-output",
        "3: another output of what is paid is delivered for nothing",
        (
            "core/instructions.py",
            'ASKED = frozenset({"operation", "provider", *ADDRESSED})',
            'ASKED = frozenset({"operation", "provider", "output", *ADDRESSED})',
        ),
        faults=CALM,
        deeds=(*photos(10, 4), *wishes(200, 4, "cut-web")),
    ),
    mutant(
        "forgets-other-outputs",
        "3: another output of what is paid is delivered",
        (
            AGAIN,
            "if others and job.status is Status.STORED:",
            "if False:",
        ),
        faults=CALM,
        deeds=(*photos(10, 4), *wishes(200, 4, "cut-web")),
    ),
    mutant(
        "hands-over-an-older-wish",
        "3: what is edited while it is handed over is handed over as it was edited",
        (PICTURES, "if any(one.job_id == job.job_id and one.rev != job.rev for one in jobs):", "if False:"),
        faults="slow_service",
        deeds=(*photos(10, 12), *outputs(30, 12)),
    ),
    mutant(
        "each-variant-buys",
        "3: of variants that ask the same one buys, and the others get its file",
        (NAMING, "if step and step.owner and job.content_key in buyers:", "if False and step:"),
        faults=CALM,
        deeds=(*photos(10, 4, tags="foreign"), *wishes(12, 4, "snow-twice")),
    ),
    mutant(
        "takes-away-untold",
        "2.3: a variant taken away leaves its pictures, and the receipt says so",
        (
            NAMING,
            "steps = [transitions.set_aside(job) for job in left]",
            "steps = [transitions.set_aside(job) for job in left[:0]]",
        ),
        faults=CALM,
        deeds=(*photos(10, 4, tags="foreign"), *wishes(12, 4, "seasons"), *wishes(200, 4, "snow-only")),
    ),
    mutant(
        "forgets-what-lay-there",
        "2.3: and of each variant, also where nothing was wanted in between",
        (NAMING, "in _last_delivered(jobs) if source.jobs", "in [*_last_delivered(jobs)][-1:] if source.jobs"),
        faults=CALM,
        deeds=(
            *photos(10, 4, tags="foreign"),
            *wishes(12, 4, "seasons"),
            *wishes(200, 4, "typo"),
            *wishes(300, 4, "snow-only"),
        ),
    ),
    mutant(
        "undoes-what-is-taken-away",
        "2.3: instructions that are taken away undo nothing",
        DroppedRow("These are the bytes of its jobs, and removing instructions undoes nothing."),
        faults=CALM,
        deeds=(
            *("5 drop a.jpg a foreign", "6 sidecar a.jpg cut", "100 unsay a.jpg"),
            *("160 replace a.jpg b", "170 replace a.jpg a"),
        ),
    ),
    mutant(
        "resolves-on-every-event",
        "2.3: a changed default is no reason to buy",
        DroppedRow("Nothing changed: an event alone is no reason to buy."),
        DroppedRow("These are the bytes of its jobs again, under the instructions that they were made from."),
        faults="double_event duplicate_message",
        deeds=(
            "1 default / turbo",
            *photos(10, 4, tags="marble"),
            "100 default / marble-web",
            *(f"{150 + n} repeat {n}" for n in range(6)),
        ),
    ),
)
