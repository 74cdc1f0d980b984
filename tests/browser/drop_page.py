"""A drop page of a simulated stack, served on this machine with buckets of its own, for the tests in a browser."""

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

from backdrop_cli.upload_page.page_api import PageApi
from backdrop_cli.upload_page.page_server import PageServer
from backdrop_cli.upload_page.presigner import Presigner
from simulation.world.simulated_stack import World
from simulation.world.world_inspector import INPUT_BUCKET, OUTPUT_BUCKET
from tests.simulated.cli_person import build_cli_stack


@dataclass
class Buckets:
    """The two buckets as a browser meets them: forms in, pictures out, and no word for scripts of other origins."""

    world: World
    port: int = 0
    broken: int = 0
    forms: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    lock: RLock = field(default_factory=RLock)

    @contextmanager
    def alone(self) -> Generator[None]:
        """The world is one thread's at a time."""
        with self.lock:
            yield

    def take(self, fields: Mapping[str, bytes], filename: str) -> int:
        """An upload; the HTTP status. As S3 does, the file's name stands for a variable in the key."""
        with self.lock:
            said = {name: value.decode() for name, value in fields.items() if name != "file"}
            self.forms.append(said)
            if self.broken:
                self.broken -= 1
                return 403
            self.world.upload_photo(said["key"].replace("${filename}", filename), fields["file"])
            return 204

    def give(self, bucket: str, key: str) -> bytes | None:
        with self.lock:
            found = self.world.s3.buckets[bucket].find_current(key)
            return found.data if found else None


def signed(port: int) -> Presigner:
    """Signs for those buckets as for S3's."""
    client: Any = boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{port}",
        aws_access_key_id="me",
        aws_secret_access_key="x",
        region_name="eu-central-1",
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    )
    return Presigner(client, INPUT_BUCKET, OUTPUT_BUCKET)


class _BucketDoor(BaseHTTPRequestHandler):
    buckets: Buckets

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        parts: Any = message_from_bytes(head + body).get_payload()
        names = {part.get_param("name", header="content-disposition"): part.get_payload(decode=True) for part in parts}
        filename = re.search(rb'name="file"; filename="([^"]*)"', body)
        self._answer(self.buckets.take(names, filename[1].decode() if filename else ""), b"")

    def do_GET(self) -> None:
        _, bucket, key = unquote(self.path.partition("?")[0]).split("/", 2)
        data = self.buckets.give(bucket, key)
        self._answer(200 if data else 404, data or b"")

    def _answer(self, status: int, data: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    @override
    def log_message(self, format: str, *args: Any) -> None: ...


@dataclass
class Served:
    """The page, and the stack behind it; `world` moves only when a test lets it."""

    world: World
    buckets: Buckets
    page: PageServer

    @property
    def address(self) -> str:
        return self.page.access.url

    def lets(self, seconds: float) -> None:
        """So much time passes for the stack."""
        with self.buckets.lock:
            self.world.run_for(seconds)

    def finishes(self) -> None:
        """All that is on its way comes to its end."""
        with self.buckets.lock:
            self.world.run_until_empty()
            self.world.run_for(2)


@contextmanager
def served(world: World) -> Generator[Served]:
    """Both servers, which end with the block."""
    buckets = Buckets(world)
    door = type("Door", (_BucketDoor,), {"buckets": buckets})
    with ThreadingHTTPServer(("127.0.0.1", 0), door) as store:
        store.daemon_threads = True
        buckets.port = store.server_address[1]
        with PageServer(PageApi(build_cli_stack(world), signed(buckets.port)), 0, buckets.alone) as page:
            running = [Thread(target=server.serve_forever, args=(0.02,), daemon=True) for server in (store, page)]
            for thread in running:
                thread.start()
            try:
                yield Served(world, buckets, page)
            finally:
                for server in (page, store):
                    server.shutdown()
                for thread in running:
                    thread.join()
