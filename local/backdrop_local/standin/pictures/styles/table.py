"""The 62 style presets, each as the filters that make a background look like it."""

from collections.abc import Callable
from functools import partial
from typing import Concatenate

from backdrop_local.standin.pictures.arrays import Plane, Random
from backdrop_local.standin.pictures.styles import filters as f
from backdrop_local.standin.pictures.styles import marks as m
from backdrop_local.standin.pictures.styles import ornament as o
from backdrop_local.standin.pictures.styles.look import Ink, Look, Step

_WHITE: Ink = (0.97, 0.96, 0.93)
_CREAM: Ink = (0.95, 0.9, 0.79)
_BLACK: Ink = (0.07, 0.07, 0.08)
_NAVY: Ink = (0.09, 0.15, 0.32)
_RED: Ink = (0.82, 0.16, 0.13)
_ORANGE: Ink = (0.94, 0.52, 0.2)
_YELLOW: Ink = (0.98, 0.82, 0.25)
_PINK: Ink = (0.95, 0.42, 0.62)
_TEAL: Ink = (0.1, 0.52, 0.55)
_VIOLET: Ink = (0.42, 0.2, 0.6)


def _by[**P](filter_: Callable[Concatenate[Plane, P], Plane], *args: P.args, **kw: P.kwargs) -> Step:
    return lambda picture, _random: filter_(picture, *args, **kw)


def _drawn[**P](filter_: Callable[Concatenate[Plane, Random, P], Plane], *args: P.args, **kw: P.kwargs) -> Step:
    return lambda picture, random: filter_(picture, random, *args, **kw)


_tone = partial(_by, f.tone)


def _look(*steps: Step) -> Look:
    return Look(steps)


