"""Every fault of a paid call has its documented effect and charge."""

import socket

import pytest
import requests

from tests.contract.standin_client import (
    IMAGE,
    JPEG,
    REMOVE,
    REPLACE,
    StandinClient,
    text,
    wait_until,
)


def test_refuse_429_fault_costs_nothing(standin: StandinClient) -> None:
    standin.add_fault("refuse_429", times=1)
    refused = standin.replace()
    assert (refused.status_code, refused.json()) == (429, {"error": "Too many requests."})
    assert standin.total_usd() == "0.00"
    assert standin.replace().status_code == 200


def test_refuse_429_fault_sends_the_given_body_and_headers(standin: StandinClient) -> None:
    body = {"reject_reason": "daily_limit"}
    standin.add_fault("refuse_429", {"body": body, "headers": {"Retry-After": "7"}})
    refused = standin.replace()
    assert (refused.json(), refused.headers["retry-after"]) == (body, "7")


def test_slow_fault_answers_after_the_clients_timeout(standin: StandinClient) -> None:
    standin.add_fault("slow", {"ms": 4_000})
    with standin.connect() as connection:
        connection.sendall(standin.raw_replace())
        wait_until(lambda: bool(standin.jobs()))
    wait_until(lambda: standin.see("bill")["keys"][0]["dropped_after_accept"] == 1)
    assert standin.total_usd() == "0.06"


def test_trickle_fault_sends_the_correct_response_slowly(standin: StandinClient) -> None:
    standin.add_fault("trickle", {"bytes_per_s": 1000})
    assert standin.replace().json()["data"][0]["is_image_safe"]
    assert standin.jobs()[0]["answered"]
    wait_until(lambda: standin.see("requests")["requests"][0]["ended"] is not None)
    (entry,) = standin.see("requests")["requests"]
    assert entry["ended"] - entry["started"] > 0.2


def test_accept_then_drop_fault_bills_and_closes_the_connection(standin: StandinClient) -> None:
    standin.add_fault("accept_then_drop")
    with standin.connect() as connection:
        connection.sendall(standin.raw_replace())
        assert connection.recv(1) == b""
    assert standin.total_usd() == "0.06"
    wait_until(lambda: standin.see("bill")["keys"][0]["dropped_after_accept"] == 1)


def test_accept_then_wait_fault_reports_acceptance_first(
    standin: StandinClient,
) -> None:
    standin.add_fault("accept_then_wait")
    with standin.connect() as connection:
        connection.sendall(standin.raw_replace())
        (event,) = standin.see("accepted?after=0&wait=10")["accepted"]
        assert (event["n"], event["fault"]) == (1, "accept_then_wait")
        assert event["id"] == standin.jobs()[0]["id"]
        assert standin.total_usd() == "0.06"
        standin.control("release")
        assert connection.recv(12) == b"HTTP/1.1 200"
    assert standin.see("accepted?after=1")["accepted"] == []


def test_drop_before_read_fault_interrupts_an_upload_unbilled(standin: StandinClient) -> None:
    standin.add_fault("drop_before_read")
    big = ("image", ("in.jpg", JPEG + bytes(9_000_000), "image/jpeg"))
    with pytest.raises(requests.exceptions.ConnectionError):
        standin.post(REMOVE, [big])
    assert standin.total_usd() == "0.00"
    assert standin.see("inflight")["accounts"] == []


def test_reset_mid_body_fault_sends_half_a_body_and_bills(standin: StandinClient) -> None:
    standin.add_fault("reset_mid_body")
    received = bytearray()
    with standin.connect() as connection:
        connection.sendall(standin.raw_replace())
        with pytest.raises(ConnectionResetError):
            _receive(connection, received)
    head, _, half = bytes(received).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert half.startswith(b'{"created"')
    assert not half.endswith(b"}")
    assert standin.total_usd() == "0.06"


@pytest.mark.parametrize("code", [400, 401, 402, 403, 404, 405, 406, 410, 413, 422, 429, 500, 502, 503, 504])
def test_any_status_can_be_requested_unbilled(standin: StandinClient, code: int) -> None:
    standin.add_fault("status", {"code": code})
    answer = standin.remove()
    assert answer.status_code == code
    assert set(answer.json()) & {"error", "message", "detail"}
    assert standin.total_usd() == "0.00"


@pytest.mark.parametrize(
    ("args", "kind", "body"),
    [
        ({"body": {}}, "application/json", "{}"),
        ({"body": ""}, "application/json", ""),
        ({"body": {"detail": "no"}}, "application/json", '{"detail":"no"}'),
        ({"html": True}, "text/html; charset=utf-8", None),
    ],
)
def test_body_for_a_requested_status_can_be_specified(
    standin: StandinClient, args: dict[str, object], kind: str, body: str | None
) -> None:
    standin.add_fault("status", {"code": 503, **args})
    answer = standin.replace()
    assert (answer.status_code, answer.headers["content-type"]) == (503, kind)
    assert body is None or answer.text == body


def test_status_after_the_run_is_billed_by_default(standin: StandinClient) -> None:
    standin.add_fault("status", {"code": 504, "after_run": True, "ms": 10}, times=1)
    standin.add_fault("status", {"code": 500, "after_run": True, "billed": False}, times=1)
    assert [standin.replace().status_code for _ in range(2)] == [504, 500]
    assert standin.total_usd() == "0.06"


@pytest.mark.parametrize(("billed", "usd"), [(False, "0.00"), (True, "0.06")])
@pytest.mark.parametrize("code", [502, 503, 200])
def test_html_error_fault_sends_a_page_with_any_status(
    standin: StandinClient, code: int, billed: bool, usd: str
) -> None:
    standin.add_fault("html_error", {"code": code, "billed": billed})
    answer = standin.replace()
    assert (answer.status_code, answer.text[:6]) == (code, "<html>")
    assert answer.headers["content-type"].startswith("text/html")
    assert standin.total_usd() == usd


