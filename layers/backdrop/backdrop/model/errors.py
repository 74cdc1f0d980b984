"""The few exceptions of the pipeline; each carries its code, and its class decides the fate of the job.

BackdropError                 carries a code, what happened, and what to do
├─ RefusedError               the uploader can fix it: error report only
│  ├─ InstructionError        the sidecar, the tags, or the request
│  └─ PhotoError              the photo itself
├─ ResultError                the provider's picture cannot be delivered: dead, money spent
├─ RetryLaterError            transient, nothing spent: the message returns to the queue with a delay
│  └─ UnreadableFileError     S3 denies access to one file: reported if it stays so
├─ MalformedMessageError      a message that no retry can fix: dead letter
├─ ConflictError              another worker changed the ledger first: read it again
│  └─ PreemptedError          before this delivery began: the crash mark belongs to another worker
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


class BackdropError(Exception):
    """Something that a person will read about: a code, what happened in a sentence, what to do.

    `advice`: None where it is the code's own.
    """

    def __init__(self, code: Code, message: str | Sentence, advice: Advice | str | None = None) -> None:
        super().__init__(str(message))
        self.code = code
        self.message = Sentence(message)
        self.advice = Advice.from_text(advice) if isinstance(advice, str) else advice

    @property
    def hint(self) -> Sentence:
        """What to do, to who can fix the photo or what speaks for it."""
        return (self.advice or ERROR_CATALOG[self.code].advice).text_for_photo


class RefusedError(BackdropError):
    """The uploader can mend it: report only, no dead letter, no alarm."""


class InstructionError(RefusedError):
    """What sidecar, tags or request ask for cannot be understood or done.

    `place`, `path`: the file (or the tags, the request) that is wrong in itself, and where in its JSON; "" for the
    whole of it, and for what is wrong only together with something else. `words`: the message without the place.
    """

    def __init__(
        self,
        code: Code,
        message: str | Sentence,
        advice: Advice | str | None = None,
        *,
        instruction_source: str = "",
        path: str = "",
        detail: str | None = None,
    ) -> None:
        super().__init__(code, message, advice)
        self.place, self.path = instruction_source, path
        self.words = self.message if detail is None else Sentence(detail)

    @classmethod
    def at(
        cls, instruction_source: str, path: str, code: Code, detail: str, advice: Advice | None = None
    ) -> "InstructionError":
        """One mistake of a place."""
        return cls(
            code,
            f"{instruction_source}: {detail}",
            advice,
            instruction_source=instruction_source,
            path=path,
            detail=detail,
        )


class PhotoError(RefusedError):
    """The file cannot be worked with."""


class ResultError(BackdropError):
    """The provider's paid picture cannot be handed over."""


class RetryLaterError(BackdropError):
    """Not now: the message goes back to its queue and returns after `delay_seconds`."""

    def __init__(self, code: Code, message: str | Sentence, delay_seconds: float) -> None:
        super().__init__(code, message)
        self.delay_seconds = delay_seconds


class UnreadableFileError(RetryLaterError):
    """S3 answers, and refuses to hand out one file (access, encryption)."""

    def __init__(self, message: str, delay_seconds: float) -> None:
        super().__init__(Code.FILE_UNREADABLE, message, delay_seconds)


class MalformedMessageError(BackdropError):
    """A message that no retry can mend."""

    def __init__(self, message: str) -> None:
        super().__init__(Code.DAMAGED_MESSAGE, message)


class ConflictError(Exception):
    """Somebody else changed the ledger since it was read; nothing was written."""


class PreemptedError(ConflictError):
    """Somebody else was faster before a delivery left its mark: the one that stands is not its own to take back."""


class ItemTooLargeError(Exception):
    """The ledger will never take these writes, however often they come: an item is too large; nothing was written."""


class ContentOwnedError(Exception):
    """Another job pays for the same bytes asked the same thing; nothing was written."""

    def __init__(self, owner: "ContentOwner") -> None:
        super().__init__(owner.job_id)
        self.owner = owner
