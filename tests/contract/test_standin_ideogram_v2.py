"""The stand-in accepts, refuses, and responds as Ideogram v2 does."""

import io
from datetime import UTC, datetime, timedelta

import pytest
from PIL import Image

from backdrop_local.standin.pictures import read_id
from tests.contract.ideogram_v2 import poll, submit
from tests.contract.standin_client import (
    IMAGE,
    KEY,
    REMOVE_V2,
    REPLACE_V2,
    WAIT_SECONDS,
    File,
    StandinClient,
    picture,
    text,
    wait_until,
)

PRIVATE = text("private", "true")
REJECTED = {"max_inflight_requests": 10, "task_completion_speed": "fast"}


def finish(standin: StandinClient, generation_id: str) -> dict[str, object]:
    """Returns a generation once it has ended."""
    wait_until(lambda: poll(standin, generation_id).json()["status"] != "pending")
    return dict(poll(standin, generation_id).json())


def test_submission_returns_only_an_id(standin: StandinClient) -> None:
    standin.control("settings", {"latency_seconds": 60})
    answer = submit(standin, PRIVATE)
    assert (answer.status_code, set(answer.json())) == (200, {"generation_id"})
    pending = poll(standin, answer.json()["generation_id"]).json()
    assert (pending["status"], set(pending)) == ("pending", {"generation_id", "status", "created"})
    assert standin.slots()["now"] == 1


def test_completed_generation_has_pictures_and_its_cost(standin: StandinClient) -> None:
    generation_id = submit(standin, PRIVATE, text("num_images", "2"), text("rendering_speed", "quality")).json()
    done = finish(standin, generation_id["generation_id"])
    assert (done["status"], done["usage_cost_usd_micros"]) == ("completed", 180_000)
    (job,) = standin.jobs()
    assert (job["usd"], job["route"]) == ("0.18", "v2/replace-background")
    assert isinstance(done["data"], list)
    assert [read_id(standin.fetch(entry["url"]).content) for entry in done["data"]] == job["results"]


def test_removal_is_synchronous_unless_asked_otherwise(standin: StandinClient) -> None:
    direct = standin.post(REMOVE_V2, [IMAGE, PRIVATE]).json()
    assert (direct["status"], direct["usage_cost_usd_micros"]) == ("completed", 10_000)
    ticket = standin.post(REMOVE_V2, [IMAGE, PRIVATE, text("async", "true")]).json()
    assert set(ticket) == {"generation_id"}
    done = finish(standin, ticket["generation_id"])
    assert isinstance(done["data"], list)
    with Image.open(io.BytesIO(standin.fetch(done["data"][0]["url"]).content)) as image:
        assert image.mode == "RGBA"


@pytest.mark.parametrize(
    "part",
    [
        text("rendering_speed", "DEFAULT"),
        text("rendering_speed", "flash"),
        text("seed", "7"),
        text("style_preset", "BAUHAUS"),
        text("magic_prompt", "ON"),
        text("num_images", "9"),
        text("private", "yes"),
    ],
    ids=lambda part: f"{part[0]}={part[1][1]}",
)
def test_parameter_that_v2_does_not_have_is_invalid(standin: StandinClient, part: tuple[str, File]) -> None:
    assert submit(standin, part).status_code == 400
    assert standin.jobs() == []


def test_prompt_and_sides_have_limits(standin: StandinClient) -> None:
    def send(size: tuple[int, int], prompt: str) -> int:
        image = ("image", ("in.jpg", picture(size=size), "image/jpeg"))
        return standin.post(REPLACE_V2, [image, text("prompt", prompt)]).status_code

    assert [send((96, 32), "p" * 4_000), send((97, 32), "p"), send((32, 97), "p"), send((32, 32), "p" * 4_001)] == [
        200,
        400,
        400,
        400,
    ]


def test_plan_without_private_generations_refuses_them(standin: StandinClient) -> None:
    standin.control("settings", {"ideogram_private_plan": False})
    refused = submit(standin, PRIVATE)
    assert (refused.status_code, refused.json()["reject_reason"]) == (402, "subscription_required")
    assert refused.json().items() >= REJECTED.items()
    assert submit(standin).status_code == 200


def test_402_and_429_name_their_reason(standin: StandinClient) -> None:
    standin.add_fault("balance", {"usd": "0.01"})
    broke = submit(standin, PRIVATE)
    assert (broke.status_code, broke.json()["reject_reason"]) == (402, "insufficient_funds")
    standin.control("faults", method="DELETE")
    standin.control("settings", {"latency_seconds": 60, "in_flight_limit": 1})
    submit(standin, PRIVATE)
    full = submit(standin, PRIVATE, prompt="a forest")
    assert (full.status_code, full.json()["reject_reason"]) == (429, "inflight_limit")
    assert "Retry-After" not in full.headers


def test_throttled_poll_says_when_to_come_back(standin: StandinClient) -> None:
    generation_id = submit(standin, PRIVATE).json()["generation_id"]
    standin.add_fault("refuse_429", route="v2/generations", times=1)
    throttled = poll(standin, generation_id)
    assert (throttled.status_code, throttled.headers["Retry-After"]) == (429, "1")


def test_failed_generation_is_free_and_says_why(standin: StandinClient) -> None:
    standin.add_fault("job_fails", {"message": "model_error"})
    done = finish(standin, submit(standin, PRIVATE).json()["generation_id"])
    assert (done["status"], done["failure_reason"], standin.total_usd()) == ("failed", "model_error", "0.00")


def test_unknown_generation_is_not_found(standin: StandinClient) -> None:
    assert poll(standin, "nothing").status_code == 404
    generation_id = submit(standin, PRIVATE).json()["generation_id"]
    assert poll(standin, generation_id, key="another").status_code == 404


def test_dry_run_returns_a_price_and_buys_nothing(standin: StandinClient) -> None:
    quote = submit(standin, PRIVATE, text("num_images", "2"), text("rendering_speed", "turbo"), is_dry_run=True).json()
    assert quote["object"] == "price_quote"
    assert (quote["quantity"], quote["usd_micros"], quote["qualifier"]) == (2, 60_000, "exact")
    assert (standin.jobs(), submit(standin, text("seed", "1"), is_dry_run=True).status_code) == ([], 400)


def test_ignored_dry_run_generates_and_charges(standin: StandinClient) -> None:
    standin.control("settings", {"ideogram_dry_run": "generates"})
    assert "generation_id" in submit(standin, PRIVATE, is_dry_run=True).json()
    assert standin.total_usd() == "0.06"


def test_usage_lists_the_endpoints_of_v2(standin: StandinClient) -> None:
    standin.control("settings", {"usage_lag_seconds": 0})
    submit(standin, PRIVATE)
    standin.post(REMOVE_V2, [IMAGE, PRIVATE])
    start = (datetime.now(UTC) - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    url = f"{standin.url}/ideogram/v2/account/usage?start_time={start}&bucket_width=1d"
    buckets = standin.http.get(url, headers={"Api-Key": KEY}, timeout=WAIT_SECONDS).json()["buckets"]
    items = [(item["endpoint"], item["cost_total"]) for bucket in buckets for item in bucket["line_items"]]
    assert sorted(items) == [
        ("/v2/image/remove-background/ideogram-1", "0.010000"),
        ("/v2/image/replace-background/ideogram-3", "0.060000"),
    ]
