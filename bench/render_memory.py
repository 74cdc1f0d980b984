"""Peak memory of one paid call with a photo of 10 MB, in a new process: `python -m bench.render_memory`.

Includes everything that render's handler imports, its clients, and the photo as S3 returns it, up to the response of a
local server. Exits with code 1 if the call needs more memory than render has.
"""

import importlib.util
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import BytesIO
from pathlib import Path
from threading import Thread
from typing import override

import boto3
from PIL import Image

from backdrop.imaging.metadata import strip_photo_metadata
from backdrop.model.capabilities import MAX_PHOTO_BYTES
from backdrop.model.ids import sha256_hex
from backdrop.model.job import Job
from backdrop.model.provider_result import ProviderResult, RetryClass
from backdrop.ports import ApiKey
from backdrop.providers.ideogram import Ideogram
from bench.peak_memory import (
    MEGABYTE,
    MemoryFigure,
    find_exit_code,
    print_figures,
    read_peak_megabytes,
    run_in_fresh_process,
)

MAX_MEGABYTES = 192
_THIS = "bench.render_memory"
_HANDLER = Path(__file__).parents[1] / "functions" / "render" / "app.py"
_ANSWER = (
    b'{"created":"2026-11-16T12:00:00Z","data":[{"is_image_safe":true,"seed":1,"url":"https://ideogram.ai/a.png"}]}'
)


class ProviderServer(BaseHTTPRequestHandler):
    """Accepts any body, and always returns the same response."""

    def do_POST(self) -> None:
        left = int(self.headers["Content-Length"])
        while left > 0:
            left -= len(self.rfile.read(min(left, 65_536)))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(_ANSWER)))
        self.end_headers()
        self.wfile.write(_ANSWER)

    @override
    def log_message(self, format: str, *args: object) -> None: ...


def build_photo() -> bytes:
    """Returns noise as a JPEG just below a provider's limit, with comments that are stripped."""
    noise = Image.effect_noise((4200, 3300), 90)
    file = BytesIO()
    Image.merge("RGB", (noise, noise.transpose(Image.Transpose.ROTATE_180), noise)).save(file, "JPEG", quality=78)
    data = file.getvalue()
    comments = (MAX_PHOTO_BYTES - len(data)) // 65_535
    return data[:2] + (b"\xff\xfe\xff\xff" + bytes(65_533)) * comments + data[2:]


def measure(path: Path, url: str) -> None:
    """Makes the call, and prints the peak memory."""
    _import_handler()
    clients = [boto3.client(name, region_name="eu-central-1") for name in ("s3", "sqs", "dynamodb", "lambda")]
    data, began = path.read_bytes(), time.process_time()
    now = datetime.now(UTC)
    job = Job(
        job_id="j", content_id="c", source_id="s", bucket="b", key="red.jpg", version_id=None, sha256=sha256_hex(data),
        variant="", operation="remove", provider="ideogram", purchase_spec={"operation": "remove"},
        instructions={"operation": "remove"}, provenance={}, quoted=0, queued_at=now,
    )  # fmt: skip
    call = Ideogram(url, 60, lambda _: ApiKey("key")).prepare(job, strip_photo_metadata(data))
    answer = call if isinstance(call, ProviderResult) else call.send(print)
    if not isinstance(answer, ProviderResult) or answer.retry_class is not RetryClass.OK or not clients:
        raise TypeError(f"unexpected result of the call: {answer}")
    print(f"{len(data) / MEGABYTE:.1f} {read_peak_megabytes():.0f} {time.process_time() - began:.2f}")


def _import_handler() -> None:
    spec = importlib.util.spec_from_file_location("app", _HANDLER)
    if spec is None or spec.loader is None:
        raise ImportError(str(_HANDLER))
    spec.loader.exec_module(importlib.util.module_from_spec(spec))


def measure_all() -> Iterator[MemoryFigure]:
    """Yields one row."""
    with tempfile.NamedTemporaryFile() as file, HTTPServer(("127.0.0.1", 0), ProviderServer) as server:
        run_in_fresh_process(_THIS, "make", file.name)
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        size, peak, seconds = run_in_fresh_process(_THIS, "measure", file.name, url).split()
        server.shutdown()
    yield MemoryFigure("passes unchanged", f"{size} MB in", float(peak), MAX_MEGABYTES, float(seconds))


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["make", path]:
            Path(path).write_bytes(build_photo())
        case ["measure", path, url]:
            measure(Path(path), url)
        case _:
            sys.exit(find_exit_code(print_figures(measure_all())))
