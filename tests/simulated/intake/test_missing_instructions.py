"""The report of a photo without instructions names what each source sets, and suggests near misses."""

from typing import Any

import pytest

from backdrop.instructions.merge import resolve
from backdrop.instructions.sources import InstructionSource, parse_request, parse_tags
from backdrop.model.codes import Code
from backdrop.model.errors import InstructionError
from simulation.world.simulated_stack import World
from tests.simulated.stage_worlds import KEY
from tests.simulated.uploads_and_requests import (
    send_request,
    upload_defaults,
    upload_sidecar_bytes,
    upload_unique_photo,
)
from tests.unit.instruction_places import parse_sidecar

NO_TAG = "no tag sets an operation or a prompt."


def read_message(*sources: InstructionSource, variant: str = "") -> str:
    """Returns the message for these sources, the nearest first, which contain no complete instructions."""
    with pytest.raises(InstructionError) as caught:
        resolve(sources, variant)
    assert caught.value.code is Code.NO_INSTRUCTIONS
    return str(caught.value)


def read_report(world: World) -> list[tuple[str, str]]:
    """Returns the messages and hints of the photo's report."""
    world.run_until_empty()
    report = world.read_report(KEY)
    return [(error["message"], error["hint"]) for error in report["errors"]] if report else []


@pytest.mark.parametrize("tags", [{"Operation": "remove"}, {"promt": "on a beach"}, {"backdrop:operaton": "remove"}])
def test_near_miss_tags_are_named_without_other_instructions(tags: dict[str, str]) -> None:
    name = next(iter(tags)).removeprefix("backdrop:")
    assert f"The tag {name!r} is not a field. Did you mean" in read_message(parse_tags(tags))


def test_report_names_the_near_miss_tag() -> None:
    world = World()
    upload_unique_photo(world, KEY, Operation="remove")
    ((message, _),) = read_report(world)
    assert message.endswith("The tag 'Operation' is not a field. Did you mean 'operation'?")


def test_incomplete_source_is_named_with_its_fields() -> None:
    first = InstructionSource("red.jpg.json", {"style_preset": "GOLDEN_HOUR", "seed": 3})
    assert read_message(first, parse_tags({}), InstructionSource("_backdrop.json", {"rendering_speed": "TURBO"})) == (
        "red.jpg.json sets seed, style; _backdrop.json sets rendering_speed. Nothing sets an operation or a prompt."
    )


def test_variant_with_fields_is_not_called_empty() -> None:
    source = parse_sidecar({"variants": {"ok": {"operation": "remove"}, "noop": {"seed": 3}}})
    assert read_message(source, variant="noop") == f"{source.name} sets seed. Nothing sets an operation or a prompt."


@pytest.mark.parametrize("variants", [{}, {"a": {}}])
def test_sidecar_that_names_variants_is_not_called_empty(variants: dict[str, Any]) -> None:
    source = parse_sidecar({"variants": variants})
    assert read_message(source, variant="a") == f"{source.name} sets neither an operation nor a prompt, and {NO_TAG}"


def read_missing_prompt_message(*sources: InstructionSource) -> str:
    """Returns the message for these sources, the nearest first, which request a new background without a prompt."""
    with pytest.raises(InstructionError) as caught:
        resolve(sources)
    assert caught.value.code is Code.MISSING_PROMPT
    return str(caught.value)


def test_missing_prompt_error_names_the_near_miss_tag() -> None:
    words = read_missing_prompt_message(parse_tags({"operation": "replace", "promt": "a beach"}))
    assert words.endswith("there is no prompt. The tag 'promt' is not a field. Did you mean 'prompt'?")


def test_missing_prompt_error_explains_why_none_is_inherited() -> None:
    words = read_missing_prompt_message(
        parse_sidecar({"operation": "replace"}),
        InstructionSource("_backdrop.json", {"prompt": "a", "operation": "replace"}),
    )
    assert words.endswith(
        "The prompt of _backdrop.json is not inherited, because operation and prompt are inherited together."
    )


def test_near_miss_tags_are_named_with_invalid_ones() -> None:
    (error,) = parse_tags({"operation": "replase", "promt": "a beach"}).errors
    assert "The tag 'promt' is not a field. Did you mean 'prompt'?" in str(error.hint)


def test_empty_sidecar_and_empty_request_are_named() -> None:
    assert read_message(parse_sidecar({}), parse_tags({})) == f"{parse_sidecar({}).name} is empty, and {NO_TAG}"
    assert read_message(parse_request({}), parse_tags({})) == f"The request is empty, and {NO_TAG}"


def test_suggestion_follows_the_incomplete_sources() -> None:
    world = World()
    upload_defaults(world, "", {"seed": 3})
    upload_sidecar_bytes(world, "shoes/rod.jpg", b"{}")
    upload_unique_photo(world, KEY)
    ((message, _),) = read_report(world)
    assert message == (
        "_backdrop.json sets seed. Nothing sets an operation or a prompt. "
        "However, there is rod.jpg.json: the name should be red.jpg.json."
    )


def test_empty_request_is_not_advised_to_add_a_sidecar() -> None:
    world = World()
    upload_unique_photo(world, KEY)
    send_request(world, KEY)
    ((_, hint),) = read_report(world)
    assert ("sidecar" in hint, hint.endswith("and send it again.")) == (False, True)


def test_missing_prompt_error_names_the_source() -> None:
    with pytest.raises(InstructionError) as caught:
        resolve([parse_tags({"operation": "replace"})])
    assert str(caught.value) == "tags: operation is replace, but there is no prompt."
