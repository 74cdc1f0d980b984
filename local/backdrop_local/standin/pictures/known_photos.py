"""The demo's photos: a hash that identifies each one, and manually drawn shapes that guide the cut-out.

The shapes are mostly coarse, but within a pixel or two of the outline where color alone misleads: the rim of the
saucer, the hat, and the astronaut's collar and shoulder. Other photos have no such shapes.
"""

from dataclasses import dataclass, field

type Points = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class KnownPhoto:
    """A demo photo: its hash, the size to which the coordinates refer, and manually drawn shapes."""

    name: str
    difference_hash: int
    size: tuple[int, int]
    subject_area: tuple[Points, ...]
    """The subject is inside these polygons. Everything else is background."""
    subject_core: tuple[Points, ...]
    """Everything inside these polygons is subject."""
    holes: tuple[Points, ...] = field(default=())
    """Everything inside these polygons is background."""
    foliage: tuple[Points, ...] = field(default=())
    """Inside these polygons, leaves and bright sky alternate too finely for an outline."""
    smoothing_pixels: float = 1.2
    """How far the outline is smoothed, in pixels: more for a subject without fine detail."""
    has_hard_edge: bool = False
    """Whether the subject has a glazed or polished rim. Its highlights would mislead a soft edge."""


def _parse_shape(text: str) -> Points:
    pairs = (pair.split(",") for pair in text.split())
    return tuple((int(x), int(y)) for x, y in pairs)


_FLOWER = KnownPhoto(
    name="flower",
    difference_hash=0x31B4626A68687339,
    size=(640, 427),
    subject_area=(
        _parse_shape("307,68 400,88 458,170 460,250 430,315 370,362 300,370 215,352 160,290 152,200 200,105"),
    ),
    subject_core=(_parse_shape("307,105 385,130 425,200 415,280 360,335 290,340 215,315 185,240 195,165 240,120"),),
)

_COFFEE = KnownPhoto(
    name="coffee",
    difference_hash=0xF3F95B331E2B0F16,
    size=(600, 400),
    subject_area=(
        _parse_shape(
            "290,8 370,25 432,60 432,110 470,150 490,230 470,310 400,372 310,396 200,380 110,325 "
            "80,258 75,235 75,200 82,160 94,134 114,106 140,80 160,66 200,20"
        ),
    ),
    subject_core=(
        _parse_shape(
            "285,30 370,60 400,105 419,111 431,120 442,131 452,144 460,156 467,170 472,184 475,205 475,230 "
            "436,320 395,357 335,381 230,370 130,312 90,258 83,230 85,200 110,150 170,92 200,65"
        ),
    ),
    smoothing_pixels=3.0,
    has_hard_edge=True,
)

_ASTRONAUT = KnownPhoto(
    name="astronaut",
    difference_hash=0xDD8DBD0D9D3295A6,
    size=(512, 512),
    subject_area=(
        _parse_shape(
            "228,6 290,25 312,90 290,150 320,230 370,290 375,340 430,335 478,370 500,420 503,448 "
            "512,470 512,512 8,512 10,350 60,240 105,190 145,130 140,70 170,20"
        ),
    ),
    subject_core=(
        _parse_shape(
            "230,40 275,60 280,95 255,160 295,220 340,270 345,350 420,358 478,405 494,458 508,478 "
            "510,512 45,512 60,370 75,270 118,206 117,191 140,164 185,152 172,95 180,55"
        ),
    ),
    holes=(
        _parse_shape("260,160 300,140 312,215 293,197 277,184 265,175 258,171"),
        _parse_shape("361,285 375,285 375,338 370,343 366,336 363,316"),
    ),
)

_GRACE_HOPPER = KnownPhoto(
    name="grace-hopper",
    difference_hash=0x719B7250FB335454,
    size=(512, 600),
    subject_area=(
        _parse_shape(
            "262,12 310,32 350,55 378,85 380,160 388,190 376,250 362,320 420,345 500,385 512,430 "
            "512,600 5,600 20,440 40,385 80,355 190,318 150,270 152,215 152,112 168,75 200,40 "
            "217,38 224,24 240,14"
        ),
    ),
    subject_core=(
        _parse_shape(
            "225,46 230,34 262,27 290,34 298,52 335,62 360,95 362,170 366,200 352,290 330,300 "
            "330,330 370,352 480,395 500,440 500,600 25,600 40,430 65,388 205,335 210,300 172,265 "
            "163,200 168,175 155,178 156,114 164,100 190,70"
        ),
    ),
    holes=(
        _parse_shape("140,225 155,225 158,265 168,286 198,303 198,314 150,335"),
        _parse_shape("140,190 150,190 152,222 140,222"),
        _parse_shape("0,300 60,300 38,395 30,412 26,432 21,470 10,560 0,560"),
    ),
)

_TEMPLE = KnownPhoto(
    name="temple",
    difference_hash=0xBF3F3E3E38387020,
    size=(640, 427),
    subject_area=(
        _parse_shape(
            "0,427 0,285 20,285 60,300 75,290 55,270 65,245 85,230 78,180 92,95 180,70 192,22 "
            "220,22 228,68 325,112 325,160 338,180 335,230 362,250 352,300 375,322 480,280 "
            "535,262 540,215 575,145 600,125 640,140 640,427"
        ),
    ),
    subject_core=(
        _parse_shape(
            "130,125 200,75 290,125 285,170 310,195 310,240 330,260 335,320 345,335 365,345 "
            "390,330 480,300 510,298 535,282 566,292 560,235 582,190 600,152 612,152 626,172 "
            "640,427 0,427 0,350 40,350 90,335 90,270 110,240 112,190 100,175 125,160"
        ),
    ),
    holes=(
        _parse_shape("30,275 60,278 76,282 76,306 66,316 36,316 30,300"),
        _parse_shape("82,188 94,194 94,230 80,240 82,200"),
        _parse_shape("0,120 60,190 82,235 60,270 30,284 0,284"),
        _parse_shape("87,287 94,287 94,300 87,304"),
        _parse_shape("104,196 109,196 109,219 104,220"),
        _parse_shape("329,277 332,276 332,294 329,296"),
        _parse_shape("335,274 339,272 339,290 335,292"),
    ),
    foliage=(_parse_shape("545,200 585,140 600,128 640,140 640,300 590,300 575,285 558,292 545,265"),),
)

KNOWN_PHOTOS: tuple[KnownPhoto, ...] = (_FLOWER, _COFFEE, _ASTRONAUT, _GRACE_HOPPER, _TEMPLE)
