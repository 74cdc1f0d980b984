"""`backdrop lint`: reports what intake would refuse before anything is uploaded, with the place and advice."""

import os
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from backdrop.model.capabilities import MAX_FILE_BYTES
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import World
from tests.imaging.output_pictures import encode_picture
from tests.simulated.command_user import Person
from tests.simulated.lint_folder import INSTRUCTIONS, LintedFolder


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LintedFolder:
    """An empty folder."""
    return LintedFolder(Person(World(), monkeypatch), tmp_path)


def test_clean_folder_has_exit_code_0_and_a_quote(folder: LintedFolder) -> None:
    folder.write("shoes/red.jpg", build_photo("red"))
    folder.write("shoes/red.jpg.json", {**INSTRUCTIONS, "num_images": 2})
    folder.write("shoes/blue.jpg", build_photo("blue"))
    folder.write("_backdrop.json", {"operation": "remove"})
    result = folder.lint()
    assert (result.code, result.err) == (0, "")
    assert "photos ready      2   at most $0.13 for 3 images" in result.out
    assert result.out.endswith("✓ No problems found.\n")
    assert folder.person.requested_locations == []


def test_every_error_is_reported_under_its_files_name(folder: LintedFolder) -> None:
    folder.write("red.jpg", build_photo())
    wrong = {"promt": "x", "style": "golden hours", "variants": {"beach": {"seed": "7"}}, "output": {"widht": 3}}
    folder.write("red.jpg.json", wrong)
    result = folder.lint()
    assert result.code == 1
    lines = result.out.splitlines()
    assert lines[0].endswith("red.jpg.json")
    for words in (
        "Did you mean 'prompt'? (unknown_field)",
        "Did you mean 'golden_hour'?",
        "variants.beach.seed is",
        "'widht' is not a field of output. Did you mean 'width'?",
    ):
        assert words in " ".join(result.out.split()), words
    assert "automatically" not in result.out
    assert "red.jpg.json: " not in result.out
    assert len(folder.list_messages()["red.jpg.json"]) == 4


def test_error_in_shared_instructions_is_reported_once(folder: LintedFolder) -> None:
    for name in ("red.jpg", "red.png", "hats/a.jpg", "hats/b.jpg"):
        folder.write(name, build_photo(name))
    folder.write("red.json", {"seed": -1})
    folder.write("hats/_backdrop.json", '{"prompt": "x",}')
    messages = folder.list_messages()
    assert {name: len(words) for name, words in messages.items()} == {"red.json": 1, "hats/_backdrop.json": 1}
    assert "line 1, column 15" in messages["hats/_backdrop.json"][0]
    assert folder.data()["ready"] == 0


@pytest.mark.parametrize(
    ("instructions", "words"),
    [
        ({"operation": "replace"}, "operation is replace, but there is no prompt"),
        ({"operation": "remove", "output": {"format": "jpg"}}, "cannot be transparent"),
        ({**INSTRUCTIONS, "negative_prompt": "people"}, "ideogram does not support negative_prompt"),
        ({**INSTRUCTIONS, "provider": "segmind", "num_images": 2}, "segmind accepts 1 for num_images, not 2"),
        ({"operation": "remove", "provider": "segmind"}, "segmind cannot remove a background"),
        ({"operation": "remove", "model": "birefnet-matting"}, "But runware can do it"),
        ({**INSTRUCTIONS, "max_cost_usd": 0.01}, "max_cost_usd allows $0.01"),
        ({**INSTRUCTIONS, "style_reference_images": "look.jpg"}, "There is no look.jpg"),
    ],
)
def test_photo_that_cannot_be_bought_is_an_error(
    folder: LintedFolder, instructions: dict[str, Any], words: str
) -> None:
    folder.write("red.jpg", build_photo())
    folder.write("red.jpg.json", instructions)
    ((message,),) = folder.list_messages("errors", "--to=/").values()
    assert words in message


