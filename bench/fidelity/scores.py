"""Scores of every pair of the corpus, and the figures that follow from them.

The threshold of the score, and those of the checks of masks, are frozen on the photos with an even number. All figures
are from the others, except the CPU time. The constants of the comparison were chosen on photos of both halves.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from itertools import groupby
from random import Random

import numpy as np
from PIL import Image

from backdrop.imaging.fidelity import measure_fidelity
from backdrop.imaging.mask_checks import find_mask_problem
from backdrop.model.fidelity import DEFAULT_MIN_SCORE, CannotSayReason, Fidelity
from bench.fidelity.corpus import build_pairs, draw_cut_out, list_right_masks, move_product
from bench.fidelity.limits import LIMITS
from bench.fidelity.photos import ProductPhoto, build_photos
from bench.fidelity.words import BENDS, HEIGHTS, build_word_pairs
from bench.peak_memory import run_in_fresh_process

MIN_AUC, MAX_FALSE_ALARMS, DETECTED_SHARE = 0.98, 0.02, 0.95
MAX_CPU_MILLISECONDS, MAX_MEGABYTES = 100, 20
MIN_FOUND_WORDS: Mapping[float, float] = {0.035: 0.5, 0.05: 0.8}
"""The share of changed words to find, by the size of the letters."""
WRONG_MASKS, RIGHT_CUT_OUTS = 12, 4
"""Masks of other photos, and cut-outs of its own, that are tried with each photo."""
_MOVES = 0.03, 0.06
"""How far the product is moved in other photos of it, as shares of the picture."""
_MAX_OVERLAP = 0.75
"""Two masks that overlap by more (intersection over union) fit both photos."""


@dataclass(frozen=True, slots=True)
class PairScore:
    """The score of one pair (None: cannot say). `is_held_out`: its photo did not set the threshold."""

    photo: str
    kind: str
    strength: int
    is_damaged: bool
    is_held_out: bool
    score: float | None
    cpu_milliseconds: float


@dataclass(frozen=True, slots=True)
class WordScore:
    """The score of a product with a printed label. `height`: the size of the changed word, None if none is changed."""

    bend: str
    height: float | None
    is_held_out: bool
    score: float | None


class MaskKind(Enum):
    """What is tried with a photo that is held out."""

    RIGHT_CUT_OUT = auto()
    RIGHT_MASK = auto()
    WRONG_CUT_OUT = auto()
    WRONG_MASK = auto()


@dataclass(frozen=True, slots=True)
class MaskScore:
    """Whether a mask counted as one of another photo."""

    kind: MaskKind
    is_refused: bool


@dataclass(frozen=True, slots=True)
class RefusedMasks:
    """How many masks of one kind counted as those of another photo."""

    refused: int
    tried: int

    @classmethod
    def count(cls, masks: Iterable[MaskScore], kind: MaskKind) -> "RefusedMasks":
        refusals = [one.is_refused for one in masks if one.kind is kind]
        return cls(sum(refusals), len(refusals))


@dataclass(frozen=True, slots=True)
class ChangedLabels:
    """How many labels of one kind count as changed."""

    changed: int
    tried: int

    @property
    def share(self) -> float:
        return self.changed / self.tried if self.tried else 0.0

    @classmethod
    def count(cls, scores: Iterable[WordScore]) -> "ChangedLabels":
        every = [one.score is not None and one.score < DEFAULT_MIN_SCORE for one in scores]
        return cls(sum(every), len(every))


@dataclass(frozen=True, slots=True)
class WordFigures:
    """The labels of one half of the photos. `found`: those with a changed word, by the size of its letters and bend."""

    found: Mapping[float, Mapping[str, ChangedLabels]]
    unchanged: ChangedLabels

    @property
    def meets_targets(self) -> bool:
        return self.unchanged.share <= MAX_FALSE_ALARMS and all(
            self.sum_bends(height).share >= share for height, share in MIN_FOUND_WORDS.items()
        )

    def sum_bends(self, height: float) -> ChangedLabels:
        counts = self.found[height].values()
        return ChangedLabels(sum(one.changed for one in counts), sum(one.tried for one in counts))

    @classmethod
    def from_scores(cls, scores: Sequence[WordScore]) -> "WordFigures":
        return cls(
            {
                height: {
                    bend: ChangedLabels.count(one for one in scores if (one.height, one.bend) == (height, bend))
                    for bend in BENDS
                }
                for height in HEIGHTS
            },
            ChangedLabels.count(one for one in scores if one.height is None),
        )


@dataclass(frozen=True, slots=True)
class KindFigures:
    """The pairs of one kind: how many, and which shares count as changed at each strength."""

    kind: str
    is_damaged: bool
    count: int
    changed_shares: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class FidelityFigures:
    """The figures of the held-out photos. Shares are 0 to 1. `false_alarms_at_detection`: where 95% is detected.

    `limits`: what the verdict may not see by its design. It is not part of the other figures. `frozen_score`: the score
    below which 2% of the unchanged products are that set the threshold. `tuning_words`: those of the other photos.
    """

    photos: int
    pairs: int
    auc: float
    false_alarms_at_detection: float
    detected: float
    false_alarms: float
    cannot_say: float
    kinds: tuple[KindFigures, ...]
    limits: tuple[KindFigures, ...]
    cpu_median: float
    cpu_p99: float
    megabytes: float
    wrong_masks: RefusedMasks
    wrong_cut_outs: RefusedMasks
    right_cut_outs: RefusedMasks
    right_masks: RefusedMasks
    frozen_score: float
    words: WordFigures
    tuning_words: WordFigures

    @property
    def meets_targets(self) -> bool:
        return (
            self.auc >= MIN_AUC
            and self.wrong_masks.refused == self.wrong_masks.tried
            and self.wrong_cut_outs.refused == self.wrong_cut_outs.tried
            and self.right_cut_outs.refused == 0
            and self.words.meets_targets
            and self.false_alarms_at_detection <= MAX_FALSE_ALARMS
            and self.false_alarms <= MAX_FALSE_ALARMS
            and self.cpu_p99 <= MAX_CPU_MILLISECONDS
            and self.megabytes <= MAX_MEGABYTES
        )

    @classmethod
    def from_scores(cls, scores: Iterable[PairScore | WordScore | MaskScore]) -> "FidelityFigures":
        every = list(scores)
        pairs = [one for one in every if isinstance(one, PairScore) and one.kind not in LIMITS]
        limits = [one for one in every if isinstance(one, PairScore) and one.kind in LIMITS]
        masks = [one for one in every if isinstance(one, MaskScore)]
        words = [one for one in every if isinstance(one, WordScore)]
        held_out = [one for one in pairs if one.is_held_out]
        unchanged, damaged = (list_scores(held_out, is_damaged=is_damaged) for is_damaged in (False, True))
        cpu = [one.cpu_milliseconds for one in pairs]
        return cls(
            photos=len({one.photo for one in pairs}),
            pairs=len(held_out),
            auc=compute_auc(unchanged, damaged),
            false_alarms_at_detection=compute_false_alarms(unchanged, damaged),
            detected=float(np.mean(np.asarray(damaged) < DEFAULT_MIN_SCORE)),
            false_alarms=float(np.mean(np.asarray(unchanged) < DEFAULT_MIN_SCORE)),
            cannot_say=sum(one.score is None for one in held_out) / len(held_out),
            kinds=tuple(_summarize_kinds(held_out)),
            limits=tuple(_summarize_kinds([one for one in limits if one.is_held_out])),
            cpu_median=float(np.median(cpu)),
            cpu_p99=float(np.percentile(cpu, 99)),
            megabytes=float(run_in_fresh_process("bench.fidelity.memory")),
            wrong_masks=RefusedMasks.count(masks, MaskKind.WRONG_MASK),
            wrong_cut_outs=RefusedMasks.count(masks, MaskKind.WRONG_CUT_OUT),
            right_cut_outs=RefusedMasks.count(masks, MaskKind.RIGHT_CUT_OUT),
            right_masks=RefusedMasks.count(masks, MaskKind.RIGHT_MASK),
            frozen_score=float(
                np.percentile(
                    list_scores([one for one in pairs if not one.is_held_out], is_damaged=False), 100 * MAX_FALSE_ALARMS
                )
            ),
            words=WordFigures.from_scores([one for one in words if one.is_held_out]),
            tuning_words=WordFigures.from_scores([one for one in words if not one.is_held_out]),
        )


def measure_corpus(numbers: Sequence[int] | None = None) -> Iterator[PairScore | WordScore | MaskScore]:
    """Builds and measures one photo after another: with all its results, with printed labels, and with other masks.

    `numbers`: which photos, None for all.
    """
    held_out = list[ProductPhoto]()
    photos = build_photos()
    for number in range(len(photos)) if numbers is None else numbers:
        photo, is_held_out = photos[number](), number % 2 == 1
        for pair in build_pairs(photo):
            began = time.process_time()
            fidelity = judge_pair(pair.photo, pair.cut_out, pair.result)
            milliseconds = 1000 * (time.process_time() - began)
            yield PairScore(
                photo.name, pair.kind, pair.strength, pair.is_damaged, is_held_out, fidelity.score, milliseconds
            )
        for word in build_word_pairs(photo, is_held_out=is_held_out):
            fidelity = judge_pair(word.pair.photo, word.pair.cut_out, word.pair.result)
            yield WordScore(word.bend, word.height, is_held_out, fidelity.score)
        if is_held_out:
            yield from _try_masks(photo, held_out[-WRONG_MASKS:])
            held_out.append(photo)


def judge_pair(photo: Image.Image, mask: Image.Image, result: Image.Image) -> Fidelity:
    """Returns the verdict as deliver does, for a mask (L) or a cut-out (RGBA)."""
    problem = find_mask_problem(photo, mask)
    alpha = mask.getchannel("A") if mask.mode == "RGBA" else mask
    return Fidelity.from_reason(problem) if problem else measure_fidelity(photo, alpha, result).fidelity


def _try_masks(photo: ProductPhoto, others: Sequence[ProductPhoto]) -> Iterator[MaskScore]:
    random = Random(f"masks {photo.name}")
    for _ in range(RIGHT_CUT_OUTS):
        yield _try_mask(photo, draw_cut_out(photo, random), MaskKind.RIGHT_CUT_OUT)
    for mask in list_right_masks(photo):
        yield _try_mask(photo, mask, MaskKind.RIGHT_MASK)
    for move in _MOVES:
        yield _try_mask(photo, move_product(photo, move), MaskKind.WRONG_CUT_OUT)
    for other in others:
        yield _try_mask(photo, draw_cut_out(other, random).resize(photo.photo.size), MaskKind.WRONG_CUT_OUT)
        mask = other.matte.resize(photo.photo.size)
        if compute_overlap(mask, photo.matte) <= _MAX_OVERLAP:
            yield _try_mask(photo, mask, MaskKind.WRONG_MASK)


def _try_mask(photo: ProductPhoto, mask: Image.Image, kind: MaskKind) -> MaskScore:
    return MaskScore(kind, find_mask_problem(photo.photo, mask) is CannotSayReason.MASK_OF_ANOTHER_PHOTO)


def list_scores(scores: Sequence[PairScore], *, is_damaged: bool) -> list[float]:
    return [one.score for one in scores if one.is_damaged == is_damaged and one.score is not None]


def compute_auc(unchanged: Sequence[float], damaged: Sequence[float]) -> float:
    """Returns the probability that an unchanged product has a higher score than a damaged one."""
    higher = np.asarray(unchanged)[:, None] - np.asarray(damaged)
    return float((higher > 0).mean() + (higher == 0).mean() / 2)


def compute_false_alarms(unchanged: Sequence[float], damaged: Sequence[float]) -> float:
    """Returns the share of unchanged products below the score that detects 95% of the damage."""
    return float(np.mean(np.asarray(unchanged) <= np.percentile(damaged, 100 * DETECTED_SHARE)))


def compute_overlap(one: Image.Image, other: Image.Image) -> float:
    """Returns the intersection over union of two masks."""
    first, second = np.asarray(one) > 127, np.asarray(other) > 127
    return float((first & second).sum() / (first | second).sum())


def _summarize_kinds(scores: Sequence[PairScore]) -> Iterator[KindFigures]:
    def sort_key(one: PairScore) -> tuple[bool, str]:
        return one.is_damaged, one.kind

    for (is_damaged, kind), group in groupby(sorted(scores, key=sort_key), sort_key):
        members = [one for one in group if one.score is not None]
        strengths = sorted({one.strength for one in members})
        shares = tuple(
            float(np.mean([(one.score or 0) < DEFAULT_MIN_SCORE for one in members if one.strength == strength]))
            for strength in strengths
        )
        yield KindFigures(kind, is_damaged, len(members), shares)
