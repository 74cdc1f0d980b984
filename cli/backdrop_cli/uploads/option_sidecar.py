"""Builds a sidecar from the options of the command line."""

import json
from collections.abc import Callable, Iterator, Mapping
from operator import attrgetter
from pathlib import Path
from typing import Any, cast

from backdrop.instructions.error_messages import format_path
from backdrop.instructions.json_text import MAX_SIDECAR_BYTES
from backdrop.instructions.sources import parse_file
from backdrop.model.errors import InstructionError
from backdrop_cli.errors import UsageError
from backdrop_cli.instruction_options import InstructionOption

type OptionNamer = Callable[[InstructionOption], str]
"""Returns an option's name for the user's eyes: its flag on the command line, its label on the upload page."""

type GivenOptions = Mapping[InstructionOption, Any]
"""The options of a command line, each with its text; without those that were not given."""


def build_sidecar(given_options: GivenOptions, sidecar: Path | None) -> bytes | None:
    """Returns the sidecar's bytes, or None without options. Raises UsageError with all errors in it."""
    if sidecar and given_options:
        raise UsageError(f"--sidecar and {next(iter(given_options)).flag} both give instructions; use one of them")
    if sidecar:
        data = _read_sidecar(sidecar)
        _refuse_errors([str(one.message.clause) for one in parse_file(str(sidecar), data).errors])
        return data
    return build_option_sidecar(given_options) if given_options else None


def build_option_sidecar(
    given_options: GivenOptions,
    other_fields: Mapping[str, Any] | None = None,
    name_option: OptionNamer = attrgetter("flag"),
) -> bytes:
    """Returns a sidecar with the fields that the options set, and others. Raises UsageError with all errors in it."""
    fields_by_option = {option: _build_fields(option, value, name_option) for option, value in given_options.items()}
    fields = dict(other_fields or {})
    for one in fields_by_option.values():
        fields = _merge(fields, one)
    data = json.dumps(fields, ensure_ascii=False, indent=2).encode() + b"\n"
    _refuse_errors([_describe_error(one, fields_by_option, name_option) for one in parse_file("", data).errors])
    return data


def _build_fields(option: InstructionOption, value: object, name_option: OptionNamer) -> dict[str, Any]:
    try:
        return option.build_fields(value)
    except ValueError as error:
        raise UsageError(f"{name_option(option)}: {error}") from error


def _merge(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Merges two objects with the objects in them."""
    return {
        **first,
        **{
            name: _merge(first[name], value) if isinstance(value, dict) and isinstance(first.get(name), dict) else value
            for name, value in second.items()
        },
    }


def _describe_error(
    error: InstructionError,
    fields_by_option: Mapping[InstructionOption, Mapping[str, Any]],
    name_option: OptionNamer,
) -> str:
    """Returns the error's text; it names options in the place of a JSON path, which the user has never seen."""
    paths_by_option = {
        option: path for option, fields in fields_by_option.items() if (path := _find_given_path(fields, error.path))
    }
    if not paths_by_option or error.reason is None:
        return str(error.detail.clause)
    names = " and ".join(map(name_option, paths_by_option))
    options = list(paths_by_option)
    rest_of_path = (
        paths_by_option[options[0]].removeprefix(format_path(options[0].path)).strip(".") if len(options) == 1 else ""
    )
    return f"{names}{f': {rest_of_path}' if rest_of_path else ''}{error.reason.clause}"


def _find_given_path(fields: Mapping[str, Any], path: str) -> str:
    """Returns the path of an error, as far as these fields contain it; "" if they do not.

    `logo.image` is only `logo` if its value is shorthand.
    """
    for leaf in _list_paths(fields, ()):
        if f"{leaf}.".startswith(f"{path}."):
            return path
        if path.startswith((f"{leaf}.", f"{leaf}[")):
            return leaf
    return ""


def _list_paths(fields: Mapping[str, Any], parents: tuple[str, ...]) -> Iterator[str]:
    for name, value in fields.items():
        if isinstance(value, dict):
            yield from _list_paths(cast("dict[str, Any]", value), (*parents, name))
        else:
            yield format_path((*parents, name))


def _read_sidecar(file: Path) -> bytes:
    try:
        data = file.read_bytes()
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror or error}") from error
    if len(data) > MAX_SIDECAR_BYTES:
        raise UsageError(f"{file} is {len(data):,} bytes; a sidecar can be at most {MAX_SIDECAR_BYTES:,} bytes")
    return data


def _refuse_errors(messages: list[str]) -> None:
    if messages:
        raise UsageError("; ".join(messages))
