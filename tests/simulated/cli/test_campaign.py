"""`backdrop campaign`: quotes, confirms, watches, lists, and stops campaigns. Also, drops that become campaigns."""

import json
import re
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from backdrop.campaigns.report import ITEM_STATUSES, CampaignTotals
from backdrop_cli.campaign.campaign_progress import (
    END_LABELS,
    CampaignProgress,
    build_progress_document,
    read_campaign_progress,
)
from backdrop_cli.stack import Stack
from simulation.world.sample_images import build_photo
from simulation.world.transport import build_client_error
from simulation.world.world_inspector import INPUT_BUCKET
from tests.simulated.cli_campaigns import PROMPT, list_started_inputs, person_with_three_photos
from tests.simulated.command_user import Person
from tests.simulated.content_waits import send_task_request


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Person:
    return person_with_three_photos(monkeypatch, tmp_path)


def test_quote_lists_the_prefix_and_the_maximum_cost(person: Person) -> None:
    person.world.upload_sidecar("shoes/red.jpg", operation="remove")
    result = person.run("campaign", "quote", "shoes/", *PROMPT)
    assert (result.code, result.err) == (0, "")
    assert "Campaign shoes, stack shop: the keys that begin with 'shoes/'" in result.out
    assert "2 photos, 2 jobs; 1 other file skipped" in result.out
    assert "At most $0.12" in result.out
    assert list_started_inputs(person) == []
    data = person.run("campaign", "quote", "shoes/", "--json").data
    assert (data["most_usd"], data["not_bought"]) == (0.01, {"no_instructions": 1})


def test_picture_that_is_bought_under_another_key_is_not_priced(person: Person) -> None:
    photo = build_photo("one photo")
    person.world.upload_photo("old/red.jpg", photo, prompt="on a beach")
    person.world.upload_photo("new/red.jpg", photo)
    person.world.upload_photo("new/blue.jpg", build_photo("new"))
    person.world.run_until_empty()
    result = person.run("campaign", "quote", "new/", *PROMPT)
    assert "2 photos, 2 jobs" in result.out
    assert "At most $0.06" in result.out
    bought = len(person.world.provider.received_job_ids)
    for key in ("new/red.jpg", "new/blue.jpg"):
        person.world.upload_sidecar(key, prompt="on a beach")
    person.world.run_until_empty()
    assert len(person.world.provider.received_job_ids) == bought + 1


def test_quote_counts_warnings_and_names_the_first_photos(person: Person) -> None:
    person.world.run_until_empty()
    result = person.run("campaign", "quote", "shoes/", "--remove", "--for", "amazon-main")
    assert "! 2 warnings: enlarged\n  Use a larger photo." in result.out
    assert "  - shoes/blue.jpg: Output 'amazon-main' is " in result.out
    assert person.run("campaign", "quote", "shoes/", *PROMPT, "--json").data["warnings"] == {}
    warnings = person.run("campaign", "quote", "shoes/", "--remove", "--for", "amazon-main", "--json").data["warnings"]
    assert (warnings["enlarged"], warnings["tiny_photo"]) == (2, 2)


def test_campaign_starts_with_its_input_and_continues_unattended(person: Person) -> None:
    result = person.run(
        "--stack", "shop", "campaign", "run", "shoes/", *PROMPT, "--max-total", "2.50", "--tolerate", "10"
    )
    assert (result.code, result.err) == (0, "")
    [given] = list_started_inputs(person)
    assert given == {
        "name": "shoes",
        "prefix": "shoes/",
        "instructions": {"prompt": "on a beach"},
        "max_total_usd": 2.5,
        "tolerated_failure_percent": 10,
    }
    for command in ("status", "stop"):
        assert f"run `backdrop --stack shop campaign {command} shoes`." in result.out


def test_campaign_above_a_dollar_does_not_start_after_the_answer_no(person: Person) -> None:
    for n in range(20):
        person.world.upload_photo(f"shoes/{n}.jpg", build_photo(f"{n}"))
    result = person.run("campaign", "run", "shoes/", *PROMPT, answer="n")
    assert result.code == 1
    assert "Buy pictures for 22 photos for at most $1.32? [y/N]" in result.out
    assert person.run("campaign", "run", "shoes/", *PROMPT).code == 1
    assert list_started_inputs(person) == []
    assert person.run("campaign", "run", "shoes/", *PROMPT, "--yes").code == 0
    assert len(list_started_inputs(person)) == 1


