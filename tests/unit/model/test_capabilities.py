"""Which provider supports which field, reported before anything is sent."""

from typing import Any

import pytest

from backdrop.aws.settings import ProviderSettings
from backdrop.instructions.schema import InstructionsModel
from backdrop.model.capabilities import (
    CAPABILITIES,
    PROVIDERS,
    REPLACE_FIELDS,
    SUPPORTED_PROVIDERS,
    find_not_expressible,
)
from backdrop.ports import ApiKey
from backdrop.providers.registry import build_providers
from tests.unit.ledger_items import build_job
from tests.unit.work_in_memory import FakeWork

REPLACE = {"operation": "replace", "prompt": "a beach"}


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"style_preset": "AURA"},
        {"style_codes": ["AAFF5733"]},
        {"num_images": 1},
        {"num_images": 8},
        {"seed": 0},
        {"seed": 2_147_483_647},
        {"magic_prompt": "OFF", "rendering_speed": "FLASH"},
        {"provider": "ideogram", "max_cost_usd": 1, "revision": "2", "metadata": {}},
    ],
    ids=str,
)
def test_ideogram_accepts_what_its_reference_lists(given: dict[str, Any]) -> None:
    assert find_not_expressible("ideogram", {**REPLACE, **given}) == []


def test_nine_images_are_too_many_for_ideogram() -> None:
    (sentence,) = find_not_expressible("ideogram", {**REPLACE, "num_images": 9})
    assert sentence == "ideogram accepts 1 to 8 for num_images, not 9"


def test_too_long_prompt_is_named_by_its_length() -> None:
    (sentence,) = find_not_expressible("runware", {**REPLACE, "prompt": "x" * 2_001})
    assert sentence == "runware accepts text of 1 to 2,000 characters for prompt, not 2,001 characters"


@pytest.mark.parametrize("field", REPLACE_FIELDS)
def test_remove_operation_accepts_no_field_of_a_new_background(field: str) -> None:
    assert find_not_expressible("ideogram", {"operation": "remove", field: 1}) == [f"ideogram does not support {field}"]


def test_error_names_every_unsupported_field() -> None:
    instructions = {"operation": "remove", "seed": 1, "prompt": "x"}
    assert len(find_not_expressible("ideogram", instructions)) == 2


def test_table_contains_only_fields_that_can_be_requested() -> None:
    known = set(InstructionsModel.model_fields)
    assert all(set(fields) <= known for fields in CAPABILITIES.values())


def test_every_supported_provider_has_an_adapter_and_a_key() -> None:
    instructions: list[tuple[str, bool]] = []

    def no_key(provider: str, fresh: bool) -> ApiKey:
        instructions.append((provider, fresh))
        return ApiKey(missing_reason="none")

    address = ProviderSettings(base_url="https://api.example", timeout_seconds=90)
    on: dict[str, ProviderSettings] = {name: address for name in PROVIDERS}
    adapters = build_providers(on, no_key, FakeWork(), {"1min": 45_000})
    assert adapters.keys() == SUPPORTED_PROVIDERS == set(PROVIDERS)
    assert {adapter.timeout_seconds for adapter in adapters.values()} == {90}
    for name, adapter in adapters.items():
        instructions.clear()
        adapter.prepare(build_job(), b"")
        assert {provider for provider, _ in instructions} == {name}
    assert build_providers({}, no_key, FakeWork()) == {}


def test_provider_with_an_unknown_credit_price_is_not_used() -> None:
    address = ProviderSettings(base_url="https://api.example", timeout_seconds=90)
    adapters = build_providers(dict.fromkeys(PROVIDERS, address), lambda provider, fresh: ApiKey("k"), FakeWork())
    assert adapters.keys() == {"ideogram", "segmind", "runware"}
