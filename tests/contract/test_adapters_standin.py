"""The adapters against the stand-in's faults: every billed charge is known, and nothing is bought twice."""

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
from tests.contract.adapter_calls import (
    POLL_SECONDS,
    Called,
    FileServer,
    call,
    claimed,
    get_task_id,
    job_for,
    run_file_server,
)
from tests.contract.adapters import provide_key
from tests.contract.ideogram_v2 import build_ideogram_v2
from tests.contract.standin_client import StandinClient

PRICE = 50_000
ROUTES = {
    "ideogram": "v2/replace-background",
    "segmind": "v2/ideogram-3-replace-background",
    "1min": "features",
    "runware": "imageInference",
    "runware removes": "removeBackground",
}
AT = {"ideogram": "ideogram", "segmind": "segmind", "1min": "onemin", "runware": "runware"}
every = pytest.mark.parametrize("name", ROUTES)
of_runware = pytest.mark.parametrize(("name", "price"), [("runware", 60_000), ("runware removes", 600)])


def build_job(name: str) -> Job:
    provider, _, removes = name.partition(" ")
    return job_for(provider, operation="remove") if removes else job_for(provider)


def name_provider(name: str) -> str:
    return name.partition(" ")[0]


@pytest.fixture
def file_server() -> Generator[FileServer]:
    with run_file_server() as one:
        yield one


@pytest.fixture
def make(standin: StandinClient, file_server: FileServer) -> Callable[[str], Provider]:
    """Builds a provider's adapter that calls the stand-in."""

    def made(name: str) -> Provider:
        url = f"{standin.url}/{AT[name_provider(name)]}"
        makers: dict[str, Callable[[], Provider]] = {
            "ideogram": lambda: build_ideogram_v2(url, 20),
            "segmind": lambda: Segmind(url, 20, provide_key, file_server, poll_seconds=POLL_SECONDS),
            "1min": lambda: OneMin(url, 20, provide_key, PRICE, poll_seconds=POLL_SECONDS),
            "runware": lambda: Runware(url, 20, provide_key, file_server, poll_seconds=POLL_SECONDS),
        }
        return makers[name_provider(name)]()

    return made


def add_fault_to_next_call(
    standin: StandinClient, name: str, fault: str, args: dict[str, object] | None = None
) -> None:
    """Adds a fault to the next paid call of a provider."""
    standin.add_fault(fault, args, provider=AT[name_provider(name)], route=ROUTES[name], times=1)


def billed(standin: StandinClient) -> int:
    """Returns the total of the bill in micro-dollars."""
    return round(float(standin.total_usd()) * 1_000_000)


def look_up_later(adapter: Provider, job: Job, called: Called) -> ProviderResult | LookupStatus:
    """Returns the result of later lookups of the same call."""
    provider_id = called.names[0] if called.names else adapter.idempotency_key(job)
    assert provider_id
    result: ProviderResult | LookupStatus = LookupStatus.PENDING
    for _ in range(200):
        result = adapter.look_up(claimed(job, provider_id), provider_id)
        if result is not LookupStatus.PENDING:
            return result
    return result


@every
def test_picture_is_bought_and_downloaded(name: str, standin: StandinClient, make: Callable[[str], Provider]) -> None:
    adapter, job = make(name), build_job(name)
    called = call(adapter, job)
    assert (called.provider_result.retry_class, called.provider_result.charged) == (RetryClass.OK, billed(standin))
    again = look_up_later(adapter, job, called)
    assert isinstance(again, ProviderResult)
    assert (again.charged, again.is_usable) == (called.provider_result.charged, True)
    (link,) = called.provider_result.links
    provider = name_provider(name)
    downloads = ResultDownloads({provider: f"{standin.url}/{AT[provider]}"})
    assert downloads.fetch(provider, link.url or "")[:3] in (b"\xff\xd8\xff", b"\x89PN")
    assert standin.see("bill")["duplicates"] == []


@every
@pytest.mark.parametrize("fault", ["accept_then_drop", "reset_mid_body"])
def test_charge_is_unknown_if_the_answer_is_lost_without_an_id(
    name: str, fault: str, standin: StandinClient, make: Callable[[str], Provider]
) -> None:
    add_fault_to_next_call(standin, name, fault)
    called = call(make(name), build_job(name))
    assert (called.provider_result.retry_class, called.provider_result.money, called.names) == (
        RetryClass.AMBIG,
        MoneyStatus.UNKNOWN,
        [],
    )
    assert len(standin.jobs()) == 1


