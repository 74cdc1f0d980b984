"""What one seed does: the photos, which of them meets which fault, and what happens to the whole pipeline when."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import Any

from backdrop_local.standin.faults import FaultRule

LEAST_KILLS = 10
SPARE_KILLS = 2
STRUCK_SHARE = 0.85
KILLED_SHARE = 0.2
EARLY_SHARE = 0.4
IDEOGRAM = "ideogram"
LANES = (IDEOGRAM, "segmind", "1min", "runware")


class Fate(StrEnum):
    """How a photo that meets a fault should end."""

    STORED = "the fault passes: a picture comes"
    HELD = "its answer is lost again and again: a person decides"
    REFUSED = "the provider will not have it: the uploader is told"
    DEAD = "the provider took the money and has no picture: a dead letter"


@dataclass(frozen=True)
class Trouble:
    """One kind of fault that strikes a share of the photos, each `hits` times (0: as often as it is met).

    `lane`: the only provider that does this. `early`: only photos that are served after it can show that the
    photo is the reason.
    """

    name: str
    fault: str
    share: float
    hits: int = 1
    args: Mapping[str, Any] = field(default_factory=dict[str, Any])
    route: str = "*"
    fate: Fate = Fate.STORED
    lane: str = ""
    early: bool = False

    def rule(self, prompt_regex: str) -> FaultRule:
        """The stand-in's rule that strikes one photo."""
        fields = {"fault": self.fault, "args": dict(self.args), "route": self.route, "times": self.hits}
        return FaultRule.model_validate(fields | {"prompt_regex": prompt_regex})


# What any provider can do; the rest is Ideogram's, whose call holds its connection to the end.
ANYWHERE = frozenset({"accept_then_drop", "refuse_429", "cdn_5xx", "truncated"})
KILLED = "worker killed in the call"
UNREAD = "connection cut during the upload"


def troubles(seconds: float, timeout_seconds: float) -> tuple[Trouble, ...]:
    """All kinds, for a provider that takes `seconds` for a call and a pipeline that waits `timeout_seconds`."""
    too_slow = round((timeout_seconds + 2 - seconds) * 1000)
    return (
        Trouble("charged, then hung up", "accept_then_drop", 0.02),
        Trouble("charged, answer cut off", "reset_mid_body", 0.015),
        Trouble("charged, answer garbled", "malformed_json", 0.01, args={"variant": "cut"}),
        Trouble("charged, slower than the time-out", "slow", 0.01, args={"ms": too_slow}),
        Trouble("charged, 502 for an answer", "status", 0.01, args={"code": 502, "html": True, "after_run": True}),
        Trouble("not charged, 500 for an answer", "status", 0.015, args={"code": 500}),
        Trouble("202 instead of 200", "success_status", 0.01, args={"code": 202}),
        Trouble("103 before the answer", "interim", 0.01, args={"codes": [103]}),
        Trouble("picture under an unknown name", "malformed_json", 0.005, 0, {"variant": "renamed"}, fate=Fate.DEAD),
        Trouble("503, come back later", "status", 0.02, args={"code": 503}),
        Trouble("429 in spite of free slots", "refuse_429", 0.03, args={"headers": {"Retry-After": "2"}}),
        Trouble("every answer lost", "accept_then_drop", 0.01, hits=0, fate=Fate.HELD),
        Trouble("prompt refused", "status", 0.01, hits=0, args={"code": 422}, fate=Fate.REFUSED),
        Trouble("picture withheld as unsafe", "unsafe", 0.01, hits=0, fate=Fate.DEAD),
        Trouble("download: 503", "cdn_5xx", 0.02, hits=2),
        Trouble("download: cut short", "truncated", 0.02),
        Trouble("download: 203 instead of 200", "success_status", 0.01, args={"code": 203}, route="cdn"),
        Trouble("download: 103 before the file", "interim", 0.01, route="cdn"),
        Trouble("download: connection reset", "reset_mid_body", 0.015, route="cdn"),
        Trouble("download: link expired", "expired_url", 0.005, hits=0, route="cdn", fate=Fate.DEAD),
    )


