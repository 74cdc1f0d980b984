"""Peak memory of paid calls with a photo of 10 MB, each in a new process: `python -m bench.render_memory`.

Includes everything that render's handler imports, its clients, and the files as S3 returns them, up to the response of
a local server. The second call has style references of 10 MB as well, the most that a call may have, and goes to
Runware, whose requests are the largest: they contain all pictures as base64. Exits with code 1 if a call needs more
memory than render has.
"""

import importlib.util
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import BytesIO
from pathlib import Path
from threading import Thread
from typing import Any, override

import boto3
from PIL import Image

from backdrop.imaging.metadata import strip_photo_metadata
from backdrop.model.capabilities import MAX_PHOTO_BYTES
from backdrop.model.ids import derive_idempotency_key, sha256_hex
from backdrop.model.job import Job
from backdrop.model.provider_result import ProviderResult, RetryClass
from backdrop.ports import ApiKey
from backdrop.providers.ideogram import Ideogram
from backdrop.providers.runware import TASK_TYPE, Runware
from bench.peak_memory import (
    MEGABYTE,
    MemoryFigure,
    find_exit_code,
    print_figures,
    read_peak_megabytes,
    run_in_fresh_process,
)

MAX_MEGABYTES = 256
"""80% of what render has in template.yaml, because Lambda's runtime needs some, too."""
_THIS = "bench.render_memory"
_HANDLER = Path(__file__).parents[1] / "functions" / "render" / "app.py"
_JOB_ID = "j"
_UNUSED_STORAGE: Any = None
"""Runware writes results there only if it is configured to."""
_IDEOGRAM_ANSWER = (
    b'{"created":"2026-11-16T12:00:00Z","data":[{"is_image_safe":true,"seed":1,"url":"https://ideogram.ai/a.png"}]}'
)
_RUNWARE_RESULT = {
    "taskType": TASK_TYPE,
    "taskUUID": derive_idempotency_key(_JOB_ID, 0),
    "status": "success",
    "imageUUID": "11111111-1111-4111-8111-111111111111",
    "imageURL": "https://im.runware.ai/image/a.png",
    "cost": 0.06,
}
_RUNWARE_ANSWER = json.dumps({"data": [_RUNWARE_RESULT]}).encode()
_ANSWERS = {"ideogram": _IDEOGRAM_ANSWER, "runware": _RUNWARE_ANSWER}


class ProviderServer(BaseHTTPRequestHandler):
    """Accepts any body. Ideogram's paths begin with `/v1/ideogram`."""

    def do_POST(self) -> None:
        left = int(self.headers["Content-Length"])
        while left > 0:
            left -= len(self.rfile.read(min(left, 65_536)))
        answer = _ANSWERS["ideogram" if self.path.startswith("/v1/ideogram") else "runware"]
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

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


def measure(path: Path, url: str, provider: str) -> None:
    """Makes the call, and prints the peak memory."""
    _import_handler()
    clients = [boto3.client(name, region_name="eu-central-1") for name in ("s3", "sqs", "dynamodb", "lambda")]
    data, began = path.read_bytes(), time.process_time()
    spec = {"operation": "replace", "prompt": "on a beach"}
    job = Job(
        job_id=_JOB_ID, content_id="c", source_id="s", bucket="b", key="red.jpg", version_id=None,
        sha256=sha256_hex(data), variant="", operation="replace", provider=provider, purchase_spec=spec,
        instructions=spec, provenance={}, quoted=0, queued_at=datetime.now(UTC),
    )  # fmt: skip
    if provider == "ideogram":
        call = Ideogram(url, 60, _load_key).prepare(job, strip_photo_metadata(data))
    else:
        runware = Runware(url, 60, _load_key, _UNUSED_STORAGE)
        call = runware.prepare(job, strip_photo_metadata(data), [path.read_bytes()])
    answer = call if isinstance(call, ProviderResult) else call.send(print)
    if not isinstance(answer, ProviderResult) or answer.retry_class is not RetryClass.OK or not clients:
        raise TypeError(f"unexpected result of the call: {answer}")
    print(f"{len(data) / MEGABYTE:.1f} {read_peak_megabytes():.0f} {time.process_time() - began:.2f}")


def _load_key(_is_fresh: bool) -> ApiKey:
    return ApiKey("key")


def _import_handler() -> None:
    spec = importlib.util.spec_from_file_location("app", _HANDLER)
    if spec is None or spec.loader is None:
        raise ImportError(str(_HANDLER))
    spec.loader.exec_module(importlib.util.module_from_spec(spec))


def measure_all() -> Iterator[MemoryFigure]:
    """Yields a row for each call."""
    with tempfile.NamedTemporaryFile() as file, HTTPServer(("127.0.0.1", 0), ProviderServer) as server:
        run_in_fresh_process(_THIS, "make", file.name)
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        for provider, name in (("ideogram", "passes unchanged"), ("runware", "with references of 10 MB, as base64")):
            size, peak, seconds = run_in_fresh_process(_THIS, "measure", file.name, url, provider).split()
            yield MemoryFigure(name, f"{size} MB in", float(peak), MAX_MEGABYTES, float(seconds))
        server.shutdown()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["make", path]:
            Path(path).write_bytes(build_photo())
        case ["measure", path, url, provider]:
            measure(Path(path), url, provider)
        case _:
            sys.exit(find_exit_code(print_figures(measure_all())))
