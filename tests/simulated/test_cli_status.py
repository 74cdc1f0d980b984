"""`backdrop status`, `show`, and `spend`: what is in progress, one image's whole history, and what was spent."""

from datetime import timedelta

import pytest
from PIL import Image

from backdrop.model import transitions
from backdrop.model.circuit import FAILURE_THRESHOLD
from backdrop.model.codes import Code
from backdrop.model.provider_result import RetryClass
from backdrop.model.schedule import BudgetDay
from simulation.world.call_behavior import build_charged_hang_up, build_refusal
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import World
from simulation.world.world_inspector import INPUT_BUCKET, OUTPUT_BUCKET
from tests.corpus.files import heic
from tests.simulated.command_user import REMOVAL, Person


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> Person:
    return Person(World(on_lost_answer="hold"), monkeypatch)


# -- status ------------------------------------------------------------------------------------------------------


def test_status_counts_every_outcome_and_todays_cost(person: Person) -> None:
    person.upload("a.jpg", "b.jpg")
    person.world.run_until_empty()
    person.upload_failing(Code.REQUEST_REJECTED, "c.jpg")
    person.upload_failing(Code.UNSAFE_REQUEST, "d.jpg")
    person.world.upload_photo("bare.jpg", build_photo("bare"))
    person.world.run_until_empty()
    data = person.run("status", "--json").data
    assert {name: number for name, number in data["jobs"].items() if number} == {"stored": 2, "dead": 1, "refused": 1}
    assert (data["photos_reported_without_job"], data["photos_waiting_for_instructions"]) == (1, 0)
    assert (data["today"]["settled_usd"], data["today"]["cap_usd"]) == (0.02, 10.0)
    output = person.run("status").out
    assert "2   delivered" in output
    assert "1   failed      see `backdrop failures`" in output
    assert "Today (UTC): $0.02 of $10.00 spent." in output


def test_status_counts_photos_with_reports_not_errors_or_folders(person: Person) -> None:
    person.world.upload_sidecar("a.jpg", promt="at sea", widht=3)
    person.world.upload_photo("a.jpg", build_photo("a"))
    person.world.s3.upload(INPUT_BUCKET, "hats/_backdrop.json", b'{"promt": 1, "widht": 2}')
    person.world.upload_photo("hats/b.jpg", build_photo("b"))
    person.world.run_until_empty()
    assert person.run("status", "--json").data["photos_reported_without_job"] == 2


def test_status_shows_waiting_jobs_with_age_and_reason(person: Person) -> None:
    person.run("pause", "ideogram")
    person.upload("a.jpg", "b.jpg")
    person.world.run_for(120)
    (lane,) = person.run("status", "--json").data["providers"]
    assert (lane["state"], lane["waiting"], lane["at_the_provider"], lane["limit"]) == ("paused", 2, 0, 10)
    assert [one["code"] for one in lane["reasons"]] == ["paused_by_person"]
    output = " ".join(person.run("status").out.split())
    assert "ideogram paused (paused_by_person): An operator paused the provider. 0 of 10 2 2 min" in output


def test_status_counts_age_of_redriven_job_from_its_redrive(person: Person) -> None:
    person.upload_failing(Code.REQUEST_REJECTED, "a.jpg")
    person.run("pause", "ideogram")
    assert person.run("redrive", "--yes").code == 0
    (job,) = person.world.list_jobs("a.jpg")
    (lane,) = person.run("status", "--json").data["providers"]
    assert lane["oldest_since"] == job.queued_at.isoformat(timespec="seconds")


def test_status_counts_age_of_resent_job_from_its_start(person: Person) -> None:
    person.run("pause", "ideogram")
    person.upload("a.jpg")
    person.world.run_for(120)
    (job,) = person.world.list_jobs("a.jpg")
    person.world.ledger.write_transition(transitions.mark_resent(job, person.world.clock.now() + timedelta(days=3)))
    (lane,) = person.run("status", "--json").data["providers"]
    assert lane["oldest_since"] == job.queued_at.isoformat(timespec="seconds")


