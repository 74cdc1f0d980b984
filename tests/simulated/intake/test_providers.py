"""A photo is sent only to an enabled provider. If there is none, the report says so."""

from dataclasses import replace

import pytest

from backdrop.aws.settings import ENVIRONMENT_PREFIXES, read_settings
from backdrop.model.capabilities import PROVIDERS
from backdrop.model.job import JobStatus
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import World
from tests.simulated.stage_worlds import KEY, PRICE, assert_at_rest, find_only_job, world_with_photo

OFF = [name for name in PROVIDERS if name != "ideogram"]


def enable_only_ideogram(monkeypatch: pytest.MonkeyPatch, default: str = "ideogram") -> World:
    """A stack in which only Ideogram has a queue. The lanes follow from the stack's settings."""
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


def list_errors(world: World) -> list[tuple[str, str]]:
    """Returns the code and the message of each error in the photo's report."""
    report = world.read_report(KEY)
    return [(one["code"], one["message"]) for one in report["errors"]] if report else []


@pytest.mark.parametrize("provider", OFF)
def test_disabled_provider_is_refused_without_a_crash(provider: str, monkeypatch: pytest.MonkeyPatch) -> None:
    world = enable_only_ideogram(monkeypatch)
    world.upload_sidecar(KEY, prompt="at sea", provider=provider)
    world.upload_photo(KEY, build_photo())
    world.run_until_empty()
    words = f"{provider} is disabled. But ideogram can do it."
    assert list_errors(world) == [("provider_not_configured", words)]
    assert world.list_jobs() == []
    assert not world.dead_letter_queue.messages


def test_disabled_default_provider_is_also_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    world = enable_only_ideogram(monkeypatch, default="segmind")
    world.upload_photo(KEY, build_photo(), operation="remove")
    world.run_until_empty()
    assert [code for code, _ in list_errors(world)] == ["provider_not_configured"]


def test_next_preferred_provider_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    world = enable_only_ideogram(monkeypatch)
    world.upload_sidecar(KEY, operation="remove", provider=[*OFF, "ideogram"])
    world.upload_photo(KEY, build_photo())
    world.run_until_empty()
    assert (find_only_job(world).provider, find_only_job(world).status) == ("ideogram", JobStatus.STORED)
    assert_at_rest(world)


def test_receipt_names_the_providers_that_were_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    world = enable_only_ideogram(monkeypatch)
    world.upload_sidecar(KEY, operation="remove", provider=[*OFF, "ideogram"])
    world.upload_photo(KEY, build_photo())
    world.run_until_empty()
    receipt = world.read_receipt(KEY)
    assert receipt
    assert receipt["jobs"][0]["warnings"] == [f"passed_over: {provider} is disabled" for provider in OFF]


def test_job_of_a_disabled_provider_runs_after_another_upload() -> None:
    world = world_with_photo()
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
    assert list_errors(world) == [("provider_not_configured", "ideogram is disabled in this stack.")]
    assert (find_only_job(world).status, world.provider.received_job_ids) == (JobStatus.REFUSED, [])
    world.intake = on
    world.upload_photo(KEY, build_photo(), operation="remove")
    world.run_until_empty()
    assert (find_only_job(world).status, world.provider.charged_micro_usd) == (JobStatus.STORED, PRICE)
    assert_at_rest(world)


def test_paid_job_named_again_is_rewritten_and_redelivered() -> None:
    """This keeps a delivery that read the job while it was not named from storing it without its pictures."""
    world = World()
    world.upload_photo(KEY, build_photo())
    world.upload_sidecar(KEY, operation="remove")
    world.run_until_empty("intake", "ideogram")
    world.queues["deliver"].messages.clear()
    before = find_only_job(world)
    for fields in ({"prompt": "at sea"}, {"operation": "remove"}):
        world.upload_sidecar(KEY, **fields)
        world.run_until_empty("intake")
    after = next(job for job in world.list_jobs() if job.job_id == before.job_id)
    assert (after.status, after.lock_version) == (JobStatus.PAID, before.lock_version + 1)
    assert any(before.job_id in message.body for message in world.queues["deliver"].messages)
    world.run_until_empty()
    assert next(job for job in world.list_jobs() if job.job_id == before.job_id).results
    assert_at_rest(world)