def test_reference_image_is_found_below_the_root(folder: LintedFolder) -> None:
    folder.write("looks/summer.png", build_photo("summer"))
    folder.write("looks/_backdrop.json", {"operation": "remove"})
    folder.write("red.jpg", build_photo())
    folder.write("red.jpg.json", {**INSTRUCTIONS, "style_reference_images": "looks/summer.png"})
    assert folder.lint("--to=/").code == 0


def test_error_in_one_variant_leaves_the_others_ready(folder: LintedFolder) -> None:
    folder.write("red.jpg", build_photo())
    folder.write("red.jpg.json", {"variants": {"a": INSTRUCTIONS, "b": {"operation": "replace"}}})
    found = folder.data()
    assert [(one["variant"], one["code"]) for one in found["errors"]] == [("b", "missing_prompt")]
    assert (found["jobs"], found["ready"], found["partly_ready"]) == (1, 0, 1)
    out = " ".join(folder.lint().out.split())
    assert "✗ variant b: " in out
    assert "photos partly ready 1 variants with problems are not bought; in all, at most $0.0" in out
    assert "photos with problems" not in out


def test_file_that_is_not_a_photo_is_an_error(folder: LintedFolder) -> None:
    folder.write("_backdrop.json", {"operation": "remove"})
    folder.write("notes.docx", "hello")
    folder.write("empty.jpg", b"")
    folder.write("cut.png", build_photo()[:-30])
    folder.write("big.jpg", b"")
    os.truncate(folder.root / "big.jpg", MAX_FILE_BYTES + 1)
    messages = folder.list_messages()
    assert {*messages} == {"notes.docx", "empty.jpg", "cut.png", "big.jpg"}
    assert messages["big.jpg"] == ["The file is 128,000,001 bytes; at most 128,000,000 are allowed."]


def test_quick_option_reads_instructions_but_no_photo(folder: LintedFolder) -> None:
    folder.write("red.jpg", b"")
    folder.write("red.jpg.json", {"seed": -1})
    folder.write("blue.jpg", b"")
    folder.write("blue.jpg.json", INSTRUCTIONS)
    assert list(folder.list_messages("errors", ".", "--quick")) == ["red.jpg.json"]
    assert folder.data("--quick")["ready"] == 1


def test_photos_without_instructions_fail_only_when_strict(folder: LintedFolder) -> None:
    folder.write("red.jpg", build_photo())
    result = folder.lint()
    assert result.code == 0
    assert "no_instructions: Add a sidecar or folder defaults, or upload the photo with object tags." in result.out
    assert "! 1 warning." in result.out
    assert folder.lint("--strict").code == 1


def test_many_findings_are_summarized_unless_all_are_requested(folder: LintedFolder) -> None:
    for n in range(30):
        folder.write(f"{n}.jpg", b"not opened")
    output = folder.lint("--quick").out
    assert output.count("No instructions found") == 10
    assert "… and 20 more; to list them, add --all" in output
    assert folder.lint("--quick", "--all").out.count("No instructions found") == 30


def test_folder_without_photos_and_instructions_is_nothing_to_check(folder: LintedFolder) -> None:
    assert folder.lint().code == 3
    folder.write("_backdrop.json", INSTRUCTIONS)
    assert folder.lint().code == 0


def test_help_has_an_example(folder: LintedFolder) -> None:
    result = folder.person.run("lint", "--help")
    assert "Example: backdrop lint" in result.out
    assert max(len(line) for line in result.out.splitlines()) <= 80


def test_invalid_photo_is_also_reported_under_broken_defaults(folder: LintedFolder) -> None:
    folder.write("_backdrop.json", {"seed": -1})
    folder.write("red.jpg", b"")
    assert {*folder.list_messages()} == {"_backdrop.json", "red.jpg"}