def test_status_shows_whether_a_lane_is_running_probing_or_paused(person: Person) -> None:
    def read_state() -> str:
        (lane,) = person.run("status", "--json").data["providers"]
        return lane["state"]

    assert read_state() == "running"
    person.world.provider.script.extend(
        [build_refusal(RetryClass.BACKOFF, Code.PROVIDER_UNAVAILABLE)] * FAILURE_THRESHOLD
    )
    person.upload("a.jpg", "b.jpg", "c.jpg")
    person.world.run_until_empty("intake")
    for _ in range(FAILURE_THRESHOLD):
        person.world.deliver_next("ideogram")
    assert read_state() == "probing"
    output = " ".join(person.run("status").out.split())
    assert "ideogram probing: it failed three times in a row" in output
    person.run("pause", "ideogram")
    assert read_state() == "paused"


def test_status_counts_why_photos_wait(person: Person) -> None:
    for key, name in (("first.jpg", "same"), ("copy.jpg", "same"), ("other.jpg", "other")):
        person.world.upload_photo(key, build_photo(name), operation="remove")
        person.world.run_until_empty("intake")
    person.world.provider.script.append(build_refusal(RetryClass.QUOTA, Code.PROVIDER_THROTTLED, retry_after=900))
    person.world.deliver_next("ideogram")
    person.world.upload_photo("bare.jpg", build_photo("bare"))
    person.world.deliver_next("intake")
    waiting = person.run("status", "--json").data["waiting"]
    assert waiting == {"settling": 1, "provider_throttled": 1, "owner_at_work": 1, "queued": 1}
    output = " ".join(person.run("status").out.split())
    assert "1 waiting Another photo with the same content is being bought for both; see `backdrop show KEY`" in output
    assert "1 waiting The provider's rate limit is reached." in output
    assert "1 waiting No instructions yet; they may still arrive." in output
    assert "1 waiting In the provider's queue." in output


def test_status_counts_a_paused_lane_and_waiting_copies(person: Person) -> None:
    person.run("pause", "ideogram")
    person.world.upload_photo("first.jpg", build_photo("same"), operation="remove")
    person.world.upload_photo("copy.jpg", build_photo("same"), operation="remove")
    person.world.run_until_empty("intake")
    assert person.run("status", "--json").data["waiting"] == {"paused_by_person": 1, "owner_at_work": 1}
    assert "1 waiting An operator paused the provider." in " ".join(person.run("status").out.split())


