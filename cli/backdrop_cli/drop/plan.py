"""The plan of a drop: which files go up, what intake will make of each photo, and what that costs at most."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from backdrop.instructions.sources import REQUEST
from backdrop.intake.photo_status import named
from backdrop.model.codes import Code
from backdrop.model.ids import sha256_hex
from backdrop.model.job import Job, Problem
from backdrop.model.object_keys import Kind, kind_of, sidecars_of
from backdrop.operate.rerun import Reruns
from backdrop.ports import Listed
from backdrop_cli.drop.overlay import bytes_of
from backdrop_cli.drop.preview import BucketPreview, foresee_new, is_taken_again
from backdrop_cli.drop.sidecars import Action, Answer, Author, Choice, decide, says_the_same
from backdrop_cli.drop.uploads import etag_of
from backdrop_cli.lint.folder import SOME_PICTURE
from backdrop_cli.lint.show import shown
from backdrop_cli.side_by_side import side_by_side
from backdrop_cli.stack import Stack
from backdrop_cli.words import image_count


@dataclass(frozen=True)
class Row:
    """One photo of a drop. `goes`: it is uploaded; `again`: it is there, but failed or was cancelled.

    `replaces`: other bytes lie there under its key. `bought`: the jobs that would be bought. `says_nothing`: nobody
    says what is wanted of it. `sidecar`: the one that will speak for it, where that is uploaded too. `ineffective`:
    that sidecar asks for nothing, so the photo would keep the pictures that it has. `requested`: a campaign or another
    request asked for those pictures.
    """

    key: str
    goes: bool = True
    again: bool = False
    replaces: bool = False
    bought: Sequence[Job] = ()
    problems: Sequence[Problem] = ()
    says_nothing: bool = False
    broken: str = ""
    unreadable: str = ""
    sidecar: str = ""
    ineffective: bool = False
    requested: bool = False

    @property
    def in_trouble(self) -> bool:
        return bool(self.problems or self.broken or self.unreadable)


@dataclass
class Plan:
    """What a drop does: `files` go up, `rows` are all its photos, `choices` the instructions of each.

    `replaced`: folder defaults of the bucket.
    """

    bucket: str
    files: dict[str, Path | bytes] = field(default_factory=dict[str, Path | bytes])
    rows: list[Row] = field(default_factory=list[Row])
    choices: list[Choice] = field(default_factory=list[Choice])
    replaced: list[str] = field(default_factory=list[str])

    def chosen(self, action: Action) -> list[Choice]:
        """The photos with this action."""
        return [one for one in self.choices if one.action is action]

    @property
    def going(self) -> list[Row]:
        return [row for row in self.rows if row.goes]

    @property
    def jobs(self) -> list[Job]:
        return [job for row in self.rows for job in row.bought]

    @property
    def images(self) -> int:
        """How many are bought at most."""
        return sum(image_count(job.instructions) for job in self.jobs)

    @property
    def price(self) -> int:
        """At most, micro-dollars."""
        return sum(job.quoted for job in self.jobs)

    @property
    def ineffective(self) -> list[Row]:
        return [row for row in self.rows if row.ineffective]

    @property
    def troubled(self) -> list[Row]:
        return [row for row in self.rows if row.in_trouble]


class Planner:
    """Looks at each photo of a drop as intake will; `wish` is the sidecar that stands for what a person asks for.

    `photos` by key: files of this machine, or the SHA-256 of those whose bytes are in a browser. `quick` opens no
    photo. Nothing is written. Each photo is opened once, however many plans are made.
    """

    def __init__(
        self,
        stack: Stack,
        photos: Mapping[str, Path | str],
        instructions: Mapping[str, Path],
        wish: bytes | None,
        *,
        quick: bool,
    ) -> None:
        self._stack, self._photos, self._instructions = stack, photos, instructions
        self._wish, self._quick = wish, quick
        sidecars = {name for key in self._photos for name in sidecars_of(key)}
        self._preview = BucketPreview(stack, {*photos, *instructions, *sidecars})
        self._there = self._preview.there
        self._rows: list[Row] = []
        self._foreseen: dict[tuple[str, Path | bytes | None], Row] = {}

    def disputed(self) -> list[Choice]:
        """The photos for which a person must choose between the new instructions and those that a person wrote."""
        return [one for one in self._choices(None) if one.action is Action.ASK]

    def plan(self, answer: Answer | None) -> Plan:
        """The plan; OSError becomes a word beside its file."""
        plan = Plan(self._stack.input_bucket, choices=self._choices(answer))
        self._add_instructions(plan)
        self._rows = self._rows or list(side_by_side(self._row, self._photos, self._stack.at_once))
        plan.files |= {row.key: content for row in self._rows if (content := self._content(row)) is not None}
        reruns = self._preview.after(plan.files)
        plan.rows = list(side_by_side(partial(self._foresee_once, reruns, plan), self._rows, self._stack.at_once))
        for row in plan.rows:
            if row.unreadable:
                plan.files.pop(row.key, None)
        return plan

    # -- whose instructions apply --------------------------------------------------------------------------

    def _choices(self, answer: Answer | None) -> list[Choice]:
        return list(side_by_side(partial(self._choice, answer), self._photos, self._stack.at_once))

    def _choice(self, answer: Answer | None, key: str) -> Choice:
        """First the command line against a sidecar on this machine, then the winner against the bucket."""
        names, wish = sidecars_of(key), self._wish
        local = next((name for name in names if name in self._instructions), "")
        if not local:
            return self._preview.sidecars.choose(answer, key, wish, names) if wish else Choice(key)
        path = self._instructions[local]
        own, kept = bytes_of(path), Choice(key)
        if wish:
            action = decide(Author.PERSON, same=says_the_same(own, wish), answer=answer)
            found = Choice(key, action, Author.PERSON, shown(str(path)), is_local=True)
            if action is Action.ASK:
                return found
            if action is Action.REPLACE:
                written = self._preview.sidecars.choose(answer, key, wish, names).written
                return replace(found, written=written, unused=local)
            kept = found
        nearer = [name for name in names[: names.index(local)] if name in self._there]
        return self._preview.sidecars.choose(answer, key, own, nearer) if nearer else kept

    # -- what goes up --------------------------------------------------------------------------------------

    def _add_instructions(self, plan: Plan) -> None:
        """Files of instructions that are new or changed, and the sidecars that the command itself writes."""
        unused = {one.unused for one in plan.choices}
        for key, path in self._instructions.items():
            is_new = key not in self._there or self._there[key].etag != etag_of(path.read_bytes())
            if is_new and key not in unused:
                plan.files[key] = path
                plan.replaced += [key] if key in self._there and kind_of(key) is Kind.DEFAULTS else []
        plan.files |= {f"{one.key}.json": one.written for one in plan.choices if one.written is not None}

    def _row(self, key: str) -> Row:
        """Whether a photo goes up: not where its bytes are there, and nothing of them failed or was cancelled."""
        there = self._there.get(key)
        if there is None:
            return Row(key)
        source, jobs = self._preview.known(key)
        try:
            if not self._is_same(key, there, self._preview.read_there(source, key)):
                return Row(key, replaces=True)
        except OSError as error:
            return Row(key, unreadable=_why(error))
        again = is_taken_again(source, jobs)
        current = named(source, jobs) if source else []
        requested = any(REQUEST in job.provenance.values() for job in current)
        return Row(key, goes=again, again=again, requested=requested)

    def _is_same(self, key: str, there: Listed, known: str | None) -> bool:
        """Whether a photo is what lies there under its key; `known`: the SHA-256 of that, where intake read it."""
        photo = self._photos[key]
        if isinstance(photo, str):
            return photo == known
        data = photo.read_bytes()
        return etag_of(data) == there.etag or sha256_hex(data) == known

    def _is_here(self, row: Row) -> bool:
        return isinstance(self._photos[row.key], Path)

    def _content(self, row: Row) -> Path | bytes | None:
        """What will lie under its key, or stands for that; None: what lies there now, as far as can be seen here."""
        photo = self._photos[row.key]
        if not row.goes or row.unreadable:
            return None
        if isinstance(photo, Path):
            return photo
        return None if row.again else SOME_PICTURE

    # -- what becomes of it --------------------------------------------------------------------------------

    def _foresee_once(self, reruns: Reruns, plan: Plan, row: Row) -> Row:
        """With what intake will make of a photo that is new, changed, or has new instructions."""
        nearest = next((name for name in sidecars_of(row.key) if name in plan.files or name in self._there), "")
        row = replace(row, sidecar=nearest if nearest in plan.files else "")
        if row.unreadable or not (row.goes or row.sidecar):
            return row
        known = (row.key, plan.files.get(row.sidecar))
        if known not in self._foreseen:
            self._foreseen[known] = self._foresee(reruns, row)
        return self._foreseen[known]

    def _foresee(self, reruns: Reruns, row: Row) -> Row:
        try:
            if row.key in self._there and (self._is_here(row) or not row.replaces):
                return self._foresee_again(reruns, row)
            foreseen = foresee_new(reruns, row.key, opened=not self._quick)
        except OSError as error:
            return replace(row, unreadable=_why(error))
        if foreseen is None:
            return row
        found, broken = foreseen
        return replace(row, bought=found.jobs, problems=found.problems, says_nothing=found.says_nothing, broken=broken)

    def _foresee_again(self, reruns: Reruns, row: Row) -> Row:
        found = reruns.foresee(row.key, uploaded=row.again)
        if found is None:
            return row
        silent = bool(found.problems) and all(one.code is Code.NO_INSTRUCTIONS for one in found.problems)
        nothing = silent and not found.bought
        row = replace(row, bought=found.bought, problems=found.problems, says_nothing=nothing, broken=found.broken)
        if row.sidecar and not found.leads_to_something and not row.in_trouble:
            asked = foresee_new(reruns, row.key, opened=False)
            row = replace(row, ineffective=bool(asked and asked[0].says_nothing))
        return row


def _why(error: OSError) -> str:
    return f"it cannot be read: {error.strerror or error}"


def by_code(rows: Sequence[Row]) -> Mapping[str, list[tuple[str, str]]]:
    """Photos in trouble with the words, by code."""
    found: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for row in rows:
        for problem in row.problems:
            variant = f"variant {problem.variant}: " if problem.variant else ""
            found[problem.code.value].append((row.key, f"{variant}{problem.message}"))
        if row.broken:
            found[Code.FOLDER_DEFAULTS_BROKEN.value].append((row.key, f"{row.broken} has mistakes"))
        if row.unreadable:
            found["unreadable"].append((row.key, row.unreadable))
    return found
