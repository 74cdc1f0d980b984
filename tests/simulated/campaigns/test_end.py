"""The end of a campaign: one report, one event, and one mail, however often and by whichever worker it is reported."""

import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from backdrop.aws.ledger_index import LedgerQueries
from backdrop.campaigns.finish import FINISH_MARGIN
from backdrop.campaigns.report import CampaignStatus, FinishedExecution
from backdrop.model.image_request import ImageRequest
from backdrop.model.schedule import INDEX_SHARDS
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import INPUT_BUCKET
from tests.simulated.campaigns.test_plan import RUN, Campaigner
from tests.simulated.content_waits import list_image_requests, send_task_request, send_to_intake

REPORT = "_backdrop/campaigns/spring/report"
ENDED = FinishedExecution(
    RUN, {"name": "spring", "prefix": "shoes/"}, CampaignStatus.SUCCEEDED, "2026-11-20T08:00:00.000Z"
)
PRICE = Decimal("0.01")


class CampaignRun(Campaigner):
    """A campaign that has requested some photos in the same way as the state machine."""

    def request(self, *keys: str) -> None:
        for n, key in enumerate(keys):
            send_task_request(self.world, key, token=f"token-{key}-{n}", run="spring-1", operation="remove")

    def finish(self, **changes: Any) -> dict[str, Any] | None:
        return self.reporter.report(replace(ENDED, **changes), self.deadline)

    def report(self) -> dict[str, Any]:
        return json.loads(self.reporter.files.find(f"{REPORT}.json") or b"{}")

    def rows(self) -> list[dict[str, str]]:
        text = (self.reporter.files.find(f"{REPORT}.csv") or b"").decode()
        return list(csv.DictReader(text.splitlines()))


@pytest.fixture
def campaign() -> CampaignRun:
    found = CampaignRun()
    for name in ("shoes/a.jpg", "shoes/b.jpg"):
        found.upload(name, build_photo(name))
    found.request("shoes/a.jpg", "shoes/b.jpg", "shoes/a.jpg", "shoes/gone.jpg", "shoes/notes.txt")
    return found


def test_report_ledger_and_bill_agree(campaign: CampaignRun) -> None:
    campaign.world.run_until_empty()
    report = campaign.finish()
    assert report
    assert report == campaign.report()
    items = report["items"]
    assert (items["asked"], items["stored"], items["refused"], items["skipped"]) == (5, 3, 1, 1)
    billed = len(campaign.world.provider.received_job_ids) * PRICE
    assert billed == 2 * PRICE == Decimal(str(report["cost"]["usd"]))
    assert sum(Decimal(row["usd"]) for row in campaign.rows()) == billed
    assert [row["key"] for row in campaign.rows()] == sorted(row["key"] for row in campaign.rows())


def test_repeated_key_is_bought_in_any_order_of_requests() -> None:
    for between in range(6):
        campaign = CampaignRun()
        campaign.upload("shoes/a.jpg", build_photo("a"))
        for token in ("early", "late"):
            # Requests are listed by their IDs, which have no particular order.
            for _ in range(between):
                send_to_intake(campaign.world, {"bucket": INPUT_BUCKET, "key": "shoes/notes.txt", "instructions": {}})
            send_task_request(campaign.world, "shoes/a.jpg", token=token, run="spring-1", operation="remove")
            campaign.world.run_until_empty()
            campaign.world.run_for(600)
        report = campaign.finish()
        assert report
        assert (report["items"]["stored"], report["cost"]["usd"], report["bought"]["usd"]) == (2, 0.01, 0.01)


def test_earlier_purchases_do_not_count_for_the_campaign(campaign: CampaignRun) -> None:
    campaign.world.run_until_empty()
    later = (campaign.world.clock.now() + timedelta(minutes=1)).isoformat()
    report = campaign.finish(started_at_text=later)
    assert report
    assert (report["cost"]["usd"], report["bought"]["usd"]) == (0.02, 0)


def test_end_is_announced_once_however_often_it_is_reported(campaign: CampaignRun) -> None:
    campaign.world.run_until_empty()
    first = campaign.finish()
    assert first
    assert campaign.finish() == first
    assert campaign.finish(status=CampaignStatus.FAILED) == first
    [(kind, detail)] = campaign.notifier.events
    [(subject, _)] = campaign.notifier.mails
    assert (kind, detail["status"], subject) == (
        "Campaign Completed",
        "succeeded",
        "Backdrop campaign spring: succeeded",
    )


