"""Peak memory of paid calls with a photo of 10 MB, each in a new process: `python -m bench.render_memory`.

Includes everything that render's handler imports, its clients, and the files as S3 returns them, up to the response of
a local server. The calls are the largest of each kind: with style references of 10 MB as base64, with a picture inside
the JSON of the response, and with a response that is a picture of 100 MB. Exits with code 1 if a call needs too much
of render's memory.
"""

import base64
import importlib.util
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import BytesIO
from pathlib import Path
from threading import Thread
from typing import cast, override

import boto3
from PIL import Image

from backdrop.imaging.metadata import strip_photo_metadata
from backdrop.model.capabilities import MAX_PHOTO_BYTES, MAX_RESULT_BYTES
from backdrop.model.ids import derive_idempotency_key, sha256_hex
from backdrop.model.job import Job
from backdrop.model.provider_result import ProviderResult, RetryClass
from backdrop.ports import ApiKey, Provider, SegmindEndpoint
from backdrop.providers.http import CHUNK_BYTES, MAX_ANSWER_BYTES
from backdrop.providers.ideogram import Ideogram
from backdrop.providers.runware import Runware
from backdrop.providers.runware_errors import INFERENCE
from backdrop.providers.segmind import Segmind
from bench.peak_memory import (
    MEGABYTE,
    MemoryFigure,
    find_exit_code,
    print_figures,
    read_peak_megabytes,
    run_in_fresh_process,
)

RUNTIME_MEGABYTES = 40
"""Assumed: what Lambda's own runtime needs."""
_THIS = "bench.render_memory"
_HANDLER = Path(__file__).parents[1] / "functions" / "render" / "app.py"
_JOB_ID = "j"
_RUNWARE_RESULT = {
    "taskType": INFERENCE,
    "taskUUID": derive_idempotency_key(_JOB_ID, 0),
    "status": "success",
    "imageUUID": "11111111-1111-4111-8111-111111111111",
    "cost": 0.06,
}
_PICTURE = b"\x89PNG\r\n\x1a\n\0"
"""The beginning of a PNG, whose base64 has no padding."""
JSON, PNG = "application/json", "image/png"


@dataclass(frozen=True)
class LargeCall:
    """A call to a provider, with references or without, and its response: `filler_bytes` of `A` between two parts."""

    provider: str
    has_references: bool
    content_type: str
    first_part: bytes
    filler_bytes: int = 0
    last_part: bytes = b""

    @property
    def response_bytes(self) -> int:
        return len(self.first_part) + self.filler_bytes + len(self.last_part)


def _build_runware_response(**result: str) -> bytes:
    return json.dumps({"data": [_RUNWARE_RESULT | result]}).encode()


_INLINE_START = _build_runware_response(imageBase64Data=base64.b64encode(_PICTURE).decode()).removesuffix(b'"}]}')
CALLS = {
    "Ideogram": LargeCall(
        "ideogram", False, JSON, b'{"data":[{"is_image_safe":true,"seed":1,"url":"https://ideogram.ai/a.png"}]}'
    ),
    "Runware, with references of 10 MB": LargeCall(
        "runware", True, JSON, _build_runware_response(imageURL="https://im.runware.ai/image/a.png")
    ),
    "Runware, with references and a picture in its JSON": LargeCall(
        "runware", True, JSON, _INLINE_START, MAX_ANSWER_BYTES - 1_000, b'"}]}'
    ),
    "Segmind v1, with a picture of 100 MB": LargeCall(
        "segmind", False, PNG, _PICTURE, MAX_RESULT_BYTES - len(_PICTURE)
    ),
}


class ProviderServer(HTTPServer):
    """Accepts any body, and always sends the response of this call.

    It never has the whole response in memory: a new process counts what the process that starts it has.
    """

    def __init__(self, call: LargeCall) -> None:
        super().__init__(("127.0.0.1", 0), _ProviderHandler)
        self.call = call


