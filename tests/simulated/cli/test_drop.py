"""`backdrop drop`: shows the price first, then uploads each photo once and watches it until it is done."""

import errno
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from backdrop.model.codes import Code
from backdrop.model.error_catalog import ERROR_CATALOG
from backdrop.model.job import JobStatus
from backdrop.model.provider_result import RetryClass
from simulation.world.call_behavior import build_refusal
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import World
from simulation.world.transport import ServiceCall, TargetedFault, build_client_error
from simulation.world.world_inspector import INPUT_BUCKET
from tests.imaging.output_pictures import build_cut_out, encode_picture
from tests.simulated.command_user import NOTHING_CHANGED, Person
from tests.simulated.deliver.test_fidelity import (
    CHANGED_SCENE,
    CUT_OUT,
    CUT_OUT_LANE,
    ON_GRASS,
    PHOTO,
    SCENE,
    build_world_with_cut_out,
)
from tests.simulated.drop_user import PROMPT, Uploader
from tests.simulated.simulated_days import list_report_codes
from tests.simulated.uploads_and_requests import send_request


@pytest.fixture
def uploader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Uploader:
    monkeypatch.chdir(tmp_path)
    uploader = Uploader(Person(World(), monkeypatch), tmp_path)
    uploader.write("shoes/red.jpg")
    uploader.write("shoes/blue.jpg")
    return uploader


def test_photos_are_uploaded_under_the_folder_name_and_delivered(uploader: Uploader) -> None:
    result = uploader.drop("shoes", *PROMPT, "--wait")
    assert (result.code, result.err) == (0, "")
    assert "2 photos into shoes/, stack shop" in result.out
    assert "At most $0.12 for 2 images" in result.out
    assert "2 delivered: 2 images in 2 files, $0.12." in result.out
    assert uploader.keys == ["shoes/blue.jpg", "shoes/blue.jpg.json", "shoes/red.jpg", "shoes/red.jpg.json"]
    assert json.loads(uploader.world.input_bucket.objects["shoes/red.jpg.json"][-1].data or b"") == {
        "prompt": "on sand"
    }


def test_instructions_are_uploaded_before_their_photos(uploader: Uploader) -> None:
    uploader.write("shoes/_backdrop.json", {"operation": "remove"})
    uploader.drop("shoes", *PROMPT)
    sent = [call.request["Key"] for call in uploader.world.transport.calls if call.operation == "put_object"]
    assert sent == [
        "shoes/_backdrop.json",
        "shoes/blue.jpg.json",
        "shoes/red.jpg.json",
        "shoes/blue.jpg",
        "shoes/red.jpg",
    ]


def test_repeated_drop_uploads_and_buys_once(uploader: Uploader) -> None:
    uploader.drop("shoes", *PROMPT, "--wait")
    result = uploader.drop("shoes", *PROMPT, "--wait")
    assert result.code == 0
    assert "2   unchanged" in result.out
    assert "Nothing to upload" in result.out
    assert "2 delivered: 2 images in 2 files, $0.12, all of it before this run." in result.out
    assert [uploader.count_versions(key) for key in uploader.keys] == [1, 1, 1, 1]
    assert len(uploader.world.provider.received_job_ids) == 2


def test_files_of_desktops_and_disk_stations_stay_on_the_disk(uploader: Uploader) -> None:
    for name in ("@eaDir/red.jpg/THUMB_M.jpg", ".stversions/red.jpg", "#recycle/old.jpg", "red.jpg.partial", "red.xmp"):
        uploader.write(f"shoes/{name}")
    result = uploader.drop("shoes", *PROMPT, "--json")
    assert (result.code, result.data["passed_over"], result.data["photos"]) == (0, 5, 2)
    assert not [key for key in uploader.keys if key.rpartition("/")[0] != "shoes"]


