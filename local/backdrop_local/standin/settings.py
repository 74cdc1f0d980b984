"""The stand-in's settings, at its start and by POST /_ctl/settings."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

SPEED_FACTORS = {"FLASH": 0.5, "TURBO": 0.6, "QUALITY": 1.5, "REMOVE": 0.5}


class KeySetting(BaseModel):
    """A declared API key: its account, and whether it may read the usage."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    account: str
    admin: bool = False


class UsageChange(BaseModel):
    """A line of the usage records that the bill does not explain: a correction, or the usage of others.

    `hours_ago`: 0 for the hour that has not ended. `images` may be negative. `key_id`: None for the key of the caller.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    hours_ago: int = Field(ge=0)
    images: int
    endpoint: str = "/v1/ideogram-v3/replace-background"
    unit_micro_usd: int = Field(default=60_000, ge=1)
    key_id: str | None = None
    source: Literal["api", "app"] = "api"


class StandinSettings(BaseModel):
    """All settings. `cut_out_pixels`: the maximum size of a cut-out (0: the size of its photo).

    `ideogram_private_plan`: the plan includes private generations of v2. `ideogram_dry_run`: how v2 answers a dry run;
    `ideogram_quotes`: the micro-dollars of one image in it, by speed, if they differ from what is charged. `keys`: if
    none is declared, any key is valid that does not start with `invalid`. `usage_age_seconds`: how much older than they
    are the usage records show the charges. `usage_form`: what is wrong with the records.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    latency_seconds: float = Field(default=0.0, ge=0)
    latency_by_speed: dict[str, float] = {}
    in_flight_limit: int = Field(default=10, ge=1)
    in_flight_limit_by_account: dict[str, int] = {}
    strict: bool = True
    exclusive_styles: bool = True
    max_image_bytes: int = Field(default=10_000_000, ge=1)
    too_many_body: Literal["error", "empty", "reject_reason"] = "error"
    ideogram_private_plan: bool = True
    ideogram_dry_run: Literal["exact", "estimate", "float", "generates"] = "exact"
    ideogram_quotes: dict[str, int] = {}
    created_form: Literal["blank", "T"] = "blank"
    url_mode: Literal["loopback", "real"] = "loopback"
    pictures: Literal["composed", "prepared"] = "composed"
    cut_out_pixels: int = Field(default=0, ge=0)
    link_life_seconds: int = Field(default=86_400, ge=0)
    usage_lag_seconds: int = Field(default=300, ge=0)
    usage_age_seconds: int = Field(default=0, ge=0)
    usage_changes: tuple[UsageChange, ...] = ()
    usage_form: Literal["documented", "float", "other_currency", "cut_off", "gaps", "no_endpoint"] = "documented"
    keys: dict[str, KeySetting] = {}
    revoked: frozenset[str] = frozenset()
    kept_picture_bytes: int = Field(default=96_000_000, ge=0)
    queue_seconds: float = Field(default=0.0, ge=0)
    requests_per_minute: dict[str, int] = {"segmind": 50, "onemin": 180}
    segmind_polls_count: bool = True
    segmind_json: bool = False
    segmind_format: Literal["JPEG", "PNG", "WEBP"] = "JPEG"
    segmind_output: Literal[
        "text", "list", "images", "image", "image_url", "output_images", "output_image", "elsewhere"
    ] = "text"
    segmind_inline: Literal["link", "base64", "data_uri"] = "link"
    segmind_406: Literal["json", "text", "html", "empty"] = "json"
    segmind_reset_form: Literal["iso", "plain", "epoch", "missing"] = "iso"
    segmind_credits_usd: str = "100.00"
    onemin_credits_per_image: int = Field(default=1, ge=1)
    onemin_usd_per_credit: str = "0.05"
    onemin_link_place: Literal["record", "top", "list", "detail", "none"] = "record"
    onemin_result: Literal["path", "empty", "null", "object", "link"] = "path"
    runware_workers: int = Field(default=8, ge=1)
    runware_queue: int = Field(default=16, ge=0)
    runware_conflict_status: Literal[400, 409] = 400
    runware_remembers_seconds: float | None = Field(default=None, ge=0)
    runware_unknown: Literal["empty", "error"] = "empty"
    runware_ack: Literal["task", "empty"] = "task"
    runware_running: Literal["processing", "pending", "queued"] = "processing"
    runware_done: Literal["success", "completed", "missing"] = "success"
    runware_details: Literal["finished", "named"] = "finished"
    runware_upload_answer: Literal["list", "object"] = "list"
    runware_errors_in_200: bool = False
    reported_cost: Literal["true", "null", "zero"] = "true"

    def compute_latency(self, speed: str) -> float:
        """Returns how long a generation at this speed takes, in seconds."""
        given = self.latency_by_speed.get(speed)
        return self.latency_seconds * SPEED_FACTORS.get(speed, 1.0) if given is None else given

    def find_in_flight_limit(self, provider: str, account: str) -> int | None:
        """Returns how many calls this account may have in flight. None: unlimited."""
        limits = {"ideogram": self.in_flight_limit, "runware": self.runware_workers + self.runware_queue}
        return self.in_flight_limit_by_account.get(account, limits.get(provider))

    def find_worker_limit(self, provider: str) -> int | None:
        """Returns how many generations of an account the provider runs at the same time. None: unlimited."""
        return self.runware_workers if provider == "runware" else None

    def find_refusals_before_503(self, provider: str) -> int | None:
        """Returns after how many 429s in a row a full queue answers 503 instead. None: never."""
        return self.runware_queue if provider == "runware" else None

    def report_cost(self, usd: float) -> float | None:
        """Returns the cost that a provider reports: the true cost, unless a setting changes it."""
        return {"true": usd, "null": None, "zero": 0.0}[self.reported_cost]
