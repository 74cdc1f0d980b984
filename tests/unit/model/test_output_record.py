"""Outputs of validated instructions as deliver parses them, and which outputs an operation cannot deliver."""

import subprocess
import sys
from typing import Any

import pytest

from backdrop.model.output_spec import FULL_SIZE, PROVIDER_SIZE, OutputSpec, find_output_errors, parse_outputs


def test_default_output_is_png_at_the_results_size() -> None:
    (output,) = parse_outputs({"operation": "remove"})
    assert output == OutputSpec(name=None, format="png", width=None, height=None)
    assert output.is_plain_lossless


def test_one_object_equals_a_list_of_one() -> None:
    output = {"format": "webp", "width": 400}
    assert parse_outputs({"output": output}) == parse_outputs({"output": [output]})


@pytest.mark.parametrize(
    "output", [{}, {"format": "png"}, {"fit": "contain"}, {"name": "master"}, {"margin": "0px"}, {"size": "provider"}]
)
def test_output_without_changes_is_lossless(output: dict[str, Any]) -> None:
    assert parse_outputs({"output": output})[0].is_plain_lossless


@pytest.mark.parametrize(
    "output", [{"format": "jpg"}, {"width": 9}, {"trim": True}, {"background": "#ffffff"}, {"margin": "1px"}]
)
def test_output_with_changes_is_not_plain_lossless(output: dict[str, Any]) -> None:
    assert not parse_outputs({"output": output})[0].is_plain_lossless


def test_margin_is_a_share_or_pixels() -> None:
    share, pixels = parse_outputs({"output": [{"margin": "7.5%"}, {"margin": "40px"}]})
    assert (share.margin_share, share.margin_pixels) == (0.075, 0)
    assert (pixels.margin_share, pixels.margin_pixels) == (0, 40)


def test_cut_out_has_the_photos_size_by_default() -> None:
    default, full, left = parse_outputs({"output": [{}, {"size": "full"}, {"size": "provider"}]})
    assert default.size == full.size == FULL_SIZE
    assert left.size == PROVIDER_SIZE


@pytest.mark.parametrize(("format_", "kind"), [("png", "image/png"), ("webp", "image/webp"), ("jpg", "image/jpeg")])
def test_each_format_has_its_content_type(format_: str, kind: str) -> None:
    assert OutputSpec(format=format_).content_type == kind


def test_cut_out_as_jpg_needs_a_background() -> None:
    outputs = parse_outputs({"output": [{"name": "shop", "format": "jpg"}, {"format": "webp"}]})
    (sentence,) = find_output_errors("remove", outputs)
    assert "output 'shop' is a jpg" in sentence
    assert "background" in sentence
    assert find_output_errors("replace", outputs) == []
    assert find_output_errors("remove", parse_outputs({"output": {"format": "jpg", "background": "#ffffff"}})) == []


def test_deliver_parses_outputs_without_importing_pydantic_models() -> None:
    """Importing pydantic's models, or Pillow before there is a picture, would slow deliver's cold start."""
    code = (
        "import sys, backdrop.model.output_spec, backdrop.imaging.output, backdrop.imaging.cutout; print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"pydantic.main", "PIL", "backdrop.instructions.output_schema"} & {*done.stdout.split()} == set()