def test_files_of_google_takeout_are_no_sidecars(uploader: Uploader) -> None:
    """They are named like sidecars, or similarly, and say where the photo was taken."""
    takeout = {"title": "red.jpg", "photoTakenTime": {"timestamp": "1"}, "geoData": {"latitude": 1.5}}
    for name in ("red.jpg.json", "red.JPG.json", "blue.jpg.supplemental-metadata.json"):
        uploader.write(f"shoes/{name}", takeout)
    for command in ("quote", "lint"):
        assert uploader.person.run(command, "shoes", *PROMPT, "--json").data["images"] == 2
    result = uploader.drop("shoes", *PROMPT, "--json", "--wait")
    assert (result.code, result.data["passed_over"], result.data["images"]) == (0, 3, 2)
    assert uploader.keys == ["shoes/blue.jpg", "shoes/blue.jpg.json", "shoes/red.jpg", "shoes/red.jpg.json"]

    uploader.world.s3.upload(INPUT_BUCKET, "other/red.jpg.json", json.dumps(takeout).encode())
    uploader.world.s3.upload(INPUT_BUCKET, "other/red.jpg", build_photo("other"))
    uploader.world.run_until_empty()
    assert list_report_codes(uploader.world, "other/red.jpg") == ["unknown_field"]


def test_pictures_in_the_dropped_folder_are_not_bought_again(uploader: Uploader) -> None:
    """Those that --download saved there, renamed ones, and the files of a gallery."""
    first = uploader.drop("shoes", *PROMPT, "--yes", "--download", "shoes/done", "--json")
    assert (first.code, first.data["own_pictures"]) == (0, 0)
    assert uploader.person.run("gallery", "shoes/", "--output", "shoes/page").code == 0
    (downloaded,) = (uploader.folder / "shoes/done").rglob("red*.png")
    uploader.write("shoes/final.png", downloaded.read_bytes())
    keys = uploader.keys
    for words in ((), ("--quick",)):
        result = uploader.drop("shoes", *PROMPT, "--yes", "--download", "shoes/done", "--json", *words)
        assert (result.code, len(result.data["photos"])) == (0, 2)
        assert result.data["own_pictures"] >= 4
    assert (uploader.keys, len(uploader.world.provider.received_job_ids)) == (keys, 2)
    for command in ("quote", "lint"):
        assert uploader.person.run(command, "shoes", *PROMPT, "--json").data["photos"] == 2
    assert uploader.drop("shoes/final.png", *PROMPT).code == 3
    uploader.write("shoes/final.png.json", {"prompt": "on snow"})
    assert uploader.drop("shoes", *PROMPT, "--yes", "--wait", "--keep").code == 0
    assert len(uploader.world.provider.received_job_ids) == 3


def test_system_folder_is_uploaded_only_to_another_one(uploader: Uploader) -> None:
    uploader.write("shoes/.thumbnails/red.jpg")
    assert uploader.drop("shoes/.thumbnails", *PROMPT).code == 2
    assert uploader.drop("shoes", *PROMPT, "--to", "#recycle").code == 2
    assert uploader.keys == []
    assert uploader.drop("shoes/.thumbnails", *PROMPT, "--to", "small", "--wait").code == 0


def test_drop_begun_by_another_person_is_watched_to_completion(uploader: Uploader) -> None:
    uploader.drop("shoes", *PROMPT)
    assert uploader.drop("shoes", *PROMPT, "--wait").code == 0
    assert len(uploader.world.provider.received_job_ids) == 2


def test_refused_photo_is_uploaded_again_and_runs(uploader: Uploader) -> None:
    uploader.world.provider.script.append(build_refusal(RetryClass.PERM, Code.UNSAFE_REQUEST))
    first = uploader.drop("shoes", *PROMPT, "--wait")
    assert first.code == 1
    assert "1 delivered, 1 refused" in first.out
    assert "unsafe_request: Change the photo, or the prompt if there is one." in first.out
    result = uploader.drop("shoes", *PROMPT, "--wait")
    assert "1   of them again" in result.out
    assert (result.code, uploader.list_statuses()) == (0, [JobStatus.STORED, JobStatus.STORED])


