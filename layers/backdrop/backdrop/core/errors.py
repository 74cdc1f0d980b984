"""The few exceptions of the pipeline; each carries its code, and its class decides the fate of the job.

BackdropError                 carries a Code, what happened, and what to do
├─ RefusedError               the uploader can mend it: report only
│  ├─ InstructionError          sidecar, tags or request
│  └─ PhotoError                the file itself
├─ ResultError                the provider's picture cannot be handed over: dead, money spent
├─ WaitError                  not now, nothing spent: the message is handed back with a delay
│  └─ UnreadableError           one file that S3 refuses to hand out: reported when it stays so
├─ DamagedMessageError        a message that no retry can mend: dead letter
├─ StaleError                 somebody else changed the ledger first: look again
│  └─ OvertakenError            before a delivery had begun: the mark that stands is another's
├─ OwnedError                 another job pays for the same content: wait for its file
└─ UnwritableError            the ledger will never take a write: a bug, and no weather
"""

from typing import TYPE_CHECKING

from backdrop.core.codes import Code
from backdrop.core.meanings import CODES

if TYPE_CHECKING:
    from backdrop.core.job import Owner


class BackdropError(Exception):
    """Something that a person will read about: a code, what happened in a sentence, what to do."""

    def __init__(self, code: Code, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint if hint is not None else CODES[code].hint


class RefusedError(BackdropError):
    """The uploader can mend it: report only, no dead letter, no alarm."""


class InstructionError(RefusedError):
    """What sidecar, tags or request ask for cannot be understood or done."""


class PhotoError(RefusedError):
    """The file cannot be worked with."""


class ResultError(BackdropError):
    """The provider's paid picture cannot be handed over."""


class WaitError(BackdropError):
    """Not now: the message goes back to its queue and returns after `delay_seconds`."""

    def __init__(self, code: Code, message: str, delay_seconds: float) -> None:
        super().__init__(code, message)
        self.delay_seconds = delay_seconds


class UnreadableError(WaitError):
    """S3 answers, and refuses to hand out one file (access, encryption)."""

    def __init__(self, message: str, delay_seconds: float) -> None:
        super().__init__(Code.FILE_UNREADABLE, message, delay_seconds)


class DamagedMessageError(BackdropError):
    """A message that no retry can mend."""

    def __init__(self, message: str) -> None:
        super().__init__(Code.DAMAGED_MESSAGE, message)


class StaleError(Exception):
    """Somebody else changed the ledger since it was read; nothing was written."""


class OvertakenError(StaleError):
    """Somebody else was faster before a delivery left its mark: the one that stands is not its own to take back."""


class UnwritableError(Exception):
    """The ledger will never take these writes, however often they come: an item is too large; nothing was written."""


class OwnedError(Exception):
    """Another job pays for the same bytes asked the same thing; nothing was written."""

    def __init__(self, owner: "Owner") -> None:
        super().__init__(owner.job_id)
        self.owner = owner
