"""A photo's own prompt together with its folder's variants: each variant gets it, with a warning in `lint` and in the
receipt.
"""

from pathlib import Path
from typing import Any

import pytest

from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import World
from tests.simulated.command_user import Person
from tests.simulated.lint_folder import LintedFolder
from tests.simulated.stage_worlds import KEY
from tests.simulated.uploads_and_requests import REMOVE, count_paid_calls, upload_defaults, upload_unique_photo

SEASONS: dict[str, Any] = {"variants": {"spring": {"prompt": "spring"}, "cut-out": REMOVE}}
SPECIAL = {"prompt": "special"}

OVERRIDES = "variants of _backdrop.json get the same operation or prompt from"


def collect_warnings(**fields: Any) -> tuple[list[str], int]:
    """Returns the receipt's warnings for a photo with such a sidecar, and the number of calls."""
    world = World()
    upload_defaults(world, "", SEASONS)
    world.upload_sidecar(KEY, **fields)
    upload_unique_photo(world, KEY)
    world.run_until_empty()
    receipt = world.read_receipt(KEY)
    assert receipt
    return sorted({words for job in receipt["jobs"] for words in job["warnings"]}), count_paid_calls(world)


def test_one_prompt_for_all_inherited_variants_is_a_warning() -> None:
    assert collect_warnings(**SPECIAL)[0] == [f"same_variants: all {OVERRIDES} {KEY}.json"]


@pytest.mark.parametrize(
    "fields",
    [{**SPECIAL, "variants": {}}, {"seed": 7}, {**SPECIAL, "variants": {"a": {}, "b": {"prompt": "b"}}}],
    ids=str,
)
def test_single_picture_or_distinct_variants_cause_no_prompt_warning(fields: dict[str, Any]) -> None:
    assert collect_warnings(**fields)[0] == []


def test_empty_variants_result_in_one_picture() -> None:
    assert collect_warnings(**SPECIAL, variants={})[1] == 1


def test_lint_warns_and_the_photo_is_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = LintedFolder(Person(World(), monkeypatch), tmp_path)
    folder.write("_backdrop.json", SEASONS)
    folder.write("red.jpg", build_photo())
    folder.write("red.jpg.json", SPECIAL)
    assert folder.list_messages("warnings", "--to=/") == {"red.jpg": [f"All {OVERRIDES} red.jpg.json."]}
    assert folder.data()["ready"] == 1