def test_hint_about_more_problems_lists_only_those_of_the_dropped_folder(uploader: Uploader) -> None:
    for n in range(5):
        uploader.write(f"shoes/{n}.jpg", build_photo(str(n)))
    uploader.world.provider.script += [build_refusal(RetryClass.PERM, Code.UNSAFE_REQUEST)] * 7
    result = uploader.drop("shoes", *PROMPT, "--wait")
    assert "2 more: `backdrop failures shoes/ --code unsafe_request --all` lists them" in " ".join(result.out.split())


def test_replaced_photo_is_uploaded_and_its_old_outcome_ignored(uploader: Uploader) -> None:
    uploader.drop("shoes", *PROMPT, "--wait")
    uploader.write("shoes/red.jpg", build_photo("another"))
    data = uploader.drop("shoes", *PROMPT, "--wait", "--json")
    assert (data.code, data.data["to_upload"]) == (0, 1)
    assert (data.data["usd"], data.data["earlier_usd"]) == (0.12, 0.06)
    assert len(uploader.world.provider.received_job_ids) == 3


def test_changed_sidecar_alone_is_uploaded_and_followed(uploader: Uploader) -> None:
    uploader.write("shoes/red.jpg.json", {"operation": "remove"})
    uploader.drop("shoes", *PROMPT, "--keep", "--wait")
    uploader.write("shoes/red.jpg.json", {"prompt": "on snow"})
    data = uploader.drop("shoes", "--wait", "--json").data
    assert (data["to_upload"], data["images"], data["most_usd"]) == (0, 1, 0.06)
    assert (data["usd"], data["earlier_usd"]) == (0.12, 0.06)
    assert (uploader.count_versions("shoes/red.jpg"), uploader.count_versions("shoes/red.jpg.json")) == (1, 2)


@pytest.mark.parametrize("photos", [50, 51])
def test_more_than_fifty_photos_need_confirmation(uploader: Uploader, photos: int) -> None:
    for number in range(photos):
        uploader.write(f"many/{number:02}.jpg")
    uploader.write("many/_backdrop.json", {"operation": "remove"})
    result = uploader.drop("many", answer="n")
    assert (NOTHING_CHANGED in result.err) is (photos > 50)
    assert bool(uploader.keys) is (photos <= 50)


def test_more_than_a_dollar_needs_confirmation_or_yes(uploader: Uploader) -> None:
    instructions = {"prompt": "on sand", "num_images": 8, "rendering_speed": "QUALITY"}
    uploader.write("shoes/_backdrop.json", instructions)
    result = uploader.drop("shoes")
    assert (result.code, uploader.keys) == (1, [])
    assert result.err == f"error: {NOTHING_CHANGED}; there is no terminal to ask on, so add --yes to agree\n"
    assert "Upload 2 photos and spend up to $1.44? [y/N]" in uploader.drop("shoes", answer="n").out
    assert uploader.drop("shoes", "--yes").code == 0


def test_instructions_that_cost_over_a_dollar_need_confirmation(uploader: Uploader) -> None:
    uploader.drop("shoes", *PROMPT, "--wait")
    uploader.write("shoes/red.jpg.json", {"prompt": "on snow", "num_images": 8, "rendering_speed": "QUALITY"})
    uploader.write("shoes/blue.jpg.json", {"prompt": "on snow", "num_images": 8, "rendering_speed": "QUALITY"})
    result = uploader.drop("shoes", answer="n")
    assert "Upload 2 files of instructions and spend up to $1.44? [y/N]" in result.out


def test_photo_that_would_be_refused_is_named_and_uploaded(uploader: Uploader) -> None:
    uploader.write("shoes/bad.jpg", b"no picture")
    uploader.write("shoes/red.jpg.json", {"promt": "on sand"})
    result = uploader.drop("shoes", *PROMPT, "--keep")
    assert result.code == 0
    assert "1 photo would be refused: not_a_photo" in result.out
    assert "1 photo would be refused: unknown_field" in result.out
    assert "Did you mean 'prompt'?" in result.out
    assert "At most $0.06 for 1 image " in result.out
    assert "shoes/bad.jpg" in uploader.keys


