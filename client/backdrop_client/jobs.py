"""A photo that was uploaded: wait for its pictures, ask for its state, cancel it, or have it made again."""

from collections.abc import Callable, Collection, Generator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from math import inf, isnan
from typing import Any

from botocore.exceptions import ClientError

from backdrop.aws.aws_errors import read_aws_error_code
from backdrop.aws.s3 import NOT_FOUND_CODES
from backdrop.instructions.json_text import parse_instruction_json
from backdrop.model.capabilities import MAX_FILE_BYTES
from backdrop.model.codes import Code
from backdrop.model.errors import InstructionError
from backdrop.model.object_keys import list_defaults_keys, photo_name_of
from backdrop_client.aws_failures import ACCESS_DENIED_CODES
from backdrop_client.connection import Connection
from backdrop_client.errors import (
    AwaitingApprovalError,
    CancelledError,
    ClientCode,
    FailedError,
    GoneError,
    InstructionsError,
    JobError,
    MandateError,
    RefusedError,
    RejectedError,
    WaitTimeoutError,
    translate_errors,
)
from backdrop_client.outcome import JsonObject, Outcome, State, find_outcome, list_awaited_providers, list_current_jobs
from backdrop_client.results import Cost, Result, build_result, read_cost
from backdrop_client.s3_uploader import build_sidecar_metadata
from backdrop_client.uploads import CORRECT_HINT, Photo, build_upload, derive_redo_revision

DEFAULT_TIMEOUT_SECONDS = 600
FIRST_POLL_SECONDS, MAX_POLL_SECONDS, POLL_GROWTH = 0.5, 5.0, 1.5
MANDATE_CODES = frozenset(
    {Code.MANDATE_SPENT, Code.MANDATE_SUSPENDED, Code.MANDATE_ENDED, Code.MANDATE_FORBIDS, Code.MANDATE_WAITS}
)
_ERRORS: dict[State, type[JobError]] = {
    State.REVIEW: AwaitingApprovalError,
    State.FAILED: FailedError,
    State.REFUSED: RefusedError,
    State.REJECTED: RejectedError,
    State.CANCELLED: CancelledError,
}
# The receipt, which is all that a client can read, has the decision only once deliver has acted on it.
_REVIEW_TEXTS = (
    "The pictures wait for a person's approval.",
    "Approve or reject them: `backdrop page --review`. If that has just happened, call `wait` again in a few seconds.",
)
_WAIT_HINT = "Call `wait` again."
RESTART_METADATA_KEY = "backdrop-restart"
"""S3 metadata of a photo whose refused job an empty `redo` started again: that redo's revision.

Without it, a repeated call would find the delivered picture, and buy another one.
"""
# Those of a report are for people who write sidecars: they name the one that the client has uploaded.
NO_INSTRUCTIONS_TEXTS = ("The instructions set neither an operation nor a prompt.", CORRECT_HINT)
# That of a report is for people who can correct the sidecar. A client's sidecar belongs to the key of its job.
_FORBIDDEN_HINT = (
    "Call `redo` with an operation that the mandate allows, a cheaper picture, or an image in its folder. Or ask the "
    "mandate's owner to allow more, with `backdrop mandate raise` or by naming the image in the `_backdrop.json` of a "
    "folder above, and then to run `backdrop rerun KEY` with the job's key."
)
_CANCELLED_TEXTS = (
    "The photo was deleted, or its job was canceled or replaced.",
    "If you still need it, call `create` again. If it is still canceled after a minute, add another `revision`.",
)
_MISSING_TEXTS = (
    "There is no such photo, and no receipt of one: it was never uploaded, or it was deleted at once.",
    "Check the key. To have a photo made, call `create`.",
)
UNVERSIONED_RESTART_SECONDS = 1.0
"""Without versions, intake and the client recognize a new upload of the same bytes by its time, in whole seconds."""
_UNSUCCESSFUL_STATES = frozenset({State.CANCELLED, State.REFUSED, State.FAILED})
# The response to a HEAD request has no body, so that its error code is the HTTP status.
_HEAD_DENIED_CODES = frozenset({"403"})


@dataclass(frozen=True)
class Status:
    """How far a photo is. `code`: that of what holds it up or ended it; "" if there is nothing."""

    state: State
    code: str
    cost: Cost


