"""Which provider a photo goes to: only one that is on; else the report says so."""

from dataclasses import replace

import pytest

from backdrop.aws.settings import ENVIRONMENT_PREFIXES, read_settings
from backdrop.model.capabilities import PROVIDERS
from backdrop.model.job import JobStatus
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import World
from tests.simulated.simulation import KEY, PRICE, assert_at_rest, dropped, the_job

OFF = [name for name in PROVIDERS if name != "ideogram"]


def one_on(monkeypatch: pytest.MonkeyPatch, default: str = "ideogram") -> World:
    """A stack in which Ideogram alone has a queue; the lanes are those that its settings come to."""
    for prefix in ENVIRONMENT_PREFIXES.values():
        monkeypatch.delenv(f"{prefix}_QUEUE_URL", raising=False)
    monkeypatch.setenv("IDEOGRAM_QUEUE_URL", "https://q/lane")
    world = World()
    queue = world.intake.photo_intake.dispatcher.lanes["ideogram"]
    on = dict.fromkeys(read_settings().enabled_providers, queue)
    photos = world.intake.photo_intake
    asking = replace(photos.resolver, default_provider=default)
    world.intake = replace(
        world.intake, photo_intake=replace(photos, dispatcher=replace(photos.dispatcher, lanes=on), resolver=asking)
    )
    return world


def refusals(world: World) -> list[tuple[str, str]]:
    """Code and message of each error in the photo's report."""
    report = world.read_report(KEY)
    return [(one["code"], one["message"]) for one in report["errors"]] if report else []


@pytest.mark.parametrize("provider", OFF)
def test_a_provider_that_is_off_is_refused_not_crashed_on(provider: str, monkeypatch: pytest.MonkeyPatch) -> None:
    world = one_on(monkeypatch)
    world.upload_sidecar(KEY, prompt="at sea", provider=provider)
    world.upload_photo(KEY, build_photo())
    world.run_until_empty()
    words = f"{provider} is switched off. But ideogram can do it."
    assert refusals(world) == [("provider_not_configured", words)]
    assert world.list_jobs() == []
    assert not world.dead_letter_queue.messages


def test_a_default_provider_that_is_off_is_refused_too(monkeypatch: pytest.MonkeyPatch) -> None:
    world = one_on(monkeypatch, default="segmind")
    world.upload_photo(KEY, build_photo(), operation="remove")
    world.run_until_empty()
    assert [code for code, _ in refusals(world)] == ["provider_not_configured"]


def test_the_next_preferred_provider_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    world = one_on(monkeypatch)
    world.upload_sidecar(KEY, operation="remove", provider=[*OFF, "ideogram"])
    world.upload_photo(KEY, build_photo())
    world.run_until_empty()
    assert (the_job(world).provider, the_job(world).status) == ("ideogram", JobStatus.STORED)
    assert_at_rest(world)


def test_the_receipt_names_the_providers_that_were_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    world = one_on(monkeypatch)
    world.upload_sidecar(KEY, operation="remove", provider=[*OFF, "ideogram"])
    world.upload_photo(KEY, build_photo())
    world.run_until_empty()
    receipt = world.read_receipt(KEY)
    assert receipt
    assert receipt["jobs"][0]["warnings"] == [f"passed over: {provider} is switched off" for provider in OFF]


def test_a_job_whose_provider_was_switched_off_is_refused_and_runs_when_the_photo_is_uploaded_again() -> None:
    world = dropped()
    (message,) = world.queues["intake"].messages
    world.run_until_empty("intake")
    world.queues["ideogram"].messages.clear()
    on = world.intake
    world.intake = replace(
        on, photo_intake=replace(on.photo_intake, dispatcher=replace(on.photo_intake.dispatcher, lanes={}))
    )
    world.sqs.send_externally(world.queues["intake"], message.body)
    world.queues["intake"].messages[0].receive_count = 1
    world.run_until_empty()
    assert refusals(world) == [("provider_not_configured", "ideogram is switched off in this stack.")]
    assert (the_job(world).status, world.provider.received_job_ids) == (JobStatus.REFUSED, [])
    world.intake = on
    world.upload_photo(KEY, build_photo(), operation="remove")
    world.run_until_empty()
    assert (the_job(world).status, world.provider.charged_micro_usd) == (JobStatus.STORED, PRICE)
    assert_at_rest(world)


def test_a_paid_job_that_is_named_again_is_written_anew_and_sent_to_deliver() -> None:
    """A delivery that saw it un-named cannot store it without its pictures then."""
    world = World()
    world.upload_photo(KEY, build_photo())
    world.upload_sidecar(KEY, operation="remove")
    world.run_until_empty("intake", "ideogram")
    world.queues["deliver"].messages.clear()
    before = the_job(world)
    for fields in ({"prompt": "at sea"}, {"operation": "remove"}):
        world.upload_sidecar(KEY, **fields)
        world.run_until_empty("intake")
    after = next(job for job in world.list_jobs() if job.job_id == before.job_id)
    assert (after.status, after.lock_version) == (JobStatus.PAID, before.lock_version + 1)
    assert any(before.job_id in message.body for message in world.queues["deliver"].messages)
    world.run_until_empty()
    assert next(job for job in world.list_jobs() if job.job_id == before.job_id).results
    assert_at_rest(world)
