"""The synchronous client."""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile
from pathlib import Path
from threading import Event
from typing import Any

from backdrop.bootstrap import build_read_only_resolver
from backdrop.intake.job_planner import JobPlan
from backdrop.intake.preview import JobPreviewer, PriceRegister
from backdrop.model.codes import Code
from backdrop.model.mandate import MandateAccount, MandateState
from backdrop.model.object_keys import MAX_PHOTO_KEY_BYTES, ObjectKind, classify_key, is_photo_folder
from backdrop.model.pricing import to_usd
from backdrop.model.routing import Offers
from backdrop.pipeline.mandate_directory import MandateDirectory
from backdrop_client.batches import BatchItem, BatchProgress, BatchTotals, run_bounded
from backdrop_client.client_config import read_client_config
from backdrop_client.connection import Connection, connect, connect_by_config
from backdrop_client.errors import (
    BackdropClientError,
    ClientCode,
    InstructionsError,
    MandateError,
    StackUnusableError,
    translate_errors,
)
from backdrop_client.jobs import (
    DEFAULT_TIMEOUT_SECONDS,
    MANDATE_CODES,
    NO_INSTRUCTIONS_TEXTS,
    Job,
    parse_timeout,
    submit,
)
from backdrop_client.overlay_bucket import OverlayBucket
from backdrop_client.quote_bucket import QuoteBucket
from backdrop_client.uploads import CORRECT_HINT, Photo, build_upload

DEFAULT_PREFIX = "clients/"
DEFAULT_IN_FLIGHT = 10
_UNREAD_DEFAULTS_HINT = "The defaults of a folder above may add some, but you may not read them; `create` uses them."
_NEW_MANDATE_HINT = "The owner can create another mandate: `backdrop mandate create`. Then name that one."
_END_TEXTS = {
    MandateState.EXPIRED: (
        "has passed its last day",
        "The owner can set a later one: `backdrop mandate raise {name} --until DATE`. Then call again.",
    ),
    MandateState.ENDED: ("has ended", _NEW_MANDATE_HINT),
    MandateState.RELEASED: ("was released", _NEW_MANDATE_HINT),
}

type Order = Photo | tuple[Photo, Mapping[str, Any]]
"""A photo of a batch, or a photo with its own fields, which replace those of the batch."""


@dataclass(frozen=True)
class Quote:
    """The highest price of a photo's pictures, in dollars.

    `unread_defaults`: the keys of the folder defaults that the client may not read. If they exist, they may raise the
    price or refuse the photo.
    """

    usd: float
    pictures: int
    unread_defaults: Sequence[str] = ()


@dataclass(frozen=True)
class Allowance:
    """What a mandate covers, and what is left of it, in dollars.

    `state`: `active`, `suspended`, `expired` (the last day is over), `ended`, or `released`. `per_picture_usd`: the
    highest price of one picture. `until`: the last day (UTC), as an ISO date. None: no limit. `when_spent`: `refuse`,
    or `wait` for the owner to raise the mandate, or for the next day.
    """

    name: str
    state: str
    prefix: str
    limit_usd: float
    left_usd: float
    per_day_usd: float | None
    left_today_usd: float
    per_picture_usd: float | None
    operations: Sequence[str]
    until: str | None
    when_spent: str