def test_variant_without_instructions_is_an_error_and_counted_once(folder: LintedFolder) -> None:
    folder.write("red.jpg", build_photo())
    folder.write("red.jpg.json", {"variants": {"a": INSTRUCTIONS, "b": {"num_images": 2}}})
    found = folder.data()
    assert [(one["variant"], one["code"]) for one in found["errors"]] == [("b", "no_instructions")]
    assert (found["ready"], found["without_instructions"], found["warnings"]) == (0, 0, [])


def test_enlarged_and_equal_outputs_are_warnings(folder: LintedFolder) -> None:
    folder.write("red.jpg", build_photo())
    shop = {"name": "shop", "width": 2_000, "height": 2_000, "fit": "pad"}
    folder.write("red.jpg.json", {"operation": "remove", "output": [{}, {"name": "copy"}, shop]})
    result = folder.lint()
    assert result.code == 0
    messages = folder.list_messages("warnings")["red.jpg"]
    assert [one["code"] for one in folder.data()["warnings"]] == ["enlarged", "same_outputs"]
    assert "Output 'shop' is 2000×2000 pixels, with the photo of" in messages[0]
    assert messages[1] == "The output without a name and output 'copy' would be the same picture."
    assert list(folder.list_messages("warnings", "--quick").values()) == [messages[1:]]


def test_cover_that_cuts_off_the_subject_is_a_warning(folder: LintedFolder) -> None:
    cover = {"width": 100, "height": 100, "fit": "cover"}
    for name, box in (("inside", (80, 10, 120, 90)), ("outside", (0, 10, 100, 90))):
        cut_out = Image.new("RGBA", (200, 100))
        cut_out.paste((200, 30, 30, 255), box)
        folder.write(f"{name}.png", encode_picture(cut_out))
        folder.write(f"{name}.png.json", {**INSTRUCTIONS, "output": {"name": "square", **cover}})
    folder.write("opaque.png", encode_picture(Image.new("RGB", (200, 100))))
    folder.write("opaque.png.json", {**INSTRUCTIONS, "output": cover})
    folder.write("framed.png", encode_picture(Image.new("RGB", (200, 100))))
    folder.write("framed.png.json", {**INSTRUCTIONS, "frame": "1:1", "output": cover})
    assert folder.list_messages("warnings") == {
        "opaque.png": ["In the output without a name, cover cuts off 50% of the photo, perhaps of its subject."],
        "outside.png": ["In output 'square', cover cuts off 50% of the subject."],
    }
    assert folder.list_messages("warnings", "--quick") == {}


def test_subject_at_the_border_of_a_framed_photo_is_a_warning(folder: LintedFolder) -> None:
    cut_out = Image.new("RGBA", (200, 100))
    cut_out.paste((200, 30, 30, 255), (150, 10, 200, 90))
    folder.write("red.png", encode_picture(cut_out))
    folder.write("red.png.json", {**INSTRUCTIONS, "frame": "4:5"})
    (message,) = folder.list_messages("warnings")["red.png"]
    assert message == "The subject touches the photo's right border, so the frame may not show all of it."


def test_frame_that_needs_a_mask_is_an_error(folder: LintedFolder) -> None:
    folder.write("red.png", encode_picture(Image.new("RGB", (200, 100))))
    folder.write("red.png.json", {**INSTRUCTIONS, "frame": "4:5", "subject_size": 0.8})
    (message,) = folder.list_messages()["red.png"]
    assert message.endswith("no transparent part that shows where its subject is.")
    assert folder.lint().code == 1


def test_equal_photos_with_equal_instructions_are_priced_once(folder: LintedFolder) -> None:
    for name in ("a", "b", "c"):
        folder.write(f"{name}.jpg", build_photo("c" if name == "c" else "same"))
        folder.write(f"{name}.jpg.json", INSTRUCTIONS)
    data = folder.data()
    assert (data["jobs"], data["images"], data["most_usd"]) == (3, 2, 0.12)
    assert folder.data("--quick")["most_usd"] == 0.18