def test_photo_with_several_errors_counts_once(uploader: Uploader) -> None:
    uploader.write("shoes/red.jpg.json", {"promt": "on sand", "widht": 3})
    result = uploader.drop("shoes", *PROMPT, "--keep")
    assert "1 photo would be refused: unknown_field" in result.out
    assert "Did you mean 'prompt'?" in result.out
    assert "'widht'" in result.out


def test_strict_uploads_nothing_if_any_photo_would_be_refused(uploader: Uploader) -> None:
    uploader.write("shoes/bad.jpg", b"no picture")
    result = uploader.drop("shoes", *PROMPT, "--strict")
    assert (result.code, uploader.keys) == (1, [])
    assert "1 photo would be refused, and --strict is set" in result.err


def test_quick_option_reads_no_photo(uploader: Uploader) -> None:
    uploader.write("shoes/bad.jpg", b"no picture")
    assert "refused" not in uploader.drop("shoes", *PROMPT, "--quick").out


def test_photos_without_instructions_are_reported_with_advice(uploader: Uploader) -> None:
    result = uploader.drop("shoes")
    assert "2   without instructions" in result.out
    assert "Describe the new background with --prompt" in result.out
    assert "At most" not in result.out


def test_folder_defaults_in_the_bucket_apply_to_dropped_photos(uploader: Uploader) -> None:
    uploader.world.s3.upload(INPUT_BUCKET, "_backdrop.json", b'{"operation": "remove"}')
    assert "At most $0.02 for 2 images" in uploader.drop("shoes").out


def test_paused_provider_is_reported_first_and_not_waited_for(uploader: Uploader) -> None:
    uploader.person.run("pause", "ideogram")
    result = uploader.drop("shoes", *PROMPT, "--wait")
    assert result.code == 1
    assert "ideogram is paused (paused_by_person): its photos wait until it is resumed" in result.out
    assert "Stopped waiting: ideogram is paused" in result.out


def test_drop_without_a_common_folder_does_not_advise_to_download_everything(uploader: Uploader) -> None:
    uploader.write("hats/green.jpg")
    assert "`backdrop download PREFIX pictures/`" in uploader.drop("shoes", "hats", *PROMPT).out


def test_interrupted_upload_is_resumed(uploader: Uploader) -> None:
    uploader.world.transport.faults_before.append(TargetedFault(deny, "put_object", nth=4))
    result = uploader.drop("shoes", *PROMPT, "--wait")
    assert result.code == 1
    assert "do not allow put_object" in result.err
    assert "3 of 4 files were uploaded" in result.err
    assert "run the same command again; nothing is bought twice" in result.err
    uploader.world.transport.clear_faults()
    assert "1   to upload" in uploader.drop("shoes", *PROMPT, "--wait").out
    assert uploader.list_statuses() == [JobStatus.STORED, JobStatus.STORED]


def test_credentials_that_expire_while_waiting_are_reported_with_how_to_go_on(uploader: Uploader) -> None:
    def expire(call: ServiceCall) -> None:
        if call.service == "dynamodb":
            raise build_client_error("ExpiredTokenException", call.operation, 400, "expired")

    original = uploader.person.stack.sleep

    def sleep_until_expired(seconds: float) -> None:
        original(seconds)
        uploader.world.transport.permanent_faults.append(expire)

    uploader.person.stack = replace(uploader.person.stack, sleep=sleep_until_expired)
    result = uploader.drop("shoes", *PROMPT, "--wait")
    assert result.code == 1
    assert "your AWS credentials have expired; sign in" in result.err
    assert "run the same command; nothing is uploaded or bought twice" in result.err


