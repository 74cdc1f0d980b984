"""The adapters with the stand-in's unusual responses of Segmind and 1min.ai: one picture, one charge."""

from dataclasses import dataclass

import pytest

from backdrop.model.codes import Code
from backdrop.model.job import Suspicion
from backdrop.model.provider_result import ProviderResult, RetryClass
from backdrop.ports import SegmindEndpoint
from backdrop.providers.onemin import OneMin
from backdrop.providers.segmind import Segmind
from tests.contract.adapter_calls import POLL_SECONDS, call, job_for
from tests.contract.adapters import provide_key
from tests.contract.onemin import PRICE
from tests.contract.standin_client import StandinClient
from tests.unit.work_in_memory import FakeWork

SECONDS = 20


@dataclass(frozen=True)
class Caller:
    """Calls one provider of the stand-in."""

    standin: StandinClient

    def segmind(self, endpoint: SegmindEndpoint = SegmindEndpoint.V2) -> ProviderResult:
        """One call."""
        url, fake_work = f"{self.standin.url}/segmind", FakeWork(reached=False)
        return call(
            Segmind(url, SECONDS, provide_key, fake_work, endpoint, POLL_SECONDS), job_for("segmind")
        ).provider_result

    def onemin(self) -> ProviderResult:
        """One call."""
        adapter = OneMin(f"{self.standin.url}/onemin", SECONDS, provide_key, PRICE, poll_seconds=POLL_SECONDS)
        return call(adapter, job_for("1min")).provider_result


@pytest.fixture
def caller(standin: StandinClient) -> Caller:
    return Caller(standin)


@pytest.mark.parametrize("location", ["image_url", "output_images", "output_image"])
def test_segmind_picture_is_found_in_each_known_place(caller: Caller, location: str) -> None:
    caller.standin.control("settings", {"segmind_output": location})
    assert [bool(link.url) for link in caller.segmind().links] == [True]
    assert len(caller.standin.jobs()) == 1


def test_picture_in_an_unknown_place_is_kept_for_a_person(caller: Caller) -> None:
    caller.standin.control("settings", {"segmind_output": "elsewhere"})
    answer = caller.segmind()
    assert ([link.is_unrecognized for link in answer.links], answer.charged) == ([True], 75_000)
    assert b"href" in answer.raw_response


@pytest.mark.parametrize("form", ["base64", "data_uri"])
def test_picture_inside_the_json_of_v1_is_kept(caller: Caller, form: str) -> None:
    caller.standin.control("settings", {"segmind_json": True, "segmind_inline": form})
    answer = caller.segmind(SegmindEndpoint.V1)
    assert [bool(link.result_name) for link in answer.links] == [True]
    assert len(caller.standin.jobs()) == 1


@pytest.mark.parametrize("endpoint", SegmindEndpoint)
@pytest.mark.parametrize(
    ("form", "code"),
    [
        ("json", Code.PROVIDER_OUT_OF_MONEY),
        ("text", Code.PROVIDER_OUT_OF_MONEY),
        ("html", Code.PROVIDER_REFUSES),
        ("empty", Code.PROVIDER_REFUSES),
    ],
)
def test_empty_account_of_segmind_pauses_in_each_form(
    caller: Caller, endpoint: SegmindEndpoint, form: str, code: Code
) -> None:
    caller.standin.control("settings", {"segmind_406": form, "segmind_credits_usd": "0.00"})
    caller.standin.add_fault("balance", {"usd": "0.00"}, provider="segmind")
    answer = caller.segmind(endpoint)
    assert (answer.retry_class, answer.code, caller.standin.jobs()) == (RetryClass.PAUSE, code, [])


def test_unbilled_500_of_segmind_counts_against_the_photo(caller: Caller) -> None:
    caller.standin.add_fault("status", {"code": 500}, provider="segmind", times=1)
    answer = caller.segmind()
    assert (answer.retry_class, answer.suspicion, caller.standin.total_usd()) == (
        RetryClass.BACKOFF,
        Suspicion.FAILURE,
        "0.00",
    )


@pytest.mark.parametrize("fault", ["success_status", "interim"])
@pytest.mark.parametrize("route", ["v2/ideogram-3-replace-background", "v2/requests/status", "v2/requests/result"])
def test_unusual_success_of_segmind_is_a_success(caller: Caller, fault: str, route: str) -> None:
    caller.standin.add_fault(fault, {}, provider="segmind", route=route)
    assert caller.segmind().is_usable
    assert len(caller.standin.jobs()) == 1


@pytest.mark.parametrize("fault", ["success_status", "interim"])
@pytest.mark.parametrize("route", ["assets", "features", "results"])
def test_unusual_success_of_1min_is_a_success(caller: Caller, fault: str, route: str) -> None:
    caller.standin.add_fault(fault, {}, provider="onemin", route=route)
    assert caller.onemin().is_usable
    assert len(caller.standin.jobs()) == 1


@pytest.mark.parametrize("result", ["path", "empty", "null", "object", "link"])
@pytest.mark.parametrize("location", ["record", "top", "list", "detail", "none"])
def test_1min_picture_is_found_in_each_known_place(caller: Caller, result: str, location: str) -> None:
    caller.standin.control("settings", {"onemin_result": result, "onemin_link_place": location})
    assert [bool(link.url) for link in caller.onemin().links] == [True]
    assert len(caller.standin.jobs()) == 1


def test_5xx_with_a_prompt_leaves_the_charge_unknown(caller: Caller) -> None:
    body = {"errorCode": "X", "message": "failed", "details": "a child safety seat, credit card, New Balance"}
    caller.standin.add_fault("status", {"code": 500, "body": body}, provider="onemin", route="features", times=1)
    assert caller.onemin().retry_class is RetryClass.AMBIG
