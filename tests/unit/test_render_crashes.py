"""A worker that dies: after every call of every step the messages come again, and the money moves once."""

from collections.abc import Callable

import pytest

from backdrop.core.answer import Class
from backdrop.core.codes import Code
from backdrop.core.job import Status
from proof.world.pictures import photo
from proof.world.provider import Reaction, refuses
from proof.world.stack import World
from proof.world.wire import Call, Strike, die, lose_answer
from tests.unit.simulation import KEY, PRICE, after_each_crash, assert_at_rest, dropped, the_job


def between_claim_and_record(world: World, call: Call) -> bool:
    """Whether a worker that died after this call left a call's answer unrecorded."""
    if call.operation == "call":
        return True
    following = world.wire.calls[call.number : call.number + 1]
    return call.operation == "transact_write_items" and "submitting" in str(call.sent) and bool(following)


def test_a_crash_after_any_call_ends_in_one_charge_or_is_held() -> None:
    seen: set[Status] = set()
    for call, world in after_each_crash(dropped, World.run):
        job = the_job(world)
        held = between_claim_and_record(world, call)
        assert job.status is (Status.HELD if held else Status.STORED), call
        assert len(world.provider.calls) <= 1, call
        assert world.provider.charged == PRICE or held, call
        assert bool(world.report(KEY)) is held, call
        assert len(world.pictures()) == (0 if held else 1), call
        assert not world.dead_letters.messages
        assert_at_rest(world)
        seen.add(job.status)
    assert seen == {Status.STORED, Status.HELD}


def test_a_crash_in_the_provider_after_it_charged_is_held_with_the_charge_in_doubt() -> None:
    world = dropped()
    world.provider.script.append(Reaction(dies=True))
    world.run()
    assert (the_job(world).status, the_job(world).unknown, world.provider.charged) == (Status.HELD, PRICE, PRICE)
    assert_at_rest(world)


def several_images() -> World:
    """A photo for which three pictures are asked."""
    world = World()
    world.sidecar(KEY, prompt="on a marble table", num_images=3)
    world.drop(KEY, photo())
    return world


def unreadable() -> World:
    """A file that only claims to be a photo."""
    world = World()
    world.drop(KEY, b"just text", operation="remove")
    return world


def without_instructions() -> World:
    """A photo of which nobody says what is wanted."""
    world = World()
    world.drop(KEY, photo())
    return world


def refused_by_the_provider() -> World:
    """A photo that the provider's safety check does not take."""
    world = dropped()
    world.provider.otherwise = refuses(Class.PERM, Code.UNSAFE_REQUEST)
    return world


def withheld() -> World:
    """A picture that the provider made, charged and keeps."""
    world = dropped()
    world.provider.otherwise = Reaction(unsafe=1)
    return world


def edited() -> World:
    """A sidecar that is edited before anything was paid."""
    world = several_images()
    world.run("intake")
    world.sidecar(KEY, operation="remove")
    return world


def deleted() -> World:
    """A photo that is deleted while its job waits."""
    world = dropped()
    world.run("intake", "deliver")
    world.remove(KEY)
    return world


def mended() -> World:
    """A bad sidecar that is mended after its report was written."""
    world = World()
    world.sidecar(KEY, operation="remoev")
    world.drop(KEY, photo())
    world.run()
    assert world.report(KEY)
    world.sidecar(KEY, operation="remove")
    return world


def late_instructions() -> World:
    """A photo that was reported for want of instructions, and gets them."""
    world = without_instructions()
    world.run()
    world.sidecar(KEY, operation="remove")
    return world


SCENES = (
    several_images,
    unreadable,
    without_instructions,
    refused_by_the_provider,
    withheld,
    edited,
    deleted,
    mended,
    late_instructions,
)


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
def test_a_crash_after_any_call_changes_no_end_but_to_held(scene: Callable[[], World]) -> None:
    """As it ends undisturbed, so it ends after a crash: same states, same pictures, same report, same bill."""
    calm = scene()
    decide_then_run(calm)
    expected = the_end(calm)
    for call, world in after_each_crash(scene, decide_then_run):
        assert_at_rest(world)
        if not between_claim_and_record(world, call):
            assert the_end(world) == expected, call
        assert world.provider.charged <= calm.provider.charged, call


def decide_then_run(world: World) -> None:
    """Intake comes to rest before anything is bought, so that a late look does not change what is wanted."""
    world.run("intake")
    world.run()


def the_end(world: World) -> tuple[object, ...]:
    """What a person can see in the end, without times."""
    report, receipt = world.report(KEY), world.receipt(KEY)
    return (
        sorted(job.status for job in world.jobs()),
        sorted(world.pictures()),
        world.provider.charged,
        [(one["code"], one["status"], one["money"]) for one in report["errors"]] if report else None,
        [(one["status"], one["current"]) for one in receipt["jobs"]] if receipt else None,
        {letter.attributes["code"] for letter in world.dead_letters.messages},
        {event.detail_type for event in world.bus.events},
    )


def test_a_lost_answer_of_any_write_changes_nothing() -> None:
    calm = dropped()
    calm.run()
    expected = the_end(calm)
    for operation in ("transact_write_items", "put_object", "send_message", "put_events"):
        for nth in range(1, 20):
            world = dropped()
            world.wire.after.append(strike := Strike(lose_answer, operation, nth))
            world.run()
            if not strike.hits:
                break
            assert the_end(world) == expected, (operation, nth)
            assert_at_rest(world)


def test_two_crashes_anywhere_in_one_photos_life_still_charge_once() -> None:
    for first in range(1, 30, 3):
        for second in range(first + 1, 60, 5):
            world = dropped()
            world.wire.after += [Strike(die, nth=first), Strike(die, nth=second)]
            world.run()
            assert len(world.provider.calls) <= 1
            assert the_job(world).status in (Status.STORED, Status.HELD)
            assert_at_rest(world)


def test_a_waiting_photos_report_survives_a_crash() -> None:
    """The report says why it waits, whatever died between the ledger and the message."""
    ends: dict[int, Status] = {}
    for nth in range(1, 20):
        world = dropped()
        world.provider.otherwise = refuses(Class.PAUSE, Code.PROVIDER_KEY_REFUSED)
        world.run("intake", "deliver")
        world.wire.after.append(strike := Strike(die, nth=nth))
        world.run_for(3600)
        report = world.report(KEY)
        assert report, nth
        ends[nth] = the_job(world).status
        held = ends[nth] is Status.HELD
        assert [one["code"] for one in report["errors"]] == ["charge_unknown" if held else "provider_key_refused"], nth
        assert strike.hits == 1
    died_in_the_call = [nth for nth, status in ends.items() if status is Status.HELD]
    assert 0 < len(died_in_the_call) < 5
    assert {*ends.values()} == {Status.ACCEPTED, Status.HELD}
