"""`backdrop drop` with new instructions for photos that have some: never ignored, never replaced unasked."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from backdrop_cli.uploads.s3_uploader import SIDECAR_HASH_METADATA_KEY
from simulation.world.simulated_stack import World
from simulation.world.world_inspector import INPUT_BUCKET
from tests.simulated.cli_person import Person
from tests.simulated.drop_shop import PROMPT, Uploader
from tests.simulated.wishes import send_request

RED, BLUE = "shoes/red.jpg.json", "shoes/blue.jpg.json"
SNOW = ("--prompt", "on snow")


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Uploader:
    monkeypatch.chdir(tmp_path)
    uploader = Uploader(Person(World(), monkeypatch), tmp_path)
    uploader.write("shoes/red.jpg")
    uploader.write("shoes/blue.jpg")
    return uploader


def upload_sidecar(shop: Uploader, key: str, said: Mapping[str, object]) -> None:
    """A person uploads a sidecar to the bucket."""
    shop.world.s3.upload(INPUT_BUCKET, key, json.dumps(said).encode())


def read_sidecar(shop: Uploader, key: str = RED) -> dict[str, Any]:
    return json.loads(shop.world.input_bucket.objects[key][-1].data or b"")


def list_prompts(shop: Uploader) -> list[str]:
    """Returns the prompts that the provider received, in order."""
    jobs = {job.job_id: job for job in shop.world.list_jobs()}
    return [jobs[one].purchase_spec.get("prompt", "") for one in shop.world.provider.received_job_ids]


# -- sidecars that the command wrote ---------------------------------------------------------------------------


def test_changed_prompt_replaces_what_an_earlier_drop_wrote(shop: Uploader) -> None:
    shop.drop("shoes", *PROMPT, "--wait")
    said = shop.drop("shoes", *SNOW, "--wait")
    assert (said.code, said.err) == (0, "")
    assert "2   sidecars to replace" in said.out
    assert "At most $0.12 for 2 images" in said.out
    assert (read_sidecar(shop), read_sidecar(shop, BLUE)) == ({"prompt": "on snow"}, {"prompt": "on snow"})
    assert sorted(list_prompts(shop)) == ["on sand", "on sand", "on snow", "on snow"]
    assert "2 delivered: 2 images in 2 files, $0.12." in said.out


def test_sidecar_file_replaces_what_an_earlier_drop_wrote(shop: Uploader) -> None:
    shop.drop("shoes", *PROMPT, "--wait")
    shop.write("remove.json", {"operation": "remove"})
    assert shop.drop("shoes", "--sidecar", "remove.json", "--wait").code == 0
    assert read_sidecar(shop) == {"operation": "remove"}


def test_same_instructions_cost_nothing_and_ask_nothing(shop: Uploader) -> None:
    shop.drop("shoes", *PROMPT, "--wait")
    said = shop.drop("shoes", *PROMPT, "--wait")
    assert (said.code, said.err) == (0, "")
    assert "sidecar" not in said.out
    assert [shop.count_versions(key) for key in shop.keys] == [1, 1, 1, 1]
    assert len(shop.world.provider.received_job_ids) == 2


def test_instructions_bought_before_cost_nothing_again(shop: Uploader) -> None:
    for words in (PROMPT, SNOW):
        shop.drop("shoes", *words, "--wait")
    said = shop.drop("shoes", *PROMPT, "--wait")
    assert "Nothing is bought ($0.00)." in said.out
    assert "2 delivered: 2 images in 2 files, $0.12, all of it before this run." in said.out
    assert (read_sidecar(shop), len(shop.world.provider.received_job_ids)) == ({"prompt": "on sand"}, 4)


def test_keep_affects_only_sidecars_that_a_person_wrote(shop: Uploader) -> None:
    shop.drop("shoes", *PROMPT, "--wait")
    upload_sidecar(shop, BLUE, {"operation": "remove"})
    shop.drop("shoes", *SNOW, "--keep")
    assert (read_sidecar(shop), read_sidecar(shop, BLUE)) == ({"prompt": "on snow"}, {"operation": "remove"})


def test_authors_mark_survives_a_copy_and_no_edit(shop: Uploader) -> None:
    shop.drop("shoes", *PROMPT, "--wait")
    written = shop.world.input_bucket.objects[RED][-1]
    assert written.metadata.keys() == {SIDECAR_HASH_METADATA_KEY}

    def put(data: bytes | None) -> None:
        shop.world.s3.put_object(Bucket=INPUT_BUCKET, Key=BLUE, Body=data, ContentType="x", Metadata=written.metadata)

    put(written.data)
    assert shop.drop("shoes", *SNOW).code == 0
    put(b'{"prompt": "edited"}')
    said = shop.drop("shoes", *PROMPT)
    assert said.code == 1
    assert "a person wrote other instructions for 1 photo" in said.err


# -- sidecars that a person wrote ------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [RED, "shoes/red.json"])
def test_without_an_answer_nothing_is_uploaded_and_costs_shown(shop: Uploader, key: str) -> None:
    upload_sidecar(shop, key, {"operation": "remove"})
    said = shop.drop("shoes", *PROMPT, "--yes")
    assert (said.code, shop.keys) == (1, [key])
    assert f"shoes/red.jpg: {key}" in said.out
    assert "Replace them: at most $0.12 for 2 images." in said.out
    assert "Keep them: at most $0.07 for 2 images." in said.out
    assert said.err == (
        "error: nothing was uploaded; a person wrote other instructions for 1 photo, and there is no terminal to ask "
        "on, so add --replace or --keep\n"
    )


def test_json_says_that_the_question_was_not_answered(shop: Uploader) -> None:
    upload_sidecar(shop, RED, {"operation": "remove"})
    said = shop.drop("shoes", *PROMPT, "--json")
    assert (said.code, said.data["uploaded"], shop.keys) == (1, 0, [RED])
    assert said.data["to_answer"] == {
        "photos": ["shoes/red.jpg"],
        "replace": {"images": 2, "most_usd": 0.12},
        "keep": {"images": 2, "most_usd": 0.07},
    }


@pytest.mark.parametrize("key", [RED, "shoes/red.json"])
def test_replace_overwrites_a_persons_instructions(shop: Uploader, key: str) -> None:
    upload_sidecar(shop, key, {"operation": "remove"})
    said = shop.drop("shoes", *PROMPT, "--replace", "--wait")
    assert (said.code, list_prompts(shop)) == (0, ["on sand", "on sand"])
    assert read_sidecar(shop) == {"prompt": "on sand"}
    assert read_sidecar(shop, "shoes/red.json") == {"operation": "remove"} if key != RED else True


def test_keep_leaves_a_persons_sidecar_and_reports_it(shop: Uploader) -> None:
    upload_sidecar(shop, RED, {"operation": "remove"})
    said = shop.drop("shoes", *PROMPT, "--keep", "--wait")
    assert (said.code, read_sidecar(shop)) == (0, {"operation": "remove"})
    assert "1 photo keeps the instructions that are already in the bucket." in said.out
    assert "To replace them, run again with `--replace`." in " ".join(said.out.split())


@pytest.mark.parametrize(("answer", "code", "says"), [("r", 0, "on sand"), ("keep", 0, "remove"), ("", 1, "remove")])
def test_person_at_a_terminal_is_asked(shop: Uploader, answer: str, code: int, says: str) -> None:
    upload_sidecar(shop, RED, {"operation": "remove"})
    said = shop.drop("shoes", *PROMPT, answer=answer)
    assert said.code == code
    assert "[r]eplace, [k]eep, or [N] stop:" in said.out
    assert says in read_sidecar(shop).values()
    assert (len(shop.keys) > 1) is (code == 0)


def test_same_instructions_of_a_person_cause_no_question(shop: Uploader) -> None:
    upload_sidecar(shop, RED, {"operation": "replace", "prompt": "on sand"})
    assert shop.drop("shoes", *PROMPT).code == 0
    assert shop.count_versions(RED) == 1


# -- sidecars next to the photos on this machine ---------------------------------------------------------------


def test_options_next_to_a_local_sidecar_cause_a_question(shop: Uploader) -> None:
    shop.write("shoes/red.jpg.json", {"operation": "remove"})
    said = shop.drop("shoes", *PROMPT)
    assert (said.code, shop.keys) == (1, [])
    assert "a person wrote other instructions for 1 photo" in said.err


def test_replace_leaves_local_sidecars_on_this_machine(shop: Uploader) -> None:
    shop.write("shoes/red.json", {"operation": "remove"})
    shop.drop("shoes", *PROMPT, "--replace", "--wait")
    assert "shoes/red.json" not in shop.keys
    assert json.loads((shop.folder / "shoes/red.json").read_text()) == {"operation": "remove"}
    assert list_prompts(shop) == ["on sand", "on sand"]
    again = shop.drop("shoes", *PROMPT, "--replace", "--wait")
    assert "Nothing to upload" in again.out
    assert len(shop.world.provider.received_job_ids) == 2


def test_keep_uploads_local_sidecars(shop: Uploader) -> None:
    shop.write("shoes/red.json", {"operation": "remove"})
    said = shop.drop("shoes", *PROMPT, "--keep", "--wait")
    assert read_sidecar(shop, "shoes/red.json") == {"operation": "remove"}
    assert sorted(list_prompts(shop)) == ["", "on sand"]
    assert "1 photo keeps the instructions of a sidecar on this machine." in said.out


def test_local_sidecar_overrides_a_nearer_one_that_drop_wrote(shop: Uploader) -> None:
    shop.drop("shoes", *PROMPT, "--wait")
    shop.write("shoes/red.json", {"prompt": "on snow"})
    assert shop.drop("shoes", "--wait").code == 0
    assert list_prompts(shop)[2:] == ["on snow"]
    assert (read_sidecar(shop), shop.count_versions(RED)) == ({"prompt": "on snow"}, 2)
    assert "Nothing to upload" in shop.drop("shoes", "--wait").out


def test_local_sidecar_behind_a_persons_sidecar_is_asked_about(shop: Uploader) -> None:
    upload_sidecar(shop, RED, {"operation": "remove"})
    shop.write("shoes/red.json", {"prompt": "on snow"})
    said = shop.drop("shoes/red.jpg", "--to", "shoes", "--wait")
    assert (said.code, shop.keys) == (1, [RED])
    assert shop.drop("shoes/red.jpg", "--to", "shoes", "--wait", "--replace").code == 0
    assert list_prompts(shop) == ["on snow"]


def test_edited_local_sidecar_replaces_the_same_file_uploaded_before(shop: Uploader) -> None:
    shop.write("shoes/red.jpg.json", {"operation": "remove"})
    shop.drop("shoes", "--wait")
    shop.write("shoes/red.jpg.json", {"prompt": "on snow"})
    assert shop.drop("shoes", "--wait").code == 1
    assert list_prompts(shop) == ["", "on snow"]


# -- usage errors ----------------------------------------------------------------------------------------------


def test_replace_and_keep_together_are_a_usage_error(shop: Uploader) -> None:
    said = shop.drop("shoes", *PROMPT, "--replace", "--keep")
    assert (said.code, said.err) == (2, "error: --replace and --keep exclude each other; use one of them\n")


def test_style_alone_never_replaces_a_prompt(shop: Uploader) -> None:
    shop.drop("shoes", *PROMPT, "--wait")
    said = shop.drop("shoes", "--style", "golden hour", "--wait")
    assert (said.code, read_sidecar(shop)) == (1, {"prompt": "on sand"})
    assert "nothing was uploaded; the new instructions for 2 photos have neither a prompt nor an operation" in said.err


def test_style_alone_is_refused_before_any_question(shop: Uploader) -> None:
    upload_sidecar(shop, RED, {"prompt": "on sand"})
    shop.drop("shoes", *PROMPT, "--wait")
    said = shop.drop("shoes/red.jpg", "--to", "shoes", "--style", "golden hour", answer="r")
    assert (said.code, read_sidecar(shop)) == (1, {"prompt": "on sand"})
    assert "[r]eplace" not in said.out
    assert "the new instructions for 1 photo have neither a prompt nor an operation" in said.err
    assert "add --prompt or --keep" in said.err
    data = shop.drop("shoes/red.jpg", "--to", "shoes", "--style", "golden hour", "--json").data
    assert data["uploaded"] == 0


def test_keep_accepts_a_style_if_every_photo_keeps_instructions(shop: Uploader) -> None:
    upload_sidecar(shop, RED, {"prompt": "on sand"})
    shop.drop("shoes", *PROMPT, "--wait")
    said = shop.drop("shoes/red.jpg", "--to", "shoes", "--style", "golden hour", "--keep")
    assert (said.code, read_sidecar(shop)) == (0, {"prompt": "on sand"})


def test_cost_question_counts_photos_with_new_instructions(shop: Uploader) -> None:
    for number in range(17):
        shop.write(f"many/{number:02}.jpg")
    shop.drop("many", *PROMPT, "--yes", "--wait")
    said = shop.drop("many", *SNOW, answer="n")
    assert "Upload 17 files of instructions and spend up to $1.02? [y/N]" in said.out
    assert read_sidecar(shop, "many/00.jpg.json") == {"prompt": "on sand"}


def test_pictures_of_a_later_request_are_named_with_advice(shop: Uploader) -> None:
    shop.drop("shoes", *PROMPT, "--wait")
    send_request(shop.world, "shoes/red.jpg", prompt="on a beach")
    shop.world.run_until_empty()
    said = " ".join(shop.drop("shoes", *PROMPT, "--wait").out.split())
    assert "1 photo has pictures that a campaign or another request asked for." in said
    assert "To use the sidecars in the bucket again, run `backdrop rerun`." in said
