"""The look of `lint` at a folder: every photo asked what intake would ask it, every file of instructions read."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from backdrop.aws.clock import SystemClock
from backdrop.bootstrap import read_only_asking
from backdrop.instructions.json_text import MAX_SIDECAR_BYTES
from backdrop.instructions.sources import Place
from backdrop.instructions.suggest import is_nearly_defaults, near_miss
from backdrop.intake.job_planner import Wanted
from backdrop.intake.photo_reader import read_stored
from backdrop.intake.preview import ahead
from backdrop.model.advice import Advice
from backdrop.model.capabilities import SPOKEN
from backdrop.model.codes import Code
from backdrop.model.job import Job, Problem
from backdrop.model.job_warning import WarningCode
from backdrop.model.object_keys import DEFAULTS_NAME, Kind, folder_of, kind_of, may_share, sidecars_of
from backdrop.model.pricing import SELLS_CREDITS
from backdrop.model.routing import Market
from backdrop_cli.lint.findings import (
    ELSEWHERE,
    MISNAMED_DEFAULTS,
    MISNAMED_SIDECAR,
    NO_PHOTO,
    SAME_VARIANTS,
    UNREAD_SIDECAR,
    UNREADABLE,
    Finding,
    Looked,
)
from backdrop_cli.lint.folder import BUCKET, LocalFolder
from backdrop_cli.side_by_side import side_by_side
from backdrop_cli.words import image_count

DEFAULT_PROVIDER = "ideogram"
# The stack parameter MaxImageMegapixels, as it is unless an operator changes it.
MAX_MEGAPIXELS = 100
# A folder on disk knows no stack: what one pays for a provider's credits is no part of its sum.
UNTOLD = {SELLS_CREDITS: 0}
MARKET = Market(SPOKEN, UNTOLD)
# A folder in which hundreds of photos lack a word has one cause; looking for each one's near miss would take minutes.
MOST_NEAR_MISSES = 50
MOST_NAMES = 1000
# What some desktops add, and hide.
HIDDEN_SUFFIX = ".json.txt"
_SILENT = "Nothing here says what is wanted of it."


@dataclass(frozen=True)
class Answer:
    """What intake would say of one photo."""

    key: str
    jobs: Sequence[Job] = ()
    findings: Sequence[Finding] = ()
    without_a_word: bool = False


class Look:
    """One look at the files of one folder that is uploaded to a bucket; `quick` opens no photo."""

    def __init__(self, folder: LocalFolder, *, quick: bool) -> None:
        self._folder, self._quick = folder, quick
        self._asking = read_only_asking(folder, SystemClock(), DEFAULT_PROVIDER, MAX_MEGAPIXELS, UNTOLD)
        self._told_of: set[str] = set()
        self._named: set[str] = set()

    def inspect(self, keys: Collection[str], looked: Looked) -> None:
        """Add what there is to say of these files."""
        sorts: defaultdict[Kind, list[str]] = defaultdict(list)
        for key in sorted(keys):
            sorts[kind_of(key)].append(key)
        looked.photos += len(sorts[Kind.PHOTO])
        looked.sidecars += len(sorts[Kind.SIDECAR])
        looked.defaults += len(sorts[Kind.DEFAULTS])
        looked.passed_over += len(sorts[Kind.IGNORED])
        for key in (*sorts[Kind.DEFAULTS], *sorts[Kind.SIDECAR]):
            looked.add(self._instructions(key))
        looked.add(self._photos(sorts[Kind.PHOTO], looked))
        looked.add(self._without_a_photo(sorts[Kind.SIDECAR]))
        looked.add(self._outdone(sorts[Kind.SIDECAR]))
        for key in sorts[Kind.IGNORED]:
            looked.add(self._misnamed(key))
        looked.add(self._elsewhere())
        for name, why in self._folder.unreadable.items():
            looked.add([Finding(str(self._folder.root / name.strip("/")), UNREADABLE, why)])

    def _elsewhere(self) -> Iterator[Finding]:
        """Reference images that lie elsewhere in the bucket."""
        for key in self._folder.elsewhere:
            words = f"The reference {key} lies beyond {self._folder.prefix}, so nobody looked for it."
            hint = "See to it that it lies in the input bucket."
            yield Finding(str(self._folder.root), ELSEWHERE, words, hint, is_error=False)

    def _path(self, key: str) -> str:
        return str(self._folder.path(key))

    # -- sidecars and defaults -----------------------------------------------------------------------------

    def _instructions(self, key: str) -> Iterator[Finding]:
        """Every mistake of one file; the message without the file's name, which stands above it."""
        try:
            stored = self._folder.read(BUCKET, key, limit=MAX_SIDECAR_BYTES)
        except OSError as error:
            yield self._unreadable(key, error)
            return
        place = read_stored(key, stored) if stored else Place(key)
        for error in place.errors:
            self._told_of.add(key)
            yield Finding.of(self._path(key), error, message=error.words)

    def _without_a_photo(self, sidecars: Sequence[str]) -> Iterator[Finding]:
        """Sidecars that speak for no photo, but those that a photo's near miss has named."""
        for key in self._lonely(sidecars):
            if key in self._named:
                continue
            if is_nearly_defaults(key):
                yield from self._misnamed(key)
                continue
            photo = key.rpartition("/")[2].removesuffix(".json")
            words = f"There is no photo {photo}, nor one whose name without its suffix is {photo}."
            yield Finding(self._path(key), NO_PHOTO, words, "It waits for a photo of that name.", is_error=False)

    def _misnamed(self, key: str) -> Iterator[Finding]:
        """A file that nobody reads, though its name says that somebody should."""
        words = f"It is not read: a folder's defaults are called {DEFAULTS_NAME}."
        if is_nearly_defaults(key):
            yield Finding(self._path(key), MISNAMED_DEFAULTS, words, "Rename it.", is_error=False)
        elif key.lower().endswith(HIDDEN_SUFFIX) and key not in self._named:
            words = "It is not read: a sidecar's name ends with .json."
            yield Finding(self._path(key), MISNAMED_SIDECAR, words, "Rename it.", is_error=False)

    def _outdone(self, sidecars: Sequence[str]) -> Iterator[Finding]:
        """Sidecars that nobody reads, since each of their photos has a nearer one."""
        for key in sidecars:
            mine = [one for one in self._folder.keys(BUCKET, key.removesuffix("json")) if may_share(key, one)]
            mine = [one for one in mine if kind_of(one) is Kind.PHOTO]
            nearer = [sidecars_of(one)[0] for one in mine if sidecars_of(one)[0] != key]
            there = set(self._folder.keys(BUCKET, folder_of(key)))
            own = key.removesuffix(".json") in there
            if mine and not own and set(nearer) <= there and len(nearer) == len(mine):
                words = f"It is not read: {', '.join(sorted(one.rpartition('/')[2] for one in nearer))} is nearer."
                hint = "Keep one of them; what they say is not put together."
                yield Finding(self._path(key), UNREAD_SIDECAR, words, hint, is_error=False)

    def _lonely(self, sidecars: Sequence[str]) -> Iterator[str]:
        """The sidecars that speak for no photo of their folder."""
        spoken_for: dict[str, set[str]] = {}
        for key in sidecars:
            folder = folder_of(key)
            if folder not in spoken_for:
                photos = (one for one in self._folder.keys(BUCKET, folder) if kind_of(one) is Kind.PHOTO)
                spoken_for[folder] = {name for one in photos for name in sidecars_of(one)}
            if key not in spoken_for[folder]:
                yield key

    # -- photos --------------------------------------------------------------------------------------------

    def _photos(self, photos: Sequence[str], looked: Looked) -> Iterator[Finding]:
        silent: defaultdict[str, list[str]] = defaultdict(list)
        for answer in side_by_side(self._photo, photos):
            looked.jobs += len(answer.jobs)
            looked.images += sum(image_count(job.instructions) for job in answer.jobs)
            looked.price += sum(job.quoted for job in answer.jobs)
            credited = [job for job in answer.jobs if job.provider == SELLS_CREDITS]
            looked.unpriced += sum(image_count(job.instructions) for job in credited)
            looked.ready += bool(answer.jobs) and not any(one.is_error for one in answer.findings)
            looked.without_a_word += answer.without_a_word
            if answer.without_a_word:
                silent[folder_of(answer.key)].append(answer.key)
            yield from answer.findings
        for folder, keys in silent.items():
            yield from self._silent(folder, keys)

    def _photo(self, key: str) -> Answer:
        """What intake would do with a photo and its instructions; OSError becomes a finding."""
        try:
            found, broken = ahead(self._asking, BUCKET, key, MARKET, opened=not self._quick) or (Wanted(), "")
        except OSError as error:
            return Answer(key, findings=[self._unreadable(key, error)])
        if found.says_nothing:
            return Answer(key, without_a_word=True)
        above = [*self._instructions(broken)] if broken else []
        own = [self._told(key, one) for one in found.problems if one.place not in self._told_of]
        return Answer(key, found.jobs, [*above, *own, *self._overridden(key, found.jobs)])

    def _overridden(self, key: str, jobs: Sequence[Job]) -> Iterator[Finding]:
        """Variants that are all the same picture now, each of which is bought."""
        same = (one for job in jobs for one in job.warnings if one.code is WarningCode.SAME_VARIANTS)
        for words in sorted({str(one.text) for one in same}):
            hint = 'If one picture is meant, say "variants": {} there.'
            yield Finding(self._path(key), SAME_VARIANTS, f"{words}.", hint, is_error=False)

    def _told(self, key: str, problem: Problem) -> Finding:
        if problem.code is Code.REFERENCE_NOT_FOUND:
            where = (
                f"{self._folder.prefix} in the bucket" if self._folder.prefix else "the bucket's root, where keys begin"
            )
            problem = problem.but(advice=Advice.to(f"{self._folder.root} is taken for {where}."))
        return Finding.of(self._path(key), problem)

    def _silent(self, folder: str, keys: Sequence[str]) -> Iterator[Finding]:
        """Photos of one folder of which nothing says what is wanted: perhaps a sidecar's name is not quite right."""
        there = [key for key in self._folder.keys(BUCKET, folder) if ".json" in key.lower()]
        lonely = set(self._lonely([key for key in there if kind_of(key) is Kind.SIDECAR]))
        near = [key for key in there if key in lonely or kind_of(key) is not Kind.SIDECAR][:MOST_NAMES]
        for count, key in enumerate(keys):
            found = near_miss(key, [key, *near]) if count < MOST_NEAR_MISSES else None
            self._named |= {found.key} if found else set()
            words = f"Nothing here says what is wanted of it, but {found}." if found else _SILENT
            hint = "Add a sidecar or folder defaults, or upload it with tags."
            yield Finding(self._path(key), Code.NO_INSTRUCTIONS.value, words, hint, is_error=False)

    def _unreadable(self, key: str, error: OSError) -> Finding:
        return Finding(self._path(key), UNREADABLE, f"It cannot be read: {error.strerror or error}.")
