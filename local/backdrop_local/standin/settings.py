"""What can be set on the stand-in at its start and by POST /_ctl/settings."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

SPEED_FACTORS = {"FLASH": 0.5, "TURBO": 0.6, "QUALITY": 1.5, "REMOVE": 0.5}


class KeySetting(BaseModel):
    """A declared API key: the account that it draws on, and whether it may read the usage."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    account: str
    admin: bool = False


class Settings(BaseModel):
    """All switches. `cut_out_pixels`: what a cut-out has at most, however large its photo; 0: the photo's own.

    `keys`: while none is declared, any key goes that is no `invalid…` one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    latency_seconds: float = Field(default=0.0, ge=0)
    latency_by_speed: dict[str, float] = {}
    in_flight_limit: int = Field(default=10, ge=1)
    in_flight_limit_by_account: dict[str, int] = {}
    strict: bool = True
    exclusive_styles: bool = True
    max_image_bytes: int = Field(default=10_000_000, ge=1)
    too_many_body: Literal["error", "empty", "reject_reason"] = "error"
    created_form: Literal["blank", "T"] = "blank"
    url_mode: Literal["loopback", "real"] = "loopback"
    pictures: Literal["composed", "prepared"] = "composed"
    cut_out_pixels: int = Field(default=0, ge=0)
    link_life_seconds: int = Field(default=86_400, ge=0)
    usage_lag_seconds: int = Field(default=300, ge=0)
    keys: dict[str, KeySetting] = {}
    revoked: frozenset[str] = frozenset()
    kept_picture_bytes: int = Field(default=96_000_000, ge=0)

    def latency(self, speed: str) -> float:
        """How long a generation at this speed takes, in seconds."""
        given = self.latency_by_speed.get(speed)
        return self.latency_seconds * SPEED_FACTORS.get(speed, 1.0) if given is None else given

    def limit(self, account: str) -> int:
        """How many calls this account may have in flight."""
        return self.in_flight_limit_by_account.get(account, self.in_flight_limit)