def test_campaign_above_its_limit_is_not_started(person: Person) -> None:
    result = person.run("campaign", "run", "shoes/", *PROMPT, "--max-total", "0.11", "--yes")
    assert (result.code, result.err) == (1, "error: nothing was started: --max-total allows only $0.11\n")
    assert list_started_inputs(person) == []


def test_local_manifest_is_quoted_and_uploaded_to_the_bucket(person: Person, tmp_path: Path) -> None:
    (tmp_path / "Spring sale.csv").write_text("key,prompt\nshoes/red.jpg,at sea\n,x\ngone.jpg,x\n")
    result = person.run("campaign", "run", "Spring sale.csv")
    assert (result.code, result.err) == (0, "")
    assert "1 key without a photo: photo_not_found" in result.out
    assert "1 row skipped\n    - row 3: it has no key" in result.out
    [given] = list_started_inputs(person)
    assert given["name"] == "Spring-sale"
    assert re.fullmatch(r"_backdrop/manifests/Spring-sale-[0-9a-f]{16}\.csv", given["manifest"])
    stored = person.stack.photos.read(INPUT_BUCKET, given["manifest"], max_bytes=1000)
    assert stored
    assert stored.data == (tmp_path / "Spring sale.csv").read_bytes()


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("s3://elsewhere/shoes/",), "a campaign uses the stack's input bucket"),
        (("shoes/", "--name", "no blanks"), "--name takes letters"),
        (("shoes/", "--max-total", "much"), "--max-total takes a dollar amount above 0"),
        (("shoes/", "--tolerate", "101"), "--tolerate takes a number from 0 to 100"),
        (("shoes/", "--prompt", ""), "prompt"),
    ],
)
def test_usage_error_is_explained_in_one_sentence(person: Person, words: tuple[str, ...], why: str) -> None:
    result = person.run("campaign", "run", *words)
    assert (result.code, result.out) == (2, "")
    assert why in result.err
    assert list_started_inputs(person) == []


def test_missing_manifest_is_named(person: Person) -> None:
    result = person.run("campaign", "run", "list.csv")
    assert result.code == 1
    assert "list.csv" in result.err
    assert list_started_inputs(person) == []


def test_campaign_is_shown_by_name_with_counts_and_money(person: Person) -> None:
    assert person.run("campaign", "status").out == "Stack shop has had no campaign yet.\n"
    person.run("campaign", "run", "shoes/", *PROMPT)
    [arn] = person.states.executions
    run = arn.rpartition(":")[2]
    send_task_request(person.world, "shoes/red.jpg", run=run, prompt="on a beach")
    send_task_request(person.world, "shoes/gone.jpg", token="other", run=run, prompt="on a beach")
    person.world.run_until_empty()
    data = person.run("campaign", "status", "shoes", "--json").data
    assert (data["status"], data["asked"], data["stored"], data["bought_usd"]) == ("running", 2, 1, 0.06)
    assert data["failures"] == {"photo_not_found": 1}
    person.states.end_running("FAILED", error="too_many_failures", cause="50.0% of the items failed")
    result = person.run("campaign", "status", "shoes")
    assert "too_many_failures: 50.0%" in result.out
    assert "photo_not_found: There is no shoes/gone.jpg" in result.out
    assert "shoes" in person.run("campaign", "status").out


def test_only_a_running_campaign_can_be_stopped_after_confirmation(person: Person) -> None:
    person.run("campaign", "run", "shoes/", *PROMPT)
    [one] = person.states.executions.values()
    assert person.run("campaign", "stop", "shoes", answer="n").code == 1
    assert one["status"] == "RUNNING"
    assert person.run("campaign", "stop", "shoes", answer="y").code == 0
    assert one["status"] == "ABORTED"
    result = person.run("campaign", "stop", "shoes", "--yes")
    assert (result.code, "no campaign named shoes is running" in result.err) == (3, True)


def test_waiting_ends_with_the_campaign_and_its_exit_code(person: Person) -> None:
    person.stack = _end_while_waiting(person, "SUCCEEDED")
    result = person.run("campaign", "run", "shoes/", *PROMPT, "--wait")
    assert (result.code, result.err) == (0, "")
    assert "shoes: succeeded;" in result.out
    person.stack = _end_while_waiting(person, "FAILED")
    assert person.run("campaign", "run", "shoes/", *PROMPT, "--wait").code == 1


