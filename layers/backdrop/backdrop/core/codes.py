"""The closed list of codes: every way in which something can go wrong. core/meanings.py says what to do."""

from enum import StrEnum


class Code(StrEnum):
    """What went wrong, in one word; the same word stands in reports, metrics, dead letters and exit texts."""

    # the photo
    NOT_A_PHOTO = "not_a_photo"
    UNSUPPORTED_FORMAT = "unsupported_format"
    EMPTY_FILE = "empty_file"
    TRUNCATED_PHOTO = "truncated_photo"
    DAMAGED_PHOTO = "damaged_photo"
    EXTREME_RATIO = "extreme_ratio"
    TOO_LARGE_BYTES = "too_large_bytes"
    TOO_MANY_PIXELS = "too_many_pixels"
    TOO_SMALL = "too_small"
    KEY_TOO_LONG = "key_too_long"
    # the instructions
    NO_INSTRUCTIONS = "no_instructions"
    SIDECAR_NOT_JSON = "sidecar_not_json"
    SIDECAR_TOO_LARGE = "sidecar_too_large"
    UNKNOWN_FIELD = "unknown_field"
    INVALID_VALUE = "invalid_value"
    MISSING_PROMPT = "missing_prompt"
    CONFLICTING_FIELDS = "conflicting_fields"
    NOT_EXPRESSIBLE = "not_expressible"
    PROVIDER_NOT_CONFIGURED = "provider_not_configured"
    MAX_COST_EXCEEDED = "max_cost_exceeded"
    UNSAFE_REQUEST = "unsafe_request"
    # the provider, for now
    PROVIDER_KEY_MISSING = "provider_key_missing"
    PROVIDER_KEY_REFUSED = "provider_key_refused"
    PROVIDER_OUT_OF_MONEY = "provider_out_of_money"
    PROVIDER_DAILY_LIMIT = "provider_daily_limit"
    PROVIDER_MISCONFIGURED = "provider_misconfigured"
    PROVIDER_THROTTLED = "provider_throttled"
    PROVIDER_UNAVAILABLE = "provider_unavailable"
    BUDGET_REACHED = "budget_reached"
    DELIVERY_BACKED_UP = "delivery_backed_up"
    PAUSED_BY_PERSON = "paused_by_person"
    LANE_SHUT = "lane_shut"
    RESULT_UNREACHABLE = "result_unreachable"
    # the provider, for good
    REQUEST_REJECTED = "request_rejected"
    UNSAFE_RESULT = "unsafe_result"
    LINK_EXPIRED = "link_expired"
    RESULT_GONE = "result_gone"
    PAID_FILE_GONE = "paid_file_gone"
    RESULT_FOREIGN_HOST = "result_foreign_host"
    RESULT_REDIRECTED = "result_redirected"
    RESULT_NOT_AN_IMAGE = "result_not_an_image"
    RESULT_TRUNCATED = "result_truncated"
    RESULT_TOO_LARGE = "result_too_large"
    RESULT_NOT_TRANSPARENT = "result_not_transparent"
    # money and machinery
    CHARGE_UNKNOWN = "charge_unknown"
    CRASHED = "crashed"
    DAMAGED_MESSAGE = "damaged_message"
    MESSAGE_GIVEN_UP = "message_given_up"
    JOB_IN_FLIGHT = "job_in_flight"
    OWNER_AT_WORK = "owner_at_work"
    TOO_LITTLE_TIME = "too_little_time"
    BUDGET_RESERVED = "budget_reserved"
    LEDGER_CONFLICT = "ledger_conflict"
    LEDGER_UNAVAILABLE = "ledger_unavailable"
    STORAGE_UNAVAILABLE = "storage_unavailable"


class End(StrEnum):
    """Where a code leaves its job: at an end of the ledger, or waiting for better weather."""

    REFUSED = "refused"
    DEAD = "dead"
    HELD = "held"
    WAITING = "waiting"