@pytest.mark.parametrize(("args", "usd"), [({}, "0.06"), ({"billed": False}, "0.00"), ({"status_code": 503}, "0.06")])
def test_error_in_200_fault_sends_an_error_with_status_200(
    standin: StandinClient, args: dict[str, object], usd: str
) -> None:
    standin.add_fault("error_in_200", args)
    answer = standin.replace()
    code = args.get("status_code", 500)
    assert answer.status_code == 200
    assert answer.json() == {"error": "Internal server error", "status_code": code}
    assert standin.total_usd() == usd


@pytest.mark.parametrize("variant", ["cut", "invalid"])
def test_malformed_json_fault_sends_unparsable_json_and_bills(standin: StandinClient, variant: str) -> None:
    standin.add_fault("malformed_json", {"variant": variant})
    answer = standin.replace()
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    with pytest.raises(requests.exceptions.JSONDecodeError):
        answer.json()
    assert standin.total_usd() == "0.06"


@pytest.mark.parametrize(("variant", "data"), [("no_data", None), ("empty_data", []), ("wrong_types", {"url": 7})])
def test_malformed_json_fault_can_send_json_without_a_result(
    standin: StandinClient, variant: str, data: object
) -> None:
    standin.add_fault("malformed_json", {"variant": variant})
    assert standin.replace().json().get("data") == data


def test_unsafe_results_alternate_between_three_forms(standin: StandinClient) -> None:
    standin.add_fault("unsafe", {"which": [1]})
    entries = [standin.replace(text("num_images", "2")).json()["data"] for _ in range(4)]
    assert [[entry["is_image_safe"] for entry in pair] for pair in entries] == [[True, False]] * 4
    forms = [pair[1].get("url", "missing") for pair in entries]
    assert forms == [None, "", "missing", None]
    assert standin.see("bill")["keys"][0]["unsafe"] == 4
    assert not standin.jobs()[0]["downloaded"]
    assert standin.total_usd() == "0.48"


def test_unsafe_results_can_be_free(standin: StandinClient) -> None:
    standin.add_fault("unsafe", {"which": [0, 2], "billed": False})
    standin.replace(text("num_images", "3"))
    standin.remove()
    assert standin.total_usd() == "0.06"
    assert not standin.jobs()[1]["downloaded"]


def test_fewer_results_fault_bills_only_those_results(standin: StandinClient) -> None:
    standin.add_fault("fewer_results")
    assert len(standin.replace(text("num_images", "3")).json()["data"]) == 2
    assert standin.total_usd() == "0.12"


def test_foreign_url_fault_alternates_between_four_forms(standin: StandinClient) -> None:
    standin.add_fault("foreign_url")
    urls = [standin.result_url().split("/api/")[0] for _ in range(4)]
    assert urls == [
        "https://evil.test",
        "http://ideogram.ai",
        "http://127.0.0.1:9",
        "https://ideogram.ai@evil.test",
    ]
    assert standin.total_usd() == "0.24"


def test_foreign_url_can_be_specified(standin: StandinClient) -> None:
    standin.add_fault("foreign_url", {"url": "https://elsewhere.test/a.png"})
    assert standin.result_url() == "https://elsewhere.test/a.png"


def test_expired_url_is_signed_but_too_old(standin: StandinClient) -> None:
    standin.add_fault("expired_url")
    download = standin.fetch(standin.result_url())
    assert (download.status_code, download.json()) == (403, {"error": "link expired"})
    assert standin.total_usd() == "0.06"


def test_paused_key_is_401_until_the_fault_is_removed(standin: StandinClient) -> None:
    standin.add_fault("key_paused", key="k1")
    codes = [standin.remove("k1").status_code for _ in range(2)]
    assert (codes, standin.remove("k2").status_code) == ([401, 401], 200)
    standin.control("faults", method="DELETE")
    assert standin.remove("k1").status_code == 200


@pytest.mark.parametrize("status", [402, 401])
def test_balance_is_spent_exactly_and_then_refused(standin: StandinClient, status: int) -> None:
    standin.add_fault("balance", {"usd": "0.13", "status": status})
    codes = [standin.replace().status_code for _ in range(3)]
    assert codes == [200, 200, status]
    assert standin.remove().status_code == 200
    refused = standin.remove()
    assert refused.status_code == status
    assert standin.total_usd() == "0.13"
    if status == 402:
        assert refused.json()["reject_reason"] == "insufficient_funds"


def test_advanced_clock_makes_links_expire(standin: StandinClient) -> None:
    url = standin.result_url()
    assert standin.fetch(url).status_code == 200
    standin.add_fault("clock", {"offset_s": 86_500})
    assert standin.fetch(url).status_code == 403


def test_fault_affects_only_its_route_key_and_prompt(standin: StandinClient) -> None:
    standin.add_fault("status", {"code": 500}, provider="ideogram", route=REPLACE, key="k*", prompt_regex="^bea")
    assert standin.replace(prompt="beach", key="k1").status_code == 500
    assert standin.replace(prompt="a beach", key="k1").status_code == 200
    assert standin.replace(prompt="beach", key="other").status_code == 200
    assert standin.remove(key="k1").status_code == 200


def test_status_fault_precedes_the_check_of_the_form(standin: StandinClient) -> None:
    standin.add_fault("refuse_429")
    assert standin.post(REPLACE, [IMAGE]).status_code == 429


def _receive(connection: socket.socket, received: bytearray) -> None:
    while piece := connection.recv(65_536):
        received += piece
