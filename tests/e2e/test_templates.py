"""Templates: filled texts and names reach the provider and the bucket, and an impossible one buys nothing."""

import json
from pathlib import Path

import pytest
from PIL import Image

from tests.e2e.deployed_stack import eventually
from tests.e2e.folder import Folder
from tests.e2e.test_campaigns import Campaigns

pytestmark = pytest.mark.usefixtures("composed_pictures")


def write_defaults(folder: Folder, **metadata: str) -> None:
    """Uploads folder defaults whose prompt is the folder's own as soon as `{words}` has its value."""
    folder.put("_backdrop.json", json.dumps({"prompt": "{words}", "metadata": metadata}))


def test_filled_prompt_is_bought_and_recorded(folder: Folder) -> None:
    write_defaults(folder, season="winter")
    folder.drop("red.jpg", {"metadata": {"words": folder.prompt}})
    job = folder.wait_until_stored("red.jpg")
    assert job["instructions"] == {
        "operation": "replace",
        "prompt": folder.prompt,
        "metadata": {"words": folder.prompt, "season": "winter"},
    }
    assert job["provenance"]["metadata.season"] == folder.key("_backdrop.json")
    assert len(folder.charges()) == 1


def test_missing_value_is_reported_and_corrected_by_the_sidecar(folder: Folder) -> None:
    write_defaults(folder, season="winter")
    folder.drop("red.jpg", {"operation": "replace", "prompt": "{words}", "metadata": {"word": folder.prompt}})
    error = folder.wait_for_error("red.jpg", "unknown_placeholder", "refused")
    assert "Did you mean {word}?" in error["message"]
    assert folder.charges() == []
    folder.put("red.jpg.json", json.dumps({"metadata": {"words": folder.prompt}}))
    assert folder.wait_until_stored("red.jpg")["instructions"]["prompt"] == folder.prompt


def test_manifest_columns_fill_the_prompt_of_a_campaign(folder: Folder, tmp_path: Path) -> None:
    campaigns = Campaigns(folder, tmp_path)
    campaigns.upload("red.jpg", "blue.jpg")
    rows = [f'{folder.key("red.jpg")},"{folder.prompt}"', f"{folder.key('blue.jpg')},"]
    folder.put("list.csv", "\n".join(["key,metadata.words", *rows]))
    instructions = {"prompt": "{words}", "metadata": {"season": "winter"}}
    campaigns.run(manifest=folder.key("list.csv"), instructions=instructions)
    codes = {name: row["code"] for name, row in campaigns.csv_rows().items()}
    assert codes == {"red.jpg": "", "blue.jpg": "unknown_placeholder"}
    assert folder.wait_until_stored("red.jpg")["instructions"]["prompt"] == folder.prompt
    assert len(folder.charges()) == 1


def test_quote_shows_the_filled_text(folder: Folder, tmp_path: Path) -> None:
    (tmp_path / "red.jpg").write_bytes(folder.photo("red.jpg"))
    (tmp_path / "red.jpg.json").write_text('{"prompt": "{stem} on snow"}')
    assert "red.jpg: prompt is 'red on snow'" in Campaigns(folder, tmp_path).run_command("quote", str(tmp_path))


def name_picture(folder: Folder, sku: str, template: str = "{sku}_{width}.{ext}") -> dict[str, object]:
    """Returns a sidecar for pictures of 32 pixels' width with such a name."""
    output = {"name_template": template, "format": "webp", "width": 32}
    return {**folder.instructions, "metadata": {"sku": sku}, "output": output}


def test_picture_is_delivered_under_its_name_and_downloaded_so(folder: Folder, tmp_path: Path) -> None:
    folder.drop("red.jpg", name_picture(folder, "4711"))
    job = folder.wait_until_stored("red.jpg")
    assert [result["key"] for result in job["results"]] == [folder.key("4711_32.webp")]
    assert folder.list_outputs(folder.key("")) == ["4711_32.webp"]
    Campaigns(folder, tmp_path).run_command("download", folder.key(""), str(tmp_path / "done"))
    with Image.open(tmp_path / "done" / "4711_32.webp") as picture:
        assert (picture.format, picture.width) == ("WEBP", 32)


def test_second_photo_with_the_name_is_refused_until_the_first_is_renamed(folder: Folder) -> None:
    folder.drop("red.jpg", name_picture(folder, "4711"))
    folder.wait_until_stored("red.jpg")
    folder.drop("blue.jpg", name_picture(folder, "4711"))
    error = folder.wait_for_error("blue.jpg", "name_taken", "refused")
    assert folder.key("red.jpg") in error["message"]
    assert len(folder.charges()) == 1
    folder.put("red.jpg.json", json.dumps(name_picture(folder, "4711", "red/{sku}.{ext}")))
    eventually(
        lambda: "red/4711.webp" in folder.list_outputs(folder.key("")) or None,
        "red.jpg has its new name",
        lambda: folder.job("red.jpg"),
    )
    assert folder.list_outputs(folder.key("")) == ["4711_32.webp", "red/4711.webp"]
    assert len(folder.charges()) == 1
    folder.put("blue.jpg.json", json.dumps({**name_picture(folder, "4711"), "max_cost_usd": 1}))
    job = folder.wait_until_stored("blue.jpg")
    assert [result["key"] for result in job["results"]] == [folder.key("4711_32.webp")]


def test_forbidden_name_buys_nothing(folder: Folder) -> None:
    folder.drop("red.jpg", name_picture(folder, "../4711"))
    error = folder.wait_for_error("red.jpg", "invalid_value", "refused")
    assert "{sku}" in error["message"]
    assert folder.charges() == []
