"""Templates: the filled text reaches the provider, the receipt, and the quote, and a missing value buys nothing."""

import json
from pathlib import Path

from tests.e2e.folder import Folder
from tests.e2e.test_campaigns import Campaigns


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
    assert folder.report("red.jpg") is None


def test_manifest_columns_fill_the_prompt_of_a_campaign(folder: Folder, tmp_path: Path) -> None:
    campaigns = Campaigns(folder, tmp_path)
    campaigns.upload("red.jpg", "blue.jpg")
    rows = [f"{folder.key('red.jpg')},{folder.prompt}", f"{folder.key('blue.jpg')},"]
    folder.put("list.csv", "\n".join(["key,metadata.words", *rows]))
    instructions = {"prompt": "{words}", "metadata": {"season": "winter"}}
    campaigns.run(manifest=folder.key("list.csv"), instructions=instructions)
    codes = {name: row["code"] for name, row in campaigns.csv_rows().items()}
    assert codes == {"red.jpg": "", "blue.jpg": "unknown_placeholder"}
    assert folder.wait_until_stored("red.jpg")["instructions"]["prompt"] == folder.prompt
    assert len(folder.charges()) == 1


def test_quote_shows_the_filled_text(folder: Folder, tmp_path: Path) -> None:
    (tmp_path / "red.jpg").touch()
    (tmp_path / "red.jpg.json").write_text('{"prompt": "{stem} on snow"}')
    assert "red.jpg: prompt is 'red on snow'" in Campaigns(folder, tmp_path).run_command("quote", str(tmp_path))