@dataclass(frozen=True)
class Job:
    """A photo with its instructions, under its key in the input bucket. It may have several pictures."""

    key: str
    _connection: Connection = field(repr=False)
    _open_folder: Callable[[], str] = field(repr=False)

    @cached_property
    def instructions(self) -> dict[str, Any]:
        """The fields of its sidecar, which the client wrote.

        Raises GoneError if the sidecar was deleted since, and InstructionsError if someone replaced it with a file that
        is not a JSON object.
        """
        sidecar_key = f"{self.key}.json"
        try:
            return parse_instruction_json(sidecar_key, self._read_input(sidecar_key))[0]
        except InstructionError as error:
            hint = "Correct the sidecar, or call `create` with the photo and its instructions."
            raise InstructionsError(error.code.value, str(error.message.closed), hint) from error

    def read_photo(self) -> bytes:
        """Returns the photo as it was uploaded.

        Raises GoneError if it was deleted since, and InstructionsError if it is larger than any photo may be.
        """
        return self._read_input(self.key)

    def status(self) -> Status:
        """Reads the receipt and the error reports once."""
        receipt, outcome = self._read()
        outcome = self._find_hold_up(receipt, outcome)
        return Status(outcome.state, outcome.error["code"] if outcome.error else "", read_cost(receipt))

    def receipt(self) -> JsonObject | None:
        """Reads the receipt, as Backdrop stored it; None until there is one."""
        return self._read()[0]

    def wait(
        self, timeout: float | None = DEFAULT_TIMEOUT_SECONDS, *, should_stop: Callable[[], bool] = lambda: False
    ) -> Result:
        """Returns the pictures when all are delivered.

        Raises JobError if the photo ends without all of its pictures, and WaitTimeoutError after `timeout` seconds, or
        once `should_stop` returns true. Neither cancels the photo: you can wait again. With None, there is no limit.
        Raises ValueError if `timeout` is neither a number nor None.
        """
        polling = self.poll(timeout, should_stop=should_stop)
        while not isinstance(step := next(polling), Result):
            self._connection.sleep(step)
        return step

    def poll(
        self, timeout: float | None, *, should_stop: Callable[[], bool] = lambda: False
    ) -> Generator[float | Result]:
        """`wait` for callers that sleep in their own way: yields the seconds until the next read, then the result."""
        clock, seconds = self._connection.bootstrap.clock, FIRST_POLL_SECONDS
        max_seconds, started_at = parse_timeout(timeout), clock.now()
        while True:
            receipt, outcome = self._read()
            if not outcome.is_open:
                yield self._end(receipt, outcome)
                return
            remaining = max_seconds - (clock.now() - started_at).total_seconds()
            if should_stop():
                raise self._build_timeout(receipt, outcome)
            if remaining <= 0:
                raise self._build_timeout(receipt, self._find_hold_up(receipt, outcome))
            yield min(seconds, remaining)
            seconds = min(seconds * POLL_GROWTH, MAX_POLL_SECONDS)

    def cancel(self) -> None:
        """Deletes the photo and its sidecar. What is not bought yet will not be; a call in flight may be charged.

        To have the photo made after all, call `create` again.
        """
        with translate_errors():
            for key in (self.key, f"{self.key}.json"):
                self._s3.delete_object(Bucket=self._bucket, Key=key)

    def redo(self, /, **fields: Any) -> "Job":
        """Buys the photo again with these fields changed, under another key, and returns the new job.

        The revision follows from this job and the fields, so that a repeated call is one purchase. Call `redo` of the
        new job for a third try. Raises InstructionsError if the fields are wrong, and MandateError if the mandate has
        ended.

        Without fields, a job that its mandate refused starts again, and is returned itself: so it is bought once, even
        if the mandate's owner reruns it too. From then on, `redo` without fields returns this job; for another try,
        pass a new `revision`. Raises WaitTimeoutError without fields if the job is in progress: nothing was done.
        """
        # None stands for no revision of one's own. Without any, the key could be that of this job.
        changes = {name: value for name, value in fields.items() if name != "revision" or value is not None}
        try:
            return self._redo(changes)
        except InstructionsError as error:
            # It is about the new fields, and the receipt, which says what this job cost, was not read.
            raise InstructionsError(error.code, error.message, error.hint, usd=None) from error

    def _redo(self, fields: Mapping[str, Any]) -> "Job":
        revision = derive_redo_revision(self.key, fields)
        if not fields:
            receipt, outcome = self._read()
            if outcome.state is State.REFUSED and outcome.error and outcome.error["code"] in MANDATE_CODES:
                self._start_again(revision)
                return self
            photo = self._head_photo()
            if photo is not None and photo["Metadata"].get(RESTART_METADATA_KEY) == revision:
                return self
            if outcome.is_open:
                cost, code = read_cost(receipt), ClientCode.STILL_IN_PROGRESS.value
                message = f"{self.key} is still in progress, so this `redo` did nothing."
                raise WaitTimeoutError(outcome.state.value, code, message, _WAIT_HINT, cost.usd, cost.unknown_usd)
        revised = {**self.instructions, "revision": revision, **fields}
        return submit(self._connection, self._open_folder, self.read_photo(), revised)

    def _start_again(self, revision: str) -> None:
        """Uploads the photo's own bytes once more, which starts those of its jobs again that ended unpaid."""
        self._open_folder()
        data = self.read_photo()
        if (photo := self._head_photo()) is not None and _read_version_id(photo) is None:
            self._connection.sleep(UNVERSIONED_RESTART_SECONDS)
        with translate_errors():
            self._connection.uploader.replace_photo(self.key, data, {RESTART_METADATA_KEY: revision})

    # -- reading ---------------------------------------------------------------------------------------------------

    @property
    def _s3(self) -> Any:
        return self._connection.bootstrap.client("s3")

    @property
    def _bucket(self) -> str:
        return self._connection.bootstrap.settings.input_bucket

    def _list_named_variants(self) -> Collection[str]:
        """Returns the variants of the sidecar; none if it cannot be read."""
        try:
            variants = self.instructions.get("variants")
        except (GoneError, InstructionsError):
            return ()
        return list(variants) if isinstance(variants, Mapping) else ()

    def _read(self) -> tuple[JsonObject | None, Outcome]:
        name, reader = photo_name_of(self._bucket, self.key, self._bucket), self._connection.reader
        with translate_errors():
            receipt, report = reader.read_receipt(name), reader.read_report(name)
        outcome = find_outcome(receipt, report, self._list_named_variants())
        if outcome.state is State.UPLOADED and self._head_photo() is None:
            return receipt, Outcome(State.CANCELLED)
        if outcome.state in _UNSUCCESSFUL_STATES and self._was_uploaded_since(receipt, report, outcome.error):
            return receipt, Outcome(State.UPLOADED)
        return receipt, outcome

    def _find_hold_up(self, receipt: JsonObject | None, outcome: Outcome) -> Outcome:
        """Returns the outcome of a waiting photo with what holds up other photos too, which its own report lacks."""
        if not outcome.is_open or outcome.error:
            return outcome
        reader = self._connection.reader
        with translate_errors():
            if outcome.state is State.UPLOADED:
                names = (photo_name_of(self._bucket, key, self._bucket) for key in list_defaults_keys(self.key))
                report = next(filter(None, map(reader.read_defaults_report, names)), None)
            else:
                report = next(filter(None, map(reader.read_pause_report, list_awaited_providers(receipt))), None)
        if report is None:
            return outcome
        error = report["errors"][0]
        if outcome.state is State.UPLOADED:
            message = f"The photo waits for its folder defaults, which have errors. {error['message']}"
            error |= {"code": Code.FOLDER_DEFAULTS_BROKEN.value, "message": message}
        return Outcome(State.WAITING, error)

    def _was_uploaded_since(
        self, receipt: JsonObject | None, report: JsonObject | None, error: JsonObject | None
    ) -> bool:
        """Whether the photo was uploaded again after it ended, so that its job may start again.

        A bucket without versioning shows only the second of the upload. It is compared with the end of a refused job,
        and, since a receipt has no time of a cancellation, with the beginning of a canceled one.
        """
        photo = self._head_photo()
        if photo is None:
            return False
        version_id, documents = _read_version_id(photo), [one for one in (receipt, report) if one is not None]
        if version_id is not None or any(one["source"]["version_id"] for one in documents):
            return any(one["source"]["version_id"] != version_id for one in documents)
        times = [error["last_seen"]] if error else [job["queued_at"] for job in list_current_jobs(receipt)]
        return bool(times) and photo["LastModified"] > max(map(datetime.fromisoformat, times))

    def _head_photo(self) -> Mapping[str, Any] | None:
        """Returns None if the photo is not in the bucket, or, like _read_input, if access is denied."""
        with translate_errors():
            try:
                return self._s3.head_object(Bucket=self._bucket, Key=self.key)
            except ClientError as error:
                if read_aws_error_code(error) not in NOT_FOUND_CODES | ACCESS_DENIED_CODES | _HEAD_DENIED_CODES:
                    raise
                return None

    def _read_input(self, key: str) -> bytes:
        """Raises GoneError also if access is denied: S3 answers so for a missing file if we may not list the folder.

        Raises InstructionsError for a file that is too large, and reads nothing of it.
        """
        with translate_errors():
            try:
                response = self._s3.get_object(Bucket=self._bucket, Key=key)
                with response["Body"] as body:
                    if (size := response["ContentLength"]) > MAX_FILE_BYTES:
                        message = f"{key} is {size:,} bytes; at most {MAX_FILE_BYTES:,} are allowed."
                        raise InstructionsError(
                            Code.TOO_LARGE_BYTES.value, message, "Send a smaller file of the photo."
                        )
                    return body.read()
            except ClientError as error:
                if read_aws_error_code(error) not in NOT_FOUND_CODES | ACCESS_DENIED_CODES:
                    raise
                message, hint = f"{key} is not in the input bucket.", "To have it made again, call `create`."
                raise GoneError(ClientCode.GONE, message, hint) from error

    # -- ends ------------------------------------------------------------------------------------------------------

    def _end(self, receipt: JsonObject | None, outcome: Outcome) -> Result:
        """Returns the result of a stored photo. Raises JobError for any other."""
        result = build_result(self.key, receipt, self._connection.reader, self.read_photo)
        if outcome.state is State.STORED:
            return result
        cost, error = read_cost(receipt), outcome.error
        if outcome.state is State.REVIEW:
            code, (message, hint) = ClientCode.AWAITING_APPROVAL.value, _REVIEW_TEXTS
        elif error:
            code, message, hint = error["code"], error["message"], error["hint"]
            if code == Code.NO_INSTRUCTIONS.value:
                message, hint = NO_INSTRUCTIONS_TEXTS
            elif code == Code.MANDATE_FORBIDS.value:
                hint = _FORBIDDEN_HINT
        else:
            texts = _CANCELLED_TEXTS if receipt else _MISSING_TEXTS
            code, (message, hint) = outcome.state.value, texts
        kind = MandateError if code in MANDATE_CODES else _ERRORS[outcome.state]
        raise kind(code, message, hint, cost.usd, cost.unknown_usd, errors=[error] if error else [], result=result)

    def _build_timeout(self, receipt: JsonObject | None, outcome: Outcome) -> WaitTimeoutError:
        cost, error = read_cost(receipt), outcome.error
        if error is None:
            message = f"{self.key} is still in progress."
            code, hint = ClientCode.STILL_IN_PROGRESS.value, _WAIT_HINT
        else:
            code, message, hint = error["code"], error["message"], error["hint"]
        return WaitTimeoutError(outcome.state.value, code, message, hint, cost.usd, cost.unknown_usd)


