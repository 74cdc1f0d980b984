"""Which files the instructions of a job ask for, as in sections 2.3 and 2.4 of the design."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# Of the marketplaces that the simulated users name.
MARKETPLACE_FORMAT = "jpg"
NAME_FIELD = "name_template"


@dataclass(frozen=True)
class ExpectedFile:
    """A file in the output bucket, of image `n`.

    `marketplace`: the one for which it has a certificate; empty if it is for none.
    """

    key: str
    n: int
    marketplace: str = ""


def list_expected_files(
    key: str, variant: str, instructions: Mapping[str, Any], image_count: int
) -> list[ExpectedFile]:
    """Returns the files of a photo's variant, given its resolved instructions and the number of usable images."""
    folder, stem = _split_key(key)
    files: list[ExpectedFile] = []
    for n in range(1, image_count + 1):
        suffix = f"-{variant}" * bool(variant) + f"_{n}" * (n > 1)
        for output, marketplace in _list_single_outputs(instructions):
            if NAME_FIELD in output:
                files.append(ExpectedFile(f"{folder}{_number_name(output, n)}", n, marketplace))
            else:
                output_name = output.get("name", marketplace)
                name = f"{stem}{suffix}{f'@{output_name}' if output_name else ''}"
                suffix_of_format = output.get("format", MARKETPLACE_FORMAT if marketplace else "png")
                files.append(ExpectedFile(f"{key}/{name}.{suffix_of_format}", n, marketplace))
    return files


def list_named_keys(key: str, instructions: Mapping[str, Any]) -> Iterator[str]:
    """Yields the keys that name templates give a photo's pictures in the output bucket. A key may occur twice."""
    if "output" not in instructions:
        return
    folder, _ = _split_key(key)
    for output, _ in _list_single_outputs(instructions):
        if NAME_FIELD in output:
            for n in range(1, instructions.get("num_images", 1) + 1):
                yield f"{folder}{_number_name(output, n)}"


def _list_single_outputs(instructions: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], str]]:
    """Yields each output with its marketplace; an output for several marketplaces is one for each."""
    outputs: Mapping[str, Any] | Sequence[Mapping[str, Any]] = instructions.get("output", {})
    for output in [outputs] if isinstance(outputs, Mapping) else outputs:
        marketplaces: str | Sequence[str] = output.get("for", "")
        for marketplace in [marketplaces] if isinstance(marketplaces, str) else marketplaces:
            yield output, marketplace


def _number_name(output: Mapping[str, Any], n: int) -> str:
    return str(output[NAME_FIELD]).replace("{n}", str(n))


def _split_key(key: str) -> tuple[str, str]:
    """Returns the folder of a photo with its slash, and the photo's name without its suffix."""
    folder, slash, file = key.rpartition("/")
    return f"{folder}{slash}", file.rpartition(".")[0]
