"""What failed: one list of what stands in the error reports now, the oldest first, by code, provider and folder."""

import pytest

from backdrop.model.codes import Code
from backdrop.model.job import JobStatus
from backdrop.model.provider_result import RetryClass
from backdrop.operate.redrive import FailureFilter
from proof.world.pictures import photo
from proof.world.provider import Reaction, refuses
from proof.world.stack import World
from tests.simulated.days import codes
from tests.simulated.simulation import KEY

REFUSES = refuses(RetryClass.PERM, Code.UNSAFE_REQUEST)
REJECTS = refuses(RetryClass.PERM, Code.REQUEST_REJECTED)
HATS, SHOES, BARE = "hats/blue.jpg", "shoes/red.jpg", "shoes/bare.jpg"


def failed() -> World:
    """A world with a refused photo, a dead one, one without instructions, and one that went well."""
    world = World()
    for key, reaction in ((HATS, REFUSES), (SHOES, REJECTS)):
        world.drop(key, photo(key), operation="remove")
        world.provider.script.append(reaction)
        world.run()
    world.drop(BARE, photo("bare"))
    world.drop("good.jpg", photo("good"), operation="remove")
    world.run()
    return world


def listed(world: World, wanted: FailureFilter | None = None) -> list[tuple[str, str, str]]:
    """Key, status and code of each failure."""
    found = world.steps.orders().list_failures(wanted or FailureFilter())
    return [(one.source.key, one.status, one.problem.code.value) for one in found]


ALL = [
    (HATS, "refused", "unsafe_request"),
    (SHOES, "dead", "request_rejected"),
    (BARE, "refused", "no_instructions"),
]


def test_all_that_failed_is_listed_the_oldest_first_and_nothing_else() -> None:
    assert listed(failed()) == ALL


@pytest.mark.parametrize(
    ("wanted", "places"),
    [
        (FailureFilter(codes=frozenset({Code.UNSAFE_REQUEST})), [0]),
        (FailureFilter(codes=frozenset({Code.UNSAFE_REQUEST, Code.NO_INSTRUCTIONS})), [0, 2]),
        (FailureFilter(provider="ideogram"), [0, 1]),
        (FailureFilter(provider="segmind"), []),
        (FailureFilter(prefix="shoes/"), [1, 2]),
        (FailureFilter(prefix="shoes/", provider="ideogram"), [1]),
        (FailureFilter(codes=frozenset({Code.UNSAFE_REQUEST}), prefix="shoes/"), []),
    ],
)
def test_failures_are_chosen_by_code_provider_and_folder(wanted: FailureFilter, places: list[int]) -> None:
    assert listed(failed(), wanted) == [ALL[place] for place in places]


def test_what_stands_in_the_list_stands_in_the_reports() -> None:
    world = failed()
    assert [(key, [code]) for key, _, code in listed(world)] == [(key, codes(world, key)) for key, _, _ in ALL]


def test_what_is_mended_is_no_failure_any_more() -> None:
    world = failed()
    world.sidecar(BARE, operation="remove")
    world.drop(SHOES, photo("another"), operation="remove")
    world.run()
    assert listed(world) == ALL[:1]


def test_a_job_that_its_photo_names_no_more_is_nobodys_failure() -> None:
    world = failed()
    world.sidecar(HATS, prompt="at sea")
    world.provider.otherwise = Reaction()
    world.run()
    assert listed(world) == ALL[1:]


def test_a_photo_that_was_deleted_after_it_failed_is_a_failure_still_or_none_as_its_report_says() -> None:
    world = failed()
    world.remove(BARE)
    world.remove(SHOES)
    world.run()
    shown = {key for key, _, _ in listed(world)}
    assert shown == {key for key in (HATS, SHOES, BARE) if codes(world, key)}


def test_what_only_waits_is_no_failure() -> None:
    world = World()
    world.drop(KEY, photo(), operation="remove")
    world.provider.otherwise = refuses(RetryClass.PAUSE, Code.PROVIDER_KEY_REFUSED)
    world.run()
    assert listed(world) == []


def test_every_mistake_of_a_photo_is_listed() -> None:
    world = World()
    world.sidecar(KEY, operation="erase", colour="red")
    world.drop(KEY, photo())
    world.run()
    assert [code for _, _, code in listed(world)] == codes(world, KEY)
    assert len(listed(world)) == 2


def test_more_failures_than_fit_into_one_page_are_all_listed() -> None:
    world = World()
    for n in range(120):
        world.drop(f"{n:03}.jpg", b"no photo", operation="remove")
    world.run()
    assert len(listed(world)) == 120
    assert {status for _, status, _ in listed(world)} == {JobStatus.REFUSED.value}
