"""The verb `page`: serves the drop page until somebody presses Ctrl-C, and says where it is."""

import sys
import webbrowser
from functools import partial

from backdrop_cli.droppage.desk import Desk
from backdrop_cli.droppage.guard import HERE
from backdrop_cli.droppage.server import PageServer
from backdrop_cli.droppage.signed import Signed
from backdrop_cli.errors import DONE, RefusedError
from backdrop_cli.options import Place
from backdrop_cli.screen import Screen
from backdrop_cli.stack import Stack
from backdrop_cli.trouble import explained


def page(stack: Stack, screen: Screen, place: Place, port: int, *, browser: bool) -> int:
    """Serve it; the exit code. Ctrl-C is its good end: what is uploaded goes on by itself."""
    server = _server(stack, _signed(stack), place, port)
    address = server.guard.address
    screen.data({"stack": stack.name, "page": address})
    screen.say(f"A page to drop photos on, stack {stack.name}, for this machine alone:", "bold")
    screen.line(f"  {address}")
    screen.say("Whoever has this address can spend the stack's money while this command runs. Ctrl-C ends it.")
    sys.stdout.flush()
    if browser and not screen.as_json:
        webbrowser.open(address)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        screen.say()
        screen.say("The page is closed. What is uploaded goes on by itself: `backdrop status --watch` shows it.")
    finally:
        server.server_close()
    return DONE


def _signed(stack: Stack) -> Signed:
    """RefusedError where a browser could not reach the buckets."""
    clients = stack.clients
    if clients is None:
        raise RefusedError(f"the stack {stack.name} has nobody who could sign for its buckets")
    for bucket in (stack.input_bucket, stack.output_bucket):
        if "." in bucket and clients.signing.meta.endpoint_url.startswith("https:"):
            raise RefusedError(
                f"the bucket {bucket} has a dot in its name, and no browser takes S3's certificate for such names; "
                "use `backdrop drop`"
            )
    return Signed(clients.signing, stack.input_bucket, stack.output_bucket)


def _server(stack: Stack, signed: Signed, place: Place, port: int) -> PageServer:
    try:
        return PageServer(Desk(stack, signed), port, partial(explained, place))
    except OSError as error:
        raise RefusedError(
            f"nothing can be served at {HERE}:{port} ({error.strerror or error}); say another --port, or none"
        ) from error
    except OverflowError:
        raise RefusedError(f"{port} is no port; one is between 1 and 65535") from None
