"""The closed list of error codes. model/error_catalog.py has the meaning and the advice for each."""

from enum import StrEnum


class Code(StrEnum):
    """What went wrong; reports, metrics, dead letters, and the command's messages use the same code."""

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
    PHOTO_SHOWS_NOTHING = "photo_shows_nothing"
    KEY_TOO_LONG = "key_too_long"
    FILE_ARCHIVED = "file_archived"
    FILE_UNREADABLE = "file_unreadable"
    # the instructions
    NO_INSTRUCTIONS = "no_instructions"
    SIDECAR_NOT_JSON = "sidecar_not_json"
    SIDECAR_TOO_LARGE = "sidecar_too_large"
    UNKNOWN_FIELD = "unknown_field"
    INVALID_VALUE = "invalid_value"
    MISSING_PROMPT = "missing_prompt"
    CONFLICTING_FIELDS = "conflicting_fields"
    UNKNOWN_PLACEHOLDER = "unknown_placeholder"
    NAME_TAKEN = "name_taken"
    FOLDER_DEFAULTS_BROKEN = "folder_defaults_broken"
    REFERENCE_NOT_FOUND = "reference_not_found"
    REFERENCE_UNUSABLE = "reference_unusable"
    LOGO_UNUSABLE = "logo_unusable"
    BACKGROUND_UNUSABLE = "background_unusable"
    FRAME_NEEDS_MASK = "frame_needs_mask"
    PHOTO_NOT_FOUND = "photo_not_found"
    NOT_EXPRESSIBLE = "not_expressible"
    MORE_IMAGES_THAN_PLACES = "more_images_than_places"
    PROVIDER_NOT_CONFIGURED = "provider_not_configured"
    MAX_COST_EXCEEDED = "max_cost_exceeded"
    PRICE_UNKNOWN = "price_unknown"
    # the mandate
    MANDATE_SPENT = "mandate_spent"
    MANDATE_SUSPENDED = "mandate_suspended"
    MANDATE_ENDED = "mandate_ended"
    MANDATE_FORBIDS = "mandate_forbids"
    MANDATE_WAITS = "mandate_waits"
    UNSAFE_REQUEST = "unsafe_request"
    # the campaign as a whole
    CAMPAIGN_REFUSED = "campaign_refused"
    MAX_TOTAL_EXCEEDED = "max_total_exceeded"
    TOO_MANY_FAILURES = "too_many_failures"
    # the provider, transient
    PROVIDER_KEY_MISSING = "provider_key_missing"
    PROVIDER_KEY_REFUSED = "provider_key_refused"
    PROVIDER_OUT_OF_MONEY = "provider_out_of_money"
    PROVIDER_PLAN_REFUSES = "provider_plan_refuses"
    PROVIDER_DAILY_LIMIT = "provider_daily_limit"
    PROVIDER_REFUSES = "provider_refuses"
    PROVIDER_MISCONFIGURED = "provider_misconfigured"
    PROVIDER_THROTTLED = "provider_throttled"
    PROVIDER_UNAVAILABLE = "provider_unavailable"
    BUDGET_REACHED = "budget_reached"
    DELIVERY_BACKED_UP = "delivery_backed_up"
    PAUSED_BY_PERSON = "paused_by_person"
    LANE_SHUT = "lane_shut"
    RESULT_UNREACHABLE = "result_unreachable"
    SIGNING_FAILED = "signing_failed"
    # the provider, permanent
    REQUEST_REJECTED = "request_rejected"
    PROVIDER_FAILED = "provider_failed"
    UNSAFE_RESULT = "unsafe_result"
    RESULT_UNRECOGNIZED = "result_unrecognized"
    LINK_EXPIRED = "link_expired"
    RESULT_GONE = "result_gone"
    PAID_FILE_GONE = "paid_file_gone"
    RESULT_FOREIGN_HOST = "result_foreign_host"
    RESULT_REDIRECTED = "result_redirected"
    RESULT_NOT_AN_IMAGE = "result_not_an_image"
    RESULT_TRUNCATED = "result_truncated"
    RESULT_TOO_LARGE = "result_too_large"
    RESULT_NOT_TRANSPARENT = "result_not_transparent"
    RESULT_SHOWS_NOTHING = "result_shows_nothing"
    OUTPUT_NOT_MADE = "output_not_made"
    # approval by a person
    REJECTED = "rejected"
    REVIEW_FILE_GONE = "review_file_gone"
    PICTURE_UNKNOWN = "picture_unknown"
    PICTURE_DECIDED = "picture_decided"
    PICTURE_SUPERSEDED = "picture_superseded"
    REVIEW_ENDED = "review_ended"
    # money and infrastructure
    CHARGE_UNKNOWN = "charge_unknown"
    CRASHED = "crashed"
    DAMAGED_MESSAGE = "damaged_message"
    MESSAGE_GIVEN_UP = "message_given_up"
    JOB_IN_FLIGHT = "job_in_flight"
    OWNER_AT_WORK = "owner_at_work"
    BEING_PROCESSED = "being_processed"
    MASK_PENDING = "mask_pending"
    TOO_LITTLE_TIME = "too_little_time"
    BUDGET_RESERVED = "budget_reserved"
    LEDGER_CONFLICT = "ledger_conflict"
    LEDGER_UNAVAILABLE = "ledger_unavailable"
    STORAGE_UNAVAILABLE = "storage_unavailable"


class Disposition(StrEnum):
    """The state in which a code leaves its job: an end status, or waiting for a transient condition to clear.

    REFUSED: the customer can correct it, and it cost nothing. Once a call was charged, the code is DEAD, even if the
    photo or its instructions are the cause (`unsafe_result`): money was spent without a picture, so the operator gets
    a dead letter. HELD: the answer is lost, and a person decides whether to pay again. REJECTED: a person did not
    approve the picture, which is no failure.
    """

    REFUSED = "refused"
    REJECTED = "rejected"
    DEAD = "dead"
    HELD = "held"
    WAITING = "waiting"
