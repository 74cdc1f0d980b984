"""The adapters against the stand-in's faults: what it billed is what we know of, and nothing is bought twice."""

from collections.abc import Callable, Generator
from typing import Any

import pytest

from backdrop.model.job import Job, MoneyStatus
from backdrop.model.provider_result import LookupStatus, ProviderResult, RetryClass
from backdrop.ports import Provider, SegmindEndpoint
from backdrop.providers.downloads import ResultDownloads
from backdrop.providers.onemin import OneMin
from backdrop.providers.runware import Runware
from backdrop.providers.segmind import Segmind
from tests.contract.adapters import the_key
from tests.contract.calling import POLL_SECONDS, Called, Lending, call, claimed, job_for, lending, the_id
from tests.contract.standin_client import StandinClient

PRICE = 50_000
ROUTES = {"segmind": "v2/ideogram-3-replace-background", "1min": "features", "runware": "imageInference"}
AT = {"segmind": "segmind", "1min": "onemin", "runware": "runware"}
every = pytest.mark.parametrize("name", ROUTES)


@pytest.fixture
def place() -> Generator[Lending]:
    with lending() as one:
        yield one


@pytest.fixture
def make(standin: StandinClient, place: Lending) -> Callable[[str], Provider]:
    """The adapter of a provider, pointed at the stand-in."""

    def made(name: str) -> Provider:
        url = f"{standin.url}/{AT[name]}"
        makers: dict[str, Callable[[], Provider]] = {
            "segmind": lambda: Segmind(url, 20, the_key, place, poll_seconds=POLL_SECONDS),
            "1min": lambda: OneMin(url, 20, the_key, PRICE, poll_seconds=POLL_SECONDS),
            "runware": lambda: Runware(url, 20, the_key, place, poll_seconds=POLL_SECONDS),
        }
        return makers[name]()

    return made


def strike(standin: StandinClient, name: str, fault: str, args: dict[str, object] | None = None) -> None:
    """The next paid call of a provider meets a fault."""
    standin.fault(fault, args, provider=AT[name], route=ROUTES[name], times=1)


def billed(standin: StandinClient) -> int:
    """What was billed, in micro-dollars."""
    return round(float(standin.total_usd()) * 1_000_000)


def asked_again(adapter: Provider, job: Job, called: Called) -> ProviderResult | LookupStatus:
    """What a later look-up says of the same call."""
    ident = called.names[0] if called.names else adapter.idempotency_key(job)
    assert ident
    said: ProviderResult | LookupStatus = LookupStatus.PENDING
    for _ in range(200):
        said = adapter.look_up(claimed(job, ident), ident)
        if said is not LookupStatus.PENDING:
            return said
    return said


@every
def test_a_picture_is_bought_told_and_fetched(
    name: str, standin: StandinClient, make: Callable[[str], Provider]
) -> None:
    adapter, job = make(name), job_for(name)
    called = call(adapter, job)
    assert (called.said.retry_class, called.said.charged) == (RetryClass.OK, billed(standin))
    again = asked_again(adapter, job, called)
    assert isinstance(again, ProviderResult)
    assert (again.charged, again.is_usable) == (called.said.charged, True)
    (link,) = called.said.links
    downloads = ResultDownloads({name: f"{standin.url}/{AT[name]}"})
    assert downloads.fetch(name, link.url or "")[:3] in (b"\xff\xd8\xff", b"\x89PN")
    assert standin.see("bill")["duplicates"] == []


@every
@pytest.mark.parametrize("fault", ["accept_then_drop", "reset_mid_body"])
def test_an_answer_that_is_lost_before_it_names_the_work_is_unknown_money(
    name: str, fault: str, standin: StandinClient, make: Callable[[str], Provider]
) -> None:
    strike(standin, name, fault)
    called = call(make(name), job_for(name))
    assert (called.said.retry_class, called.said.money, called.names) == (RetryClass.AMBIG, MoneyStatus.UNKNOWN, [])
    assert len(standin.jobs()) == 1


@pytest.mark.parametrize("remembers", [None, 0.0])
def test_a_lost_call_of_runware_is_found_by_our_id_and_charged_once(
    remembers: float | None, standin: StandinClient, make: Callable[[str], Provider]
) -> None:
    if remembers is not None:
        standin.control("settings", {"runware_remembers_seconds": remembers})
    strike(standin, "runware", "accept_then_drop")
    adapter, job = make("runware"), job_for("runware")
    found = asked_again(adapter, job, call(adapter, job))
    assert isinstance(found, ProviderResult)
    assert (found.retry_class, found.charged, len(standin.jobs())) == (RetryClass.OK, 60_000, 1)