def test_unannounced_report_is_announced_at_the_next_attempt(
    campaign: CampaignRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign.world.run_until_empty()

    def fail(subject: str, text: str) -> None:
        raise ConnectionError

    with monkeypatch.context() as broken:
        broken.setattr(campaign.notifier, "send", fail)
        with pytest.raises(ConnectionError):
            campaign.finish()
    assert campaign.finish()
    first, second = campaign.notifier.events
    assert first[1]["event_id"] == second[1]["event_id"]


def test_report_of_a_stopped_campaign_waits_for_open_jobs(
    campaign: CampaignRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign.world.deliver_next("intake")
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        assert campaign.report() == {}, "the existing report states how the campaign ended"
        campaign.world.run_for(seconds)

    monkeypatch.setattr(campaign.world.clock, "sleep", sleep)
    report = campaign.finish(status=CampaignStatus.STOPPED)
    assert pauses
    assert report
    assert (report["status"], report["items"]["open"], report["items"]["stored"]) == ("stopped", 0, 3)


def test_campaign_fails_only_above_its_tolerated_failures(campaign: CampaignRun) -> None:
    campaign.world.run_until_empty()
    tolerant_input = {**ENDED.campaign_input, "tolerated_failure_percent": 25}
    report = campaign.finish(campaign_input=tolerant_input, execution=RUN)
    assert report
    assert (report["status"], report["error"]) == ("succeeded", None)
    strict = CampaignRun()
    strict.upload("shoes/a.jpg", build_photo("a"))
    strict.request("shoes/a.jpg", "shoes/gone.jpg")
    strict.world.run_until_empty()
    failed = strict.finish(campaign_input={**ENDED.campaign_input, "tolerated_failure_percent": 49})
    assert failed
    assert (failed["status"], failed["error"]["code"]) == ("failed", "too_many_failures")


def test_end_announced_by_another_worker_is_not_announced_again(
    campaign: CampaignRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign.world.run_until_empty()

    def sleep(seconds: float) -> None:
        monkeypatch.undo()
        assert campaign.finish(status=CampaignStatus.STOPPED)

    monkeypatch.setattr(campaign.world.clock, "sleep", sleep)
    assert campaign.finish(status=CampaignStatus.STOPPED) == campaign.report()
    assert (len(campaign.notifier.events), len(campaign.notifier.mails)) == (1, 1)


def test_redriven_execution_is_announced_again(campaign: CampaignRun) -> None:
    campaign.world.run_until_empty()
    stopped, gone_on = campaign.finish(status=CampaignStatus.STOPPED), campaign.finish(redrive_count=1)
    assert stopped
    assert gone_on
    assert (stopped["status"], gone_on["status"]) == ("stopped", "succeeded")
    first, second = campaign.notifier.events
    assert first[1]["event_id"] != second[1]["event_id"]


def test_late_index_entries_are_in_the_report() -> None:
    campaign = CampaignRun()
    for name in ("shoes/a.jpg", "shoes/b.jpg"):
        campaign.upload(name, build_photo(name))
    campaign.plan()
    campaign.request("shoes/a.jpg", "shoes/b.jpg")
    campaign.world.run_until_empty("intake")
    age = campaign.world.clock.now() - list_image_requests(campaign.world)[0].requested_at
    campaign.world.table.index_lag = age + timedelta(seconds=8)
    report = campaign.finish()
    assert report
    assert (report["items"]["asked"], report["items"]["not_asked"]) == (2, 0)


def test_unrequested_items_are_named_without_a_long_wait() -> None:
    campaign = CampaignRun()
    for n in range(14):
        campaign.upload(f"shoes/{n:02}.jpg", build_photo("a"))
    campaign.plan()
    campaign.request("shoes/01.jpg", "shoes/03.jpg")
    campaign.world.run_until_empty()
    began = campaign.world.clock.now()
    report = campaign.finish()
    assert report
    assert (report["items"]["not_asked"], len(report["first_not_asked"])) == (12, 10)
    assert report["first_not_asked"][:3] == ["shoes/00.jpg", "shoes/02.jpg", "shoes/04.jpg"]
    [(_, text)] = campaign.notifier.mails
    assert "12 items were not requested; the first is shoes/00.jpg." in text
    assert campaign.world.clock.now() - began < timedelta(seconds=30)


def test_stopped_campaign_is_queried_only_twice_despite_long_calls(
    campaign: CampaignRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign.world.run_until_empty("intake")
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        campaign.world.clock.time += timedelta(seconds=seconds)
        if len(pauses) == 20:
            campaign.world.run_until_empty()

    monkeypatch.setattr(campaign.world.clock, "sleep", sleep)
    before = len(campaign.world.transport.calls)
    report = campaign.finish(status=CampaignStatus.STOPPED)
    assert report
    assert len(pauses) >= 20
    assert (report["items"]["open"], report["items"]["stored"]) == (0, 3)
    sent = [call.request for call in campaign.world.transport.calls[before:] if call.operation == "query"]
    queries = [one for one in sent if "campaign#" in json.dumps(one) and "ExclusiveStartKey" not in one]
    assert len(queries) == 2 * len(INDEX_SHARDS)


@pytest.mark.parametrize("seconds", [0, 100, 400, 600])
def test_open_campaign_is_reported_before_its_deadline(
    campaign: CampaignRun, monkeypatch: pytest.MonkeyPatch, seconds: int
) -> None:
    campaign.world.run_until_empty("intake")
    deadline, clock = campaign.deadline, campaign.world.clock

    def slow(self: LedgerQueries, name: str) -> Iterator[ImageRequest]:
        clock.time += timedelta(seconds=seconds)
        return quick(self, name)

    quick = LedgerQueries.list_campaign_requests
    monkeypatch.setattr(LedgerQueries, "list_campaign_requests", slow)
    report = campaign.finish(status=CampaignStatus.STOPPED)
    assert report
    assert (report["status"], report["items"]["open"]) == ("stopped", 3)
    assert len(campaign.notifier.mails) == 1
    assert clock.now() <= deadline - FINISH_MARGIN


@pytest.mark.parametrize("given", [{}, {"name": 7}, {"name": "../x"}])
def test_execution_without_a_valid_name_is_not_reported(campaign: CampaignRun, given: dict[str, Any]) -> None:
    assert campaign.finish(campaign_input=given, status=CampaignStatus.REFUSED) is None
    assert campaign.notifier.events == []
