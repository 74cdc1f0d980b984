"""The options that set instructions without JSON: a row for each, shared by all commands and the upload page.

The page offers the rows with a `page_label`.
"""

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

_SIZE_PATTERN = re.compile(r"(\d*)\s*[x×]\s*(\d*)", re.ASCII)
_SIZE_NAMES = ("full", "provider")
_VARIANT_REMOVE = "remove"


def _parse_size(text: str) -> Mapping[str, object]:
    """Returns `width` and `height`, or one of them; or `size`, if the text is one of its names. Raises ValueError."""
    word = text.strip().lower()
    if word in _SIZE_NAMES:
        return {"size": word}
    sides = _SIZE_PATTERN.fullmatch(word)
    if not sides or not any(sides.groups()):
        raise ValueError(
            f"{text!r} is not a size: write WIDTHxHEIGHT in pixels, such as 2000x2000, or only one side, such "
            "as 2000x or x2000; full is the photo's own size, provider that of the provider's picture"
        )
    return {name: int(side) for name, side in zip(("width", "height"), sides.groups(), strict=True) if side}


def split_names(texts: Sequence[str]) -> list[str]:
    """Returns the names of an option that can be repeated, and that also takes several names with commas."""
    return [name for text in texts for one in text.split(",") if (name := one.strip())]


def _parse_names(texts: Sequence[str]) -> object:
    names = split_names(texts)
    return names[0] if len(names) == 1 else names


def _parse_variants(texts: Sequence[str]) -> Mapping[str, object]:
    """Returns the fields of each variant by its name, from `NAME=PROMPT`, or `NAME=remove` for no background.

    Raises ValueError.
    """
    variants: dict[str, object] = {}
    for text in texts:
        name, separator, prompt = text.partition("=")
        if not separator:
            raise ValueError(
                f"{text!r} has no name: write NAME=PROMPT, such as 'beach=on a beach', once for each variant"
            )
        if name.strip() in variants:
            raise ValueError(f"two variants have the name {name.strip()!r}; give each variant its own name")
        is_remove = prompt.strip().lower() == _VARIANT_REMOVE
        variants[name.strip()] = {"operation": _VARIANT_REMOVE} if is_remove else {"prompt": prompt.strip()}
    return variants


def _take(value: object) -> object:
    return value


@dataclass(frozen=True)
class InstructionOption:
    """One option: the place in the instructions that it sets, and how its text becomes the value there.

    `type`: `str`, `bool` for an option without a value, or `list[str]` for one that can be repeated. `page_label`,
    `page_choices`, and `page_example` describe the field of the upload page, if it has one. With an example, the field
    accepts any text and suggests the choices; one that can be repeated accepts several lines. `page_operation`: the
    only operation for which the page offers it.
    """

    flag: str
    path: tuple[str, ...]
    help: str
    metavar: str | None = None
    type: Any = str
    parse: Callable[[Any], object] = _take
    page_label: str = ""
    page_choices: tuple[str, ...] = ()
    page_example: str = ""
    page_operation: str = ""

    @property
    def quoted_page_label(self) -> str:
        """The field's name in messages of the upload page."""
        return f"“{self.page_label}”"

    @property
    def parameter_name(self) -> str:
        """The name of the Python parameter. The prefix avoids keywords and the names of other parameters."""
        return f"option_{self.flag.removeprefix('--').replace('-', '_')}"

    def build_fields(self, value: object) -> dict[str, Any]:
        """Returns the instructions that this option alone gives. Raises ValueError if its text cannot be read."""
        *parents, name = self.path
        fields: dict[str, Any] = {name: self.parse(value)}
        return {parents[0]: fields} if parents else fields


