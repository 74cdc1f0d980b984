"""The end of a campaign in the simulated world: one report, event and mail, whoever tells of the end and how often."""

import csv
import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from backdrop.core.campaign_report import Ended, Fate
from proof.world.pictures import photo
from proof.world.stack import INPUT
from tests.unit.test_campaign_plan import RUN, Campaigner
from tests.unit.waiters import send, wait_for

REPORT = "_backdrop/campaigns/spring/report"
ENDED = Ended(RUN, {"name": "spring", "prefix": "shoes/"}, Fate.SUCCEEDED, "2026-11-20T08:00:00.000Z")
PRICE = Decimal("0.01")


class Director(Campaigner):
    """Has asked for some photos as the state machine does."""

    def asks(self, *keys: str) -> None:
        for n, key in enumerate(keys):
            wait_for(self.world, key, token=f"token-{key}-{n}", run="spring-1", operation="remove")

    def ends(self, **changes: Any) -> dict[str, Any] | None:
        return self.reporter(replace(ENDED, **changes), self.deadline)

    def report(self) -> dict[str, Any]:
        return json.loads(self.reporter.files.find(f"{REPORT}.json") or b"{}")

    def rows(self) -> list[dict[str, str]]:
        text = (self.reporter.files.find(f"{REPORT}.csv") or b"").decode()
        return list(csv.DictReader(text.splitlines()))


@pytest.fixture
def director() -> Director:
    found = Director()
    for name in ("shoes/a.jpg", "shoes/b.jpg"):
        found.has(name, photo(name))
    found.asks("shoes/a.jpg", "shoes/b.jpg", "shoes/a.jpg", "shoes/gone.jpg", "shoes/notes.txt")
    return found


def test_report_ledger_and_bill_are_one(director: Director) -> None:
    director.world.run()
    report = director.ends()
    assert report
    assert report == director.report()
    items = report["items"]
    assert (items["asked"], items["stored"], items["refused"], items["skipped"]) == (5, 3, 1, 1)
    billed = len(director.world.provider.calls) * PRICE
    assert billed == 2 * PRICE == Decimal(str(report["cost"]["usd"]))
    assert sum(Decimal(row["usd"]) for row in director.rows()) == billed
    assert [row["key"] for row in director.rows()] == sorted(row["key"] for row in director.rows())


def test_what_was_bought_for_a_key_that_stands_twice_is_bought_whichever_request_came_first() -> None:
    for between in range(6):
        director = Director()
        director.has("shoes/a.jpg", photo("a"))
        for token in ("early", "late"):
            # Requests are listed by their ids, which come in any order.
            for _ in range(between):
                send(director.world, {"bucket": INPUT, "key": "shoes/notes.txt", "instructions": {}})
            wait_for(director.world, "shoes/a.jpg", token=token, run="spring-1", operation="remove")
            director.world.run()
            director.world.run_for(600)
        report = director.ends()
        assert report
        assert (report["items"]["stored"], report["cost"]["usd"], report["bought"]["usd"]) == (2, 0.01, 0.01)


def test_what_was_bought_before_the_campaign_began_was_not_bought_by_it(director: Director) -> None:
    director.world.run()
    later = (director.world.clock.now() + timedelta(minutes=1)).isoformat()
    report = director.ends(began_at=later)
    assert report
    assert (report["cost"]["usd"], report["bought"]["usd"]) == (0.02, 0)


def test_its_end_is_told_once_however_often_it_is_heard_of(director: Director) -> None:
    director.world.run()
    assert director.ends()
    assert director.ends() is None
    assert director.ends(fate=Fate.FAILED) is None
    [(kind, detail)] = director.ears.events
    [(subject, _)] = director.ears.mails
    assert (kind, detail["status"], subject) == (
        "Campaign Completed",
        "succeeded",
        "Backdrop campaign spring: succeeded",
    )


def test_a_report_that_could_not_be_told_of_is_told_of_at_the_next_try(director: Director) -> None:
    director.world.run()

    def breaks(subject: str, text: str) -> None:
        raise ConnectionError

    director.ears.send = breaks
    with pytest.raises(ConnectionError):
        director.ends()
    del director.ears.send
    assert director.ends()
    first, second = director.ears.events
    assert first[1]["event_id"] == second[1]["event_id"]


def test_after_a_stop_the_report_waits_for_what_is_under_way(
    director: Director, monkeypatch: pytest.MonkeyPatch
) -> None:
    director.world.turn("intake")
    naps: list[float] = []

    def sleep(seconds: float) -> None:
        naps.append(seconds)
        director.world.run_for(seconds)

    monkeypatch.setattr(director.world.clock, "sleep", sleep)
    report = director.ends(fate=Fate.STOPPED)
    assert naps
    assert report
    assert (report["status"], report["items"]["open"], report["items"]["stored"]) == ("stopped", 0, 3)


def test_a_campaign_fails_by_more_failures_than_it_tolerates_and_by_no_fewer(director: Director) -> None:
    director.world.run()
    tolerant = {**ENDED.given, "tolerated_failure_percent": 25}
    report = director.ends(given=tolerant, execution=RUN)
    assert report
    assert (report["status"], report["error"]) == ("succeeded", None)
    strict = Director()
    strict.has("shoes/a.jpg", photo("a"))
    strict.asks("shoes/a.jpg", "shoes/gone.jpg")
    strict.world.run()
    failed = strict.ends(given={**ENDED.given, "tolerated_failure_percent": 49})
    assert failed
    assert (failed["status"], failed["error"]["code"]) == ("failed", "too_many_failures")


@pytest.mark.parametrize("given", [{}, {"name": 7}, {"name": "../x"}])
def test_an_execution_without_a_name_to_report_under_is_not_reported(director: Director, given: dict[str, Any]) -> None:
    assert director.ends(given=given, fate=Fate.REFUSED) is None
    assert director.ears.events == []
