"""What one seed does: the photos, which fault strikes which photo, and what happens to the whole pipeline when."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from random import Random
from typing import Any

from backdrop_local.standin.faults import FaultRule

MIN_KILLS = 10
EXTRA_KILLS = 2
STRUCK_SHARE = 0.85
KILLED_SHARE = 0.2
EARLY_SHARE = 0.4
# A lane of ten slots and calls of four seconds that does not stop would buy 50 pictures.
REFUSED_WRITES_SECONDS = 20
IDEOGRAM = "ideogram"
PROVIDERS = (IDEOGRAM, "segmind", "1min", "runware")


class ExpectedEnd(StrEnum):
    """How a photo that a fault strikes should end."""

    STORED = "the fault is transient: a picture is delivered"
    HELD = "its answer is lost repeatedly: an operator decides"
    REFUSED = "the provider refuses it: there is an error report"
    DEAD = "the provider was paid but has no picture: there is a dead letter"


@dataclass(frozen=True)
class PhotoFault:
    """One kind of fault that strikes a share of the photos.

    `strike_count`: how often it strikes each photo; 0 means every time. `provider`: the only provider with this fault.
    `needs_later_success`: only photos that are served later can show that the struck photo is the cause.
    """

    name: str
    standin_fault: str
    share: float
    strike_count: int = 1
    args: Mapping[str, Any] = field(default_factory=dict[str, Any])
    route: str = "*"
    expected_end: ExpectedEnd = ExpectedEnd.STORED
    provider: str = ""
    needs_later_success: bool = False

    def build_rule(self, prompt_regex: str) -> FaultRule:
        """Returns the stand-in's rule that strikes one photo."""
        fields = {"fault": self.standin_fault, "args": dict(self.args), "route": self.route, "times": self.strike_count}
        return FaultRule.model_validate(fields | {"prompt_regex": prompt_regex})


# Faults of any provider. The others are Ideogram's, whose calls keep their connection open until the end.
ANY_PROVIDER_FAULTS = frozenset({"accept_then_drop", "refuse_429", "cdn_5xx", "truncated"})
WORKER_KILLED = "worker killed in the call"
UPLOAD_CUT = "connection cut during the upload"
MASK_ANSWER_LOST, MASK_ROUTE = "mask: charged, then hung up", "remove-background"


def list_photo_faults(call_seconds: float, timeout_seconds: float) -> tuple[PhotoFault, ...]:
    """Returns all kinds of faults, for calls that take `call_seconds` and callers that wait for `timeout_seconds`."""
    delay_milliseconds = round((timeout_seconds + 2 - call_seconds) * 1000)
    return (
        PhotoFault("charged, then hung up", "accept_then_drop", 0.02),
        PhotoFault("charged, answer cut off", "reset_mid_body", 0.015),
        PhotoFault("charged, answer garbled", "malformed_json", 0.01, args={"variant": "cut"}),
        PhotoFault("charged, slower than the timeout", "slow", 0.01, args={"ms": delay_milliseconds}),
        PhotoFault("charged, answered with 502", "status", 0.01, args={"code": 502, "html": True, "after_run": True}),
        PhotoFault("not charged, answered with 500", "status", 0.015, args={"code": 500}),
        PhotoFault("202 instead of 200", "success_status", 0.01, args={"code": 202}),
        PhotoFault("103 before the answer", "interim", 0.01, args={"codes": [103]}),
        PhotoFault(
            "picture in an unknown field",
            "malformed_json",
            0.005,
            0,
            {"variant": "renamed"},
            expected_end=ExpectedEnd.DEAD,
        ),
        PhotoFault("503, come back later", "status", 0.02, args={"code": 503}),
        PhotoFault("429 despite free slots", "refuse_429", 0.03, args={"headers": {"Retry-After": "2"}}),
        PhotoFault("every answer lost", "accept_then_drop", 0.01, strike_count=0, expected_end=ExpectedEnd.HELD),
        PhotoFault(
            "prompt refused", "status", 0.01, strike_count=0, args={"code": 422}, expected_end=ExpectedEnd.REFUSED
        ),
        PhotoFault("picture withheld as unsafe", "unsafe", 0.01, strike_count=0, expected_end=ExpectedEnd.DEAD),
        PhotoFault("download: 503", "cdn_5xx", 0.02, strike_count=2),
        PhotoFault("download: cut short", "truncated", 0.02),
        PhotoFault("download: 203 instead of 200", "success_status", 0.01, args={"code": 203}, route="cdn"),
        PhotoFault("download: 103 before the file", "interim", 0.01, route="cdn"),
        PhotoFault("download: connection reset", "reset_mid_body", 0.015, route="cdn"),
        # A link that refuses every download is tried until its own expiry, a day later: too long for a run.
        PhotoFault("download: 403, as if the link had expired", "expired_url", 0.005, route="cdn"),
    )