def test_status_and_show_name_budget_reserved_by_calls_in_flight(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    person.upload("a.jpg")
    person.world.run_until_empty("intake")
    now = person.world.clock.now()
    reserved = person.stack.read_budget(now)[1] - REMOVAL // 2
    day = BudgetDay(now.date().isoformat(), reserved=reserved)

    def read_day(*_: object) -> BudgetDay:
        return day

    monkeypatch.setattr(type(person.stack.redrive_service.ledger_queries), "read_budget_day", read_day)
    assert person.run("status", "--json").data["waiting"] == {"budget_reserved": 1}
    shown = person.run("show", "a.jpg", "--json").data
    assert (shown["stage"], "(budget_reserved)" in shown["note"]) == ("waiting", True)
    assert shown["report"] is None


def test_status_of_an_empty_stack_explains_how_to_start(person: Person) -> None:
    assert "No job has ended yet. To start one, run `backdrop drop photos/`." in person.run("status").out


def test_status_watch_repeats_until_ctrl_c(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    intervals: list[float] = []

    def wait(_stack: object, seconds: float) -> None:
        intervals.append(seconds)
        if len(intervals) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(type(person.stack), "sleep", wait)
    object.__delattr__(person.stack, "sleep")
    result = person.run("status", "--watch")
    assert (result.code, result.out.count("Stack shop")) == (130, 3)
    assert min(intervals) >= 2


# -- show --------------------------------------------------------------------------------------------------------


def test_show_prints_a_pictures_whole_history(person: Person) -> None:
    person.world.upload_sidecar("shoes/red.jpg", prompt="on sand", seed=7)
    person.world.upload_photo("shoes/red.jpg", build_photo())
    person.world.run_until_empty()
    result = person.run("show", "shoes/red.jpg")
    assert result.code == 0
    for words in (
        "shoes/red.jpg, stack shop",
        "  delivered",
        "photo: 16 × 16 png",
        "stored, replace by ideogram, $0.06",
        "prompt: on sand  (shoes/red.jpg.json)",
        "call 1 to ideogram was answered, $0.06",
        "shoes/red.jpg/red.png  (16 × 16 png",
        "_backdrop/receipts/shoes/red.jpg.json",
        "_backdrop/paid/",
    ):
        assert words in result.out, words


def test_show_names_the_format_of_the_original_photo(person: Person) -> None:
    person.world.upload_photo("cup.heic", heic(Image.new("RGB", (40, 30), "navy")), operation="remove")
    person.world.run_until_empty()
    assert "photo: 40 × 30 heic, " in person.run("show", "cup.heic").out


def test_show_json_contains_receipt_report_and_files(person: Person) -> None:
    person.upload("red.jpg")
    person.world.run_until_empty()
    data = person.run("show", "red.jpg", "--json").data
    assert data["receipt"] == person.world.read_receipt("red.jpg")
    assert (data["report"], data["stage"], data["gone"]) == (None, "stored", [])


@pytest.mark.parametrize(
    "name", ["shoes/red.jpg", "shoes/red.jpg/red.png", "shoes/red.jpg.json", f"s3://{INPUT_BUCKET}/shoes/red.jpg"]
)
def test_show_accepts_photo_picture_sidecar_or_url(person: Person, name: str) -> None:
    person.upload("shoes/red.jpg")
    person.world.run_until_empty()
    assert "shoes/red.jpg, stack shop" in person.run("show", name).out


def test_show_explains_a_failure_with_advice_and_possible_cost(person: Person) -> None:
    person.world.provider.script.append(build_charged_hang_up())
    person.upload("red.jpg")
    person.world.run_for(600)
    output = " ".join(person.run("show", "red.jpg").out.split())
    assert "lost its answer, $0.01 possibly charged" in output
    assert "(charge_unknown)" in output
    assert "run `backdrop redrive --pay-again`" in output


def test_show_says_since_when_and_why_the_lane_is_paused(person: Person) -> None:
    person.run("pause", "ideogram")
    person.upload("red.jpg")
    person.world.run_for(120)
    message = "ideogram has been paused since 2026-11-20 09:00:00 UTC (paused_by_person): An operator paused the"
    output = " ".join(person.run("show", "red.jpg").out.split())
    assert message in output
    assert "run `backdrop resume` with the provider's name" in output
    data = person.run("show", "red.jpg", "--json").data
    assert (data["stage"], message in data["note"]) == ("waiting", True)


def test_show_gives_no_reason_for_a_queued_job(person: Person) -> None:
    person.upload("red.jpg")
    person.world.run_until_empty("intake")
    data = person.run("show", "red.jpg", "--json").data
    assert (data["stage"], data["note"]) == ("queued", None)


def test_show_says_that_the_lane_is_probing(person: Person) -> None:
    person.world.provider.script.extend(
        [build_refusal(RetryClass.BACKOFF, Code.PROVIDER_UNAVAILABLE)] * FAILURE_THRESHOLD
    )
    person.upload("a.jpg", "b.jpg", "c.jpg", "d.jpg")
    person.world.run_until_empty("intake")
    for _ in range(FAILURE_THRESHOLD):
        person.world.deliver_next("ideogram")
    assert "ideogram has been probing since" in " ".join(person.run("show", "d.jpg").out.split())


def test_show_names_the_photo_that_a_copy_waits_for(person: Person) -> None:
    person.world.upload_photo("first.jpg", build_photo("same"), operation="remove")
    person.world.run_until_empty("intake")
    person.world.upload_photo("copy.jpg", build_photo("same"), operation="remove")
    person.world.run_until_empty("intake")
    assert "waits for first.jpg, which has the same content" in person.run("show", "copy.jpg").out
    assert [*person.run("show", "copy.jpg", "--json").data["waits_for"].values()] == ["first.jpg"]
    person.world.run_until_empty()
    assert person.run("show", "copy.jpg", "--json").data["waits_for"] == {}


def test_show_reports_a_missing_picture(person: Person) -> None:
    person.upload("red.jpg")
    person.world.run_until_empty()
    person.world.s3.delete(OUTPUT_BUCKET, "red.jpg/red.png")
    assert "DELETED" in person.run("show", "red.jpg").out


def test_show_suggests_a_key_for_an_unknown_photo(person: Person) -> None:
    person.upload("shoes/red.jpg")
    result = person.run("show", "shoes/rde.jpg")
    assert (result.code, result.err) == (
        1,
        f"error: there is no photo shoes/rde.jpg in {INPUT_BUCKET}; did you mean shoes/red.jpg?\n",
    )
    assert "intake has not processed it yet" in person.run("show", "shoes/red.jpg").err
    person.world.s3.upload(INPUT_BUCKET, "notes.txt", b"x")
    assert "its name is not that of a photo" in person.run("show", "notes.txt").err


def test_show_of_a_reused_file_shows_no_payment(person: Person) -> None:
    for key in ("first.jpg", "second.jpg"):
        person.world.upload_photo(key, build_photo(), operation="remove")
        person.world.run_until_empty("intake")
    person.world.run_until_empty()
    (bought,) = person.world.list_jobs("first.jpg")
    output = person.run("show", "second.jpg").out
    words = f"uses the picture that job {bought.job_id[:12]} bought for first.jpg, which has the same content: no call"
    assert words in " ".join(output.split())
    assert "paid;" not in output
    assert "charged; the call took" in person.run("show", "first.jpg").out


def test_show_json_names_the_photo_whose_file_was_reused(person: Person) -> None:
    for key in ("first.jpg", "second.jpg"):
        person.world.upload_photo(key, build_photo(), operation="remove")
        person.world.run_until_empty("intake")
    person.world.run_until_empty()
    (served,) = person.world.list_jobs("second.jpg")
    assert person.run("show", "second.jpg", "--json").data["served_from"] == {served.job_id: "first.jpg"}
    assert person.run("show", "first.jpg", "--json").data["served_from"] == {}


def test_show_names_only_the_job_if_owner_is_unknown(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    for key in ("first.jpg", "second.jpg"):
        person.world.upload_photo(key, build_photo(), operation="remove")
        person.world.run_until_empty("intake")
    person.world.run_until_empty()
    (bought,) = person.world.list_jobs("first.jpg")

    def find_nothing(*_: object) -> None: ...

    monkeypatch.setattr(type(person.stack.redrive_service.ledger), "find_content_owner", find_nothing)
    output = " ".join(person.run("show", "second.jpg").out.split())
    assert f"uses the picture that job {bought.job_id[:12]} bought for the same content: no call, $0.00" in output


def test_show_escapes_a_line_break_in_a_key(person: Person) -> None:
    person.upload("shoes/two\nlines.jpg")
    person.world.run_until_empty()
    assert person.run("show", "shoes/two\nlines.jpg").out.startswith(r"shoes/two\nlines.jpg, stack shop" + "\n")


def test_show_quotes_a_suggested_key_for_the_shell(person: Person) -> None:
    person.upload("it's\n\\.jpg")
    result = person.run("show", r"it's\n\.jpg")
    assert result.err.endswith(r"did you mean $'it\'s\n\\.jpg'?" + "\n")


# -- spend -------------------------------------------------------------------------------------------------------


def test_spend_shows_certain_and_possible_cost(person: Person) -> None:
    person.world.provider.script.append(build_charged_hang_up())
    person.upload("shoes/a.jpg", "shoes/deep/b.jpg", "c.jpg")
    person.world.run_for(600)
    data = person.run("spend", "--by", "folder", "--json").data
    assert data["total"] == {"paid_calls": 3, "usd": 0.02, "unknown_usd": 0.01}
    assert {row["folder"]: row["paid_calls"] for row in data["rows"]} == {"shoes/": 2, "(no folder)": 1}
    assert [row["provider"] for row in person.run("spend", "--by", "provider", "--json").data["rows"]] == ["ideogram"]
    output = person.run("spend").out
    assert "2026-11-20            3   $0.02           $0.01" in output


def test_spend_without_cost_or_unknown_photo_is_reported(person: Person) -> None:
    person.upload_failing(Code.REQUEST_REJECTED, "a.jpg")
    assert person.run("spend").out == "Nothing has been spent in stack shop.\n"
    result = person.run("spend", "--by", "colour")
    assert (result.code, result.err) == (2, "error: --by takes day, folder, provider, not 'colour'\n")


def test_refusal_alone_costs_nothing(person: Person) -> None:
    person.world.provider.script.append(build_refusal(RetryClass.PERM, Code.UNSAFE_REQUEST))
    person.upload("a.jpg", "b.jpg")
    person.world.run_until_empty()
    assert person.run("spend", "--json").data["total"]["paid_calls"] == 1
