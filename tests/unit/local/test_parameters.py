"""The stack parameters of a local cloud, and when it asks for confirmation before spending money."""

import io
import sys

import pytest

from backdrop_local import parameters, providers, sam
from backdrop_local.emulator_patches import resolve_number
from backdrop_local.errors import LocalCloudError

STANDIN = "http://127.0.0.1:4321"
REAL = "https://api.ideogram.ai"


@pytest.fixture(autouse=True)
def _no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))


def test_stand_in_answers_without_a_key_at_no_cost() -> None:
    settled = parameters.resolve_parameters(STANDIN, {})
    assert settled["IdeogramBaseUrl"] == f"{STANDIN}/ideogram"
    assert settled["IdeogramMaxInFlight"] == "10"
    assert providers.find_paid_addresses(settled) == {}


def test_all_four_providers_are_on_and_cost_nothing() -> None:
    settled = parameters.resolve_parameters(STANDIN, {})
    addresses = {name: value for name, value in settled.items() if name.endswith("BaseUrl")}
    assert addresses == {
        "IdeogramBaseUrl": f"{STANDIN}/ideogram",
        "SegmindBaseUrl": f"{STANDIN}/segmind",
        "OneMinBaseUrl": f"{STANDIN}/onemin",
        "RunwareBaseUrl": f"{STANDIN}/runware",
    }
    assert all(int(settled[f"{name.removesuffix('BaseUrl')}MaxInFlight"]) > 1 for name in addresses)


def test_only_the_stand_in_has_a_made_up_1min_price(monkeypatch: pytest.MonkeyPatch) -> None:
    assert parameters.resolve_parameters(STANDIN, {})["OneMinUsdPerImage"] == "0.05"
    monkeypatch.setenv("ONEMIN_API_KEY", "their-own")
    settled = parameters.resolve_parameters(STANDIN, {})
    assert (settled["OneMinUsdPerImage"], settled["OneMinBaseUrl"]) == ("", "https://api.1min.ai")
    monkeypatch.setenv("ONEMIN_BASE_URL", "http://127.0.0.1:99")
    assert parameters.resolve_parameters(STANDIN, {})["OneMinUsdPerImage"] == "0.05"


def test_one_real_key_leaves_others_on_the_stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNWARE_API_KEY", "their-own")
    settled = parameters.resolve_parameters(STANDIN, {})
    assert providers.find_paid_addresses(settled) == {"RunwareBaseUrl": "https://api.runware.ai"}
    assert settled["SegmindBaseUrl"] == f"{STANDIN}/segmind"


def test_key_alone_selects_the_real_api_and_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDEOGRAM_API_KEY", "their-own")
    paid = providers.find_paid_addresses(parameters.resolve_parameters(STANDIN, {}))
    assert paid == {"IdeogramBaseUrl": REAL}
    with pytest.raises(LocalCloudError, match=r"You pay for.*\$10 a day.*YES=1"):
        providers.confirm_spending(paid, "10")


def test_yes_in_the_environment_confirms_spending(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YES", "1")
    providers.confirm_spending({"IdeogramBaseUrl": REAL}, "10")


@pytest.mark.parametrize("answer", ["", "n", "no", "maybe"])
def test_any_terminal_answer_but_yes_spends_nothing(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    answer_at_terminal(monkeypatch, answer)
    with pytest.raises(LocalCloudError, match="nothing was charged"):
        providers.confirm_spending({"IdeogramBaseUrl": REAL}, "10")


def test_terminal_answer_yes_continues(monkeypatch: pytest.MonkeyPatch) -> None:
    answer_at_terminal(monkeypatch, "y")
    providers.confirm_spending({"IdeogramBaseUrl": REAL}, "10")


def answer_at_terminal(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    """Answers the question as a person at a terminal would."""
    terminal = io.StringIO(f"{answer}\n")
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", terminal)


def test_paid_address_without_its_key_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDEOGRAM_BASE_URL", REAL)
    with pytest.raises(LocalCloudError, match="IDEOGRAM_API_KEY is not set"):
        parameters.resolve_parameters(STANDIN, {})


def test_disabled_provider_needs_no_confirmation() -> None:
    settled = parameters.resolve_parameters(STANDIN, {"IdeogramMaxInFlight": "0", "IdeogramBaseUrl": REAL})
    assert providers.find_paid_addresses(settled) == {}


def test_address_in_a_parameter_also_needs_confirmation() -> None:
    settled = parameters.resolve_parameters(STANDIN, {"IdeogramBaseUrl": REAL})
    assert providers.find_paid_addresses(settled) == {"IdeogramBaseUrl": REAL}


@pytest.mark.parametrize(
    ("address", "is_here"),
    [
        ("http://127.0.0.1:9/x", True),
        ("http://localhost:9", True),
        ("http://[::1]:9", True),
        ("http://127.0.0.1.example.com", False),
        ("http://localhost.example.com", False),
        ("http://10.0.0.1", False),
        ("127.0.0.1", False),
    ],
)
def test_only_this_machine_counts_as_free(address: str, is_here: bool) -> None:
    assert providers.is_loopback(address) is is_here


def test_requested_parameters_override_the_templates_defaults() -> None:
    settled = parameters.resolve_parameters(STANDIN, {"DailyBudgetUSD": "3"})
    assert settled["DailyBudgetUSD"] == "3"
    assert settled["SettleSeconds"] == "20"
    assert settled["RequireTls"] == "false"


def test_params_are_split_like_shell_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARAMS", "ResultHosts='a b' AlarmEmail= SettleSeconds=2")
    requested = {"ResultHosts": "a b", "AlarmEmail": "", "SettleSeconds": "2"}
    assert parameters.read_params_variable() == requested


@pytest.mark.parametrize("words", ["SettleSeconds", "=2"])
def test_params_without_an_assignment_are_refused(monkeypatch: pytest.MonkeyPatch, words: str) -> None:
    monkeypatch.setenv("PARAMS", words)
    with pytest.raises(LocalCloudError, match="Write, for example"):
        parameters.read_params_variable()


def test_misspelled_parameter_is_rejected_with_a_suggestion() -> None:
    with pytest.raises(LocalCloudError, match="Did you mean SettleSeconds"):
        parameters.resolve_parameters(STANDIN, {"SetleSeconds": "2"})


def test_sam_receives_a_value_with_spaces_unchanged() -> None:
    assert sam.format_overrides({"ResultHosts": 'a "b"'}) == ['ResultHosts="a \\"b\\""']


def test_referenced_number_becomes_the_parameters_value() -> None:
    assert resolve_number({"Ref": "IdeogramMaxInFlight"}, {"IdeogramMaxInFlight": "5"}) == 5
    assert resolve_number("7", {}) == 7
