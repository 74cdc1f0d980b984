"""The options that stand for instructions: each sets the field that its row names, and errors name the option."""

import inspect
import json
from typing import Any

import pytest

from backdrop.instructions.schema import InstructionsModel, list_known_fields
from backdrop_cli.errors import UsageError
from backdrop_cli.instruction_options import INSTRUCTION_OPTIONS, InstructionOption, with_instruction_options
from backdrop_cli.uploads.option_sidecar import build_option_sidecar
from docs.make_commands import list_commands, list_options

OPTION_BY_FLAG = {one.flag: one for one in INSTRUCTION_OPTIONS}
COMMANDS = ("lint", "quote", "drop", "campaign quote", "campaign run")
# One good text for each option, and the fields that it sets.
EXAMPLES: dict[str, tuple[Any, dict[str, Any]]] = {
    "--prompt": ("on sand", {"prompt": "on sand"}),
    "--remove": (True, {"operation": "remove"}),
    "--style": ("golden hour", {"style": "golden hour"}),
    "--variants": (
        ["beach=on a beach = sea", "cut-out=remove"],
        {"variants": {"beach": {"prompt": "on a beach = sea"}, "cut-out": {"operation": "remove"}}},
    ),
    "--provider": (["runware"], {"provider": "runware"}),
    "--model": ("ideogram", {"model": "ideogram"}),
    "--frame": ("4:5", {"frame": "4:5"}),
    "--for": (["amazon-main", "ebay, etsy"], {"output": {"for": ["amazon-main", "ebay", "etsy"]}}),
    "--format": ("webp", {"output": {"format": "webp"}}),
    "--size": ("2000x1500", {"output": {"width": 2000, "height": 1500}}),
    "--fit": ("contain", {"output": {"fit": "contain"}}),
    "--background": ("white", {"output": {"background": "white"}}),
    "--trim": (True, {"output": {"trim": True}}),
    "--margin": ("7.5%", {"output": {"margin": "7.5%"}}),
    "--shadow": ("contact", {"shadow": "contact"}),
    "--logo": ("_backdrop/brand/logo.png", {"logo": "_backdrop/brand/logo.png"}),
}


def build_fields(**texts: Any) -> dict[str, Any]:
    given = {OPTION_BY_FLAG[f"--{name}"]: text for name, text in texts.items()}
    return json.loads(build_option_sidecar(given))


def read_error(**texts: Any) -> str:
    with pytest.raises(UsageError) as caught:
        build_fields(**texts)
    return caught.value.message


@pytest.mark.parametrize("option", INSTRUCTION_OPTIONS, ids=lambda one: one.flag)
def test_each_option_sets_the_field_of_its_row(option: InstructionOption) -> None:
    text, fields = EXAMPLES[option.flag]
    assert json.loads(build_option_sidecar({option: text})) == fields
    assert option.path[0] in InstructionsModel.model_fields
    assert option.path[-1] in InstructionsModel.model_fields | dict.fromkeys(list_known_fields(option.path))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_for_photos_takes_all_options(command: str) -> None:
    assert {*OPTION_BY_FLAG, "--sidecar"} <= list_options(list_commands()[command])


def test_options_of_an_output_are_combined() -> None:
    texts = {"size": "2000x2000", "fit": "pad", "background": "white", "format": "jpg", "trim": True, "margin": "5%"}
    output = {"width": 2000, "height": 2000, "fit": "pad", "background": "white", "format": "jpg", "trim": True}
    assert build_fields(remove=True, **texts) == {"operation": "remove", "output": {**output, "margin": "5%"}}


@pytest.mark.parametrize(
    ("text", "output"),
    [
        ("2000x", {"width": 2000}),
        ("x1500", {"height": 1500}),
        (" 20 × 10 ", {"width": 20, "height": 10}),
        ("Full", {"size": "full"}),
    ],
)
def test_size_accepts_one_side_or_a_name(text: str, output: dict[str, Any]) -> None:
    assert build_fields(size=text) == {"output": output}


@pytest.mark.parametrize("text", ["2000", "x", "big", "2000x2000x2000", "-1x5"])
def test_unreadable_size_shows_how_to_write_it(text: str) -> None:
    assert "write WIDTHxHEIGHT in pixels, such as 2000x2000" in read_error(size=text)


@pytest.mark.parametrize(
    ("texts", "messages"),
    [
        ({"format": "gif"}, ["--format is "]),
        ({"size": "20000x5"}, ["--size: width is 20000; it must be at most 10000"]),
        ({"variants": ["beach="]}, ["--variants: beach.prompt is empty"]),
        ({"variants": ["a b=x"]}, ["lowercase letters"]),
        ({"variants": ["beach"]}, ["--variants: 'beach' has no name: write NAME=PROMPT"]),
        ({"variants": ["beach=x", "beach=y"]}, ["--variants: two variants have the name 'beach'"]),
        ({"fit": "pad", "format": "jpg"}, ["--format and --fit: pad makes", "needs a background"]),
        ({"provider": ["runwear"]}, ["--provider is ", "Did you mean 'runware'?"]),
        ({"provider": ["runware", "ideogrm"]}, ["--provider is ", "Did you mean 'ideogram'?"]),
        ({"frame": "100:1"}, ["--frame: '100:1' is not a frame", "Did you mean '3:1'?"]),
        ({"for": ["ebay", "amazonmain"]}, ["--for is ", "Did you mean 'amazon-main'?"]),
        ({"for": ["amazon-main"], "background": "red"}, ["--background: amazon-main requires the background #ffffff"]),
        ({"for": ["amazon-main"], "margin": "20%"}, ["--margin: amazon-main requires that the product fills at"]),
        ({"shadow": "drp"}, ["--shadow is ", "Did you mean 'drop'?"]),
        ({"prompt": "x", "shadow": "drop"}, ["operation replace leaves no transparent part", "shadow"]),
        ({"logo": "brand/logo.png"}, ["--logo: 'brand/logo.png' would be a photo of its own"]),
        ({"prompt": ""}, ["--prompt is empty"]),
        ({"margin": "wide", "style": "y"}, ["--margin: 'wide' is not a margin", "--style: 'y' is neither"]),
        ({"remove": True, "prompt": "x"}, ["operation remove makes no new background"]),
    ],
)
def test_error_names_the_option_and_not_a_json_path(texts: dict[str, Any], messages: list[str]) -> None:
    ordered = {one.flag[2:]: texts[one.flag[2:]] for one in INSTRUCTION_OPTIONS if one.flag[2:] in texts}
    error = read_error(**ordered)
    assert "output." not in error
    for one in messages:
        assert one in error


def test_command_receives_the_sidecar_in_place_of_its_parameter() -> None:
    received: list[bytes | None] = []

    @with_instruction_options
    def command(first: str, new_sidecar: bytes | None, last: str = "") -> None:
        received.append(new_sidecar)

    names = [*inspect.signature(command).parameters]
    assert (names[0], names[-2:]) == ("first", ["option_sidecar", "last"])
    not_given = {one.parameter_name: False if one.type is bool else None for one in INSTRUCTION_OPTIONS}
    command(first="", **not_given, option_sidecar=None)
    command(first="", **{**not_given, "option_remove": True}, option_sidecar=None)
    assert received == [None, b'{\n  "operation": "remove"\n}\n']
