"""The upload page of a simulated stack, served on this machine with its own buckets, for browser tests."""

import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import RLock, Thread
from typing import Any, override
from urllib.parse import unquote

import boto3
from botocore.config import Config

from backdrop_cli.aws_error_messages import translate_aws_errors
from backdrop_cli.options import StackLocation
from backdrop_cli.served_pages.page_server import PageServer
from backdrop_cli.served_pages.presigner import Presigner
from simulation.world.simulated_stack import World
from simulation.world.world_inspector import INPUT_BUCKET, OUTPUT_BUCKET
from tests.simulated.command_user import build_cli_stack


@dataclass
class Buckets:
    """The two buckets as a browser uses them: they accept forms and serve pictures, without CORS headers."""

    world: World
    port: int = 0
    broken: int = 0
    forms: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    lock: RLock = field(default_factory=RLock)

    @contextmanager
    def locked(self) -> Generator[None]:
        """Gives only one thread at a time access to the world."""
        with self.lock:
            yield

    @contextmanager
    def answering(self) -> Generator[None]:
        """Gives one request of the page access to the world, with AWS's errors as the command reports them."""
        with self.locked(), translate_aws_errors(StackLocation()):
            yield

    def receive_upload(self, fields: Mapping[str, bytes], filename: str) -> int:
        """Stores an upload and returns the HTTP status. As S3 does, replaces `${filename}` in the key."""
        with self.lock:
            form = {name: value.decode() for name, value in fields.items() if name != "file"}
            self.forms.append(form)
            if self.broken:
                self.broken -= 1
                return 403
            self.world.upload_photo(form["key"].replace("${filename}", filename), fields["file"])
            return 204

    def read_object(self, bucket: str, key: str) -> bytes | None:
        with self.lock:
            version = self.world.s3.buckets[bucket].find_current(key)
            return version.data if version else None


def build_presigner(port: int) -> Presigner:
    """Builds a presigner for these buckets."""
    client: Any = boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{port}",
        aws_access_key_id="me",
        aws_secret_access_key="x",
        region_name="eu-central-1",
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    )
    return Presigner(client, INPUT_BUCKET, OUTPUT_BUCKET)


class _BucketHandler(BaseHTTPRequestHandler):
    buckets: Buckets

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        parts: Any = message_from_bytes(head + body).get_payload()
        fields = {part.get_param("name", header="content-disposition"): part.get_payload(decode=True) for part in parts}
        filename = re.search(rb'name="file"; filename="([^"]*)"', body)
        self._answer(self.buckets.receive_upload(fields, filename[1].decode() if filename else ""), b"")

    def do_GET(self) -> None:
        _, bucket, key = unquote(self.path.partition("?")[0]).split("/", 2)
        data = self.buckets.read_object(bucket, key)
        self._answer(200 if data else 404, data or b"")

    def _answer(self, status: int, data: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    @override
    def log_message(self, format: str, *args: Any) -> None: ...


@dataclass
class ServedPage:
    """The page and its stack. Time passes in `world` only when a test advances it."""

    world: World
    buckets: Buckets
    page: PageServer

    @property
    def address(self) -> str:
        return self.page.access.url

    def advance(self, seconds: float) -> None:
        """Lets time pass for the stack."""
        with self.buckets.lock:
            self.world.run_for(seconds)

    def finish(self) -> None:
        """Runs all work in progress to its end."""
        with self.buckets.lock:
            self.world.run_until_empty()
            self.world.run_for(2)


@contextmanager
def serve_page(world: World) -> Generator[ServedPage]:
    """Runs both servers for the duration of the block."""
    buckets = Buckets(world)
    handler = type("BoundHandler", (_BucketHandler,), {"buckets": buckets})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as store:
        store.daemon_threads = True
        buckets.port = store.server_address[1]
        with PageServer(build_cli_stack(world), build_presigner(buckets.port), 0, buckets.answering) as page:
            running = [Thread(target=server.serve_forever, args=(0.02,), daemon=True) for server in (store, page)]
            for thread in running:
                thread.start()
            try:
                yield ServedPage(world, buckets, page)
            finally:
                for server in (page, store):
                    server.shutdown()
                for thread in running:
                    thread.join()