def deny(call: ServiceCall) -> None:
    raise build_client_error("AccessDeniedException", call.operation, 400, "no")


def test_ctrl_c_keeps_uploads_and_says_how_to_continue(uploader: Uploader) -> None:
    uploader.world.transport.faults_before.append(TargetedFault(interrupt, "put_object", nth=4))
    result = uploader.drop("shoes", *PROMPT)
    assert result.code == 130
    assert result.err == (
        "error: stopped; 3 of 4 files were uploaded and are being processed. To upload the rest, "
        "run the same command again; nothing is bought twice\n"
    )
    uploader.world.transport.clear_faults()
    assert uploader.drop("shoes", *PROMPT, "--wait").code == 0


def interrupt(_: ServiceCall) -> None:
    raise KeyboardInterrupt


def test_ctrl_c_while_waiting_says_how_to_cancel_only_this_drop(uploader: Uploader) -> None:
    def stop(_: float) -> None:
        raise KeyboardInterrupt

    uploader.person.stack = replace(uploader.person.stack, sleep=stop)
    result = uploader.drop("shoes", *PROMPT, "--wait", "--stack", "shop")
    assert (result.code, result.err.endswith("run `backdrop --stack shop cancel shoes/`\n")) == (130, True)
    result = uploader.drop("shoes/red.jpg", *PROMPT, "--wait")
    assert (result.code, result.err.endswith("run `backdrop cancel PREFIX`\n")) == (130, True)


def test_pictures_are_saved_to_a_folder(uploader: Uploader) -> None:
    data = uploader.drop("shoes", *PROMPT, "--download", "done", "--json").data
    assert sorted(path.name for path in (uploader.folder / "done").iterdir()) == ["blue.png", "red.png"]
    assert data["download"]["downloaded"] == 2
    (picture,) = uploader.world.read_pictures("shoes/red.jpg").values()
    assert (uploader.folder / "done" / "red.png").read_bytes() == picture


def test_unusable_output_folder_is_reported_before_any_purchase(uploader: Uploader) -> None:
    (uploader.folder / "done").write_text("x")
    result = uploader.drop("shoes", *PROMPT, "--download", "done")
    assert (result.code, result.err, uploader.keys) == (
        1,
        "error: the folder done cannot be created: File exists\n",
        [],
    )


def test_two_concurrent_drops_of_the_same_photos_complete(uploader: Uploader) -> None:
    def drop_too(_: ServiceCall) -> None:
        uploader.world.s3.upload(INPUT_BUCKET, "shoes/red.jpg", build_photo("shoes/red.jpg"))

    uploader.world.transport.faults_after.append(TargetedFault(drop_too, "put_object", nth=4))
    result = uploader.drop("shoes", *PROMPT, "--wait", "--json")
    assert (result.code, result.data["counts"]) == (0, {"stored": 2})
    assert (len(uploader.world.provider.received_job_ids), uploader.count_versions("shoes/red.jpg")) == (2, 2)


def test_json_counts_uploads_of_an_interrupted_drop(uploader: Uploader) -> None:
    uploader.world.transport.faults_before.append(TargetedFault(deny, "put_object", nth=4))
    result = uploader.drop("shoes", *PROMPT, "--json")
    assert (result.code, result.data["uploaded"], result.data["to_upload"]) == (1, 3, 2)


@pytest.mark.parametrize(("is_interrupted", "code"), [(False, 1), (True, 130)])
def test_json_has_the_upload_if_waiting_is_cut_short(uploader: Uploader, is_interrupted: bool, code: int) -> None:
    def fail_once_bought(seconds: float) -> None:
        if uploader.world.provider.received_job_ids:
            raise KeyboardInterrupt if is_interrupted else build_client_error("ExpiredTokenException", "GetItem", 400)
        uploader.world.run_for(seconds)

    uploader.person.stack = replace(uploader.person.stack, sleep=fail_once_bought)
    result = uploader.drop("shoes", *PROMPT, "--wait", "--json")
    assert (result.code, result.data["uploaded"], result.data["ended"]) == (code, 4, False)
    assert {photo["key"] for photo in result.data["photos"]} == {"shoes/red.jpg", "shoes/blue.jpg"}


