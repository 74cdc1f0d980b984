"""A provider that sells credits is used only if the operator has configured what they cost."""

from dataclasses import replace

from backdrop.model.job import JobStatus
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import World
from tests.simulated.stage_worlds import KEY, find_only_job


def build_stack(prices: dict[str, int]) -> World:
    """Returns a stack with 1min.ai next to Ideogram."""
    world = World()
    photos = world.intake.photo_intake
    lanes = dict.fromkeys(("ideogram", "1min"), photos.dispatcher.lanes["ideogram"])
    new_dispatcher, new_resolver = replace(photos.dispatcher, lanes=lanes), replace(photos.resolver, prices=prices)
    world.intake = replace(world.intake, photo_intake=replace(photos, dispatcher=new_dispatcher, resolver=new_resolver))
    return world


def upload_for(world: World, provider: str | list[str]) -> World:
    world.upload_sidecar(KEY, prompt="at sea", provider=provider)
    world.upload_photo(KEY, build_photo())
    world.run_until_empty("intake")
    world.run_until_empty("deliver")
    return world


def test_jobs_without_a_credit_price_are_refused_unbought() -> None:
    world = upload_for(build_stack({}), "1min")
    report = world.read_report(KEY)
    assert report
    (error,) = report["errors"]
    assert (error["code"], error["status"], error["money"]) == ("price_unknown", "refused", "not_spent")
    assert "OneMinUsdPerImage" in error["hint"]
    assert (world.list_jobs(), world.provider.received_job_ids) == ([], [])


def test_unpriced_provider_in_a_list_is_skipped_and_named() -> None:
    world = upload_for(build_stack({}), ["1min", "ideogram"])
    job = find_only_job(world)
    assert (job.provider, job.quoted) == ("ideogram", 60_000)
    assert [str(one.text) for one in job.warnings] == ["the price of an image at 1min is not known in this stack"]


def test_configured_credit_price_is_quoted() -> None:
    job = find_only_job(upload_for(build_stack({"1min": 45_000}), "1min"))
    assert (job.provider, job.quoted, job.status) == ("1min", 45_000, JobStatus.ACCEPTED)