NOT_READY_BODY = {"errors": [{"code": "modelNotReady", "message": "The model is being loaded."}]}
BUSY_BODY = {"errors": [{"code": "serviceUnavailable", "message": "The service is busy."}]}
SUBMIT_ROUTE, RESULT_ROUTE = "v2/ideogram-3-replace-background", "v2/requests/result"
PROVIDER_PHOTO_FAULTS = (
    # Only one photo of 200: one success after a refusal proves the fault of one photo, and a second refused photo would
    # wait for another.
    PhotoFault(
        "Segmind: 406 without a reason",
        "status",
        0.005,
        0,
        {"code": 406, "body": ""},
        SUBMIT_ROUTE,
        ExpectedEnd.DEAD,
        "segmind",
        needs_later_success=True,
    ),
    PhotoFault("Segmind: 500, not billed", "status", 0.01, 2, {"code": 500}, SUBMIT_ROUTE, provider="segmind"),
    PhotoFault(
        "Segmind: 500 each time",
        "status",
        0.005,
        0,
        {"code": 500},
        SUBMIT_ROUTE,
        ExpectedEnd.DEAD,
        "segmind",
        needs_later_success=True,
    ),
    PhotoFault(
        "Segmind: 202 for a submission", "success_status", 0.01, 1, {"code": 202}, SUBMIT_ROUTE, provider="segmind"
    ),
    PhotoFault(
        "Segmind: picture in an unknown field",
        "malformed_json",
        0.005,
        0,
        {"variant": "renamed"},
        RESULT_ROUTE,
        ExpectedEnd.DEAD,
        "segmind",
    ),
    PhotoFault("1min: 202 for a feature", "success_status", 0.01, 1, {"code": 202}, "features", provider="1min"),
    PhotoFault("1min: 103 before the record", "interim", 0.01, 1, {"codes": [103]}, "results", provider="1min"),
    PhotoFault(
        "1min: 403 without a reason", "status", 0.005, 1, {"code": 403, "body": ""}, "features", provider="1min"
    ),
    PhotoFault(
        "Runware: picture inside the response", "inline_picture", 0.01, 1, {"form": "data_uri"}, provider="runware"
    ),
    PhotoFault("Runware: result in the response to the submission", "early_result", 0.01, provider="runware"),
    PhotoFault(
        "Runware: model not ready", "status", 0.01, 2, {"code": 400, "body": NOT_READY_BODY}, provider="runware"
    ),
    PhotoFault(
        "Runware: 503 for a poll",
        "status",
        0.01,
        2,
        {"code": 503, "body": BUSY_BODY},
        "getResponse",
        provider="runware",
    ),
    PhotoFault(
        "Runware: charged, failed without a code",
        "job_fails",
        0.005,
        0,
        {"code": "", "billed": True},
        expected_end=ExpectedEnd.DEAD,
        provider="runware",
    ),
)
"""Faults of a single provider. In a mixed run, they strike photos that have no other fault."""


class PhotoRequest(StrEnum):
    """What a photo requests in addition to its picture."""

    NOTHING = "only a picture"
    MASK = "a mask is bought, with which its picture is compared"
    RETRY = "a mask is bought, and the picture is bought again if its product differs, as it always does"
    APPROVAL = "people approve the picture"


REQUEST_FIELDS: Mapping[PhotoRequest, Mapping[str, Any]] = {
    PhotoRequest.NOTHING: {},
    PhotoRequest.MASK: {"subject": {"mask": "buy"}},
    PhotoRequest.RETRY: {"subject": {"mask": "buy", "otherwise": "retry"}},
    PhotoRequest.APPROVAL: {"approval": "required"},
}
REQUEST_SHARE = 0.1


@dataclass(frozen=True)
class BenchPhoto:
    """One photo of the run; `marker` is only in its own prompt."""

    key: str
    marker: str
    fault: PhotoFault | None = None
    provider: str = IDEOGRAM
    request: PhotoRequest = PhotoRequest.NOTHING

    @property
    def sidecar(self) -> dict[str, Any]:
        fields = {"prompt": f"a quiet beach at dawn, {self.marker}", "rendering_speed": "TURBO"}
        provider = {} if self.provider == IDEOGRAM else {"provider": self.provider}
        return {**fields, **provider, **REQUEST_FIELDS[self.request]}

    @property
    def expected_end(self) -> ExpectedEnd:
        return self.fault.expected_end if self.fault else ExpectedEnd.STORED


