"""The stand-in limits an account's concurrent calls in the same way as a provider."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.contract.standin_client import IMAGE, KEY, REMOVE, StandinClient, text, wait_until

PIECE = bytes(1_000_000)
UPLOAD_BYTES = 30 * len(PIECE)


def test_only_ten_of_fifty_concurrent_calls_run(
    standin: StandinClient,
) -> None:
    standin.add_fault("accept_then_wait")
    with ThreadPoolExecutor(50) as pool:
        calls = [pool.submit(standin.replace, prompt=f"p{n}") for n in range(50)]
        wait_until(lambda: standin.slots()["refused"] == 40)
        wait_until(lambda: len(standin.see("accepted")["accepted"]) == 10)
        standin.control("release")
        answers = [call.result().status_code for call in calls]
    assert sorted(answers) == [200] * 10 + [429] * 40
    assert standin.total_usd() == "0.60"
    row = standin.slots()
    assert (row["limit"], row["peak"], row["now"], len(row["refused_at"])) == (10, 10, 0, 40)


def test_call_for_four_images_takes_four_of_ten_slots(standin: StandinClient) -> None:
    standin.add_fault("accept_then_wait")
    with ThreadPoolExecutor(4) as pool:
        calls = [pool.submit(standin.replace, text("num_images", "4"), prompt=f"p{n}") for n in range(2)]
        wait_until(lambda: standin.slots()["now"] == 8)
        assert standin.replace(text("num_images", "3"), prompt="too large").status_code == 429
        last = pool.submit(standin.replace, text("num_images", "2"), prompt="fits")
        wait_until(lambda: standin.slots()["now"] == 10)
        standin.control("release")
        assert [call.result().status_code for call in (*calls, last)] == [200] * 3
    row = standin.slots()
    assert (row["peak"], row["now"], row["refused"]) == (10, 0, 1)


def test_routes_and_keys_of_an_account_share_slots(standin: StandinClient) -> None:
    standin.control("settings", {"in_flight_limit": 1})
    accounts = {"k1": {"account": "a"}, "k2": {"account": "a"}, "k3": {"account": "b"}}
    standin.control("settings", {"keys": accounts})
    standin.add_fault("accept_then_wait", key="k1")
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(standin.replace, key="k1")
        wait_until(lambda: bool(standin.see("accepted")["accepted"]))
        assert standin.remove(key="k2").status_code == 429
        assert standin.remove(key="k3").status_code == 200
        standin.control("release")
        assert call.result().status_code == 200


@pytest.mark.parametrize(
    ("form", "body"),
    [
        ("error", {"error": "Too many requests."}),
        ("empty", {}),
        (
            "reject_reason",
            {
                "error": "Too many requests.",
                "reject_reason": "inflight_limit",
                "max_inflight_requests": 0,
            },
        ),
    ],
)
def test_refusal_has_three_forms_without_retry_after(standin: StandinClient, form: str, body: object) -> None:
    standin.control(
        "settings",
        {
            "too_many_body": form,
            "keys": {KEY: {"account": "a"}},
            "in_flight_limit_by_account": {"a": 0},
        },
    )
    answer = standin.replace()
    assert (answer.status_code, answer.json()) == (429, body)
    assert "retry-after" not in answer.headers


def test_refused_upload_is_read_completely_and_answered(standin: StandinClient) -> None:
    head = f"POST {REMOVE} HTTP/1.1\r\nHost: here\r\nContent-Length: {UPLOAD_BYTES}\r\n\r\n"
    with standin.connect() as connection:
        connection.sendall(head.encode())
        for _ in range(UPLOAD_BYTES // len(PIECE)):
            connection.sendall(PIECE)
        assert connection.recv(12) == b"HTTP/1.1 401"


def test_disconnected_call_keeps_its_slot_and_is_billed(
    standin: StandinClient,
) -> None:
    standin.add_fault("accept_then_wait", times=1)
    with standin.connect() as connection:
        connection.sendall(standin.raw_replace())
        wait_until(lambda: bool(standin.jobs()))
    standin.remove("another-key")
    assert standin.see("inflight")["accounts"][0]["now"] == 1
    standin.control("release")
    wait_until(lambda: standin.see("inflight")["accounts"][0]["now"] == 0)
    wait_until(lambda: standin.see("bill")["keys"][0]["dropped_after_accept"] == 1)
    assert standin.jobs()[0]["usd"] == "0.06"
    assert not standin.jobs()[0]["answered"]


def test_client_that_disconnects_while_uploading_is_not_billed(standin: StandinClient) -> None:
    with standin.connect() as connection:
        connection.sendall(standin.raw_replace()[:-20])
        wait_until(lambda: standin.see("inflight")["accounts"] != [] and standin.slots()["now"] == 1)
    wait_until(lambda: standin.slots()["now"] == 0)
    assert standin.total_usd() == "0.00"
    assert "disconnected" in standin.see("requests")["requests"][-1]["outcome"]


def test_refused_form_releases_its_slot(standin: StandinClient) -> None:
    assert standin.post(REMOVE, [IMAGE, IMAGE]).status_code == 400
    assert standin.slots()["now"] == 0
