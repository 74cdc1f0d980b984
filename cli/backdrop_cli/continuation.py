"""How to go on after AWS or Ctrl-C ended a command in the middle, such as when credentials expire."""

from collections.abc import Callable, Generator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError

from backdrop.model.errors import BackdropError, RefusedError
from backdrop_cli.errors import InterruptedCommandError

RUN_AGAIN = "what was done so far is kept; to go on, run the same command again"


@contextmanager
def explain_error(describe: Callable[[], str]) -> Generator[None]:
    """Adds to an error that AWS ended the block with how far the command got, and how to go on.

    Of nested blocks, the innermost says it. `translate_aws_errors` prints it.
    """
    try:
        yield
    except RefusedError:
        raise
    except (ClientError, BotoCoreError, BackdropError) as error:
        if not getattr(error, "__notes__", None):
            text = describe()
            error.add_note(f"{text[:1].upper()}{text[1:]}")
        raise


@contextmanager
def explain_end(describe: Callable[[], str]) -> Generator[None]:
    """Does the same for Ctrl-C, too."""
    try:
        with explain_error(describe):
            yield
    except KeyboardInterrupt:
        raise InterruptedCommandError(f"stopped; {describe()}") from None
