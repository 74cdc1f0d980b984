"""`backdrop drop` with new instructions for photos that have some: they are never ignored, and nothing is replaced
without asking.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from backdrop_client.s3_uploader import SIDECAR_HASH_METADATA_KEY
from simulation.world.simulated_stack import World
from simulation.world.world_inspector import INPUT_BUCKET
from tests.simulated.command_user import CTRL_D, Person
from tests.simulated.drop_user import PROMPT, Uploader
from tests.simulated.uploads_and_requests import send_request

RED, BLUE = "shoes/red.jpg.json", "shoes/blue.jpg.json"
SNOW = ("--prompt", "on snow")


@pytest.fixture
def uploader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Uploader:
    monkeypatch.chdir(tmp_path)
    uploader = Uploader(Person(World(), monkeypatch), tmp_path)
    uploader.write("shoes/red.jpg")
    uploader.write("shoes/blue.jpg")
    return uploader


def upload_sidecar(uploader: Uploader, key: str, instructions: Mapping[str, object]) -> None:
    """A person uploads a sidecar to the bucket."""
    uploader.world.s3.upload(INPUT_BUCKET, key, json.dumps(instructions).encode())


def read_sidecar(uploader: Uploader, key: str = RED) -> dict[str, Any]:
    return json.loads(uploader.world.input_bucket.objects[key][-1].data or b"")


def list_prompts(uploader: Uploader) -> list[str]:
    """Returns the prompts that the provider received, in order."""
    jobs = {job.job_id: job for job in uploader.world.list_jobs()}
    return [jobs[one].purchase_spec.get("prompt", "") for one in uploader.world.provider.received_job_ids]


# -- sidecars that the command wrote ---------------------------------------------------------------------------


def test_changed_prompt_replaces_what_an_earlier_drop_wrote(uploader: Uploader) -> None:
    uploader.drop("shoes", *PROMPT, "--wait")
    result = uploader.drop("shoes", *SNOW, "--wait")
    assert (result.code, result.err) == (0, "")
    assert "2   sidecars to replace" in result.out
    assert "At most $0.12 for 2 images" in result.out
    assert (read_sidecar(uploader), read_sidecar(uploader, BLUE)) == ({"prompt": "on snow"}, {"prompt": "on snow"})
    assert sorted(list_prompts(uploader)) == ["on sand", "on sand", "on snow", "on snow"]
    assert "2 delivered: 2 images in 2 files, $0.12." in result.out


def test_sidecar_file_replaces_what_an_earlier_drop_wrote(uploader: Uploader) -> None:
    uploader.drop("shoes", *PROMPT, "--wait")
    uploader.write("remove.json", {"operation": "remove"})
    assert uploader.drop("shoes", "--sidecar", "remove.json", "--wait").code == 0
    assert read_sidecar(uploader) == {"operation": "remove"}


def test_same_instructions_cost_nothing_and_need_no_confirmation(uploader: Uploader) -> None:
    uploader.drop("shoes", *PROMPT, "--wait")
    result = uploader.drop("shoes", *PROMPT, "--wait")
    assert (result.code, result.err) == (0, "")
    assert "sidecar" not in result.out
    assert [uploader.count_versions(key) for key in uploader.keys] == [1, 1, 1, 1]
    assert len(uploader.world.provider.received_job_ids) == 2


def test_instructions_that_were_bought_before_cost_nothing(uploader: Uploader) -> None:
    for words in (PROMPT, SNOW):
        uploader.drop("shoes", *words, "--wait")
    result = uploader.drop("shoes", *PROMPT, "--wait")
    assert "Nothing is bought ($0.00)." in result.out
    assert "2 delivered: 2 images in 2 files, $0.12, all of it before this run." in result.out
    assert (read_sidecar(uploader), len(uploader.world.provider.received_job_ids)) == ({"prompt": "on sand"}, 4)


def test_keep_affects_only_sidecars_that_a_person_wrote(uploader: Uploader) -> None:
    uploader.drop("shoes", *PROMPT, "--wait")
    upload_sidecar(uploader, BLUE, {"operation": "remove"})
    uploader.drop("shoes", *SNOW, "--keep")
    assert (read_sidecar(uploader), read_sidecar(uploader, BLUE)) == ({"prompt": "on snow"}, {"operation": "remove"})


def test_author_mark_survives_a_copy_but_not_an_edit(uploader: Uploader) -> None:
    uploader.drop("shoes", *PROMPT, "--wait")
    written = uploader.world.input_bucket.objects[RED][-1]
    assert written.metadata.keys() == {SIDECAR_HASH_METADATA_KEY}

    def put(data: bytes | None) -> None:
        uploader.world.s3.put_object(
            Bucket=INPUT_BUCKET, Key=BLUE, Body=data, ContentType="x", Metadata=written.metadata
        )

    put(written.data)
    assert uploader.drop("shoes", *SNOW).code == 0
    put(b'{"prompt": "edited"}')
    result = uploader.drop("shoes", *PROMPT)
    assert result.code == 1
    assert "a person wrote other instructions for 1 photo" in result.err


# -- sidecars that a person wrote ------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [RED, "shoes/red.json"])
def test_without_an_answer_costs_are_shown_and_nothing_is_uploaded(uploader: Uploader, key: str) -> None:
    upload_sidecar(uploader, key, {"operation": "remove"})
    result = uploader.drop("shoes", *PROMPT, "--yes")
    assert (result.code, uploader.keys) == (1, [key])
    assert f"shoes/red.jpg: {key}" in result.out
    assert "Replace them: at most $0.12 for 2 images." in result.out
    assert "Keep them: at most $0.07 for 2 images." in result.out
    assert result.err == (
        "error: nothing was uploaded; a person wrote other instructions for 1 photo, and there is no terminal to ask "
        "on, so add --replace or --keep\n"
    )


def test_json_says_that_the_question_was_not_answered(uploader: Uploader) -> None:
    upload_sidecar(uploader, RED, {"operation": "remove"})
    result = uploader.drop("shoes", *PROMPT, "--json")
    assert (result.code, result.data["uploaded"], uploader.keys) == (1, 0, [RED])
    assert result.data["to_answer"] == {
        "photos": ["shoes/red.jpg"],
        "replace": {"images": 2, "most_usd": 0.12},
        "keep": {"images": 2, "most_usd": 0.07},
    }


@pytest.mark.parametrize("key", [RED, "shoes/red.json"])
def test_replace_overwrites_a_persons_instructions(uploader: Uploader, key: str) -> None:
    upload_sidecar(uploader, key, {"operation": "remove"})
    result = uploader.drop("shoes", *PROMPT, "--replace", "--wait")
    assert (result.code, list_prompts(uploader)) == (0, ["on sand", "on sand"])
    assert read_sidecar(uploader) == {"prompt": "on sand"}
    assert read_sidecar(uploader, "shoes/red.json") == {"operation": "remove"} if key != RED else True


def test_keep_leaves_a_persons_sidecar_unchanged_and_reports_it(uploader: Uploader) -> None:
    upload_sidecar(uploader, RED, {"operation": "remove"})
    result = uploader.drop("shoes", *PROMPT, "--keep", "--wait")
    assert (result.code, read_sidecar(uploader)) == (0, {"operation": "remove"})
    assert "1 photo keeps the instructions that are already in the bucket." in result.out
    assert "To replace them, run again with `--replace`." in " ".join(result.out.split())


@pytest.mark.parametrize(
    ("answer", "code", "says"), [("r", 0, "on sand"), ("keep", 0, "remove"), ("", 1, "remove"), (CTRL_D, 1, "remove")]
)
def test_person_at_a_terminal_is_asked_to_replace_or_keep(
    uploader: Uploader, answer: str, code: int, says: str
) -> None:
    upload_sidecar(uploader, RED, {"operation": "remove"})
    result = uploader.drop("shoes", *PROMPT, answer=answer)
    assert (result.code, result.err) == (code, "error: nothing was uploaded\n" if code else "")
    assert "[r]eplace, [k]eep, or [N] stop:" in result.out
    assert says in read_sidecar(uploader).values()
    assert (len(uploader.keys) > 1) is (code == 0)


def test_identical_sidecar_by_a_person_needs_no_confirmation(uploader: Uploader) -> None:
    upload_sidecar(uploader, RED, {"operation": "replace", "prompt": "on sand"})
    assert uploader.drop("shoes", *PROMPT).code == 0
    assert uploader.count_versions(RED) == 1


# -- sidecars next to the photos on this machine ---------------------------------------------------------------


def test_options_that_contradict_a_local_sidecar_need_an_answer(uploader: Uploader) -> None:
    uploader.write("shoes/red.jpg.json", {"operation": "remove"})
    result = uploader.drop("shoes", *PROMPT)
    assert (result.code, uploader.keys) == (1, [])
    assert "a person wrote other instructions for 1 photo" in result.err


def test_replace_leaves_local_sidecar_files_unchanged(uploader: Uploader) -> None:
    uploader.write("shoes/red.json", {"operation": "remove"})
    uploader.drop("shoes", *PROMPT, "--replace", "--wait")
    assert "shoes/red.json" not in uploader.keys
    assert json.loads((uploader.folder / "shoes/red.json").read_text()) == {"operation": "remove"}
    assert list_prompts(uploader) == ["on sand", "on sand"]
    again = uploader.drop("shoes", *PROMPT, "--replace", "--wait")
    assert "Nothing to upload" in again.out
    assert len(uploader.world.provider.received_job_ids) == 2


def test_keep_uploads_local_sidecars(uploader: Uploader) -> None:
    uploader.write("shoes/red.json", {"operation": "remove"})
    result = uploader.drop("shoes", *PROMPT, "--keep", "--wait")
    assert read_sidecar(uploader, "shoes/red.json") == {"operation": "remove"}
    assert sorted(list_prompts(uploader)) == ["", "on sand"]
    assert "1 photo keeps the instructions of a sidecar on this machine." in result.out


def test_local_sidecar_overrides_a_nearer_one_that_drop_wrote(uploader: Uploader) -> None:
    uploader.drop("shoes", *PROMPT, "--wait")
    uploader.write("shoes/red.json", {"prompt": "on snow"})
    assert uploader.drop("shoes", "--wait").code == 0
    assert list_prompts(uploader)[2:] == ["on snow"]
    assert (read_sidecar(uploader), uploader.count_versions(RED)) == ({"prompt": "on snow"}, 2)
    assert "Nothing to upload" in uploader.drop("shoes", "--wait").out


def test_conflict_of_a_local_and_an_uploaded_sidecar_needs_an_answer(uploader: Uploader) -> None:
    upload_sidecar(uploader, RED, {"operation": "remove"})
    uploader.write("shoes/red.json", {"prompt": "on snow"})
    result = uploader.drop("shoes/red.jpg", "--to", "shoes", "--wait")
    assert (result.code, uploader.keys) == (1, [RED])
    assert uploader.drop("shoes/red.jpg", "--to", "shoes", "--wait", "--replace").code == 0
    assert list_prompts(uploader) == ["on snow"]


def test_edited_local_sidecar_replaces_the_same_file_uploaded_before(uploader: Uploader) -> None:
    uploader.write("shoes/red.jpg.json", {"operation": "remove"})
    uploader.drop("shoes", "--wait")
    uploader.write("shoes/red.jpg.json", {"prompt": "on snow"})
    assert uploader.drop("shoes", "--wait").code == 1
    assert list_prompts(uploader) == ["", "on snow"]


# -- usage errors ----------------------------------------------------------------------------------------------


def test_replace_and_keep_together_are_a_usage_error(uploader: Uploader) -> None:
    result = uploader.drop("shoes", *PROMPT, "--replace", "--keep")
    assert (result.code, result.err) == (2, "error: --replace and --keep cannot be used together; use one of them\n")


def test_style_alone_never_replaces_a_prompt(uploader: Uploader) -> None:
    uploader.drop("shoes", *PROMPT, "--wait")
    result = uploader.drop("shoes", "--style", "golden hour", "--wait")
    assert (result.code, read_sidecar(uploader)) == (1, {"prompt": "on sand"})
    assert (
        "nothing was uploaded; the new instructions for 2 photos have neither a prompt nor an operation" in result.err
    )


def test_style_alone_is_refused_before_any_question(uploader: Uploader) -> None:
    upload_sidecar(uploader, RED, {"prompt": "on sand"})
    uploader.drop("shoes", *PROMPT, "--wait")
    result = uploader.drop("shoes/red.jpg", "--to", "shoes", "--style", "golden hour", answer="r")
    assert (result.code, read_sidecar(uploader)) == (1, {"prompt": "on sand"})
    assert "[r]eplace" not in result.out
    assert "the new instructions for 1 photo have neither a prompt nor an operation" in result.err
    assert "add --prompt or --keep" in result.err
    data = uploader.drop("shoes/red.jpg", "--to", "shoes", "--style", "golden hour", "--json").data
    assert data["uploaded"] == 0


def test_question_says_which_answer_would_be_refused(uploader: Uploader) -> None:
    upload_sidecar(uploader, RED, {"prompt": "on sand"})
    result = uploader.drop("shoes/red.jpg", "--to", "shoes", "--prompt", "on {surface}", answer="n")
    refusal = "If you replace them:\n! 1 photo would be refused: unknown_placeholder\n    - shoes/red.jpg: "
    assert refusal in result.out
    assert "If you keep them" not in result.out


def test_keep_accepts_a_style_if_every_photo_keeps_instructions(uploader: Uploader) -> None:
    upload_sidecar(uploader, RED, {"prompt": "on sand"})
    uploader.drop("shoes", *PROMPT, "--wait")
    result = uploader.drop("shoes/red.jpg", "--to", "shoes", "--style", "golden hour", "--keep")
    assert (result.code, read_sidecar(uploader)) == (0, {"prompt": "on sand"})


def test_cost_question_counts_photos_with_new_instructions(uploader: Uploader) -> None:
    for number in range(17):
        uploader.write(f"many/{number:02}.jpg")
    uploader.drop("many", *PROMPT, "--yes", "--wait")
    result = uploader.drop("many", *SNOW, answer="n")
    assert "Upload 17 files of instructions and spend up to $1.02? [y/N]" in result.out
    assert read_sidecar(uploader, "many/00.jpg.json") == {"prompt": "on sand"}


def test_pictures_of_a_later_request_are_named_with_advice(uploader: Uploader) -> None:
    uploader.drop("shoes", *PROMPT, "--wait")
    send_request(uploader.world, "shoes/red.jpg", prompt="on a beach")
    uploader.world.run_until_empty()
    output = " ".join(uploader.drop("shoes", *PROMPT, "--wait").out.split())
    assert "1 photo has pictures that a campaign or another request asked for." in output
    assert "To use the sidecars in the bucket again, run `backdrop rerun shoes/red.jpg`." in output


@pytest.mark.parametrize(("is_bought", "usd"), [(False, 0.0), (True, 0.06)])
def test_drop_that_another_one_overtakes_ends_at_once_with_what_it_cost(
    uploader: Uploader, is_bought: bool, usd: float
) -> None:
    """The other one replaces the instructions before intake reads them, or after the picture is bought."""
    world, usual_sleep, replaced_at = uploader.world, uploader.person.stack.sleep, list[datetime]()

    def sleep(seconds: float) -> None:
        if not replaced_at and (world.provider.received_job_ids or not is_bought):
            world.upload_sidecar("shoes/red.jpg", prompt="on snow")
            replaced_at.append(world.clock.now())
        usual_sleep(seconds)

    uploader.person.stack = replace(uploader.person.stack, sleep=sleep)
    result = uploader.drop("shoes/red.jpg", "--to", "shoes", *PROMPT, "--wait", "--json")
    assert (result.code, result.data["counts"]) == (1, {"replaced": 1})
    assert (result.data["usd"], result.data["ended"], result.data["stopped"]) == (usd, True, None)
    assert (world.clock.now() - replaced_at[0]).total_seconds() < 60
    world.run_until_empty()
    assert list_prompts(uploader)[-1] == "on snow"


# -- misnamed sidecars -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["red.jpg.JSON", "Red.jpg.json", "red.jpg (1).json", "red.jpg.json.txt", "in bucket"])
def test_misnamed_sidecar_is_named_before_new_instructions_are_bought(uploader: Uploader, name: str) -> None:
    """Also by a drop of the photo alone, and if only the bucket has the file."""
    if name == "in bucket":
        name = "red.jpg.JSON"
        upload_sidecar(uploader, f"shoes/{name}", {"prompt": "their own"})
    else:
        uploader.write(f"shoes/{name}", {"prompt": "their own"})
    undecided = uploader.drop("shoes/red.jpg", "--to", "shoes", *PROMPT)
    assert undecided.code == 1
    assert name in undecided.out
    assert "misnamed" in undecided.out

    kept = uploader.drop("shoes", *PROMPT, "--keep", "--wait")
    assert (kept.code, list_prompts(uploader)) == (1, ["on sand"])
    assert not [one for one in uploader.world.list_jobs("shoes/red.jpg")]
    replaced = uploader.drop("shoes", *PROMPT, "--replace", "--wait")
    assert (replaced.code, list_prompts(uploader)) == (0, ["on sand", "on sand"])
    assert uploader.drop("shoes", *PROMPT).code == 0


def test_photo_whose_misnamed_sidecar_stays_on_this_machine_is_not_uploaded(uploader: Uploader) -> None:
    """Intake would not see the sidecar, and would buy the photo with the folder's defaults."""
    uploader.write("shoes/_backdrop.json", {"operation": "remove"})
    uploader.write("shoes/red.jpg.json.txt", {"prompt": "their own"})
    result = uploader.drop("shoes", "--wait")
    assert (result.code, "shoes/red.jpg" in uploader.keys) == (1, False)
    assert "sidecar_misnamed" in result.out
    assert len(uploader.world.provider.received_job_ids) == 1
    assert uploader.drop("shoes/red.jpg", "--to", "shoes").code == 1
