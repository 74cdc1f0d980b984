"""The naive pipeline is a fair comparison: it retries transient errors only, and checks for a picture first."""

import importlib
import io
from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

import pytest
from botocore.stub import ANY, Stubber
from PIL import Image

from backdrop_local.standin.faults import FaultRule
from fault_bench.standin_provider import StandinProvider, run_provider
from tests.contract.standin_client import JPEG

WISH: dict[str, Any] = {"prompt": "a beach", "rendering_speed": "TURBO"}
NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


@pytest.fixture
def standin() -> Generator[StandinProvider]:
    """The bench's provider."""
    with run_provider(1, {"pictures": "prepared"}) as made:
        yield made


@pytest.fixture
def naive(standin: StandinProvider, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The function's module, which calls this provider without delays."""
    names = {"TIMEOUT_SECONDS": "5", "IDEOGRAM_API_KEY": "standin-key", "OUTPUT_BUCKET": "pictures"}
    for name, value in (names | {"IDEOGRAM_BASE_URL": standin.url}).items():
        monkeypatch.setenv(name, value)
    app = importlib.reload(importlib.import_module("fault_bench.naive_pipeline.function.app"))
    monkeypatch.setattr(app, "FIRST_PAUSE_SECONDS", 0)
    return app


def calls(standin: StandinProvider) -> int:
    """Returns how many paid calls arrived."""
    return len([entry for entry in standin.state.journal.list_entries() if entry.method == "POST"])


def test_naive_pipeline_buys_and_downloads_a_picture(naive: ModuleType) -> None:
    picture = naive.download_picture(naive.buy_picture(JPEG, WISH))
    assert Image.open(io.BytesIO(picture)).format == "PNG"


@pytest.mark.parametrize(
    ("fault", "args"),
    [("status", {"code": 500}), ("status", {"code": 503}), ("refuse_429", {}), ("accept_then_drop", {})],
)
def test_transient_error_is_tried_three_times(
    naive: ModuleType, standin: StandinProvider, fault: Any, args: dict[str, Any]
) -> None:
    standin.state.faults.add(FaultRule(fault=fault, args=args, times=2))
    assert naive.call_with_retries(lambda: naive.buy_picture(JPEG, WISH))
    assert calls(standin) == 3


def test_permanent_error_is_tried_once(naive: ModuleType, standin: StandinProvider) -> None:
    standin.state.faults.add(FaultRule(fault="status", args={"code": 422}))
    with pytest.raises(ValueError, match="422"):
        naive.call_with_retries(lambda: naive.buy_picture(JPEG, WISH))
    assert calls(standin) == 1


def test_interrupted_download_is_retried_without_another_purchase(naive: ModuleType, standin: StandinProvider) -> None:
    url = naive.buy_picture(JPEG, WISH)
    standin.state.faults.add(FaultRule(fault="truncated", times=2))
    assert naive.call_with_retries(lambda: naive.download_picture(url))
    assert calls(standin) == 1


@pytest.mark.parametrize(("made", "bought"), [(timedelta(seconds=9), False), (timedelta(seconds=-9), True)])
def test_photo_with_a_picture_is_not_bought_again(
    naive: ModuleType, standin: StandinProvider, made: timedelta, bought: bool
) -> None:
    with Stubber(naive.s3) as s3:
        s3.add_response("get_object", {"LastModified": NOW, "Body": io.BytesIO(JPEG)})
        s3.add_response("get_object", {"Body": io.BytesIO(b'{"prompt": "a beach"}')})
        s3.add_response("head_object", {"LastModified": NOW + made}, {"Bucket": "pictures", "Key": "red.png"})
        if bought:
            s3.add_response("put_object", {}, {"Bucket": "pictures", "Key": "red.png", "Body": ANY, "ContentType": ANY})
        naive.process("photos", "red.jpg")
        s3.assert_no_pending_responses()
    assert calls(standin) == int(bought)