class Backdrop:
    """Creates pictures with a stack. An object can be used by several threads.

    With `mandate`, photos are uploaded to the folder of that mandate; otherwise to `prefix`. `config`: the file that
    `backdrop mandate show NAME --config` printed, in place of the names of stack and mandate. Raises ValueError if
    mandate and prefix are given, OSError if the file cannot be read, and StackUnusableError, NotAuthorizedError, or
    UnreachableError if the stack cannot be used.
    """

    def __init__(
        self,
        stack: str = "backdrop",
        *,
        mandate: str | None = None,
        prefix: str | None = None,
        profile: str | None = None,
        region: str | None = None,
        config: str | Path | None = None,
        connection: Connection | None = None,
    ) -> None:
        if config is not None:
            file = read_client_config(config)
            mandate, connection = mandate or file.mandate, connection or connect_by_config(file, profile, region)
        if mandate == "":
            raise ValueError("the name of the mandate is empty; to create pictures without a mandate, leave it out")
        if mandate is not None and prefix is not None:
            raise ValueError("a mandate has its own folder; name a mandate or a prefix, not both")
        if prefix is not None and not (isinstance(prefix, str) and is_photo_folder(prefix)):
            raise ValueError(f"no photo can be in the prefix {prefix!r}; use a folder such as {DEFAULT_PREFIX}")
        self._connection = connection or connect(stack, profile, region)
        self._mandate, self._given_prefix = mandate, prefix

    @cached_property
    def prefix(self) -> str:
        """The folder of the input bucket that photos are uploaded to."""
        if self._given_prefix is not None:
            return self._given_prefix
        return self.allowance().prefix if self._mandate else DEFAULT_PREFIX

    def create(self, photo: Photo, /, **instructions: Any) -> Job:
        """Uploads a photo with its instructions, and returns its job at once.

        The instructions are the fields of a sidecar, such as `prompt`. A repeated call returns the same job, and buys
        nothing. Raises InstructionsError if the instructions are invalid or the photo is not one, MandateError if the
        mandate has ended, and OSError if the file cannot be read.
        """
        return submit(self._connection, self.open_folder, photo, instructions)

    def job(self, key: str) -> Job:
        """Returns the job of a key that `create` returned earlier, also in another process.

        Raises ValueError for the key of a sidecar, of folder defaults, and of anything else that is never a photo.
        """
        is_photo = isinstance(key, str) and classify_key(key) is ObjectKind.PHOTO
        if not is_photo or len(key.encode()) > MAX_PHOTO_KEY_BYTES:
            raise ValueError(f"{key!r} is not the key of a photo; use the key of a job from `create`")
        return Job(key, self._connection, self.open_folder)

    def map(
        self,
        photos: Iterable[Order],
        *,
        in_flight: int = DEFAULT_IN_FLIGHT,
        timeout: float | None = DEFAULT_TIMEOUT_SECONDS,
        on_progress: Callable[[BatchProgress], object] = lambda _: None,
        should_stop: Callable[[], bool] = lambda: False,
        **instructions: Any,
    ) -> Generator[BatchItem]:
        """Creates many photos, and yields each as it ends, with its result or its error.

        At most `in_flight` photos are taken from `photos` and not yet yielded. If you stop early or crash, run it again
        with the same photos: those that were bought are not bought again. `timeout`: that of `wait`, for each photo.
        As soon as `should_stop` returns true, the batch starts no further photo, and each photo in flight ends with
        WaitTimeoutError. Raises ValueError before anything is uploaded if `photos` is one photo or a mapping, or if
        `in_flight` or `timeout` is wrong.
        """
        parse_timeout(timeout)
        if isinstance(photos, (str, bytes, Mapping)):
            # Its letters, numbers, or keys would be taken for photos, and the fields of a mapping would be ignored.
            kind = type(photos).__name__
            raise ValueError(f"photos is a {kind}; pass a list of photos, or of pairs of a photo and its fields")

        def run(order: Order, stop: Event) -> BatchItem:
            match order:
                case (photo, Mapping() as own):
                    pass
                case _:
                    photo, own = order, {}
            key = ""
            try:
                # As keyword arguments, fields whose names are not strings would end the whole batch.
                job = submit(self._connection, self.open_folder, photo, {**instructions, **own})
                key = job.key
                return BatchItem(photo, key, job.wait(timeout, should_stop=lambda: stop.is_set() or should_stop()))
            except (BackdropClientError, OSError) as error:
                return BatchItem(photo, key, error=error)

        totals = BatchTotals()
        for item in run_bounded(run, takewhile(lambda _: not should_stop(), photos), in_flight):
            on_progress(totals.add(item))
            yield item

    def quote(self, photo: Photo, /, **instructions: Any) -> Quote:
        """Returns the highest price of a photo's pictures. Uploads nothing.

        Folder defaults count as far as the client may read them, and so do the mandate's terms, but not what is left of
        it. Images that the instructions name are assumed to exist, and to be allowed. Raises InstructionsError or
        MandateError if a picture would not be bought.
        """
        upload, bootstrap = build_upload(photo, self.prefix, instructions), self._connection.bootstrap
        settings = bootstrap.settings
        mandates = MandateDirectory.for_client(bootstrap.ledger, self._read_mandate()) if self._mandate else None
        offers = Offers(
            list(settings.enabled_providers), settings.configured_prices, place_limits=settings.place_limits
        )
        bucket = QuoteBucket(bootstrap.input_bucket, self.prefix)
        resolver = build_read_only_resolver(
            OverlayBucket(bucket, {upload.key: upload.data, upload.sidecar_key: upload.sidecar}),
            bootstrap.clock,
            settings.default_provider,
            settings.max_image_megapixels,
            offers.prices,
            offers.place_limits,
        )
        previewer = JobPreviewer(resolver, settings.input_bucket, offers, mandates)
        with translate_errors():
            preview = previewer.preview(upload.key, inspect_bytes=True)
        plan, broken_defaults = preview or (JobPlan(), "")
        if broken_defaults:
            sources = resolver.folder_defaults.read_inherited(settings.input_bucket, upload.key)
            errors = [error for source in sources if source.name == broken_defaults for error in source.errors]
            message = (
                f"The photo would wait for its folder defaults. {' '.join(str(one.message.closed) for one in errors)}"
            )
            hint = "Correct the folder defaults, or ask their owner to."
            raise InstructionsError(Code.FOLDER_DEFAULTS_BROKEN.value, message, hint)
        for problem in plan.problems:
            advice = problem.effective_advice.for_unsent_photo
            kind, message, hint = InstructionsError, str(problem.message), str(advice.text_for_photo)
            if problem.code is Code.NO_INSTRUCTIONS:
                message, hint = NO_INSTRUCTIONS_TEXTS
                hint = f"{hint} {_UNREAD_DEFAULTS_HINT}" if bucket.unread_keys else hint
            elif problem.code in MANDATE_CODES:
                kind = MandateError
            elif problem.instruction_source:
                hint = CORRECT_HINT
            raise kind(problem.code.value, message, hint)
        prices = PriceRegister.of(plan.jobs)
        return Quote(to_usd(prices.total_micro_usd), prices.images_by_provider.total(), tuple(bucket.unread_keys))

    def allowance(self) -> Allowance:
        """Returns what is left of the mandate. Raises StackUnusableError if there is no such mandate."""
        account, today = self._read_mandate(), self._read_day()
        mandate = account.mandate
        return Allowance(
            mandate.name,
            account.state_on(today).value,
            mandate.prefix,
            to_usd(mandate.limit),
            to_usd(account.usable_on(today)),
            None if mandate.per_day is None else to_usd(mandate.per_day),
            to_usd(account.left_on(today)),
            None if mandate.per_picture is None else to_usd(mandate.per_picture),
            mandate.operations,
            mandate.until,
            mandate.when_spent.value,
        )

    def open_folder(self) -> str:
        """Returns the folder to upload to. Raises MandateError if the mandate has ended, is expired, or was released.

        Only the client notices that its mandate was released: what it uploads would then be bought without a limit, or
        at the expense of the mandate that owns the folder next.
        """
        if not self._mandate:
            return self.prefix
        mandate = self._read_mandate().mandate
        if texts := _END_TEXTS.get(mandate.state_on(self._read_day())):
            past, hint = texts
            message = f"The mandate {mandate.name} {past}, so nothing more is bought under it."
            # The photo may have been bought before the end, and its receipt was not read.
            raise MandateError(Code.MANDATE_ENDED.value, message, hint.format(name=mandate.name), usd=None)
        return mandate.prefix

    def _read_day(self) -> str:
        return self._connection.bootstrap.clock.now().date().isoformat()

    def _read_mandate(self) -> MandateAccount:
        with translate_errors():
            account = self._connection.bootstrap.ledger.find_mandate(self._mandate) if self._mandate else None
        if account is None:
            message = f"There is no mandate {self._mandate}." if self._mandate else "The client has no mandate."
            hint = "Name the mandate that the operator created: `backdrop mandate` lists them."
            raise StackUnusableError(ClientCode.STACK_UNUSABLE, message, hint)
        return account
