"""Short JSON for a model to read: what a job has become, what it cost, and what the mandate still covers.

Sentences such as `message` and `to_do` are Backdrop's own words. `quoted` has what may repeat those of others: names of
files, instructions, and messages about them. A model can therefore tell data from advice.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from backdrop.instructions.schema import InstructionsModel
from backdrop.model.codes import Code
from backdrop.model.error_catalog import ERROR_CATALOG
from backdrop_client import (
    Allowance,
    AwaitingApprovalError,
    BackdropClientError,
    ClientCode,
    Cost,
    FailedError,
    GoneError,
    InstructionsError,
    JobError,
    NotAuthorizedError,
    Quote,
    RefusedError,
    Result,
    StackUnusableError,
    State,
    Status,
)
from backdrop_client.jobs import MANDATE_CODES, NO_INSTRUCTIONS_TEXTS
from backdrop_client.outcome import OPEN_STATES

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

MAX_PICTURES = 6
MAX_ARGUMENT_ERRORS = 3
MAX_JOBS, MAX_WARNINGS = 3, 2
MAX_TEXT_BYTES, MAX_RECEIPT_TEXT_BYTES = 300, 80
"""UTF-8 bytes of one text. A reply has at most 1,000 tokens, even if each byte of a prompt is one."""
MAX_NAME_BYTES = 80
"""UTF-8 bytes of a name that a caller gave."""
MAX_FOLDER_BYTES, MAX_KEY_BYTES, MAX_PICTURE_KEYS_BYTES = 200, 250, 600
"""UTF-8 bytes of a mandate's folder, of a job's key, and of all keys of its pictures.

The key of a job from `create` is at most 50 bytes longer than its folder, so that it is never cut.
"""
_AGENT_HINTS = {
    ClientCode.STILL_IN_PROGRESS.value: "Call `status` with `wait_seconds`.",
    ClientCode.AWAITING_APPROVAL.value: (
        "A reviewer approves or rejects them: `backdrop page --review`. A few seconds later, `status` has the decision."
    ),
    Code.REJECTED.value: "Call `redo` with changed instructions, or with a new `revision` for another try.",
}
"""What an agent can do, in place of what a Python program or an operator can do."""
_MEANINGS = {
    **{code.value: str(entry.meaning) for code, entry in ERROR_CATALOG.items()},
    # That of the catalog names the sidecar, which an agent does not write.
    Code.NO_INSTRUCTIONS.value: NO_INSTRUCTIONS_TEXTS[0],
    Code.FOLDER_DEFAULTS_BROKEN.value: "The photo waits for its folder defaults, which contain an error.",
    State.CANCELLED.value: "The photo was deleted, or its job was canceled or replaced.",
    ClientCode.STACK_UNUSABLE.value: "The stack or the mandate does not exist, or cannot be used.",
    ClientCode.NOT_AUTHORIZED.value: "AWS rejects the server's credentials, or they lack a right.",
    ClientCode.UNREACHABLE.value: "AWS does not respond, or cannot be used now.",
    ClientCode.GONE.value: "The photo, its sidecar, or the picture is not in its bucket.",
    ClientCode.STILL_IN_PROGRESS.value: "The job is still in progress.",
    ClientCode.AWAITING_APPROVAL.value: "The pictures wait for a person's approval.",
}
"""What happened, by the code of an error. The error's own message may quote others, and so it is `quoted`."""
_RERUN_HINT = "The owner then runs `backdrop rerun KEY` with the job as KEY. Then call `status`, not `redo`."
_MANDATE_HINTS = {
    **{
        code.value: f"{ERROR_CATALOG[code].advice.for_unsent_photo.text_for_photo} {_RERUN_HINT}"
        for code in (Code.MANDATE_SPENT, Code.MANDATE_SUSPENDED)
    },
    Code.MANDATE_ENDED.value: (
        "Ask the mandate's owner: if only its last day is over, `backdrop mandate raise NAME --until DATE` and then "
        "`backdrop rerun KEY`, with the job as KEY, buy it; then call `status`. A mandate that was ended is final."
    ),
}
"""The same for a job that was refused: its mandate's owner has it bought."""
_ACTORS: tuple[tuple[type[BackdropClientError], str], ...] = (
    (InstructionsError, "you"),
    (RefusedError, "you"),
    (AwaitingApprovalError, "a reviewer"),
    (GoneError, "you"),
    (FailedError, "the stack's operator"),
    (NotAuthorizedError, "the server's owner"),
    (StackUnusableError, "the server's owner"),
)
"""Who can do what an error without an operator's advice says. The first class that fits counts."""