NOT_READY = {"errors": [{"code": "modelNotReady", "message": "The model is being loaded."}]}
BUSY = {"errors": [{"code": "serviceUnavailable", "message": "The service is busy."}]}
SUBMIT, RESULT = "v2/ideogram-3-replace-background", "v2/requests/result"
LANE_TROUBLES = (
    Trouble(
        "Segmind: 406 without a reason",
        "status",
        0.01,
        0,
        {"code": 406, "body": ""},
        SUBMIT,
        Fate.DEAD,
        "segmind",
        early=True,
    ),
    Trouble("Segmind: 500, not billed", "status", 0.01, 2, {"code": 500}, SUBMIT, lane="segmind"),
    Trouble("Segmind: 500 each time", "status", 0.005, 0, {"code": 500}, SUBMIT, Fate.DEAD, "segmind", early=True),
    Trouble("Segmind: 202 for a submit", "success_status", 0.01, 1, {"code": 202}, SUBMIT, lane="segmind"),
    Trouble(
        "Segmind: picture under an unknown name",
        "malformed_json",
        0.005,
        0,
        {"variant": "renamed"},
        RESULT,
        Fate.DEAD,
        "segmind",
    ),
    Trouble("1min: 202 for a feature", "success_status", 0.01, 1, {"code": 202}, "features", lane="1min"),
    Trouble("1min: 103 before the record", "interim", 0.01, 1, {"codes": [103]}, "results", lane="1min"),
    Trouble("1min: 403 without a reason", "status", 0.005, 1, {"code": 403, "body": ""}, "features", lane="1min"),
    Trouble("Runware: picture inside the response", "inline_picture", 0.01, 1, {"form": "data_uri"}, lane="runware"),
    Trouble("Runware: result in the response to the submit", "early_result", 0.01, lane="runware"),
    Trouble("Runware: model not ready", "status", 0.01, 2, {"code": 400, "body": NOT_READY}, lane="runware"),
    Trouble("Runware: 503 for a poll", "status", 0.01, 2, {"code": 503, "body": BUSY}, "getResponse", lane="runware"),
    Trouble(
        "Runware: charged, failed without a code",
        "job_fails",
        0.005,
        0,
        {"code": "", "billed": True},
        fate=Fate.DEAD,
        lane="runware",
    ),
)
"""What only one provider does; in a mixed run, photos that meet nothing else meet it."""


@dataclass(frozen=True)
class Photo:
    """One photo of the run; `mark` is in its prompt and in no other's."""

    key: str
    mark: str
    trouble: Trouble | None = None
    provider: str = IDEOGRAM

    @property
    def wish(self) -> dict[str, object]:
        """Its sidecar."""
        said: dict[str, object] = {"prompt": f"a quiet beach at dawn, {self.mark}", "rendering_speed": "TURBO"}
        return said if self.provider == IDEOGRAM else said | {"provider": self.provider}

    @property
    def fate(self) -> Fate:
        """How it should end."""
        return self.trouble.fate if self.trouble else Fate.STORED


class Act(StrEnum):
    """What happens to a whole pipeline, from outside."""

    LESS = "the account's limit is halved"
    MORE = "the account's limit is back"
    DOWN = "the provider is stopped"
    UP = "the provider is started again"
    PAUSE = "the lane is paused"
    RESUME = "the lane is resumed"


@dataclass(frozen=True)
class Plan:
    """All choices of one seed. Moments are seconds after the drop began; copies repeat the event of a key."""

    seed: int
    seconds: float
    limit: int
    timeout_seconds: float
    photos: tuple[Photo, ...]
    uploads: tuple[str, ...]
    moments: tuple[tuple[float, Act], ...]
    copies: tuple[tuple[float, str], ...]
    unread: FaultRule
    edited: str

    def rules(self) -> list[tuple[str, FaultRule]]:
        """The stand-in's rules, each under the name of its trouble."""
        struck = [(photo.trouble, photo) for photo in self.photos if photo.trouble]
        named = [(trouble.name, trouble.rule(f"{photo.mark}$")) for trouble, photo in struck]
        return [*named, (UNREAD, self.unread)]

    def lasting(self) -> list[FaultRule]:
        """The rules of what never passes."""
        struck = [(photo.trouble, photo) for photo in self.photos if photo.trouble and not photo.trouble.hits]
        return [trouble.rule(f"{photo.mark}$") for trouble, photo in struck]