@of_runware
@pytest.mark.parametrize("remembers", [None, 0.0])
def test_lost_runware_call_is_found_and_charged_once(
    name: str, price: int, remembers: float | None, standin: StandinClient, make: Callable[[str], Provider]
) -> None:
    if remembers is not None:
        standin.control("settings", {"runware_remembers_seconds": remembers})
    add_fault_to_next_call(standin, name, "accept_then_drop")
    adapter, job = make(name), build_job(name)
    found = look_up_later(adapter, job, call(adapter, job))
    assert isinstance(found, ProviderResult)
    assert (found.retry_class, found.charged, len(standin.jobs())) == (RetryClass.OK, price, 1)


@of_runware
@pytest.mark.parametrize("status", [400, 409])
def test_resent_runware_call_is_the_same_call(
    name: str, price: int, status: int, standin: StandinClient, make: Callable[[str], Provider]
) -> None:
    standin.control("settings", {"runware_conflict_status": status})
    add_fault_to_next_call(standin, name, "accept_then_drop")
    adapter, job = make(name), build_job(name)
    first, second = call(adapter, job), call(adapter, job)
    assert (first.provider_result.retry_class, second.provider_result.retry_class, second.provider_result.charged) == (
        RetryClass.AMBIG,
        RetryClass.OK,
        price,
    )
    assert (len(standin.jobs()), standin.see("bill")["duplicates"]) == (1, [])


@pytest.mark.parametrize("unknown", ["empty", "error"])
def test_runware_call_that_never_arrived_is_absent(
    unknown: str, standin: StandinClient, make: Callable[[str], Provider]
) -> None:
    standin.control("settings", {"runware_unknown": unknown})
    job = job_for("runware")
    assert make("runware").look_up(claimed(job, get_task_id(job)), get_task_id(job)) is LookupStatus.ABSENT


@every
@pytest.mark.parametrize(
    ("status", "kind"), [(401, RetryClass.PAUSE), (402, RetryClass.PAUSE), (429, RetryClass.QUOTA)]
)
@pytest.mark.parametrize("form", [{}, {"body": {}}, {"html": True}], ids=["usual", "empty", "html"])
def test_refusal_costs_nothing_with_any_body(
    name: str,
    status: int,
    kind: RetryClass,
    form: dict[str, object],
    standin: StandinClient,
    make: Callable[[str], Provider],
) -> None:
    add_fault_to_next_call(standin, name, "status", {"code": status, **form})
    answer = call(make(name), build_job(name)).provider_result
    assert (answer.retry_class, answer.money, billed(standin)) == (kind, MoneyStatus.NOT_SPENT, 0)


@every
@pytest.mark.parametrize("args", [{"code": 500, "after_run": True}, {"code": 503, "after_run": True, "ms": 2_500}])
def test_charge_is_unknown_after_a_fault_that_follows_acceptance(
    name: str, args: dict[str, Any], standin: StandinClient, make: Callable[[str], Provider]
) -> None:
    # Segmind publishes that it bills no 500.
    code = 502 if (name, args["code"]) == ("segmind", 500) else args["code"]
    add_fault_to_next_call(standin, name, "status", {**args, "code": code})
    assert call(make(name), build_job(name)).provider_result.money is MoneyStatus.UNKNOWN
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
def test_charge_is_unknown_after_an_invalid_200_response(
    name: str, fault: str, args: dict[str, object], standin: StandinClient, make: Callable[[str], Provider]
) -> None:
    add_fault_to_next_call(standin, name, fault, args)
    answer = call(make(name), build_job(name)).provider_result
    assert (answer.retry_class, answer.money) == (RetryClass.AMBIG, MoneyStatus.UNKNOWN)


@every
def test_withheld_picture_is_charged_at_its_cost(
    name: str, standin: StandinClient, make: Callable[[str], Provider]
) -> None:
    add_fault_to_next_call(standin, name, "unsafe", {"form": "detail"} if name == "segmind" else {})
    answer = call(make(name), build_job(name)).provider_result
    assert not answer.is_usable
    assert answer.code
    assert answer.code.value.startswith("unsafe_")
    assert answer.charged == billed(standin)


# Ideogram's v2 documents an integer, so zero is a cost there.
@pytest.mark.parametrize("name", ["segmind", "1min", "runware", "runware removes"])
@pytest.mark.parametrize("cost", ["null", "zero"])
def test_invalid_cost_is_replaced_by_the_list_price(
    name: str, cost: str, standin: StandinClient, make: Callable[[str], Provider]
) -> None:
    standin.control("settings", {"reported_cost": cost})
    assert call(make(name), build_job(name)).provider_result.charged == billed(standin)


def test_segmind_v1_picture_is_charged_and_stored(standin: StandinClient, file_server: FileServer) -> None:
    segmind = Segmind(f"{standin.url}/segmind", 20, provide_key, file_server, SegmindEndpoint.V1)
    answer = call(segmind, job_for("segmind", rendering_speed="QUALITY")).provider_result
    assert (answer.retry_class, answer.charged, billed(standin)) == (RetryClass.OK, 112_500, 112_500)
    assert [*file_server.results] == [answer.links[0].result_name]
