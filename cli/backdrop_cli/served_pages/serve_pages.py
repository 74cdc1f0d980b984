"""The `page` command: serves the upload page and the review page until Ctrl-C."""

import sys
import webbrowser
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread

from backdrop_cli.aws_error_messages import translate_aws_errors
from backdrop_cli.errors import EXIT_OK, CommandError
from backdrop_cli.options import StackLocation
from backdrop_cli.screen import Screen
from backdrop_cli.served_pages.page_access import LOOPBACK_ADDRESS
from backdrop_cli.served_pages.page_server import REVIEW_PATH, PageServer
from backdrop_cli.served_pages.presigner import Presigner
from backdrop_cli.stack import Stack

MAX_OPENING_SECONDS = 2.0
OPENING_PAGE = """<!doctype html>
<meta charset="utf-8">
<meta name="referrer" content="no-referrer">
<meta http-equiv="refresh" content="0; url={address}">
<title>Backdrop</title>
<p><a href="{address}">Open the page</a></p>
"""


def serve_pages(
    stack: Stack, screen: Screen, location: StackLocation, port: int, *, browser: bool, opens_review: bool
) -> int:
    """Serves the pages until Ctrl-C, which is its normal end, and returns the exit code."""
    server = _start_server(stack, _build_presigner(stack), location, port)
    upload_address, review_address = server.access.url, f"{server.access.url}{REVIEW_PATH}"
    screen.print_json({"stack": stack.name, "page": upload_address, "review_page": review_address})
    screen.print(f"Pages for stack {stack.name}, reachable only from this machine:", "bold")
    screen.print_unwrapped(f"  upload photos     {upload_address}")
    screen.print_unwrapped(f"  review pictures   {review_address}")
    screen.print(
        "Anyone who has these addresses can spend the stack's money and approve pictures in your name until you press "
        "Ctrl-C."
    )
    sys.stdout.flush()
    try:
        with TemporaryDirectory(prefix="backdrop-") as folder:
            if browser and not screen.as_json:
                _open_browser(Path(folder), review_address if opens_review else upload_address)
                screen.print("If your browser does not show the page, copy its address.")
            server.serve_forever()
    except KeyboardInterrupt:
        screen.print()
        screen.print("The pages are stopped. Uploaded photos are being processed.")
        screen.print("To see the progress, run `backdrop status --watch`.")
    finally:
        server.server_close()
    return EXIT_OK


def _open_browser(folder: Path, address: str) -> None:
    """Opens the page through a file that only this user can read.

    The arguments of a browser's process can be read by every user of the machine. Some browsers run until they are
    closed, so this does not wait for them.
    """
    file = folder / "open.html"
    file.touch(0o600)
    file.write_text(OPENING_PAGE.format(address=address), "utf-8")
    opening = Thread(target=webbrowser.open, args=(file.as_uri(),), daemon=True)
    opening.start()
    opening.join(MAX_OPENING_SECONDS)


def _build_presigner(stack: Stack) -> Presigner:
    """Raises CommandError if a browser could not reach the buckets."""
    clients = stack.clients
    if clients is None:
        raise CommandError(f"the stack {stack.name} has no AWS clients to presign uploads with")
    for bucket in (stack.input_bucket, stack.output_bucket):
        if "." in bucket and clients.signing.meta.endpoint_url.startswith("https:"):
            raise CommandError(
                f"the bucket {bucket} has a dot in its name, and browsers reject S3's certificate for such names; use "
                "`backdrop drop` instead"
            )
    return Presigner(clients.signing, stack.input_bucket, stack.output_bucket)


def _start_server(stack: Stack, presigner: Presigner, location: StackLocation, port: int) -> PageServer:
    try:
        return PageServer(stack, presigner, port, partial(translate_aws_errors, location))
    except OSError as error:
        raise CommandError(
            f"the pages cannot be served at {LOOPBACK_ADDRESS}:{port} ({error.strerror or error}); use another "
            "--port, or leave it out"
        ) from error
    except OverflowError:
        raise CommandError(f"{port} is not a port number; use one between 1 and 65535") from None