class PipelineEvent(StrEnum):
    """An event that affects a whole pipeline, from outside."""

    HALVE_LIMIT = "the account's limit is halved"
    RESTORE_LIMIT = "the account's limit is restored"
    STOP_PROVIDER = "the provider is stopped"
    START_PROVIDER = "the provider is restarted"
    PAUSE_LANE = "the lane is paused"
    RESUME_LANE = "the lane is resumed"
    REFUSE_WRITES = "the output bucket refuses writes"
    ALLOW_WRITES = "the output bucket accepts writes again"


@dataclass(frozen=True)
class BenchPlan:
    """All choices of one seed. Times are in seconds after the first upload. `repeated_notifications` name keys.

    `mask_rule`: strikes some calls for masks, which have no prompt; None if no photo requests one.
    """

    seed: int
    call_seconds: float
    concurrency_limit: int
    timeout_seconds: float
    photos: tuple[BenchPhoto, ...]
    uploads: tuple[str, ...]
    timed_events: tuple[tuple[float, PipelineEvent], ...]
    repeated_notifications: tuple[tuple[float, str], ...]
    upload_cut_rule: FaultRule
    edited_key: str
    mask_rule: FaultRule | None = None

    def list_rules(self) -> list[tuple[str, FaultRule]]:
        """Returns the stand-in's rules, each with the name of its fault."""
        faulted_photos = [(photo.fault, photo) for photo in self.photos if photo.fault]
        named = [(fault.name, fault.build_rule(f"{photo.marker}$")) for fault, photo in faulted_photos]
        mask_rules = [(MASK_ANSWER_LOST, self.mask_rule)] if self.mask_rule else []
        return [*named, (UPLOAD_CUT, self.upload_cut_rule), *mask_rules]

    def list_permanent_rules(self) -> list[FaultRule]:
        """Returns the rules of the permanent faults."""
        faulted_photos = [(photo.fault, photo) for photo in self.photos if photo.fault and not photo.fault.strike_count]
        return [fault.build_rule(f"{photo.marker}$") for fault, photo in faulted_photos]


