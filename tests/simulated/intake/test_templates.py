"""Templates in the simulated world: the filled text is bought and recorded, and a missing value buys nothing."""

import json
from pathlib import Path
from typing import Any

import pytest

from backdrop.model.job import JobStatus
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import World
from tests.simulated.command_user import Person
from tests.simulated.lint_folder import LintedFolder
from tests.simulated.stage_worlds import KEY, find_only_job
from tests.simulated.uploads_and_requests import count_paid_calls, send_request, upload_defaults, upload_unique_photo

TEMPLATE = "{product} in {folder}, {season} light"
NAMED = {"name_template": "{sku}.{ext}"}
FILLED = "Red shoe in shoes, winter light"


def run_photo(sidecar: dict[str, Any], defaults: dict[str, Any] | None = None) -> World:
    world = World()
    upload_defaults(world, "", defaults or {})
    world.upload_sidecar(KEY, **sidecar)
    upload_unique_photo(world, KEY)
    world.run_until_empty()
    return world


def find_report_codes(world: World) -> list[str]:
    report = world.read_report(KEY)
    return [one["code"] for one in report["errors"]] if report else []


def test_filled_text_is_sent_and_recorded() -> None:
    world = run_photo(
        {"metadata": {"product": "Red shoe"}},
        {"prompt": TEMPLATE, "metadata": {"season": "winter", "product": "?"}},
    )
    job = find_only_job(world)
    assert (job.status, job.purchase_spec["prompt"]) == (JobStatus.STORED, FILLED)
    receipt = world.read_receipt(KEY)
    assert receipt
    (job_document,) = receipt["jobs"]
    assert job_document["instructions"]["prompt"] == FILLED
    assert job_document["provenance"] == {
        "operation": "_backdrop.json",
        "prompt": "_backdrop.json",
        "metadata": f"{KEY}.json",
        "metadata.season": "_backdrop.json",
    }


def test_filled_text_is_the_same_purchase_as_literal_text() -> None:
    filled = run_photo({"prompt": TEMPLATE, "metadata": {"product": "Red shoe", "season": "winter"}})
    literal = run_photo({"prompt": FILLED})
    assert find_only_job(filled).job_id == find_only_job(literal).job_id


def test_changed_value_is_another_purchase() -> None:
    world = run_photo({"prompt": "{season}", "metadata": {"season": "winter"}})
    world.upload_sidecar(KEY, prompt="{season}", metadata={"season": "summer", "sku": 7})
    world.run_until_empty()
    assert count_paid_calls(world) == 2
    world.upload_sidecar(KEY, prompt="{season}", metadata={"season": "summer", "sku": 8})
    world.run_until_empty()
    assert count_paid_calls(world) == 2


def test_missing_value_is_reported_and_nothing_is_bought_until_it_is_there() -> None:
    world = run_photo({"prompt": TEMPLATE, "metadata": {"products": "Red shoe", "season": "winter"}})
    assert (find_report_codes(world), count_paid_calls(world)) == (["unknown_placeholder"], 0)
    report = world.read_report(KEY)
    assert report
    assert "Did you mean {products}?" in report["errors"][0]["message"]
    world.upload_sidecar(KEY, prompt=TEMPLATE, metadata={"product": "Red shoe", "season": "winter"})
    world.run_until_empty()
    assert (find_report_codes(world), find_only_job(world).purchase_spec["prompt"]) == ([], FILLED)


def test_missing_value_of_one_variant_does_not_stop_the_others() -> None:
    variants = {"a": {"prompt": "{x}"}, "b": {"prompt": "{x}", "metadata": {"x": "snow"}}}
    world = run_photo({"variants": variants})
    assert [(job.variant, job.purchase_spec["prompt"]) for job in world.list_jobs()] == [("b", "snow")]
    report = world.read_report(KEY)
    assert report
    assert [(one["variant"], one["code"]) for one in report["errors"]] == [("a", "unknown_placeholder")]


def test_request_adds_its_metadata_to_the_sidecars() -> None:
    world = run_photo({"operation": "remove", "metadata": {"product": "Red shoe", "season": "winter"}})
    send_request(world, KEY, prompt=TEMPLATE, metadata={"season": "summer"})
    world.run_until_empty()
    prompts = [job.purchase_spec.get("prompt") for job in world.list_jobs()]
    assert "Red shoe in shoes, summer light" in prompts


def test_quote_and_lint_show_filled_texts_and_missing_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = LintedFolder(Person(World(), monkeypatch), tmp_path)
    folder.write("_backdrop.json", {"prompt": "{product} on snow"})
    for name, metadata in {"a.jpg": {"product": "Shoe"}, "b.jpg": {"products": "Bag"}}.items():
        folder.write(name, build_photo(name))
        folder.write(f"{name}.json", {"metadata": metadata})
    quote = folder.person.run("quote", str(folder.root))
    assert "a.jpg: prompt is 'Shoe on snow'" in quote.out
    data = folder.person.run("quote", str(folder.root), "--json").data
    assert (data["jobs"], data["not_bought"]) == (1, {"unknown_placeholder": 1})
    assert [one["text"] for one in data["filled_texts"]["first"]] == ["Shoe on snow"]
    (message,) = folder.list_messages("errors", "--to=/")["b.jpg"]
    assert message.startswith("_backdrop.json: prompt contains {product}")


def test_quote_and_lint_report_names_that_two_photos_would_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = LintedFolder(Person(World(), monkeypatch), tmp_path)
    folder.write("_backdrop.json", {"operation": "remove", "output": NAMED})
    for name, sku in {"a.jpg": "1", "b.jpg": "1", "c.jpg": "2"}.items():
        folder.write(name, build_photo(name))
        folder.write(f"{name}.json", {"metadata": {"sku": sku}})
    data = folder.person.run("quote", str(folder.root), "--json").data
    assert (data["jobs"], data["not_bought"]) == (2, {"name_taken": 1})
    assert folder.list_messages("errors", "--to=/") == {"b.jpg": ["The key 1.png belongs to the photo a.jpg."]}


def test_campaign_quote_reports_names_that_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    person = Person(World(), monkeypatch)
    skus = {"a": "1", "b": "1", "c": "2", "d": "2"}
    person.world.upload_sidecar("a.jpg", operation="remove", metadata={"sku": "1"}, output=NAMED)
    for name in skus:
        person.world.upload_photo(f"{name}.jpg", build_photo(name))
    person.world.run_until_empty()
    rows = [{"key": f"{n}.jpg", "operation": "remove", "output": NAMED, "metadata.sku": sku} for n, sku in skus.items()]
    manifest = tmp_path / "list.jsonl"
    manifest.write_text("\n".join(map(json.dumps, rows[1:])))
    result = person.run("campaign", "quote", str(manifest), "--json")
    assert result.data["not_bought"] == {"name_taken": 2}
    assert [(one["key"], one["message"]) for one in result.data["first_not_bought"]] == [
        ("b.jpg", "The key 1.png belongs to the photo a.jpg."),
        ("d.jpg", "The key 2.png belongs to the photo c.jpg."),
    ]