@pytest.mark.parametrize(
    ("ends", "listed", "is_delivered"),
    [
        (["stored", "skipped"], 2, True),
        (["stored", "refused"], 2, False),
        (["stored", "open"], 2, False),
        (["stored"], 2, False),
        ([], 0, True),
    ],
)
def test_campaign_is_delivered_if_every_photo_is(
    person: Person, ends: list[str], listed: int, is_delivered: bool
) -> None:
    person.run("campaign", "run", "shoes/", *PROMPT)
    [execution] = person.stack.state_machine.list_latest(only_running=True)
    totals = CampaignTotals(execution.started_at, Counter(ends), len(ends))
    assert CampaignProgress(execution, totals, listed, (), None).is_delivered == is_delivered


def test_waiting_ends_with_1_if_a_photo_was_not_delivered(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_with_two_items(*given: Any) -> CampaignProgress:
        return replace(read_campaign_progress(*given), total_items=2)

    monkeypatch.setattr("backdrop_cli.campaign.campaign_watch.read_campaign_progress", read_with_two_items)
    person.stack = _end_while_waiting(person, "SUCCEEDED")
    assert person.run("campaign", "run", "shoes/", *PROMPT, "--wait").code == 1


def test_slow_campaign_is_polled_less_often(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = person.world.clock
    reads: list[Any] = []

    def read_slowly(*given: Any) -> CampaignProgress:
        reads.append(clock.now())
        clock.time += timedelta(seconds=30)
        return read_campaign_progress(*given)

    def wait(seconds: float) -> None:
        clock.time += timedelta(seconds=seconds)
        if clock.now() - reads[0] > timedelta(minutes=20):
            person.states.end_running()

    monkeypatch.setattr("backdrop_cli.campaign.campaign_watch.read_campaign_progress", read_slowly)
    person.stack = replace(person.stack, sleep=wait)
    assert person.run("campaign", "run", "shoes/", *PROMPT, "--wait").code == 0
    assert 4 <= len(reads) <= 6


def _end_while_waiting(person: Person, status: str) -> Stack:
    def wait(seconds: float) -> None:
        person.states.end_running(status)

    return replace(person.stack, sleep=wait)


def test_drop_of_a_manifest_or_bucket_prefix_starts_campaign(person: Person, tmp_path: Path) -> None:
    (tmp_path / "list.jsonl").write_text('{"key": "shoes/red.jpg"}\n')
    assert person.run("drop", "list.jsonl", *PROMPT).code == 0
    assert person.run("drop", f"s3://{INPUT_BUCKET}/hats/", *PROMPT).code == 0
    assert [(one["name"], one.get("prefix")) for one in list_started_inputs(person)] == [
        ("list", None),
        ("hats", "hats/"),
    ]
    result = person.run("drop", "list.jsonl", "shoes/")
    assert (result.code, "must be the only path" in result.err) == (2, True)


# -- progress, and why there is none ------------------------------------------------------------------------------


def start_planned(person: Person, items: int) -> str:
    """Starts a campaign that has listed this many items and requested one. Returns its run."""
    person.run("campaign", "run", "shoes/", *PROMPT)
    run = [*person.states.executions][-1].rpartition(":")[2]
    key = f"_backdrop/work/campaigns/{run}/plan.json"
    person.stack.output_store.put(key, json.dumps({"items": items}).encode(), "application/json")
    send_task_request(person.world, "shoes/red.jpg", run=run, prompt="on a beach")
    return run


def test_progress_shows_how_many_items_have_ended(person: Person) -> None:
    run = start_planned(person, 60)
    person.world.run_until_empty()
    result = person.run("campaign", "status", "shoes")
    assert f"{run}, since " in result.out
    assert "1 of 60 items ended" in result.out
    assert re.search(r"59 +to come", result.out)
    data = person.run("campaign", "status", run, "--json").data
    assert (data["run"], data["listed"], data["asked"], data["report"]) == (run, 60, 1, None)


def test_every_state_of_an_item_has_a_label() -> None:
    assert set(ITEM_STATUSES) <= set(END_LABELS)


def test_item_in_review_is_counted_and_points_to_the_command(person: Person) -> None:
    run = start_planned(person, 1)
    send_task_request(person.world, "shoes/blue.jpg", token="t2", run=run, prompt="on sand", approval="required")
    person.world.run_until_empty()
    out = " ".join(person.run("campaign", "status", "shoes").out.split())
    assert "1 awaiting approval see `backdrop review`" in out


def test_calls_in_flight_are_not_shown_as_unknown_charges(person: Person) -> None:
    start_planned(person, 1)
    [one] = person.stack.state_machine.list_latest()
    out = CampaignTotals(one.started_at, bought=60_000, bought_unknown=550_000, reserved=540_000)
    now = CampaignProgress(one, out, 1, (), None)
    assert now.cost_summary == "$0.06 and possibly $0.01 more, $0.54 reserved for calls in flight"
    assert build_progress_document(person.stack, now) | {
        "unknown_usd": 0.01,
        "reserved_usd": 0.54,
    } == build_progress_document(person.stack, now)


def test_paused_provider_is_named_and_not_waited_for(person: Person) -> None:
    assert person.run("pause", "ideogram").code == 0
    start_planned(person, 60)
    person.world.run_until_empty("intake")
    result = person.run("campaign", "status", "shoes")
    assert "! ideogram is paused (paused_by_person)" in result.out
    [paused] = person.run("campaign", "status", "shoes", "--json").data["paused"]
    assert (paused["provider"], paused["code"]) == ("ideogram", "paused_by_person")


def test_waiting_ends_with_the_reason_of_a_paused_lane(person: Person) -> None:
    assert person.run("pause", "ideogram").code == 0

    def wait(seconds: float) -> None:
        if not person.world.list_jobs():
            run = [*person.states.executions][-1].rpartition(":")[2]
            send_task_request(person.world, "shoes/red.jpg", run=run, prompt="on a beach")
        person.world.run_for(seconds)

    person.stack = replace(person.stack, sleep=wait)
    result = person.run("campaign", "run", "shoes/", *PROMPT, "--wait")
    assert result.code == 1
    assert "Stopped waiting: ideogram is paused (paused_by_person)" in result.out
    assert "The campaign continues in the stack." in result.out


def test_stopped_campaign_names_its_report_once_it_exists(person: Person) -> None:
    run = start_planned(person, 1)
    [arn] = person.states.executions
    person.run("campaign", "stop", run, "--yes")
    result = person.run("campaign", "status", "shoes")
    assert "Campaign shoes, stack shop: stopped" in result.out
    assert "There is no report of this run yet" in result.out
    report = json.dumps({"execution": "an earlier one"}).encode()
    person.stack.output_store.put("_backdrop/campaigns/shoes/report.json", report, "application/json")
    assert "There is no report of this run yet" in person.run("campaign", "status", "shoes").out
    report = json.dumps({"execution": arn}).encode()
    person.stack.output_store.put("_backdrop/campaigns/shoes/report.json", report, "application/json")
    assert "/_backdrop/campaigns/shoes/report.json" in person.run("campaign", "status", "shoes").out
    [stopped] = person.run("campaign", "status", "--json").data["campaigns"]
    assert stopped["status"] == "stopped"


def test_waiting_with_json_reports_counts_cost_and_report(person: Person) -> None:
    person.stack = _end_while_waiting(person, "SUCCEEDED")
    data = person.run("campaign", "run", "shoes/", *PROMPT, "--wait", "--json").data
    assert data["jobs"] == 2
    assert {"listed", "asked", "stored", "bought_usd", "unknown_usd", "report"} <= data.keys()
    assert data["status"] == "succeeded"


@pytest.mark.parametrize(("is_interrupted", "code"), [(False, 1), (True, 130)])
def test_json_names_the_campaign_if_waiting_is_cut_short(person: Person, is_interrupted: bool, code: int) -> None:
    def fail(_: float) -> None:
        raise KeyboardInterrupt if is_interrupted else build_client_error("ExpiredTokenException", "GetItem", 400)

    person.stack = replace(person.stack, sleep=fail)
    result = person.run("campaign", "run", "shoes/", *PROMPT, "--wait", "--json")
    [arn] = person.states.executions
    assert (result.code, result.data["execution"]) == (code, arn)
    assert "To see its progress, run `backdrop campaign status shoes`" in result.err


def test_latest_campaign_is_the_last_started_in_any_order(person: Person) -> None:
    for prefix in ("shoes/", "hats/"):
        assert person.run("campaign", "run", prefix, *PROMPT).code == 0
    listed = person.run("campaign", "status", "--json").data["campaigns"]
    assert [one["name"] for one in listed] == ["hats", "shoes"]
    assert person.run("campaign", "status", listed[0]["run"]).code == 0
