"""`backdrop quote`: shows the maximum cost of photos before they are uploaded, and reports an unknown cost."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from backdrop.operate.rerun import RerunService
from backdrop.ports import InputBucket
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import World
from tests.simulated.command_user import CommandResult, Person
from tests.simulated.lint_folder import INSTRUCTIONS, LintedFolder


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LintedFolder:
    """An empty folder."""
    return LintedFolder(Person(World(), monkeypatch), tmp_path)


def quote_folder(folder: LintedFolder, *options: str) -> CommandResult:
    return folder.person.run("quote", str(folder.root), *options)


def quote_names(folder: LintedFolder, *options: str) -> CommandResult:
    """Quotes a folder whose files are empty and are not opened."""
    return quote_folder(folder, "--quick", *options)


def test_files_are_quoted_at_the_most_expensive_listed_provider(folder: LintedFolder) -> None:
    folder.write("a.jpg", b"")
    folder.write("a.jpg.json", {**INSTRUCTIONS, "num_images": 2})
    folder.write("b.jpg", b"")
    folder.write("b.jpg.json", {**INSTRUCTIONS, "provider": ["ideogram", "segmind"]})
    result = quote_names(folder, "--json")
    assert (result.code, result.data["photos"], result.data["jobs"], result.data["most_usd"]) == (0, 2, 2, 0.195)
    assert result.data["providers"] == {"ideogram": {"jobs": 2, "images": 3, "most_usd": 0.195}}
    assert folder.person.requested_locations == []


def test_options_apply_to_photos_without_a_sidecar(folder: LintedFolder) -> None:
    folder.write("a.jpg", b"")
    folder.write("b.jpg", b"")
    folder.write("b.jpg.json", {"operation": "remove"})
    result = quote_names(folder, "--prompt", "at sea", "--style", "golden hour", "--provider", "runware")
    assert (result.code, result.err) == (0, "")
    assert [line.split() for line in result.out.splitlines() if "$0.0" in line][:2] == [
        ["ideogram", "1", "$0.01"],
        ["runware", "1", "$0.06"],
    ]
    assert "At most $0.07 for 2 images, at list prices of" in result.out
    assert "1 photo keeps its own sidecar." in result.out


@pytest.mark.parametrize("name", ["a.jpg.JSON", "a.jpg (1).json", "a.jpg.json.txt"])
@pytest.mark.parametrize("defaults", [False, True])
def test_photo_with_a_misnamed_sidecar_is_not_quoted_or_linted_with_other_instructions(
    folder: LintedFolder, name: str, defaults: bool
) -> None:
    folder.write("a.jpg", build_photo())
    folder.write(name, {"prompt": "its own"})
    if defaults:
        folder.write("_backdrop.json", {"operation": "remove"})
    result = quote_names(folder, "--prompt", "at sea", "--json")
    assert (result.code, result.data["images"], result.data["sidecars_kept"]) == (1, 0, 1)
    linted = folder.data("--prompt=at sea")
    findings = linted["errors" if defaults else "warnings"]
    assert [name in one["message"] for one in findings if one["file"].endswith(".jpg")] == [True]
    assert quote_names(folder, "--prompt", "at sea", "--replace", "--json").data["images"] == 1


def test_replace_quotes_the_new_instructions_for_all_photos(folder: LintedFolder) -> None:
    folder.write("a.jpg", b"")
    folder.write("a.json", {"operation": "remove"})
    result = quote_names(folder, "--prompt", "at sea", "--replace", "--json")
    assert (result.data["most_usd"], result.data["images"], result.data["sidecars_kept"]) == (0.06, 1, 0)


def test_drop_asks_for_the_quoted_amount(folder: LintedFolder) -> None:
    for n in range(15):
        folder.write(f"{n}.jpg", build_photo(str(n)))
    folder.write("0.jpg.json", {"operation": "remove"})
    folder.write("list.json", {**INSTRUCTIONS, "provider": ["ideogram", "segmind"]})
    both = ("ideogram", "segmind")
    person = folder.person
    orders = replace(
        person.stack.redrive_service, lane_queues=dict.fromkeys(both, person.stack.redrive_service.intake_queue)
    )
    stack = person.stack

    def rerun_of_quoted_photos(photos: InputBucket) -> RerunService:
        return replace(stack.build_rerun_service(photos), enabled_providers=both)

    person.stack = replace(
        stack,
        redrive_service=orders,
        rerun_service=replace(stack.rerun_service, enabled_providers=both),
        build_rerun_service=rerun_of_quoted_photos,
    )
    words = (str(folder.root), "--sidecar", str(folder.root / "list.json"), "--stack", "shop", "--json")
    for option, answer, usd in (((), "--keep", 1.06), (("--replace",), "--replace", 1.125)):
        assert person.run("quote", *words, "--quick", *option).data["most_usd"] == usd
        dropped = person.run("drop", *words, answer)
        assert (dropped.code, dropped.data["most_usd"], dropped.data["uploaded"]) == (1, usd, 0)


def test_cut_outs_below_a_tenth_of_a_cent_are_quoted_to_the_last_digit(folder: LintedFolder) -> None:
    for n in range(3):
        folder.write(f"{n}.jpg", b"")
    result = quote_names(folder, "--remove", "--provider", "runware")
    assert [line.split() for line in result.out.splitlines() if "runware" in line] == [["runware", "3", "$0.0018"]]
    assert "At most $0.0018 for 3 images" in result.out
    options = ("--remove", "--provider", "runware", "--model", "ideogram")
    assert quote_names(folder, *options, "--json").data["most_usd"] == 0.03


def test_mask_is_quoted_at_its_dearest_maker_unless_a_stack_says_which_are_enabled(folder: LintedFolder) -> None:
    folder.write("a.jpg", b"")
    folder.write("a.jpg.json", {**INSTRUCTIONS, "subject": {"mask": "buy"}})
    assert quote_names(folder, "--json").data["most_usd"] == 0.07
    person, both = folder.person, ("ideogram", "runware")
    for enabled, usd in ((("ideogram",), 0.07), (both, 0.0606)):
        orders = replace(
            person.stack.redrive_service, lane_queues=dict.fromkeys(enabled, person.stack.redrive_service.intake_queue)
        )
        person.stack = replace(
            person.stack,
            redrive_service=orders,
            rerun_service=replace(person.stack.rerun_service, enabled_providers=enabled),
        )
        assert quote_names(folder, "--stack", "shop", "--json").data["most_usd"] == usd
    assert re.search(r"runware\W+only masks\W+\$0\.0006", quote_names(folder, "--stack", "shop").out)


def test_unknown_price_is_reported_and_not_counted_as_zero(folder: LintedFolder) -> None:
    folder.write("a.jpg", b"")
    result = quote_names(folder, "--prompt", "at sea", "--provider", "1min")
    assert "Price unknown for 1 image, at list prices" in result.out
    assert "$0.00" not in result.out
    assert "OneMinUsdPerImage" in result.out
    data = quote_names(folder, "--prompt", "at sea", "--provider", "1min", "--json").data
    assert (data["unpriced_images"], data["providers"]["1min"]["most_usd"]) == (1, None)


def test_quote_uses_credit_prices_and_providers_of_the_stack(folder: LintedFolder) -> None:
    folder.write("a.jpg", b"")
    person = folder.person
    asking = replace(person.stack.rerun_service.resolver, prices={"1min": 45_000})
    lanes = {**person.stack.redrive_service.lane_queues, "1min": person.stack.redrive_service.intake_queue}
    orders = replace(person.stack.redrive_service, lane_queues=lanes)
    person.stack = replace(
        person.stack, rerun_service=replace(person.stack.rerun_service, resolver=asking), redrive_service=orders
    )
    data = quote_names(folder, "--prompt", "at sea", "--provider", "1min", "--stack", "shop", "--json").data
    assert (data["most_usd"], data["unpriced_images"]) == (0.045, 0)
    data = quote_names(folder, "--prompt", "at sea", "--provider", "runware", "--stack", "shop", "--json").data
    assert (data["jobs"], data["not_bought"]) == (0, {"provider_not_configured": 1})


def test_jobs_that_would_not_be_bought_are_quoted_at_zero(folder: LintedFolder) -> None:
    folder.write("a.jpg", b"")
    folder.write("b.jpg", b"")
    folder.write("b.jpg.json", {"operation": "remove", "provider": "segmind"})
    folder.write("c/c.jpg", b"")
    folder.write("c/_backdrop.json", "{")
    result = quote_names(folder)
    assert (result.code, "Nothing is bought ($0.00)" in result.out) == (1, True)
    assert result.err == "error: none of these photos would be bought; correct what is listed above, then quote again\n"
    for code in ("no_instructions", "not_expressible", "folder_defaults_broken"):
        assert f"! 1 photo would be refused: {code}" in result.out


def test_photo_with_several_errors_counts_once(folder: LintedFolder) -> None:
    folder.write("a.jpg", b"")
    folder.write("a.jpg.json", {"promt": "at sea", "widht": 3})
    assert "! 1 photo would be refused: unknown_field" in quote_names(folder).out


def test_photo_with_some_variants_that_are_bought_is_counted_apart(folder: LintedFolder) -> None:
    mirror = {"operation": "remove", "output": {"for": "amazon-main", "shadow": "contact"}}
    for name in ("a", "b"):
        folder.write(f"{name}.jpg", b"")
        folder.write(f"{name}.jpg.json", {"variants": {"x": {"operation": "remove"}, "y": mirror, "z": mirror}})
    folder.write("c.jpg", b"")
    folder.write("c.jpg.json", mirror)
    result = quote_names(folder)
    assert result.code == 0
    assert "! 1 photo would be refused: conflicting_fields" in result.out
    assert "! 2 photos would be delivered in part: conflicting_fields" in result.out
    assert quote_names(folder, "--json").data["not_bought"] == {"conflicting_fields": 3}


def test_several_providers_are_quoted_at_the_most_expensive(folder: LintedFolder) -> None:
    folder.write("a.jpg", b"")
    data = quote_names(folder, "--prompt", "at sea", "--provider", "segmind", "--provider", "runware", "--json").data
    assert (data["most_usd"], list(data["providers"])) == (0.075, ["segmind"])


def test_impossible_options_are_reported_without_lint(folder: LintedFolder) -> None:
    folder.write("a.jpg", b"")
    result = quote_names(folder, "--prompt", "at sea", "--style", "golden hour", "--provider", "segmind")
    output = " ".join(result.out.split())
    assert "1 photo would be refused: not_expressible" in output
    assert "segmind does not support style_preset. But ideogram, 1min and runware can do it." in output
    assert "lint" not in output


def test_contradictory_options_are_refused(folder: LintedFolder) -> None:
    folder.write("a.jpg", b"")
    result = quote_names(folder, "--prompt", "at sea", "--provider", "runwear")
    assert result.code == 2
    assert "Did you mean 'runware'?" in result.err
    assert folder.person.run("quote", str(folder.root / "none")).code == 2


def test_lint_quotes_the_most_expensive_listed_provider(folder: LintedFolder) -> None:
    folder.write("a.jpg", b"")
    folder.write("a.jpg.json", {**INSTRUCTIONS, "provider": ["ideogram", "segmind"]})
    assert folder.data("--quick")["most_usd"] == 0.075


def test_rerun_is_quoted_at_the_most_expensive_listed_provider(folder: LintedFolder) -> None:
    person = folder.person
    person.world.upload_sidecar("a.jpg", prompt="at sea", provider=["ideogram", "segmind"])
    person.world.upload_photo("a.jpg", build_photo())
    on = replace(person.stack.rerun_service, enabled_providers=("ideogram", "segmind"))
    person.stack = replace(person.stack, rerun_service=on)
    assert person.run("rerun", "a.jpg", "--json").data["most_usd"] == 0.075


def test_quote_lint_drop_and_rerun_count_every_retry(folder: LintedFolder) -> None:
    folder.write("shoes/a.jpg", build_photo("a"))
    folder.write("shoes/a.jpg.json", {**INSTRUCTIONS, "subject": {"otherwise": "retry", "retries": 2}})
    path = str(folder.root / "shoes")
    person = folder.person
    assert quote_folder(folder, "--json").data["most_usd"] == folder.data()["most_usd"] == 0.18
    assert person.run("drop", path, "--json").data["most_usd"] == 0.18
    assert person.run("rerun", "shoes/a.jpg", "--json").data["most_usd"] == 0.18


def test_lint_does_not_show_an_unknown_price_as_zero(folder: LintedFolder) -> None:
    folder.write("a.jpg", b"")
    folder.write("a.jpg.json", {**INSTRUCTIONS, "provider": "1min"})
    result = folder.lint("--quick")
    assert "images of unknown price" in result.out
    assert folder.data("--quick")["unpriced_images"] == 1


def test_quote_lint_and_drop_count_images_and_files_alike(folder: LintedFolder) -> None:
    folder.write("shoes/a.jpg", build_photo("a"))
    folder.write(
        "shoes/a.jpg.json", {**INSTRUCTIONS, "num_images": 2, "output": [{"name": "web", "format": "webp"}, {}]}
    )
    folder.write("shoes/b.jpg", build_photo("b"))
    folder.write("shoes/b.jpg.json", {"variants": {"x": {"operation": "remove"}, "y": {"operation": "remove"}}})
    path = str(folder.root / "shoes")
    dropped = folder.person.run("drop", path, "--wait", "--json").data
    assert quote_folder(folder, "--json").data["images"] == folder.data()["images"] == dropped["images"] == 3
    assert (dropped["delivered_images"], dropped["delivered_files"]) == (3, 6)
    assert "2 delivered: 3 images in 6 files, $0.13" in folder.person.run("drop", path, "--wait").out


def test_quote_lint_drop_and_spend_agree_about_what_is_bought_once(folder: LintedFolder) -> None:
    for name in ("a", "b", "copy-of-b"):
        folder.write(f"shoes/{name}.jpg", build_photo(name[-1:]))
    folder.write("shoes/_backdrop.json", {"operation": "remove", "variants": {"x": {}, "y": {"output": {"width": 9}}}})
    folder.write("shoes/fake.jpg", b"not a photo")
    path = str(folder.root / "shoes")
    quoted = folder.person.run("quote", path, "--json").data
    dropped = folder.person.run("drop", path, "--wait", "--json").data
    assert [one["most_usd"] for one in (quoted, folder.data("shoes"), dropped)] == [0.02] * 3
    assert [one["images"] for one in (quoted, folder.data("shoes"), dropped)] == [2] * 3
    assert (dropped["delivered_images"], dropped["delivered_files"], dropped["usd"]) == (2, 6, 0.02)
    assert quoted["not_bought"] == {"not_a_photo": 1}
    text = folder.person.run("quote", path).out
    assert "At most $0.02 for 2 images, 6 jobs, at list prices of" in text
    # The content of photos that are not opened may differ, but the variants of one photo show the same bytes.
    assert folder.person.run("quote", path, "--quick", "--json").data["most_usd"] == 0.04


def test_price_names_jobs_only_if_there_are_more_of_them_than_images(folder: LintedFolder) -> None:
    folder.write("shoes/a.jpg", build_photo("a"))
    variants = {"x": {}, "y": {"output": {"width": 9}}}
    folder.write("shoes/_backdrop.json", {"prompt": "on sand", "num_images": 2, "variants": variants})
    assert "At most $0.12 for 2 images, at list prices of" in folder.person.run("quote", str(folder.root / "shoes")).out


def test_unknown_and_known_prices_are_shown_separately(folder: LintedFolder) -> None:
    folder.write("a.jpg", b"")
    folder.write("b.jpg", b"")
    folder.write("a.jpg.json", {**INSTRUCTIONS, "provider": "1min"})
    folder.write("b.jpg.json", INSTRUCTIONS)
    assert "At most $0.06 for 1 image; price unknown for 1 image" in quote_names(folder).out
    assert "at most $0.06 for 1 image; price unknown for 1 image" in folder.lint("--quick").out


def test_unreadable_photo_is_quoted_as_not_bought(folder: LintedFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.write("a.jpg", build_photo("a"))
    folder.write("b.jpg", build_photo("b"))
    folder.write("_backdrop.json", {"operation": "remove"})
    read_bytes = Path.read_bytes

    def read_other_files(path: Path) -> bytes:
        if path.name == "a.jpg":
            raise PermissionError
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", read_other_files)
    data = quote_folder(folder, "--json").data
    assert (data["most_usd"], data["not_bought"]) == (0.01, {"unreadable": 1})


def test_enlarged_and_equal_outputs_are_counted(folder: LintedFolder) -> None:
    shop = {"name": "shop", "width": 2_000, "height": 2_000, "fit": "pad"}
    for name in ("a", "b"):
        folder.write(f"{name}.jpg", build_photo(name))
        folder.write(f"{name}.jpg.json", {"operation": "remove", "output": [{}, {"name": "copy"}, shop]})
    folder.write("c.jpg", b"not a photo")
    folder.write("c.jpg.json", {"operation": "remove", "output": shop})
    assert quote_folder(folder, "--json").data["warnings"] == {"enlarged": 2, "same_outputs": 2}
    text = quote_folder(folder).out
    assert "2 warnings: enlarged" in text
    assert "To see which photos they concern, run `backdrop lint` on the same paths." in " ".join(text.split())


def test_tiny_photo_for_a_frame_is_found_by_lint_and_quote(folder: LintedFolder) -> None:
    folder.write("a.jpg", build_photo("a"))
    folder.write("a.jpg.json", {**INSTRUCTIONS, "frame": "4:5"})
    assert quote_folder(folder, "--json").data["warnings"] == {"tiny_photo": 1}
    assert [one["code"] for one in folder.data()["warnings"]] == ["tiny_photo"]
