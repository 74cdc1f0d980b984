"""The verb `page`: serves the drop page until somebody presses Ctrl-C, and says where it is."""

import sys
import webbrowser
from functools import partial

from backdrop_cli.aws_error_messages import translate_aws_errors
from backdrop_cli.errors import EXIT_OK, CommandError
from backdrop_cli.options import StackLocation
from backdrop_cli.screen import Screen
from backdrop_cli.stack import Stack
from backdrop_cli.upload_page.page_access import LOOPBACK_ADDRESS
from backdrop_cli.upload_page.page_api import PageApi
from backdrop_cli.upload_page.page_server import PageServer
from backdrop_cli.upload_page.presigner import Presigner


def serve_page(stack: Stack, screen: Screen, location: StackLocation, port: int, *, browser: bool) -> int:
    """Serve it; the exit code. Ctrl-C is its good end: what is uploaded goes on by itself."""
    server = _start_server(stack, _build_presigner(stack), location, port)
    address = server.access.url
    screen.print_json({"stack": stack.name, "page": address})
    screen.print(f"A page to drop photos on, stack {stack.name}, for this machine alone:", "bold")
    screen.print_unwrapped(f"  {address}")
    screen.print("Whoever has this address can spend the stack's money while this command runs. Ctrl-C ends it.")
    sys.stdout.flush()
    if browser and not screen.as_json:
        webbrowser.open(address)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        screen.print()
        screen.print("The page is closed. What is uploaded goes on by itself: `backdrop status --watch` shows it.")
    finally:
        server.server_close()
    return EXIT_OK


def _build_presigner(stack: Stack) -> Presigner:
    """CommandError where a browser could not reach the buckets."""
    clients = stack.clients
    if clients is None:
        raise CommandError(f"the stack {stack.name} has nobody who could sign for its buckets")
    for bucket in (stack.input_bucket, stack.output_bucket):
        if "." in bucket and clients.signing.meta.endpoint_url.startswith("https:"):
            raise CommandError(
                f"the bucket {bucket} has a dot in its name, and no browser takes S3's certificate for such names; "
                "use `backdrop drop`"
            )
    return Presigner(clients.signing, stack.input_bucket, stack.output_bucket)


def _start_server(stack: Stack, presigner: Presigner, location: StackLocation, port: int) -> PageServer:
    try:
        return PageServer(PageApi(stack, presigner), port, partial(translate_aws_errors, location))
    except OSError as error:
        raise CommandError(
            f"nothing can be served at {LOOPBACK_ADDRESS}:{port} "
            f"({error.strerror or error}); say another --port, or none"
        ) from error
    except OverflowError:
        raise CommandError(f"{port} is no port; one is between 1 and 65535") from None