_EXPECTED_VALUES = {
    "dict_type": "a JSON object",
    "string_type": "a string",
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "a whole number"),
    "greater_than_equal": "at least {ge}",
    "less_than_equal": "at most {le}",
}
"""What an argument must be, by the type of pydantic's error. Its own words are those of a programmer's library."""


def to_json(document: Mapping[str, Any]) -> str:
    """Returns compact JSON without the fields that are None."""
    known = {name: value for name, value in document.items() if value is not None}
    return json.dumps(known, ensure_ascii=False, separators=(",", ":"))


def describe_allowance(allowance: Allowance) -> dict[str, Any]:
    return {"left_usd": allowance.left_usd, "left_today_usd": allowance.left_today_usd}


def describe_cost(cost: Cost) -> dict[str, Any]:
    return {"cost_usd": cost.usd, "possibly_usd": cost.unknown_usd or None}


def describe_job(key: str) -> dict[str, Any]:
    return {"job": shorten(key, MAX_KEY_BYTES)}


def describe_quote(quote: Quote) -> dict[str, Any]:
    """Quotes the nearest defaults that are not counted: the others are those of the folders above it."""
    nearest = quote.unread_defaults[0] if quote.unread_defaults else None
    return {
        "at_most_usd": quote.usd,
        "pictures": quote.pictures,
        "defaults_not_counted": nearest and "the quoted ones and those above, if they exist: you may not read them",
        "quoted": nearest and shorten(nearest, MAX_KEY_BYTES),
    }


def describe_result(result: Result) -> dict[str, Any]:
    """Returns the pictures, each with the number that `look` takes, and with its key unless the keys are too long."""
    key_bytes = sum(len(picture.key.encode()) for picture in result.pictures[:MAX_PICTURES])
    pictures = [
        {
            "n": n,
            **({"key": picture.key} if key_bytes <= MAX_PICTURE_KEYS_BYTES else {}),
            "size": f"{picture.details['width']}x{picture.details['height']}",
            "verdict": picture.verdict,
        }
        for n, picture in enumerate(result.pictures, 1)
    ]
    more = len(pictures) - MAX_PICTURES
    return {"pictures": pictures[:MAX_PICTURES], "more_pictures": more if more > 0 else None}


def describe_status(status: Status) -> dict[str, Any]:
    return {"state": status.state.value, **describe_cost(status.cost)}


def describe_cancellation(before: State) -> dict[str, Any]:
    """Returns what the deletion of a photo changes. `before`: its state until then."""
    if before is State.CANCELLED:
        effect = "Nothing was in progress: there is no such photo, or it was canceled before."
    elif before in OPEN_STATES:
        effect = "The photo is deleted. What is not bought yet will not be. A call in flight may still be charged."
    else:
        effect = "The photo is deleted. There was nothing left to buy, and what was bought stays paid."
    return {"effect": effect}


def describe_delivered(error: BackdropClientError) -> dict[str, Any]:
    """Returns the variant that an error is about, and the pictures of the others, which were delivered nevertheless."""
    if not isinstance(error, JobError) or error.result is None:
        return {}
    variant = next((one["variant"] for one in error.errors if one["variant"]), None)
    pictures = describe_result(error.result) if error.result.pictures else {}
    return {"variant": variant, **pictures}


def describe_error(error: BackdropClientError) -> dict[str, Any]:
    """Returns what happened, what to do, and who can do it. The cost is a field of its own.

    `since`: when a job got the error, which may be fixed by now.
    """
    # A stack of a later release may have a code that this one does not.
    meaning = _MEANINGS.get(error.code, "The quoted error happened.")
    # That of a rejection names the reviewer by an ARN, which says nothing to an agent.
    has_details = error.message != meaning and error.code != Code.REJECTED.value
    return {
        "error": error.code,
        "message": meaning,
        "quoted": shorten(error.message) if has_details else None,
        "since": error.errors[0]["first_seen"] if isinstance(error, JobError) and error.errors else None,
        "to_do": shorten(_find_hint(error)),
        "who": _find_actor(error),
        **_describe_error_cost(error),
    }


