"""Helpers for the tests of all adapters: a job for each, a single call, and storage that providers read and write."""

import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, override

from backdrop.model.ids import derive_idempotency_key, sha256_hex
from backdrop.model.job import Attempt, Job
from backdrop.model.provider_result import LookupStatus, ProviderResult
from backdrop.ports import Provider
from tests.contract.adapters import NOW, PHOTO, build_provider_job

POLL_SECONDS = 0.05


def job_for(provider: str, **fields: Any) -> Job:
    """Builds a job for a provider with these instructions."""
    return replace(
        build_provider_job(**fields), provider=provider, job_id=sha256_hex(repr(sorted(fields.items())).encode())
    )


def claimed(job: Job, provider_id: str | None) -> Job:
    """Returns the job while its call, which the provider knows under this ID, is in flight."""
    end = NOW + timedelta(minutes=5)
    attempt = Attempt(
        n=1,
        provider=job.provider,
        provider_id=provider_id,
        submitted_at=NOW,
        lease_until=end,
        budget_day="2026-11-16",
        reserved=60_000,
    )
    return replace(job, attempt_no=1, attempts=(attempt,))


def get_task_id(job: Job) -> str:
    """Returns the idempotency key of a job's call."""
    return derive_idempotency_key(job.job_id, job.charge_no)


@dataclass
class Called:
    """The answer to one call, and the IDs that the provider assigned to its work."""

    answer: ProviderResult | LookupStatus
    names: list[str] = field(default_factory=list[str])

    @property
    def provider_result(self) -> ProviderResult:
        """The answer, which must be a result."""
        assert isinstance(self.answer, ProviderResult), self.answer
        return self.answer


def call(adapter: Provider, job: Job, photo: bytes = PHOTO, references: Sequence[bytes] = ()) -> Called:
    """Calls an adapter once."""
    prepared, names = adapter.prepare(job, photo, references), list[str]()
    return Called(prepared if isinstance(prepared, ProviderResult) else prepared.send(names.append), names)


@dataclass
class FileServer:
    """A WorkStorage with a server behind every link, so that a stand-in can read and write files."""

    url: str
    lent: dict[str, bytes] = field(default_factory=dict[str, bytes])
    results: dict[str, bytes] = field(default_factory=dict[str, bytes])

    def create_download_link(self, data: bytes, *, provider_url: str) -> str | None:
        """Returns a URL that serves these bytes."""
        self.lent[f"/in/{sha256_hex(data)}"] = data
        return f"{self.url}/in/{sha256_hex(data)}?X-Amz-Signature=1"

    def create_upload_link(self, name: str, *, provider_url: str) -> str | None:
        """Returns a URL that accepts an upload."""
        return f"{self.url}/out/{name}?X-Amz-Signature=2"

    def save_result(self, name: str, data: bytes) -> None:
        self.results[name] = data

    def has_result(self, name: str) -> bool:
        return name in self.results


@contextmanager
def run_file_server() -> Generator[FileServer]:
    """Runs a server for files."""

    class Handler(BaseHTTPRequestHandler):
        """Serves files, and stores uploaded results."""

        def do_GET(self) -> None:
            data = file_server.lent.get(self.path.partition("?")[0])
            self.send_response(200 if data else 404)
            self.send_header("Content-Length", str(len(data or b"")))
            self.end_headers()
            self.wfile.write(data or b"")

        def do_PUT(self) -> None:
            name = self.path.partition("?")[0].removeprefix("/out/")
            file_server.results[name] = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        @override
        def log_message(self, format: str, *args: object) -> None:
            """Logs nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        file_server = FileServer(f"http://127.0.0.1:{server.server_address[1]}")
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield file_server
        server.shutdown()
