"""Scores of every pair of the corpus, and the figures that follow from them.

The threshold is frozen on the photos with an even number. All figures are from the others, except those of masks and
CPU time. The method's other constants were chosen on photos of both halves.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from PIL import Image

from backdrop.imaging.fidelity import measure_fidelity
from backdrop.model.fidelity import DEFAULT_MIN_SCORE, CannotSayReason
from bench.fidelity.corpus import build_pairs
from bench.fidelity.photos import build_photos
from bench.peak_memory import run_in_fresh_process

MIN_AUC, MAX_FALSE_ALARMS, DETECTED_SHARE = 0.98, 0.02, 0.95
MAX_CPU_MILLISECONDS, MAX_MEGABYTES = 100, 20
WRONG_MASKS = 3
"""Masks of other photos that are tried with each photo."""
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
class MaskScore:
    """What came of a mask of another photo."""

    reason: CannotSayReason | None


@dataclass(frozen=True, slots=True)
class KindFigures:
    """The pairs of one kind: how many, and which shares count as changed at each strength."""

    kind: str
    is_damaged: bool
    count: int
    changed_shares: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class FidelityFigures:
    """The figures of the held-out photos. Shares are 0 to 1. `false_alarms_at_detection`: where 95% is detected."""

    photos: int
    pairs: int
    auc: float
    false_alarms_at_detection: float
    detected: float
    false_alarms: float
    cannot_say: float
    kinds: tuple[KindFigures, ...]
    cpu_median: float
    cpu_p99: float
    megabytes: float
    wrong_masks: int
    wrong_masks_found: int
    frozen_score: float

    @property
    def meets_targets(self) -> bool:
        return (
            self.auc >= MIN_AUC
            and self.false_alarms_at_detection <= MAX_FALSE_ALARMS
            and self.cpu_p99 <= MAX_CPU_MILLISECONDS
            and self.megabytes <= MAX_MEGABYTES
        )

    @classmethod
    def from_scores(cls, scores: Iterable[PairScore | MaskScore]) -> "FidelityFigures":
        every = list(scores)
        pairs = [one for one in every if isinstance(one, PairScore)]
        masks = [one for one in every if isinstance(one, MaskScore)]
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
            cpu_median=float(np.median(cpu)),
            cpu_p99=float(np.percentile(cpu, 99)),
            megabytes=float(run_in_fresh_process("bench.fidelity.memory")),
            wrong_masks=len(masks),
            wrong_masks_found=sum(one.reason is CannotSayReason.MASK_OF_ANOTHER_PHOTO for one in masks),
            frozen_score=float(
                np.percentile(
                    list_scores([one for one in pairs if not one.is_held_out], is_damaged=True), 100 * DETECTED_SHARE
                )
            ),
        )


def measure_corpus(numbers: Sequence[int] | None = None) -> Iterator[PairScore | MaskScore]:
    """Builds and measures one photo after another, first each with all its results, then with masks of others.

    `numbers`: which photos, None for all.
    """
    mattes = list[Image.Image]()
    photos = build_photos()
    for number in range(len(photos)) if numbers is None else numbers:
        photo = photos[number]()
        for pair in build_pairs(photo):
            began = time.process_time()
            fidelity = measure_fidelity(pair.photo, pair.mask, pair.result).fidelity
            milliseconds = 1000 * (time.process_time() - began)
            yield PairScore(
                photo.name, pair.kind, pair.strength, pair.is_damaged, number % 2 == 1, fidelity.score, milliseconds
            )
        for matte in mattes[-WRONG_MASKS:]:
            wrong = matte.resize(photo.photo.size)
            if compute_overlap(wrong, photo.matte) <= _MAX_OVERLAP:
                yield MaskScore(measure_fidelity(photo.photo, wrong, photo.photo).fidelity.reason)
        mattes.append(photo.matte)


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