def test_json_has_the_pictures_if_the_download_fails(uploader: Uploader, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill_disk(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("backdrop_cli.picture_downloads.replace_file", fill_disk)
    result = uploader.drop("shoes", *PROMPT, "--download", "done", "--json")
    assert (result.code, "the disk of done is full" in result.err) == (1, True)
    assert (result.data["counts"], "download" in result.data) == ({"stored": 2}, False)


def test_resumed_drop_shows_what_its_photos_cost(uploader: Uploader) -> None:
    stack = uploader.person.stack

    def stop_once_bought(seconds: float) -> None:
        stack.sleep(seconds)
        if uploader.world.provider.received_job_ids:
            raise KeyboardInterrupt

    uploader.person.stack = replace(stack, sleep=stop_once_bought)
    assert uploader.drop("shoes", *PROMPT, "--wait").code == 130
    uploader.person.stack = stack
    data = uploader.drop("shoes", *PROMPT, "--wait", "--json").data
    assert (data["uploaded"], data["delivered_images"], data["delivered_files"]) == (0, 2, 2)
    assert (data["usd"], data["earlier_usd"]) == (0.12, 0.12)


# -- photos that were canceled ---------------------------------------------------------------------------------


def cancel_before_purchase(uploader: Uploader) -> None:
    """Drops two photos, and cancels them before anything is bought."""
    uploader.person.run("pause", "ideogram")
    uploader.drop("shoes", *PROMPT)
    uploader.world.run_until_empty("intake")
    uploader.person.run("cancel", "shoes/", "--yes")
    uploader.person.run("resume", "ideogram")
    uploader.world.run_for(2)


def test_canceled_photos_are_dropped_again_with_their_price(uploader: Uploader) -> None:
    cancel_before_purchase(uploader)
    assert uploader.list_statuses() == [JobStatus.CANCELLED, JobStatus.CANCELLED]
    result = uploader.drop("shoes", *PROMPT, "--wait")
    assert (result.code, uploader.list_statuses()) == (0, [JobStatus.STORED, JobStatus.STORED])
    assert "2   of them again   already there, but refused, failed, or canceled" in result.out
    assert "At most $0.12 for 2 images" in result.out


def test_json_contains_the_cost_of_canceled_photos(uploader: Uploader) -> None:
    cancel_before_purchase(uploader)
    data = uploader.drop("shoes", *PROMPT, "--json").data
    assert (data["again"], data["to_upload"], data["images"], data["most_usd"]) == (2, 2, 2, 0.12)


def test_failed_photo_costs_what_its_failed_request_asked_for(uploader: Uploader) -> None:
    uploader.write("shoes/_backdrop.json", {"operation": "remove"})
    uploader.drop("shoes", "--wait")
    uploader.world.provider.script.append(build_refusal(RetryClass.PERM, Code.UNSAFE_REQUEST))
    send_request(uploader.world, "shoes/red.jpg", prompt="on a beach")
    uploader.world.run_until_empty()
    result = uploader.drop("shoes", "--wait", "--json")
    assert (result.data["again"], result.data["images"], result.data["most_usd"]) == (1, 1, 0.06)
    assert result.data["usd"] - result.data["earlier_usd"] == pytest.approx(0.06)


# -- singular counts ----------------------------------------------------------------------------------------------


def test_single_items_are_counted_in_the_singular(uploader: Uploader) -> None:
    uploader.write("one/red.jpg")
    uploader.write("one/_backdrop.json", {"style": "golden hour"})
    result = uploader.drop("one", *PROMPT, "--wait")
    assert "1   file of instructions" in result.out
    assert "1   sidecar to write" in result.out
    assert "1   sidecar to replace" in uploader.drop("one", "--prompt", "on snow").out


def test_pictures_that_another_key_has_are_not_priced_again(uploader: Uploader) -> None:
    for folder in ("first", "second"):
        uploader.write(f"{folder}/red.jpg", build_photo("red"))
    assert uploader.drop("first", *PROMPT, "--wait", "--json").data["most_usd"] == 0.06
    result = uploader.drop("second", *PROMPT, "--wait", "--json")
    assert (result.data["most_usd"], result.data["images_already_bought"]) == (0, 1)
    assert len(uploader.world.provider.received_job_ids) == 1
    uploader.write("third/red.jpg", build_photo("red"))
    assert "1 image already bought" in " ".join(uploader.drop("third", *PROMPT).out.split())
    uploader.write("fourth/blue.jpg", build_photo("blue"))
    uploader.write("fourth/copy.jpg", build_photo("blue"))
    assert uploader.drop("fourth", *PROMPT, "--json").data["most_usd"] == 0.06


def test_ledger_is_read_once_for_a_hundred_new_photos(uploader: Uploader) -> None:
    for number in range(120):
        uploader.write(f"bags/{number}.jpg", build_photo(f"bag {number}"))
    before = len(uploader.world.transport.calls)
    uploader.drop("bags", *PROMPT, "--yes")
    reads = Counter(call.operation for call in uploader.world.transport.calls[before:] if call.service == "dynamodb")
    assert reads["batch_get_item"] == 2
    assert reads.total() < 10


# -- warnings --------------------------------------------------------------------------------------------------


def test_warnings_are_counted_before_the_upload_and_after_the_delivery(uploader: Uploader) -> None:
    words = ("shoes/red.jpg", "--remove", "--for", "etsy,ebay")
    data = uploader.drop(*words, "--wait", "--json").data
    lint = uploader.person.run("lint", *words, "--json").data
    assert data["warnings"] == Counter(one["code"] for one in lint["warnings"])
    assert data["warnings"] == {"certificate_failed": 2, "tiny_photo": 1, "same_outputs": 1}
    assert data["delivered_warnings"] == {"certificate_failed": 2, "tiny_photo": 1, "same_outputs": 1}
    text = uploader.drop(*words, "--wait", "--to", "again").out
    assert "! 1 warning: tiny_photo\n  Use a larger photo." in text
    assert "To see which photos they concern, run `backdrop lint` on the same paths." in text
    assert "! 2 files failed a certificate. For details, run `backdrop show again/red.jpg`." in text
    assert "! 1 warning: tiny_photo. For details, run `backdrop show again/red.jpg`." in text


LARGE_OUTPUT, SMALL_OUTPUT = {"name": "large", "fit": "pad", "width": 300, "height": 300}, {"name": "s", "width": 50}


@pytest.mark.parametrize(
    ("instructions", "picture_size", "enlarged_count"),
    [
        ({"operation": "remove", "output": [LARGE_OUTPUT, SMALL_OUTPUT]}, (100, 80), 1),
        ({"prompt": "at sea", "output": [LARGE_OUTPUT, SMALL_OUTPUT]}, (100, 80), 1),
        ({"prompt": "at sea", "output": [LARGE_OUTPUT, SMALL_OUTPUT]}, (400, 320), 1),
        ({"prompt": "at sea", "output": LARGE_OUTPUT, "num_images": 2}, (100, 80), 2),
        ({"output": LARGE_OUTPUT, "variants": {"a": {"prompt": "at sea"}, "b": {"prompt": "at home"}}}, (400, 320), 2),
        ({"prompt": "at sea", "output": [SMALL_OUTPUT, {}]}, (400, 320), 0),
    ],
)
def test_plan_counts_as_many_enlarged_pictures_as_the_receipts(
    uploader: Uploader, instructions: dict[str, object], picture_size: tuple[int, int], enlarged_count: int
) -> None:
    uploader.world.downloads.override = encode_picture(build_cut_out().resize(picture_size))
    for name, color in {"a": "teal", "b": "olive", "c": "maroon"}.items():
        uploader.write(f"new/{name}.png", encode_picture(Image.new("RGB", (100, 80), color)))
        uploader.write(f"new/{name}.png.json", instructions)
    data = uploader.drop("new", "--wait", "--json").data
    counts = [Counter(data[field])["enlarged"] for field in ("warnings", "delivered_warnings")]
    assert counts == [3 * enlarged_count] * 2


@pytest.mark.parametrize(
    ("marketplaces", "same_count"), [("etsy,ebay,shopify", 1), ("etsy,amazon-main", 0), ("ebay", 0)]
)
def test_equal_files_for_marketplaces_are_counted_in_plan_and_receipt(
    uploader: Uploader, marketplaces: str, same_count: int
) -> None:
    uploader.world.downloads.override = encode_picture(build_cut_out())
    uploader.write("new/a.png", encode_picture(Image.new("RGB", (100, 80), "teal")))
    data = uploader.drop("new", "--remove", "--for", marketplaces, "--wait", "--json").data
    counts = [Counter(data[field])["same_outputs"] for field in ("warnings", "delivered_warnings")]
    assert counts == [same_count] * 2
    shown = uploader.person.run("show", "new/a.png").out
    assert ("are the same picture" in " ".join(shown.split())) is bool(same_count)


def test_photo_is_not_opened_for_warnings_with_quick(uploader: Uploader) -> None:
    uploader.write("shoes/a.jpg")
    assert uploader.drop("shoes", "--prompt", "at sea", "--frame", "1:1", "--quick", "--json").data["warnings"] == {}


def test_problem_after_a_drop_has_its_own_advice(uploader: Uploader) -> None:
    uploader.write("shoes/red.jpg.json", {"operation": "remove", "output": {"for": "amazon-main", "shadow": "contact"}})
    shown = " ".join(uploader.drop("shoes/red.jpg", "--wait").out.split())
    assert "✗ conflicting_fields: " in shown
    assert str(ERROR_CATALOG[Code.CONFLICTING_FIELDS].hint) not in shown


def test_variant_that_would_be_refused_does_not_count_as_a_photo(uploader: Uploader) -> None:
    mirror = {"operation": "remove", "output": {"for": "amazon-main", "shadow": "contact"}}
    uploader.write("shoes/red.jpg.json", {"variants": {"a": {"operation": "remove"}, "b": mirror}})
    result = uploader.drop("shoes/red.jpg", "--wait", "--json")
    assert (result.data["counts"], result.data["delivered_in_part"]) == ({"partly": 1}, 1)
    assert result.data["undelivered_variants"] == {"refused": 1}
    shown = uploader.drop("shoes/red.jpg", "--wait", "--to", "again").out
    assert "! 1 photo would be delivered in part: conflicting_fields" in shown
    assert "1 delivered in part: 1 image in 1 file, $0.00; 1 variant refused." in shown
    assert "red.jpg, variant b: " in shown
    assert "refused:" not in shown


@pytest.mark.parametrize(
    ("scene", "cut_out", "words"),
    [
        (CHANGED_SCENE, CUT_OUT, "! 1 picture in which the product may have changed. For details"),
        (SCENE, SCENE, "! 1 picture was not compared with its photo, because the cut-out is not available."),
    ],
)
def test_drop_reports_verdicts_that_need_a_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scene: bytes, cut_out: bytes, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    world = build_world_with_cut_out(PHOTO, scene)
    world.downloads.override_by_provider[CUT_OUT_LANE] = cut_out
    uploader = Uploader(Person(world, monkeypatch), tmp_path)
    uploader.write("new/a.jpg", PHOTO)
    uploader.write("new/a.jpg.json", {"variants": {"scene": ON_GRASS, "cut-out": {"operation": "remove"}}})
    assert words in " ".join(uploader.drop("new", "--wait").out.split())