def draw_bench_plan(
    seed: int,
    photo_count: int,
    *,
    call_seconds: float,
    concurrency_limit: int,
    timeout_seconds: float,
    use_all_lanes: bool = False,
    has_requests: bool = False,
) -> BenchPlan:
    """Draws the plan of a seed. The same arguments give the same plan.

    `has_requests`: some photos request masks, retries, and approval.
    """
    random = Random(f"{seed}/{photo_count}")
    keys = [f"seed-{seed}/{n:04d}.jpg" for n in range(photo_count)]
    fault_by_index = _assign_faults(random, photo_count, list_photo_faults(call_seconds, timeout_seconds), call_seconds)
    lane_random = Random(f"lanes {seed}/{photo_count}") if use_all_lanes else None
    photos = tuple(
        BenchPhoto(
            key,
            f"seed {seed} photo {n:04d}",
            fault_by_index.get(n),
            _choose_provider(lane_random, fault_by_index.get(n)),
        )
        for n, key in enumerate(keys)
    )
    photos = _assign_provider_faults(lane_random, photos) if lane_random else photos
    ideal_seconds = photo_count * call_seconds / concurrency_limit
    healthy = [photo.key for photo in photos if photo.fault is None]
    plan = BenchPlan(
        seed=seed,
        call_seconds=call_seconds,
        concurrency_limit=concurrency_limit,
        timeout_seconds=timeout_seconds,
        photos=photos,
        uploads=_draw_upload_order(random, keys),
        timed_events=_draw_timed_events(random, ideal_seconds),
        repeated_notifications=_draw_repeated_notifications(random, keys, ideal_seconds),
        upload_cut_rule=FaultRule(
            fault="drop_before_read", nth=concurrency_limit + 5, every=41, times=max(1, photo_count // 50)
        ),
        edited_key=random.choice(healthy or keys),
    )
    return _assign_requests(Random(f"requests {seed}/{photo_count}"), plan) if has_requests else plan


def _choose_provider(random: Random | None, fault: PhotoFault | None) -> str:
    """Chooses a photo's provider. Photos with faults that only Ideogram has go to Ideogram."""
    if random is None or (
        fault and (fault.expected_end is not ExpectedEnd.STORED or fault.standin_fault not in ANY_PROVIDER_FAULTS)
    ):
        return IDEOGRAM
    return random.choice(PROVIDERS)


def _assign_provider_faults(random: Random, photos: tuple[BenchPhoto, ...]) -> tuple[BenchPhoto, ...]:
    """Moves some healthy photos to lanes whose own faults strike them, but none of the last photos."""
    healthy_indexes = [n for n, photo in enumerate(photos[: round(STRUCK_SHARE * len(photos))]) if photo.fault is None]
    random.shuffle(healthy_indexes)
    fault_by_index = dict[int, PhotoFault]()
    for fault in PROVIDER_PHOTO_FAULTS:
        candidates = [n for n in healthy_indexes if not fault.needs_later_success or n < EARLY_SHARE * len(photos)]
        for n in candidates[: max(1, round(fault.share * len(photos)))]:
            healthy_indexes.remove(n)
            fault_by_index[n] = fault
    return tuple(
        BenchPhoto(photo.key, photo.marker, fault_by_index[n], fault_by_index[n].provider)
        if n in fault_by_index
        else photo
        for n, photo in enumerate(photos)
    )


def _assign_faults(
    random: Random, photo_count: int, faults: Sequence[PhotoFault], call_seconds: float
) -> dict[int, PhotoFault]:
    """Assigns each fault to at least one photo: killed workers early, and none of the faults among the last photos.

    A job whose worker was killed waits for its lease, and a lost answer for its timeout. The end of the run must depend
    on the work, not on a single wait.
    """
    kill_count = max(MIN_KILLS + EXTRA_KILLS, round(0.02 * photo_count))
    kill_fault = PhotoFault(WORKER_KILLED, "accept_then_wait", 0, args={"ms": round(call_seconds * 250)})
    early_indexes = range(min(photo_count, max(2 * kill_count, round(KILLED_SHARE * photo_count))))
    fault_by_index = dict.fromkeys(random.sample(early_indexes, min(kill_count, len(early_indexes))), kill_fault)
    healthy_indexes = [n for n in range(round(STRUCK_SHARE * photo_count)) if n not in fault_by_index]
    random.shuffle(healthy_indexes)
    for fault in faults:
        for _ in range(max(1, round(fault.share * photo_count))):
            if healthy_indexes:
                fault_by_index[healthy_indexes.pop()] = fault
    return fault_by_index


def _assign_requests(random: Random, plan: BenchPlan) -> BenchPlan:
    """Gives each kind of request to some photos that end with a picture, whether or not a fault strikes them."""
    pictures = [photo for photo in plan.photos if photo.expected_end is ExpectedEnd.STORED]
    candidates = [photo.key for photo in pictures if photo.key != plan.edited_key]
    random.shuffle(candidates)
    count = max(1, round(REQUEST_SHARE * len(plan.photos)))
    kinds = [kind for kind in PhotoRequest if kind is not PhotoRequest.NOTHING for _ in range(count)]
    requests = dict(zip(candidates, kinds, strict=False))
    photos = (replace(photo, request=requests.get(photo.key, PhotoRequest.NOTHING)) for photo in plan.photos)
    mask_rule = FaultRule(fault="accept_then_drop", route=MASK_ROUTE, nth=2, every=3, times=max(1, count // 2))
    return replace(plan, photos=tuple(photos), mask_rule=mask_rule)


def _draw_upload_order(random: Random, keys: Sequence[str]) -> tuple[str, ...]:
    """Draws the order of uploads: one photo in five comes before its sidecar."""
    keys_in_order: list[str] = []
    for key in keys:
        pair = [f"{key}.json", key]
        keys_in_order += pair if random.random() < 0.8 else pair[::-1]
    return tuple(keys_in_order)


def _draw_timed_events(random: Random, ideal_seconds: float) -> tuple[tuple[float, PipelineEvent], ...]:
    """Halves the account's limit for half of the time, stops the provider, pauses the lane, and refuses writes."""
    halve_at, stop_at, pause_at = (ideal_seconds * (share + random.uniform(0, 0.05)) for share in (0.05, 0.65, 0.80))
    resume_at = pause_at + 6 + random.uniform(6, 9)
    return (
        (halve_at, PipelineEvent.HALVE_LIMIT),
        (halve_at + 0.5 * ideal_seconds, PipelineEvent.RESTORE_LIMIT),
        (stop_at, PipelineEvent.STOP_PROVIDER),
        (stop_at + random.uniform(4, 6), PipelineEvent.START_PROVIDER),
        (pause_at + 6, PipelineEvent.PAUSE_LANE),
        (resume_at, PipelineEvent.RESUME_LANE),
        (resume_at + 5, PipelineEvent.REFUSE_WRITES),
        (resume_at + 5 + REFUSED_WRITES_SECONDS, PipelineEvent.ALLOW_WRITES),
    )


def _draw_repeated_notifications(
    random: Random, keys: Sequence[str], ideal_seconds: float
) -> tuple[tuple[float, str], ...]:
    """Draws repeated events, late and out of order: for three photos in ten, up to three times each."""
    repeats: list[tuple[float, str]] = []
    for key in random.sample(keys, max(1, len(keys) * 3 // 10)):
        for _ in range(random.randint(1, 3)):
            repeats += [(random.uniform(0, 0.9 * ideal_seconds), name) for name in (key, f"{key}.json")]
    return tuple(sorted(repeats))