LOOKS: dict[str, Look] = {
    "80S_ILLUSTRATION": _look(_by(f.flatten, 6), _by(f.inks, _VIOLET, _PINK, _YELLOW), _drawn(o.scanlines, 0.06)),
    "90S_NOSTALGIA": _look(
        _by(f.tone, 0.86, 0.08, 0.85),
        _by(f.tint, (1.0, 0.92, 0.8), 0.25),
        _by(f.fringe, 0.0025),
        _drawn(o.grain, 0.03),
    ),
    "ABSTRACT_ORGANIC": _look(_drawn(o.swirl, 0.16), _by(f.brush, 9), _by(f.tone, 1.1, 0.02, 1.2)),
    "ANALOG_NOSTALGIA": _look(_by(f.tone, 0.9, 0.07, 0.8), _by(f.leak, _ORANGE, 1.0, 0.6), _drawn(o.grain, 0.035)),
    "ART_BRUT": _look(
        _by(f.brush, 8),
        _by(f.tone, 1.3, 0.0, 1.4),
        _drawn(o.wobble, 0.012),
        _by(f.outlines, _BLACK, 1.0),
    ),
    "ART_DECO": _look(
        _by(f.inks, (0.05, 0.08, 0.12), (0.1, 0.32, 0.34), (0.9, 0.76, 0.45)),
        _drawn(m.rays, (0.86, 0.7, 0.36), 0.35),
    ),
    "ART_POSTER": _look(_by(f.flatten, 5), _by(f.tone, 1.2, 0.02, 1.3), _drawn(f.paper, 0.02)),
    "AURA": _look(_by(o.veil, 0.06), _drawn(o.aura, (_PINK, _YELLOW, (0.5, 0.6, 1.0)), 0.55)),
    "AVANT_GARDE": _look(_by(f.tone, 1.4, 0.0, 0.2), _drawn(m.blocks, (_RED, _BLACK, _WHITE), 7)),
    "BAUHAUS": _look(
        _by(f.flatten, 3),
        _by(f.tint, _CREAM, 0.6),
        _drawn(m.shapes, (_RED, _YELLOW, (0.13, 0.3, 0.6), _BLACK), 9),
    ),
    "BLUEPRINT": _look(_by(m.blueprint, (0.06, 0.22, 0.48), (0.85, 0.93, 1.0))),
    "BLURRY_MOTION": _look(_by(f.smear, 0.12, 4.0), _by(f.tone, 1.05, 0.0, 1.1)),
    "BRIGHT_ART": _look(_by(f.tone, 1.15, 0.06, 1.7), _by(f.brush, 4)),
    "C4D_CARTOON": _look(_by(f.smooth_areas, 4), _by(f.tone, 1.1, 0.06, 1.45), _by(f.bloom, 0.02, 0.35)),
    "CHILDRENS_BOOK": _look(_drawn(f.wash), _by(f.tone, 0.95, 0.08, 1.25), _by(f.outlines, (0.35, 0.25, 0.2), 0.55)),
    "COLLAGE": _look(_drawn(m.torn, 6, 1.0), _drawn(f.paper, 0.03)),
    "COLORING_BOOK_I": _look(_by(m.drawing, _BLACK, _WHITE, 1.0)),
    "COLORING_BOOK_II": _look(_by(f.brush, 7), _by(m.drawing, (0.2, 0.2, 0.24), _WHITE, 0.9), _drawn(f.paper, 0.03)),
    "CUBISM": _look(_drawn(f.facets, 70), _by(f.tone, 1.15, 0.02, 0.8), _by(f.outlines, (0.15, 0.12, 0.1), 0.6)),
    "DARK_AURA": _look(
        _by(f.tone, 1.1, -0.14, 0.7),
        _drawn(o.aura, (_VIOLET, (0.1, 0.2, 0.5), (0.5, 0.1, 0.2)), 0.5),
    ),
    "DOODLE": _look(
        _by(m.drawing, (0.15, 0.2, 0.45), _WHITE, 0.8),
        _drawn(o.wobble, 0.006),
        _drawn(m.scribbles, (0.15, 0.2, 0.45), 26),
    ),
    "DOUBLE_EXPOSURE": _look(_by(o.doubled, 0.5), _by(f.tone, 0.95, 0.08, 0.7)),
    "DRAMATIC_CINEMA": _look(
        _by(f.tone, 1.25, -0.04, 0.9),
        _by(o.split, (0.05, 0.2, 0.26), (1.0, 0.72, 0.46), 0.4),
        _by(f.bloom, 0.03, 0.3),
    ),
    "EDITORIAL": _look(_by(f.tone, 1.08, 0.03, 0.72), _by(f.tint, (1.0, 0.98, 0.95), 0.15)),
    "EMOTIONAL_MINIMAL": _look(_by(o.veil, 0.05), _by(f.tone, 0.6, 0.24, 0.55)),
    "ETHEREAL_PARTY": _look(_by(f.bloom, 0.05, 0.7), _by(f.tint, (0.9, 0.72, 1.0), 0.35), _drawn(o.sparkles, 60)),
    "EXPIRED_FILM": _look(
        _by(f.tone, 0.8, 0.1, 0.7),
        _by(o.split, (0.25, 0.1, 0.35), (0.8, 1.0, 0.6), 0.4),
        _drawn(o.grain, 0.05),
        _by(f.leak, _RED, -1.0, 0.5),
    ),
    "FLAT_ART": _look(_by(f.flatten, 5), _by(f.tone, 1.0, 0.05, 1.15)),
    "FLAT_VECTOR": _look(_by(f.brush, 8), _by(f.flatten, 4), _by(f.tone, 1.05, 0.04, 1.35)),
    "FOREST_REVERIE": _look(_by(f.tint, (0.55, 0.8, 0.45), 0.4), _by(f.bloom, 0.05, 0.5), _drawn(o.sparkles, 30)),
    "GEO_MINIMALIST": _look(_drawn(f.facets, 16), _by(f.tone, 0.8, 0.15, 0.7)),
    "GLASS_PRISM": _look(_drawn(o.prism, 9), _by(f.fringe, 0.006), _by(f.bloom, 0.02, 0.35)),
    "GOLDEN_HOUR": _look(
        _by(f.tint, (1.0, 0.7, 0.38), 0.42),
        _by(f.tone, 1.06, 0.02, 1.1),
        _by(f.leak, (1.0, 0.62, 0.22), 1.0, 0.55),
        _by(f.bloom, 0.06, 0.45),
    ),
    "GRAFFITI_I": _look(
        _by(f.flatten, 5),
        _by(f.tone, 1.3, 0.0, 1.6),
        _drawn(m.splashes, (_PINK, _TEAL, _YELLOW), 26),
    ),
    "GRAFFITI_II": _look(
        _by(f.tone, 1.3, 0.0, 0.3),
        _drawn(m.splashes, (_RED, _BLACK, _WHITE), 34),
        _by(f.outlines, _BLACK, 0.8),
    ),
    "HALFTONE_PRINT": _look(_by(f.halftone, 9.0, (0.13, 0.2, 0.5), _CREAM), _drawn(f.paper, 0.015)),
    "HIGH_CONTRAST": _look(_by(f.tone, 1.75, -0.02, 1.05)),
    "HIPPIE_ERA": _look(
        _drawn(o.swirl, 0.1),
        _by(f.inks, (0.35, 0.1, 0.45), _ORANGE, (0.98, 0.9, 0.5)),
        _by(f.flatten, 6),
    ),
    "ICONIC": _look(_by(f.tone, 1.3, 0.0, 1.25), _drawn(m.rays, _WHITE, 0.12)),
    "JAPANDI_FUSION": _look(_by(f.tone, 0.78, 0.14, 0.45), _by(f.tint, (0.96, 0.91, 0.83), 0.4)),
    "JAZZY": _look(
        _by(f.brush, 5),
        _by(o.split, (0.12, 0.08, 0.35), (1.0, 0.7, 0.3), 0.65),
        _by(f.tone, 1.2, 0.0, 1.15),
    ),
    "LONG_EXPOSURE": _look(_by(f.smear, 0.2, 0.0), _by(f.bloom, 0.03, 0.5)),
    "MAGAZINE_EDITORIAL": _look(
        _by(f.tone, 1.18, 0.04, 0.85),
        _by(f.bloom, 0.02, 0.25),
        _by(f.tint, (1.0, 0.95, 0.95), 0.12),
    ),
    "MINIMAL_ILLUSTRATION": _look(_by(f.brush, 9), _by(f.flatten, 3), _by(f.tone, 0.75, 0.2, 0.75)),
    "MIXED_MEDIA": _look(
        _drawn(m.torn, 4, 0.8),
        _by(f.outlines, _BLACK, 0.5),
        _drawn(m.splashes, (_TEAL, _ORANGE), 8),
        _drawn(f.paper, 0.03),
    ),
    "MONOCHROME": _look(_by(f.tone, 1.15, 0.0, 0.0), _drawn(o.grain, 0.02)),
    "NIGHTLIFE": _look(
        _by(f.tone, 1.1, -0.2, 1.2),
        _by(o.split, (0.1, 0.06, 0.35), (1.0, 0.4, 0.7), 0.5),
        _drawn(o.sparkles, 34),
        _by(f.bloom, 0.04, 0.7),
    ),
    "OIL_PAINTING": _look(_by(f.brush, 7), _by(f.brush, 4), _drawn(o.canvas, 0.05), _by(f.tone, 1.12, 0.0, 1.2)),
    "OLD_CARTOONS": _look(
        _by(f.flatten, 5),
        _by(f.tone, 1.1, 0.03, 0.0),
        _by(f.outlines, _BLACK, 0.9),
        _by(f.tint, (1.0, 0.94, 0.82), 0.8),
        _drawn(o.grain, 0.04),
    ),
    "PAINT_GESTURE": _look(_drawn(m.strokes, 420), _drawn(o.canvas, 0.035)),
    "POP_ART": _look(
        _by(f.flatten, 4),
        _by(f.tone, 1.4, 0.04, 1.9),
        _by(m.dots, 11.0, 0.22),
        _by(f.outlines, _BLACK, 0.85),
    ),
    "RETRO_ETCHING": _look(_by(f.hatch, 7.0, (0.2, 0.14, 0.1), _CREAM), _drawn(f.paper, 0.02)),
    "RIVIERA_POP": _look(
        _by(f.tone, 1.1, 0.08, 1.5),
        _by(o.split, (0.05, 0.35, 0.55), (1.0, 0.86, 0.66), 0.35),
        _by(f.flatten, 9),
    ),
    "SPOTLIGHT_80S": _look(
        _by(f.tone, 1.15, -0.18, 1.2),
        _drawn(o.spot, (1.0, 0.5, 0.85), 0.75),
        _drawn(o.scanlines, 0.04),
    ),
    "STYLIZED_RED": _look(_by(f.inks, (0.16, 0.01, 0.02), _RED, (1.0, 0.82, 0.74))),
    "SURREAL_COLLAGE": _look(
        _drawn(m.torn, 5, 1.0),
        _drawn(o.swirl, 0.07),
        _by(f.tone, 1.05, 0.04, 0.8),
        _by(f.tint, (0.9, 0.85, 1.0), 0.25),
    ),
    "TRAVEL_POSTER": _look(
        _by(f.brush, 7),
        _by(f.flatten, 6),
        _by(f.tint, (1.0, 0.88, 0.7), 0.25),
        _by(f.tone, 1.15, 0.05, 1.25),
        _drawn(f.paper, 0.018),
    ),
    "VINTAGE_GEO": _look(
        _drawn(f.facets, 40),
        _by(f.inks, (0.2, 0.24, 0.24), (0.78, 0.5, 0.32), (0.95, 0.86, 0.67)),
        _drawn(f.paper, 0.025),
    ),
    "VINTAGE_POSTER": _look(_by(f.flatten, 5), _by(f.inks, _NAVY, (0.78, 0.36, 0.24), _CREAM), _drawn(f.paper, 0.04)),
    "WATERCOLOR": _look(_drawn(f.wash)),
    "WEIRD": _look(_drawn(o.swirl, 0.22), _by(o.shifted), _by(f.fringe, 0.008)),
    "WOODBLOCK_PRINT": _look(
        _by(f.brush, 6),
        _by(f.flatten, 4),
        _by(f.inks, (0.08, 0.14, 0.3), (0.45, 0.56, 0.6), _CREAM),
        _by(f.outlines, _NAVY, 0.8),
        _drawn(o.canvas, 0.03),
    ),
}