INSTRUCTION_OPTIONS: tuple[InstructionOption, ...] = (
    InstructionOption("--prompt", ("prompt",), "Describe the new background", "TEXT"),
    InstructionOption(
        "--remove",
        ("operation",),
        "Remove the background instead of replacing it",
        type=bool,
        parse=lambda _: "remove",
    ),
    InstructionOption("--style", ("style",), "Set a style, such as 'golden hour'", "STYLE"),
    InstructionOption(
        "--variants",
        ("variants",),
        "Make a picture with this name and prompt, such as 'beach=on a beach'; NAME=remove removes the background. "
        "Repeat it for each picture",
        "NAME=PROMPT",
        list[str],
        _parse_variants,
        page_label="Several pictures (name=prompt, one per line)",
        page_example="beach=on a sunny beach\ncut-out=remove",
        page_operation="replace",
    ),
    InstructionOption(
        "--provider",
        ("provider",),
        "Use this provider; repeat it to allow several",
        "PROVIDER",
        list[str],
        _parse_names,
    ),
    InstructionOption(
        "--model",
        ("model",),
        "With --remove, cut out with this model: ideogram, or at Runware birefnet-matting (its default)",
        "MODEL",
    ),
    InstructionOption(
        "--frame",
        ("frame",),
        "Make pictures of this shape, such as 4:5, or of this size, such as 1200x628, with the whole subject inside",
        "FRAME",
        page_label="Shape",
        page_choices=("1:1", "4:5", "9:16", "16:9", "1200x628"),
        page_example="4:5",
    ),
    InstructionOption(
        "--for",
        ("output", "for"),
        "Deliver a file that meets the rules of this marketplace, such as amazon-main; repeat it for several",
        "MARKETPLACE",
        list[str],
        _parse_names,
        page_label="A file for each of these marketplaces",
    ),
    InstructionOption(
        "--format",
        ("output", "format"),
        "Deliver png (the default), webp, or jpg",
        "FORMAT",
        page_label="File format",
        page_choices=("png", "webp", "jpg"),
    ),
    InstructionOption(
        "--size",
        ("output",),
        "Deliver this size in pixels, such as 2000x2000, or one side, such as 2000x",
        "WIDTHxHEIGHT",
        parse=_parse_size,
        page_label="Size in pixels",
        page_example="2000x2000",
    ),
    InstructionOption(
        "--fit",
        ("output", "fit"),
        "Fill the size: contain (the default) stays within it, pad adds free space, cover crops",
        "FIT",
        page_label="How it fills the size",
        page_choices=("contain", "pad", "cover"),
    ),
    InstructionOption(
        "--background",
        ("output", "background"),
        "Put this color under transparent parts and in free space, such as white or #f4f4f4",
        "COLOR",
        page_label="Background color",
        page_example="white",
    ),
    InstructionOption(
        "--trim",
        ("output", "trim"),
        "Cut off transparent or plain borders first",
        type=bool,
        parse=lambda _: True,
        page_label="Cut off plain borders first",
    ),
    InstructionOption(
        "--margin",
        ("output", "margin"),
        "Leave this much free space on every side, such as 7.5% or 40px",
        "MARGIN",
        page_label="Free space on every side",
        page_example="7.5%",
    ),
    InstructionOption(
        "--shadow",
        ("shadow",),
        "With a removed background, draw a shadow: contact, drop, or reflection",
        "SHADOW",
        page_label="Shadow",
        page_choices=("contact", "drop", "reflection"),
        page_operation="remove",
    ),
    InstructionOption(
        "--logo",
        ("logo",),
        "Draw this image of the bucket over each picture, such as _backdrop/brand/logo.png",
        "KEY",
        page_label="Logo in the bucket",
        page_example="_backdrop/brand/logo.png",
    ),
)
"""Every option that sets a field of the instructions."""

VARIANTS_OPTION = next(one for one in INSTRUCTION_OPTIONS if one.path == ("variants",))

PAGE_OPTIONS = tuple(one for one in INSTRUCTION_OPTIONS if one.page_label)
"""The options that the upload page offers as fields of the same meaning."""

_SIDECAR_PARAMETER = inspect.Parameter(
    "option_sidecar",
    inspect.Parameter.KEYWORD_ONLY,
    default=None,
    annotation=Annotated[
        Path | None,
        typer.Option("--sidecar", metavar="FILE", help="Use this sidecar instead of these options"),
    ],
)
_RESULT_PARAMETER = "new_sidecar"


def with_instruction_options[R](command: Callable[..., R]) -> Callable[..., R]:
    """Gives a command all options of the table and `--sidecar`, in the place of its parameter `new_sidecar`.

    The command receives the sidecar's bytes, or None without any of these options.
    """

    @wraps(command)
    def run(**arguments: Any) -> R:
        from backdrop_cli.uploads.option_sidecar import build_sidecar

        given = {one: arguments.pop(one.parameter_name) for one in INSTRUCTION_OPTIONS}
        sidecar = arguments.pop(_SIDECAR_PARAMETER.name)
        given_options = {option: value for option, value in given.items() if value not in (None, False, [])}
        return command(**arguments, **{_RESULT_PARAMETER: build_sidecar(given_options, sidecar)})

    own = list(inspect.signature(command).parameters.values())
    place = [one.name for one in own].index(_RESULT_PARAMETER)
    instructions = [*map(_build_parameter, INSTRUCTION_OPTIONS), _SIDECAR_PARAMETER]
    parameters = [
        one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in (*own[:place], *instructions, *own[place + 1 :])
    ]
    run.__dict__["__signature__"] = inspect.Signature(parameters)
    return run


def _build_parameter(option: InstructionOption) -> inspect.Parameter:
    declaration = typer.Option(option.flag, metavar=option.metavar, help=option.help)
    is_switch = option.type is bool
    return inspect.Parameter(
        option.parameter_name,
        inspect.Parameter.KEYWORD_ONLY,
        default=False if is_switch else None,
        annotation=Annotated[bool if is_switch else option.type | None, declaration],
    )