class _ProviderHandler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        call = cast("ProviderServer", self.server).call
        left = int(self.headers["Content-Length"])
        while left > 0:
            left -= len(self.rfile.read(min(left, CHUNK_BYTES)))
        self.send_response(200)
        self.send_header("Content-Type", call.content_type)
        self.send_header("Content-Length", str(call.response_bytes))
        self.end_headers()
        self.wfile.write(call.first_part)
        for at in range(0, call.filler_bytes, CHUNK_BYTES):
            self.wfile.write(b"A" * min(CHUNK_BYTES, call.filler_bytes - at))
        self.wfile.write(call.last_part)

    @override
    def log_message(self, format: str, *args: object) -> None: ...


class KeptResults:
    """The storage for results that come without a link. What S3 would need in addition is not measured."""

    def create_download_link(self, data: bytes, *, provider_url: str) -> str:
        return f"{provider_url}/{len(data)}"

    def create_upload_link(self, name: str, *, provider_url: str) -> None: ...

    def save_result(self, name: str, data: bytes) -> None: ...

    def has_result(self, name: str) -> bool:
        return False


def find_max_megabytes() -> int:
    """Returns how much memory the function's own process may use."""
    from bench.aws_cost.bill import GB
    from bench.aws_cost.idle_stack import load_one_provider_stack

    return round(load_one_provider_stack().read_memory_gb("render") * GB / MEGABYTE) - RUNTIME_MEGABYTES


def build_photo() -> bytes:
    """Returns noise as a JPEG just below a provider's limit, with comments that are stripped."""
    noise = Image.effect_noise((4200, 3300), 90)
    file = BytesIO()
    Image.merge("RGB", (noise, noise.transpose(Image.Transpose.ROTATE_180), noise)).save(file, "JPEG", quality=78)
    data = file.getvalue()
    comments = (MAX_PHOTO_BYTES - len(data)) // 65_535
    return data[:2] + (b"\xff\xfe\xff\xff" + bytes(65_533)) * comments + data[2:]


def measure(path: Path, url: str, call: LargeCall) -> None:
    """Makes the call, and prints the peak memory."""
    _import_handler()
    clients = [boto3.client(name, region_name="eu-central-1") for name in ("s3", "sqs", "dynamodb", "lambda")]
    data, began = path.read_bytes(), time.process_time()
    spec = {"operation": "replace", "prompt": "on a beach"}
    job = Job(
        job_id=_JOB_ID, content_id="c", source_id="s", bucket="b", key="red.jpg", version_id=None,
        sha256=sha256_hex(data), variant="", operation="replace", provider=call.provider, purchase_spec=spec,
        instructions=spec, provenance={}, quoted=0, queued_at=datetime.now(UTC),
    )  # fmt: skip
    adapters: Mapping[str, Callable[[], Provider]] = {
        "ideogram": lambda: Ideogram(url, 60, _load_key),
        "runware": lambda: Runware(url, 60, _load_key, KeptResults()),
        "segmind": lambda: Segmind(url, 60, _load_key, KeptResults(), SegmindEndpoint.V1),
    }
    references = [path.read_bytes()] if call.has_references else []
    prepared = adapters[call.provider]().prepare(job, strip_photo_metadata(data), references)
    answer = prepared if isinstance(prepared, ProviderResult) else prepared.send(print)
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
    with tempfile.NamedTemporaryFile() as file:
        run_in_fresh_process(_THIS, "make", file.name)
        for name, call in CALLS.items():
            with ProviderServer(call) as server:
                Thread(target=server.serve_forever, daemon=True).start()
                url = f"http://127.0.0.1:{server.server_port}"
                size, peak, seconds = run_in_fresh_process(_THIS, "measure", file.name, url, name).split()
                server.shutdown()
            yield MemoryFigure(name, f"{size} MB in", float(peak), find_max_megabytes(), float(seconds))


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["make", path]:
            Path(path).write_bytes(build_photo())
        case ["measure", path, url, name]:
            measure(Path(path), url, CALLS[name])
        case _:
            sys.exit(find_exit_code(print_figures(measure_all())))