def describe_wrong_call(message: str, to_do: str, quoted: str | None = None) -> dict[str, Any]:
    """Returns what is wrong with a call, and how to correct it. Such a call has no effect.

    `quoted`: the name that the message is about, as the caller gave it.
    """
    name = None if quoted is None else shorten(quoted, MAX_NAME_BYTES)
    error = {"error": "invalid_argument", "message": shorten(message), "quoted": name, "to_do": to_do}
    return {**error, "who": "you", "cost_usd": 0}


def describe_unknown_error() -> dict[str, Any]:
    """Returns what to do about an error that nothing foresees. The server's log has its cause."""
    return {
        "error": "unknown_error",
        "message": "The server had an unknown error. What was uploaded stays uploaded.",
        "to_do": "Repeat the call with the same arguments. If that fails, the operator finds the cause in the log.",
        "who": "you, or the stack's operator",
        "cost": "unknown; `status` has what a job cost",
    }


def describe_wrong_arguments(tool: str, arguments: Sequence[str], errors: Iterable["ErrorDetails"]) -> dict[str, Any]:
    """Returns a reply that says why the SDK refused a call. `arguments`: the names of the tool's arguments."""
    # `redo` takes changes of the instructions, and every other tool that buys takes instructions.
    fields_argument = next((one for one in arguments if one in ("instructions", "changes")), None)
    texts, unknown_names = list[str](), list[str]()
    for error in list(errors)[:MAX_ARGUMENT_ERRORS]:
        name = str(error["loc"][0])
        if error["type"] == "missing":
            texts.append(f"{tool} needs the argument {name}.")
        elif error["type"] != "extra_forbidden":
            expected = _EXPECTED_VALUES.get(error["type"], "another value").format_map(error.get("ctx", {}))
            texts.append(f"The argument {name} must be {expected}.")
        elif fields_argument and name in InstructionsModel.model_fields:
            texts.append(f"{tool} has no argument {name}; put it into {fields_argument}.")
        else:
            texts.append(f"{tool} has no argument of the quoted name; it takes {', '.join(arguments) or 'none'}.")
            unknown_names.append(name)
    quoted = ", ".join(unknown_names) if unknown_names else None
    return describe_wrong_call(" ".join(dict.fromkeys(texts)), "Correct the arguments, and call again.", quoted)


def _find_hint(error: BackdropClientError) -> str:
    if error.code == Code.MANDATE_WAITS.value:
        return f"{error.hint} Then call `status`, not `redo`."
    hints = _AGENT_HINTS | (_MANDATE_HINTS if isinstance(error, JobError) and error.errors else {})
    return hints.get(error.code, error.hint)


def _find_actor(error: BackdropClientError) -> str:
    entry = next((entry for code, entry in ERROR_CATALOG.items() if code.value == error.code), None)
    needs_operator = entry is not None and entry.advice.for_operator
    if error.code in MANDATE_CODES:
        return "you, or the mandate's owner" if error.code == Code.MANDATE_FORBIDS.value else "the mandate's owner"
    if needs_operator:
        return "the stack's operator"
    return next((name for kind, name in _ACTORS if isinstance(error, kind)), "you")


def _describe_error_cost(error: BackdropClientError) -> dict[str, Any]:
    """Only an error about a photo whose receipt was read knows what the photo cost."""
    if error.usd is None:
        return {"cost": "this error caused no charge"}
    return describe_cost(Cost(error.usd, error.unknown_usd))


def describe_receipt(receipt: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Returns a photo's jobs with their instructions, calls, and warnings, current ones first."""
    return [
        {
            "variant": job["variant"],
            "status": job["status"],
            "current": job["current"],
            "provider": job["provider"],
            "calls": [f"{one['outcome']}, {one['money']}" for one in job["attempts"]][-MAX_PICTURES:],
            "usd": job["cost"]["usd"],
            "quoted": {
                "instructions": shorten(json.dumps(job["instructions"], ensure_ascii=False), MAX_RECEIPT_TEXT_BYTES),
                "warnings": [shorten(one, MAX_RECEIPT_TEXT_BYTES) for one in job["warnings"][:MAX_WARNINGS]],
            },
        }
        for job in receipt["jobs"][:MAX_JOBS]
    ]


def shorten(text: str, max_bytes: int = MAX_TEXT_BYTES) -> str:
    data = text.encode(errors="replace")
    return text if len(data) <= max_bytes else f"{data[:max_bytes].decode(errors='ignore')}…"