def _read_version_id(photo: Mapping[str, Any]) -> str | None:
    """Returns None in a bucket without versioning. Where versioning was turned off, S3 calls the version "null"."""
    version_id = photo.get("VersionId")
    return None if version_id == "null" else version_id


def parse_timeout(timeout: float | None) -> float:
    """Returns the seconds to wait: infinitely many for None. Raises ValueError for what is no number of seconds."""
    if timeout is None:
        return inf
    if not isinstance(timeout, int | float) or isnan(timeout):
        raise ValueError(f"the timeout {timeout!r} is not a number of seconds; to wait without a limit, pass None")
    return timeout


def submit(connection: Connection, open_folder: Callable[[], str], photo: Photo, fields: Mapping[str, Any]) -> Job:
    """Uploads the sidecar and then the photo, unless they are in the bucket, and returns the job.

    `open_folder` returns the folder to upload to, or raises MandateError if nothing may be bought there anymore. Raises
    InstructionsError if the instructions are invalid or the photo is not one, and OSError if the file cannot be read.
    """
    upload = build_upload(photo, open_folder(), fields)
    uploader = connection.uploader
    with translate_errors():
        uploader.upload_if_new(upload.sidecar_key, upload.sidecar, build_sidecar_metadata(upload.sidecar))
        uploader.upload_if_new(upload.key, upload.data, {})
    return Job(upload.key, connection, open_folder)
