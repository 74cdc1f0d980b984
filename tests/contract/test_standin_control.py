"""The control routes report bills and requests, reject invalid input, and never show a key."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from tests.contract.standin_client import JPEG, KEY, WAIT_SECONDS, StandinClient


def test_requests_are_recorded_with_their_parts_and_without_keys(standin: StandinClient) -> None:
    standin.replace(key="very-secret-key-1234")
    (entry,) = standin.see("requests")["requests"]
    assert (entry["method"], entry["status"], entry["outcome"]) == ("POST", 200, "answered 200")
    assert entry["path"] == "/ideogram/v1/ideogram-v3/replace-background"
    image, prompt = (hashlib.sha256(data).hexdigest() for data in (JPEG, b"a beach"))
    assert entry["parts"] == [
        {"name": "image", "filename": "in.jpg", "content_type": "image/jpeg", "size": len(JPEG), "sha256": image},
        {"name": "prompt", "filename": None, "content_type": None, "size": 7, "sha256": prompt},
    ]
    assert "api-key" in entry["headers"]
    assert entry["key"] == "…1234"
    assert entry["started"] <= entry["ended"]
    assert standin.see("requests?after=1")["requests"] == []
    everything = [standin.see(name) for name in ("requests", "bill", "inflight", "accepted")]
    assert "very-secret" not in json.dumps(everything)


def test_processing_time_is_reported_without_requested_latency(
    standin: StandinClient,
) -> None:
    standin.control("settings", {"latency_seconds": 0.3})
    standin.replace()
    (entry,) = standin.see("requests")["requests"]
    assert entry["latency_seconds"] == 0.3
    assert entry["started"] <= entry["read"]
    assert entry["read"] + entry["latency_seconds"] <= entry["ended"]


def test_reset_clears_everything(standin: StandinClient) -> None:
    standin.control("settings", {"in_flight_limit": 3})
    standin.add_fault("clock", {"offset_s": 500})
    standin.add_fault("refuse_429")
    standin.replace()
    standin.control("reset")
    assert standin.see("requests")["requests"] == []
    assert standin.see("faults")["rules"] == []
    assert standin.see("bill") == {"keys": [], "total_usd": "0.00", "duplicates": []}
    assert standin.see("inflight")["accounts"] == []
    assert standin.see("settings")["in_flight_limit"] == 10


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"fault": "slo"}, "fault"),
        ({"fault": "slow", "args": {"seconds": 1}}, "slow takes ms"),
        ({"fault": "slow", "args": {"ms": "1"}}, "ms of slow"),
        ({"fault": "slow", "args": {"ms": True}}, "ms of slow"),
        ({"fault": "fewer_results", "args": {"n": 1}}, "no arguments"),
        ({"fault": "unsafe", "args": {"which": ["0"]}}, "list of positions"),
        ({"fault": "unsafe", "args": {"form": "none"}}, "form of unsafe must be one of"),
        ({"fault": "slow", "paths": "x"}, "paths"),
        ({"fault": "slow", "prompt_regex": "("}, "regular expression"),
        ({"fault": "key_paused", "prompt_regex": "x"}, "before the prompt"),
        ({"fault": "unsafe", "route": "cdn"}, "download"),
        ({"fault": "slow", "probability": 2}, "probability"),
        ({"fault": "balance", "args": {"usd": "x"}}, "not an amount"),
        ("slow", "FaultRule"),
    ],
)
def test_invalid_fault_rule_is_refused_with_the_reason(standin: StandinClient, rule: object, message: str) -> None:
    answer = standin.try_control("faults", rule)
    assert answer.status_code == 400
    assert message in answer.json()["error"]
    assert standin.see("faults")["rules"] == []


def test_list_with_an_invalid_rule_adds_none(standin: StandinClient) -> None:
    assert standin.try_control("faults", [{"fault": "slow"}, {"fault": "x"}]).status_code == 400
    assert standin.see("faults")["rules"] == []
    rules = standin.control("faults", [{"fault": "slow"}, {"fault": "trickle"}])["rules"]
    assert [rule["fault"] for rule in rules] == ["slow", "trickle"]


@pytest.mark.parametrize("content", [{"latencies": 1}, {"in_flight_limit": 0}, {"url_mode": "both"}, [], "x"])
def test_unknown_settings_are_refused(standin: StandinClient, content: object) -> None:
    assert standin.try_control("settings", content).status_code == 400


def test_unnamed_settings_stay_unchanged(standin: StandinClient) -> None:
    standin.control("settings", {"in_flight_limit": 3})
    settings = standin.control("settings", {"latency_by_speed": {"TURBO": 0.1}})
    assert (settings["in_flight_limit"], settings["latency_by_speed"]) == (3, {"TURBO": 0.1})


def test_every_response_is_marked_as_the_stand_ins(standin: StandinClient) -> None:
    health = standin.fetch(f"{standin.url}/_ctl/health")
    assert "stand-in" in health.json()["service"]
    assert health.headers["server"] == "backdrop-stand-in"
    assert standin.replace().headers["server"] == "backdrop-stand-in"


def test_unknown_control_route_is_404_in_json(standin: StandinClient) -> None:
    answer = standin.try_control("bills", method="GET")
    assert (answer.status_code, answer.json()) == (404, {"detail": "Not Found"})


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_command_serves_until_a_signal(tmp_path: Path, sent: signal.Signals) -> None:
    port_file = tmp_path / "port"
    command = [sys.executable, "-m", "backdrop_local.standin", "--prepared", "--port-file"]
    options = [str(port_file), "--key", f"{KEY}=main:admin", "--limit", "2", "--real-urls"]
    with subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            line = process.stdout.readline().strip()
            url = f"http://127.0.0.1:{port_file.read_text().strip()}"
            assert line == f"stand-in listening on {url}"
            settings = requests.get(f"{url}/_ctl/settings", timeout=WAIT_SECONDS).json()
        finally:
            os.kill(process.pid, sent)
        process.wait(timeout=WAIT_SECONDS)
    assert settings["keys"] == {KEY: {"account": "main", "admin": True}}
    assert (settings["in_flight_limit"], settings["url_mode"]) == (2, "real")
