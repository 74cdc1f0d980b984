"""The exceptions of the pipeline. Most carry a code, and the class decides what happens to the job.

BackdropError                 carries a code, what happened, and what to do
├─ RefusedError               the uploader can fix it: error report only
│  ├─ InstructionError        the sidecar, the tags, or the request
│  └─ PhotoError              the photo itself
├─ ResultError                the provider's picture cannot be delivered: dead, money spent
├─ RetryLaterError            transient, nothing spent: the message returns to the queue with a delay
│  └─ UnreadableFileError     S3 denies access to one file: reported if it persists
├─ MalformedMessageError      a message that no retry can fix: dead letter
│  └─ DecisionRefusedError    a decision about a picture that cannot be decided (now): nothing changes
├─ ConflictError              another worker changed the ledger first: read it again
├─ MandateChangedError        the mandate does not allow the claim as the worker knows it: read it again
├─ PlacesChangedError         other calls took or released places at the provider: check again
├─ ContentOwnedError          another job pays for the same content: wait for its file
└─ ItemTooLargeError          the item exceeds DynamoDB's limit: permanent, a bug
"""

from typing import TYPE_CHECKING

from backdrop.model.advice import Advice
from backdrop.model.codes import Code
from backdrop.model.error_catalog import ERROR_CATALOG
from backdrop.model.sentence import Sentence

if TYPE_CHECKING:
    from backdrop.model.job import ContentOwner
    from backdrop.model.mandate import MandateAccount
    from backdrop.model.place_leases import PlaceLeases
    from backdrop.model.review import ReviewDecision


class BackdropError(Exception):
    """An error for people to read: a code, what happened, and what to do.

    `advice`: None for the code's own advice.
    """

    def __init__(self, code: Code, message: str | Sentence, advice: Advice | str | None = None) -> None:
        super().__init__(str(message))
        self.code = code
        self.message = Sentence(message)
        self.advice = Advice.from_text(advice) if isinstance(advice, str) else advice

    @property
    def hint(self) -> Sentence:
        return (self.advice or ERROR_CATALOG[self.code].advice).text_for_photo


class RefusedError(BackdropError):
    """The uploader can correct it: error report only, no dead letter, and no alarm."""


class InstructionError(RefusedError):
    """The instructions are invalid, or cannot be carried out.

    `instruction_source`, `path`: the source (a file, the tags, the request) that contains the error, and the path in
    its JSON; "" for the whole source, and for an error that arises only in combination with another source. `detail`:
    the message without the source. `reason`: the detail after the path that it begins with, such as ` is empty`; None
    if it begins with something else.
    """

    def __init__(
        self,
        code: Code,
        message: str | Sentence,
        advice: Advice | str | None = None,
        *,
        instruction_source: str = "",
        path: str = "",
    ) -> None:
        super().__init__(code, message, advice)
        self.instruction_source, self.path = instruction_source, path
        self.detail = self.message
        self.reason: Sentence | None = None

    @classmethod
    def at(
        cls,
        instruction_source: str,
        path: str,
        code: Code,
        reason: str,
        advice: Advice | None = None,
        *,
        subject: str | None = None,
    ) -> "InstructionError":
        """Returns an error in one source; the message names the source, the subject (None for the path), the reason."""
        detail = f"{path if subject is None else subject}{reason}"
        message = f"{instruction_source}: {detail}"
        error = cls(code, message, advice, instruction_source=instruction_source, path=path)
        error.detail = Sentence(detail)
        error.reason = Sentence(reason) if subject is None else None
        return error


class PhotoError(RefusedError):
    """The photo cannot be processed."""


class ResultError(BackdropError):
    """The provider's paid picture cannot be delivered."""


class RetryLaterError(BackdropError):
    """The message returns to its queue, and is delivered again after `delay_seconds`.

    `is_from_load`: the stack itself does too much at once, so it says nothing about the photo or its lane.
    """

    def __init__(
        self, code: Code, message: str | Sentence, delay_seconds: float, *, is_from_load: bool = False
    ) -> None:
        super().__init__(code, message)
        self.delay_seconds = delay_seconds
        self.is_from_load = is_from_load


class UnreadableFileError(RetryLaterError):
    """S3 denies access to one file (bucket policy, KMS key)."""

    def __init__(self, message: str, delay_seconds: float) -> None:
        super().__init__(Code.FILE_UNREADABLE, message, delay_seconds)


class MalformedMessageError(BackdropError):
    """A message that no retry can fix. `part`: the body of its malformed records if others were handled, or ""."""

    def __init__(self, message: str | Sentence, part: str = "") -> None:
        super().__init__(Code.DAMAGED_MESSAGE, message)
        self.part = part


class DecisionRefusedError(MalformedMessageError):
    """A person's decision about a picture cannot be carried out; nothing was changed.

    `earlier_decision`: what was decided about it before, or None.
    """

    def __init__(self, code: Code, message: str | Sentence, earlier_decision: "ReviewDecision | None" = None) -> None:
        BackdropError.__init__(self, code, message)
        self.part = ""
        self.earlier_decision = earlier_decision


class ConflictError(Exception):
    """Another worker changed the ledger after it was read; nothing was written."""


class MandateChangedError(Exception):
    """The mandate changed, or has less left, since the worker read it; nothing was written. `account`: as it is now."""

    def __init__(self, account: "MandateAccount") -> None:
        super().__init__(account.mandate.name)
        self.account = account


class PlacesChangedError(Exception):
    """Other workers changed the lane's places since the worker read them; nothing was written. `places`: as now."""

    def __init__(self, places: "PlaceLeases") -> None:
        super().__init__(places.provider)
        self.places = places


class ShareEmptyError(Exception):
    """The share of the day's budget does not cover the claim, but others may; nothing was written."""


class ItemTooLargeError(Exception):
    """An item exceeds DynamoDB's size limit. Nothing was written, and retrying does not help."""


class ContentOwnedError(Exception):
    """Another job pays for the same content (photo bytes and purchase fields); nothing was written."""

    def __init__(self, owner: "ContentOwner") -> None:
        super().__init__(owner.job_id)
        self.owner = owner