def draw(seed: int, photos: int, *, seconds: float, limit: int, timeout_seconds: float, mixed: bool = False) -> Plan:
    """The plan of a seed: the same seed and numbers give the same plan. `mixed`: the photos go to all four lanes."""
    random = Random(f"{seed}/{photos}")
    keys = [f"seed-{seed}/{n:04d}.jpg" for n in range(photos)]
    struck = _strike(random, photos, troubles(seconds, timeout_seconds), seconds)
    lanes = Random(f"lanes {seed}/{photos}") if mixed else None
    drawn = tuple(
        Photo(key, f"seed {seed} photo {n:04d}", struck.get(n), _lane(lanes, struck.get(n)))
        for n, key in enumerate(keys)
    )
    drawn = _strike_lanes(lanes, drawn) if lanes else drawn
    whole = photos * seconds / limit
    healthy = [photo.key for photo in drawn if photo.trouble is None]
    return Plan(
        seed=seed,
        seconds=seconds,
        limit=limit,
        timeout_seconds=timeout_seconds,
        photos=drawn,
        uploads=_uploads(random, keys),
        moments=_moments(random, whole),
        copies=_copies(random, keys, whole),
        unread=FaultRule(fault="drop_before_read", nth=limit + 5, every=41, times=max(1, photos // 50)),
        edited=random.choice(healthy or keys),
    )


def _lane(random: Random | None, trouble: Trouble | None) -> str:
    """Whose photo it is; what only Ideogram does strikes Ideogram's."""
    if random is None or (trouble and (trouble.fate is not Fate.STORED or trouble.fault not in ANYWHERE)):
        return IDEOGRAM
    return random.choice(LANES)


def _strike_lanes(random: Random, photos: tuple[Photo, ...]) -> tuple[Photo, ...]:
    """The photos, some of the healthy ones in a lane whose own trouble strikes them; none of the last ones."""
    free = [n for n, photo in enumerate(photos[: round(STRUCK_SHARE * len(photos))]) if photo.trouble is None]
    random.shuffle(free)
    struck = dict[int, Trouble]()
    for kind in LANE_TROUBLES:
        fit = [n for n in free if not kind.early or n < EARLY_SHARE * len(photos)]
        for n in fit[: max(1, round(kind.share * len(photos)))]:
            free.remove(n)
            struck[n] = kind
    return tuple(
        Photo(photo.key, photo.mark, struck[n], struck[n].lane) if n in struck else photo
        for n, photo in enumerate(photos)
    )


def _strike(random: Random, photos: int, kinds: Sequence[Trouble], seconds: float) -> dict[int, Trouble]:
    """Which photo meets which trouble: each kind at least once, killed workers early, and none among the last photos.

    A job whose worker was killed waits for its lease, and a lost answer for its time-out; what ends the run shall
    be the work and not a single such wait.
    """
    kills = max(LEAST_KILLS + SPARE_KILLS, round(0.02 * photos))
    killed = Trouble(KILLED, "accept_then_wait", 0, args={"ms": round(seconds * 250)})
    early = range(min(photos, max(2 * kills, round(KILLED_SHARE * photos))))
    struck = dict.fromkeys(random.sample(early, min(kills, len(early))), killed)
    free = [n for n in range(round(STRUCK_SHARE * photos)) if n not in struck]
    random.shuffle(free)
    for kind in kinds:
        for _ in range(max(1, round(kind.share * photos))):
            if free:
                struck[free.pop()] = kind
    return struck


def _uploads(random: Random, keys: Sequence[str]) -> tuple[str, ...]:
    """Photos and sidecars in the order in which they are uploaded: one in five photos comes before its sidecar."""
    ordered: list[str] = []
    for key in keys:
        pair = [f"{key}.json", key]
        ordered += pair if random.random() < 0.8 else pair[::-1]
    return tuple(ordered)


def _moments(random: Random, whole: float) -> tuple[tuple[float, Act], ...]:
    """Half an account for half of the time, then an outage, then a paused lane; `whole` is the ideal run in seconds."""
    less, down, pause = (whole * (share + random.uniform(0, 0.05)) for share in (0.05, 0.65, 0.80))
    return (
        (less, Act.LESS),
        (less + 0.5 * whole, Act.MORE),
        (down, Act.DOWN),
        (down + random.uniform(4, 6), Act.UP),
        (pause + 6, Act.PAUSE),
        (pause + 6 + random.uniform(6, 9), Act.RESUME),
    )


def _copies(random: Random, keys: Sequence[str], whole: float) -> tuple[tuple[float, str], ...]:
    """Events that come again, late and in any order: of three photos in ten, up to three times each."""
    copies: list[tuple[float, str]] = []
    for key in random.sample(keys, max(1, len(keys) * 3 // 10)):
        for _ in range(random.randint(1, 3)):
            copies += [(random.uniform(0, 0.9 * whole), name) for name in (key, f"{key}.json")]
    return tuple(sorted(copies))