@pytest.mark.parametrize("status", [400, 409])
def test_a_call_of_runware_that_is_sent_again_is_the_same_call(
    status: int, standin: StandinClient, make: Callable[[str], Provider]
) -> None:
    standin.control("settings", {"runware_conflict_status": status})
    strike(standin, "runware", "accept_then_drop")
    adapter, job = make("runware"), job_for("runware")
    first, second = call(adapter, job), call(adapter, job)
    assert (first.said.retry_class, second.said.retry_class, second.said.charged) == (
        RetryClass.AMBIG,
        RetryClass.OK,
        60_000,
    )
    assert (len(standin.jobs()), standin.see("bill")["duplicates"]) == (1, [])


@pytest.mark.parametrize("unknown", ["empty", "error"])
def test_a_call_of_runware_that_never_came_is_known_to_be_absent(
    unknown: str, standin: StandinClient, make: Callable[[str], Provider]
) -> None:
    standin.control("settings", {"runware_unknown": unknown})
    job = job_for("runware")
    assert make("runware").look_up(claimed(job, the_id(job)), the_id(job)) is LookupStatus.ABSENT


@every
@pytest.mark.parametrize(
    ("status", "kind"), [(401, RetryClass.PAUSE), (402, RetryClass.PAUSE), (429, RetryClass.QUOTA)]
)
@pytest.mark.parametrize("form", [{}, {"body": {}}, {"html": True}], ids=["usual", "empty", "html"])
def test_a_refusal_costs_nothing_whatever_its_body(
    name: str,
    status: int,
    kind: RetryClass,
    form: dict[str, object],
    standin: StandinClient,
    make: Callable[[str], Provider],
) -> None:
    strike(standin, name, "status", {"code": status, **form})
    answer = call(make(name), job_for(name)).said
    assert (answer.retry_class, answer.money, billed(standin)) == (kind, MoneyStatus.NOT_SPENT, 0)


@every
@pytest.mark.parametrize("args", [{"code": 500, "after_run": True}, {"code": 503, "after_run": True, "ms": 2_500}])
def test_a_fault_after_the_work_was_taken_is_unknown_money(
    name: str, args: dict[str, Any], standin: StandinClient, make: Callable[[str], Provider]
) -> None:
    # Segmind publishes that it bills no 500.
    code = 502 if (name, args["code"]) == ("segmind", 500) else args["code"]
    strike(standin, name, "status", {**args, "code": code})
    assert call(make(name), job_for(name)).said.money is MoneyStatus.UNKNOWN
    assert billed(standin) > 0


@every
@pytest.mark.parametrize(
    ("fault", "args"),
    [
        ("html_error", {"code": 200, "billed": True}),
        ("malformed_json", {"variant": "cut"}),
        ("malformed_json", {"variant": "invalid"}),
        ("error_in_200", {"status_code": 500}),
    ],
)
def test_a_200_that_is_none_is_unknown_money(
    name: str, fault: str, args: dict[str, object], standin: StandinClient, make: Callable[[str], Provider]
) -> None:
    strike(standin, name, fault, args)
    answer = call(make(name), job_for(name)).said
    assert (answer.retry_class, answer.money) == (RetryClass.AMBIG, MoneyStatus.UNKNOWN)


@every
def test_a_picture_that_is_withheld_is_known_for_what_it_cost(
    name: str, standin: StandinClient, make: Callable[[str], Provider]
) -> None:
    strike(standin, name, "unsafe", {"form": "detail"} if name == "segmind" else {})
    answer = call(make(name), job_for(name)).said
    assert not answer.is_usable
    assert answer.code
    assert answer.code.value.startswith("unsafe_")
    assert answer.charged == billed(standin)


@every
@pytest.mark.parametrize("cost", ["null", "zero"])
def test_a_cost_that_is_none_is_the_lists(
    name: str, cost: str, standin: StandinClient, make: Callable[[str], Provider]
) -> None:
    standin.control("settings", {"reported_cost": cost})
    assert call(make(name), job_for(name)).said.charged == billed(standin)


def test_v1_of_segmind_is_paid_kept_and_told(standin: StandinClient, place: Lending) -> None:
    ours = Segmind(f"{standin.url}/segmind", 20, the_key, place, SegmindEndpoint.V1)
    answer = call(ours, job_for("segmind", rendering_speed="QUALITY")).said
    assert (answer.retry_class, answer.charged, billed(standin)) == (RetryClass.OK, 112_500, 112_500)
    assert [*place.results] == [answer.links[0].result_name]
