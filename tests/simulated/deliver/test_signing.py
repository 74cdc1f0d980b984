"""Deliver with Content Credentials: a redelivery writes the same file, and a bad key never costs a paid picture."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any
from unittest.mock import Mock

import pytest

from backdrop.aws.functions import FunctionFailedError
from backdrop.aws.secrets import UnreadableSecretError
from backdrop.deliver.signing_messages import SigningRequest, SigningResponse
from backdrop.imaging.formats import png
from backdrop.imaging.metadata import embed_xmp
from backdrop.model import transitions
from backdrop.model.codec import to_json, validate
from backdrop.model.codes import Code
from backdrop.model.errors import RetryLaterError
from backdrop.model.ids import sha256_hex
from backdrop.model.job import Job, JobStatus
from backdrop.model.job_warning import WarningCode
from backdrop.model.object_keys import PAID_PREFIX, SIGNED_PREFIX, UNSIGNED_PREFIX, paid_key, unsigned_key
from backdrop.pipeline.crash_guard import MAX_CRASHES
from backdrop.pipeline.enqueue import enqueue_delivery
from backdrop_credentials import build
from backdrop_credentials.keys import SigningKeys
from backdrop_credentials.reading import Claims, FileVerdict, read_credentials
from backdrop_credentials.signing import PictureSigner
from simulation.world.sample_images import build_photo, build_picture
from simulation.world.simulated_signing import SIGN, build_handler, turn_off_signing, turn_on_signing
from simulation.world.simulated_stack import World
from simulation.world.transport import ServiceCall, TargetedFault, build_client_error, crash_worker, lose_response
from simulation.world.world_services import WorldBootstrap
from tests.credentials.signed_files import add_store, read_chunk, replace_chunk, sign
from tests.signing_pki import (
    KMS_ARN,
    FakeKms,
    MakeKeys,
    build_chain,
    build_issuers,
    build_keys,
    build_leaf_key,
    build_signer,
    to_pem,
)
from tests.simulated.deliver.test_approval import world_in_review
from tests.simulated.deliver.test_fidelity import draw_on, encode
from tests.simulated.picture_decisions import APPROVED, decide
from tests.simulated.simulated_days import list_report_codes, pass_time
from tests.simulated.stage_worlds import KEY, assert_at_rest, find_only_job
from tests.unit.ledger_items import list_warning_codes

ROOTS = to_pem(build_issuers()[:1])
PICTURE, THUMB = f"{KEY}/red.png", f"{KEY}/red@thumb.webp"
REMOVE: Mapping[str, Any] = {"operation": "remove"}
TWO_OUTPUTS: Mapping[str, Any] = {"output": [{"format": "png"}, {"name": "thumb", "format": "webp", "width": 64}]}
XMP = b"Iptc4xmpExt:DigitalSourceType"


def turn_on(world: World, signer: PictureSigner | None = None) -> None:
    turn_on_signing(world, signer or build_signer())


def set_parameters(world: World, **parameters: Any) -> None:
    """Builds deliver as its handler does, with these settings. The secret of the certificate must exist."""
    bootstrap = WorldBootstrap(world, kms=FakeKms(build_leaf_key()))
    bootstrap.settings = settings = replace(bootstrap.settings, **parameters)
    world.deliver = bootstrap.deliver()
    load_service = build.build_signing_service(settings, bootstrap)
    world.lambda_service.functions[SIGN] = build_handler(load_service())


def build_world(signer: PictureSigner | None = None, *, is_on: bool = True, **instructions: Any) -> World:
    """Returns a world with a photo that is paid for but not delivered."""
    world = World()
    if is_on:
        turn_on(world, signer)
    world.upload_photo(KEY, build_photo())
    world.upload_sidecar(KEY, **{**REMOVE, **instructions})
    world.run_until_empty("intake", "ideogram")
    return world


def build_expired_keys() -> SigningKeys:
    return build_keys(build_chain(ends_in=timedelta(hours=-1)))


def build_unreadable_keys() -> SigningKeys:
    return replace(build_keys(), read_secret=Mock(side_effect=UnreadableSecretError("access denied")))


def delete_pictures(world: World) -> None:
    for key in world.read_pictures():
        world.s3.delete_object(Bucket=world.output_bucket.name, Key=key)


def deliver_again(world: World) -> None:
    enqueue_again(world)
    world.run_until_empty()


def enqueue_again(world: World) -> None:
    """Makes the stored job wait for delivery again, as it is after a repeated event for its photo."""
    transition = transitions.reinstate(find_only_job(world))
    assert transition
    job = world.ledger.write_transition(transition)
    enqueue_delivery(world.intake.photo_intake.deliver_queue, job, job.job_id)


def list_signed_names(world: World) -> list[str]:
    return [key.rpartition("/")[2] for key in world.output_bucket.list_keys() if key.startswith(f"{SIGNED_PREFIX}/")]


def read_claims(data: bytes) -> Claims:
    """Returns what a file states, which must be unchanged and signed with the stack's key."""
    report = read_credentials(data, ROOTS)
    assert report.verdict is FileVerdict.TRUSTED, report.reasons
    assert report.claims
    return report.claims


def build_accused_file() -> bytes:
    """Returns a provider's file with Content Credentials that do not match it."""
    paid_file = sign(data=build_picture("a"))
    store = bytearray(read_chunk(paid_file, png.CREDENTIALS_CHUNK))
    store[2_000] ^= 1
    return replace_chunk(paid_file, png.CREDENTIALS_CHUNK, bytes(store))


def list_receipt_warnings(world: World) -> list[str]:
    receipt = world.read_receipt(KEY)
    assert receipt
    return receipt["jobs"][0]["warnings"]


def use_paid_file(world: World, data: bytes) -> None:
    world.downloads.override = data


# -- the feature is on ---------------------------------------------------------------------------------------------


def test_every_output_of_every_image_is_signed_and_kept() -> None:
    world = build_world(**TWO_OUTPUTS)
    world.run_until_empty()
    pictures, job = world.read_pictures(), find_only_job(world)
    assert sorted(pictures) == [PICTURE, THUMB]
    assert {read_claims(data).job["job_id"] for data in pictures.values()} == {job.job_id}
    assert list_signed_names(world) == ["1_1.png", "1_1@thumb.webp"]
    assert [(result.is_signed, result.bytes) for result in job.results] == [
        (True, len(pictures[result.key])) for result in job.results
    ]
    assert XMP in pictures[PICTURE]
    assert_at_rest(world)


def test_redelivery_writes_the_same_file() -> None:
    kms = FakeKms(build_leaf_key())
    world = build_world(build_signer(build_keys(kms=kms)), **TWO_OUTPUTS)
    world.run_until_empty()
    before = world.read_pictures()
    signature_count = kms.signature_count
    delete_pictures(world)
    deliver_again(world)
    assert (world.read_pictures(), kms.signature_count) == (before, signature_count)
    # Also in the next release, and after the certificate was renewed.
    turn_on(world, build_signer(build_keys(build_chain()), release="9.9.9"))
    deliver_again(world)
    assert world.read_pictures() == before


@pytest.mark.parametrize("operation", ["put_object", "transact_write_items"])
def test_crash_after_signing_does_not_sign_twice(operation: str) -> None:
    world = build_world()
    world.transport.faults_after.append(
        TargetedFault(
            crash_worker,
            operation,
            matches=lambda call: operation != "put_object" or SIGNED_PREFIX in call.request["Key"],
        )
    )
    world.run_until_empty()
    [kept] = [world.output_bucket.find_current(key) for key in world.output_bucket.list_keys() if SIGNED_PREFIX in key]
    assert kept
    assert world.read_pictures()[PICTURE] == kept.data
    assert len(world.output_bucket.objects[next(k for k in world.output_bucket.list_keys() if SIGNED_PREFIX in k)]) == 1


def test_other_claims_are_signed_again() -> None:
    world = build_world()
    world.run_until_empty()
    before = world.read_pictures()[PICTURE]
    turn_on(world, build_signer(source_term="trainedAlgorithmicMedia"))
    deliver_again(world)
    assert read_claims(world.read_pictures()[PICTURE]).source_types == ["trainedAlgorithmicMedia"]
    assert world.read_pictures()[PICTURE] != before


def test_kept_file_that_was_changed_is_not_delivered() -> None:
    world = build_world()
    world.run_until_empty()
    [key] = [key for key in world.output_bucket.list_keys() if SIGNED_PREFIX in key]
    kept = world.output_bucket.find_current(key)
    assert kept
    assert kept.data
    world.s3.put_object(
        Bucket=world.output_bucket.name,
        Key=key,
        Body=kept.data[:-30] + bytes(30),
        Metadata=dict(kept.metadata),
        ContentType="image/png",
    )
    deliver_again(world)
    read_claims(world.read_pictures()[PICTURE])


def test_byte_limit_includes_the_signature() -> None:
    limit = 24_000
    world = build_world(
        output={"format": "jpg", "background": "#ffffff", "width": 600, "height": 600, "fit": "pad", "max_bytes": limit}
    )
    world.run_until_empty()
    [data] = world.read_pictures().values()
    read_claims(data)
    assert len(data) <= limit
    assert WarningCode.OVER_MAX_BYTES not in list_warning_codes(find_only_job(world))


def test_provider_credentials_become_an_ingredient() -> None:
    world = build_world()
    use_paid_file(world, sign(data=build_picture("a")))
    world.run_until_empty()
    data = world.read_pictures()[PICTURE]
    assert read_claims(data).ingredients[1].startswith("File from Ideogram (with Content Credentials")
    assert XMP in data


def test_provider_file_with_two_stores_is_signed_without_them() -> None:
    world = build_world()
    world.deliver.pictures.embeds_provenance = False
    use_paid_file(world, add_store(sign(data=build_picture("a")), b""))
    world.run_until_empty()
    read_claims(world.read_pictures()[PICTURE])
    assert WarningCode.CREDENTIALS_LEFT_OUT in list_warning_codes(find_only_job(world))


@pytest.mark.parametrize("is_kept", [True, False])
def test_approved_picture_states_the_providers_own_file(is_kept: bool) -> None:
    """People saw a PNG that was made from it. If the provider's file is gone, nothing is stated about it."""
    world = world_in_review(sign("jpg", data=encode(draw_on((60, 120, 70)), "JPEG")))
    turn_on(world)
    [job] = [job for job in world.list_jobs() if job.reviews]
    if not is_kept:
        world.output_bucket.objects.pop(paid_key(job.job_id, 1, 1, "jpeg"))
    decide(world, APPROVED, job)
    [data] = world.read_pictures().values()
    photo, *paid_files = read_claims(data).ingredients
    assert photo.startswith("red.jpg")
    assert [name.partition(" (with Content Credentials")[0] for name in paid_files] == ["File from Segmind"] * is_kept


def test_damaged_provider_credentials_do_not_stop_the_lane() -> None:
    world = build_world()
    use_paid_file(world, build_accused_file())
    world.run_until_empty()
    assert find_only_job(world).status is JobStatus.STORED
    assert WarningCode.CREDENTIALS_LEFT_OUT in list_warning_codes(find_only_job(world))
    read_claims(world.read_pictures()[PICTURE])


def test_reused_file_names_the_provider_that_made_it() -> None:
    """The second photo's job is in another provider's lane, because the first provider is paused by then."""
    world = World()
    turn_on(world)
    first, second = "hats/one.jpg", "shoes/two.jpg"
    fields = {"prompt": "on grass", "provider": ["ideogram", "segmind"]}
    for key in (first, second):
        world.upload_photo(key, build_photo())
    world.upload_sidecar(first, **fields)
    world.run_until_empty()
    world.pause_lane()
    world.upload_sidecar(second, **fields)
    world.run_until_empty()
    reused = _find_replacement(world, second)
    assert reused.reused_from == _find_replacement(world, first).job_id
    [data] = [data for key, data in world.read_pictures(second).items()]
    assert read_claims(data).actions[1] == "c2pa.edited: Background generated by Ideogram 3.0"


def _find_replacement(world: World, key: str) -> Job:
    return next(job for job in world.list_jobs(key) if job.operation == "replace")


@pytest.mark.parametrize(("key_arn", "states_prompt"), [("", True), (KMS_ARN, True), (KMS_ARN, False)])
def test_stack_parameters_reach_the_picture(key_arn: str, states_prompt: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = Mock(get=Mock(return_value=to_pem(build_chain())))
    monkeypatch.setattr("backdrop.aws.secrets._build_secrets_provider", lambda: secrets)
    source_term, prompt = "trainedAlgorithmicMedia", "on a marble table"
    world = build_world(is_on=False, operation="replace", prompt=prompt)
    set_parameters(
        world,
        digital_source_type=source_term,
        sign_function_name=SIGN if key_arn else "",
        content_credentials_key_arn=key_arn,
        content_credentials_prompt=states_prompt,
    )
    world.run_until_empty()
    data = world.read_pictures()[PICTURE]
    assert f"/digitalsourcetype/{source_term}<".encode() in read_chunk(data, b"iTXt")
    if key_arn:
        claims = read_claims(data)
        assert (claims.source_types, claims.prompt) == ([source_term], prompt if states_prompt else None)
    else:
        assert read_credentials(data).verdict is FileVerdict.NONE


# -- the key does not work -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("build_bad_keys", [build_expired_keys, build_unreadable_keys])
@pytest.mark.parametrize("is_deleted", [True, False])
def test_kept_file_is_delivered_again_without_a_key(build_bad_keys: MakeKeys, is_deleted: bool) -> None:
    world = build_world(**TWO_OUTPUTS)
    world.run_until_empty()
    before = world.read_pictures()
    if is_deleted:
        delete_pictures(world)
    turn_on(world, build_signer(build_bad_keys()))
    deliver_again(world)
    job = find_only_job(world)
    assert (job.status, world.read_report(KEY), world.read_pictures()) == (JobStatus.STORED, None, before)
    assert [result.is_signed for result in job.results] == [True, True]
    assert_at_rest(world)


@pytest.mark.parametrize("build_bad_keys", [build_expired_keys, None])
def test_warnings_about_a_kept_file_stay_in_the_receipt(build_bad_keys: MakeKeys | None) -> None:
    """Also if it is delivered again without a key, or after the feature was turned off."""
    world = build_world(**TWO_OUTPUTS)
    use_paid_file(world, build_accused_file())
    world.run_until_empty()
    before = list_receipt_warnings(world)
    assert [text.startswith("credentials_left_out: ") for text in before] == [True, True]
    if build_bad_keys:
        turn_on(world, build_signer(build_bad_keys()))
    else:
        turn_off_signing(world)
    deliver_again(world)
    assert list_receipt_warnings(world) == before


def test_other_claims_wait_for_a_key_that_works() -> None:
    world = build_world()
    world.run_until_empty()
    before, source_term = world.read_pictures()[PICTURE], "trainedAlgorithmicMedia"
    turn_on(world, build_signer(build_expired_keys(), source_term=source_term))
    enqueue_again(world)
    pass_time(world, 900)
    assert list_report_codes(world, KEY) == ["signing_failed"]
    assert world.read_pictures()[PICTURE] == before
    turn_on(world, build_signer(source_term=source_term))
    pass_time(world, 900)
    assert find_only_job(world).status is JobStatus.STORED
    assert read_claims(world.read_pictures()[PICTURE]).source_types == [source_term]


def test_bad_key_keeps_the_paid_file_and_reports_once() -> None:
    refused: Any = build_client_error("AccessDeniedException", "Sign", 400)
    kms = FakeKms(build_leaf_key(), refusal=refused)
    world = build_world(build_signer(build_keys(kms=kms)))
    pass_time(world, 3 * 3600)
    job = find_only_job(world)
    assert (job.status, job.crash_count, job.problem and job.problem.code) == (
        JobStatus.PAID,
        0,
        Code.SIGNING_FAILED,
    )
    assert list_report_codes(world, KEY) == ["signing_failed"]
    report = world.read_report(KEY)
    assert report
    assert (report["errors"][0]["money"], "kms:Sign" in report["errors"][0]["message"]) == ("spent", True)
    assert [key for key in world.output_bucket.list_keys() if key.startswith(PAID_PREFIX)]
    assert world.read_pictures() == {}
    assert len(world.downloads.fetched_urls) == 1
    kms.refusal = None
    pass_time(world, 900)
    assert (find_only_job(world).status, world.read_report(KEY)) == (JobStatus.STORED, None)
    read_claims(world.read_pictures()[PICTURE])
    assert len(world.downloads.fetched_urls) == 1
    assert_at_rest(world)


def test_report_about_a_bad_key_is_not_written_again_and_again() -> None:
    world = build_world(build_signer(build_keys("no certificate")))
    pass_time(world, 3 * 3600)
    [report] = [key for key in world.output_bucket.list_keys() if key.startswith("_backdrop/errors/")]
    assert len(world.output_bucket.objects[report]) == 1


@pytest.mark.parametrize(("cause", "minutes"), [(Code.SIGNING_FAILED, 720), (Code.RESULT_UNREACHABLE, 50)])
def test_waiting_delivery_keeps_one_message(monkeypatch: pytest.MonkeyPatch, cause: Code, minutes: int) -> None:
    """Reconcile sends another message only if the last one may be lost."""
    world = build_world(build_signer(build_keys("no certificate")))
    if cause is Code.RESULT_UNREACHABLE:
        world.downloads.override = RetryLaterError(cause, "the link answers 503", 5)
    deliver = Mock(side_effect=world.deliver.deliver)
    monkeypatch.setattr(world.deliver, "deliver", deliver)
    pass_time(world, minutes * 60)
    job = find_only_job(world)
    assert (job.status, job.problem and job.problem.code) == (JobStatus.PAID, cause)
    assert len(world.queues["deliver"].messages) == 1
    # The first tries come sooner than after ten minutes.
    assert minutes / 10 <= deliver.call_count <= minutes / 10 + 8


def test_deliveries_that_wait_for_a_key_pause_the_lane_until_they_are_made() -> None:
    refused: Any = build_client_error("DisabledException", "Sign", 400)
    kms = FakeKms(build_leaf_key(), refusal=refused)
    world = World()
    turn_on(world, build_signer(build_keys(kms=kms)))
    for number in range(5):
        world.upload_photo(f"{number}.jpg", build_photo())
        world.upload_sidecar(f"{number}.jpg", **REMOVE, revision=str(number))
    pass_time(world, 3600)
    assert [pause.code for pause in world.ledger.read_health("ideogram").pauses] == [Code.PICTURES_NOT_STORED]
    kms.refusal = None
    pass_time(world, 3600)
    assert (world.ledger.read_health("ideogram").pauses, {job.status for job in world.list_jobs()}) == (
        (),
        {JobStatus.STORED},
    )


def test_delivery_that_waits_for_a_key_outlives_its_message() -> None:
    world = build_world(build_signer(build_keys("no certificate")))
    world.queues["deliver"].max_receive_count = 3
    for _ in range(3):
        pass_time(world, 7200)
    assert find_only_job(world).status is JobStatus.PAID
    turn_on(world)
    pass_time(world, 7200)
    assert find_only_job(world).status is JobStatus.STORED
    assert world.provider.account.bill.list_duplicates() == []


# -- sign does not run, or refuses ---------------------------------------------------------------------------------


def test_throttled_signature_only_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a new account, deliveries that wait for sign can take all ten slots. None may count as a failure."""
    world = World()
    turn_on_signing(world, build_signer())
    for number in range(5):
        world.upload_photo(f"{number}.jpg", build_photo())
        world.upload_sidecar(f"{number}.jpg", **REMOVE, revision=str(number))

    def throttle(call: ServiceCall) -> None:
        raise build_client_error("TooManyRequestsException", call.operation, 429)

    fault = TargetedFault(throttle, "invoke", times=1_000)
    world.transport.faults_before.append(fault)
    pass_time(world, 600)
    assert {(job.status, job.crash_count, job.problem) for job in world.list_jobs()} == {(JobStatus.PAID, 0, None)}
    assert world.ledger.read_health("ideogram").pauses == ()
    assert not [key for key in world.output_bucket.list_keys() if key.startswith("_backdrop/errors/")]
    # With back-off: after 5, 10, 20, and 40 seconds, and then once a minute.
    assert 5 * 10 <= fault.hit_count <= 5 * 15
    world.transport.clear_faults()
    pass_time(world, 120)
    assert {job.status for job in world.list_jobs()} == {JobStatus.STORED}
    assert len(world.downloads.fetched_urls) == 5


def test_file_that_crashes_sign_fails_alone() -> None:
    world = build_world()
    world.lambda_service.functions[SIGN] = Mock(side_effect=MemoryError)
    for _ in range(2 * MAX_CRASHES):
        with suppress(FunctionFailedError):
            pass_time(world, 900)
    job = find_only_job(world)
    assert (job.status, job.problem and job.problem.code) == (JobStatus.DEAD, Code.CRASHED)


def test_response_of_sign_that_was_lost_leads_to_one_signature() -> None:
    kms = FakeKms(build_leaf_key())
    world = build_world(build_signer(build_keys(kms=kms)))
    world.transport.faults_after.append(TargetedFault(lose_response, "invoke"))
    world.run_until_empty()
    assert (find_only_job(world).status, kms.signature_count) == (JobStatus.STORED, 1)


def build_request(world: World, job: Job | None = None, **changes: Any) -> SigningRequest:
    """Writes a picture of a job (by default, of the only one). Returns what deliver sends for it, with changes."""
    job, data = job or find_only_job(world), build_picture("a")
    sent: dict[str, Any] = {"source_id": job.source_id, "job_id": job.job_id, "attempt": 1, "n": 1}
    request = SigningRequest(**sent | {"unsigned_sha256": sha256_hex(data)} | changes)
    key = unsigned_key(request.job_id, request.attempt, request.n, request.output, sha256_hex(data))
    world.s3.put_object(Bucket=world.output_bucket.name, Key=key, Body=data, ContentType="image/png")
    return request


def send(world: World, request: SigningRequest) -> Code | None:
    """Returns the code of the failure."""
    response = validate(SigningResponse, world.lambda_service.functions[SIGN](json.loads(to_json(request))))
    return response.failure.code if response.failure else None


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, None),
        ({"job_id": "0" * 64}, Code.LEDGER_CONFLICT),
        ({"source_id": "0" * 64}, Code.LEDGER_CONFLICT),
        ({"attempt": 2}, Code.LEDGER_CONFLICT),
        ({"replaced_etag": "another"}, Code.LEDGER_CONFLICT),
        ({"n": 0}, Code.SIGNING_FAILED),
        ({"n": 2}, Code.SIGNING_FAILED),
        ({"output": "thumb"}, Code.SIGNING_FAILED),
        ({"has_own_subject": True}, Code.SIGNING_FAILED),
        ({"unsigned_sha256": "0" * 64}, Code.STORAGE_UNAVAILABLE),
    ],
    ids=str,
)
def test_only_a_picture_of_a_job_that_is_delivered_is_signed(changes: Mapping[str, Any], code: Code | None) -> None:
    world = build_world(operation="replace", prompt="on grass")
    assert send(world, build_request(world, **changes)) is code
    assert bool(list_signed_names(world)) == (code is None)


def test_mask_is_not_signed() -> None:
    world = build_world(operation="replace", prompt="on grass", subject={"mask": "buy"})
    codes = {job.is_mask: send(world, build_request(world, job)) for job in world.list_jobs()}
    assert codes == {True: Code.SIGNING_FAILED, False: None}


def test_file_that_is_not_the_one_to_sign_is_refused() -> None:
    world = build_world()
    request = build_request(world)
    [key] = [key for key in world.output_bucket.list_keys() if key.startswith(UNSIGNED_PREFIX)]
    world.s3.put_object(Bucket=world.output_bucket.name, Key=key, Body=build_picture("b"), ContentType="image/png")
    assert (send(world, request), list_signed_names(world)) == (Code.SIGNING_FAILED, [])


def test_delivered_job_is_not_signed_again() -> None:
    world = build_world()
    world.run_until_empty()
    [key] = [key for key in world.output_bucket.list_keys() if SIGNED_PREFIX in key]
    kept = world.output_bucket.find_current(key)
    assert kept
    assert send(world, build_request(world, replaced_etag=kept.etag)) is Code.LEDGER_CONFLICT


# -- the feature is off --------------------------------------------------------------------------------------------


def test_signed_provider_file_passes_through_untouched() -> None:
    world = build_world(is_on=False)
    paid_file = sign(data=build_picture("a"))
    use_paid_file(world, paid_file)
    world.run_until_empty()
    assert world.read_pictures() == {PICTURE: paid_file}
    assert not find_only_job(world).results[0].is_signed
    assert list_signed_names(world) == []


@pytest.mark.parametrize(
    "output", [{"format": "webp"}, {"format": "jpg", "background": "#fff"}, {"width": 100}, {"title": "Red shoe"}]
)
def test_converted_provider_file_loses_its_signature_cleanly(output: Mapping[str, Any]) -> None:
    world = build_world(is_on=False, output=dict(output))
    use_paid_file(world, sign(data=build_picture("a")))
    world.run_until_empty()
    [data] = world.read_pictures().values()
    assert read_credentials(data).verdict is FileVerdict.NONE
    assert XMP in data


@pytest.mark.parametrize("store", [b"", b"garbage", b"\0\0\0\x10jumb\0\0\0\x08jumd"])
@pytest.mark.parametrize("is_marked", [True, False])
def test_incomplete_credentials_are_removed(store: bytes, is_marked: bool) -> None:
    for paid_file in (add_store(build_picture("a"), store), add_store(sign(data=build_picture("a")), store)):
        world = build_world(is_on=False)
        world.deliver.pictures.embeds_provenance = is_marked
        use_paid_file(world, paid_file)
        world.run_until_empty()
        [data] = world.read_pictures().values()
        assert read_credentials(data).verdict is FileVerdict.NONE
        assert (XMP in data) is is_marked


def test_provider_file_with_linked_credentials_passes_through_untouched() -> None:
    world = build_world(is_on=False)
    paid_file = embed_xmp(build_picture("a"), "png", b'<rdf:Description dcterms:provenance="https://x.invalid/a"/>')
    use_paid_file(world, paid_file)
    world.run_until_empty()
    assert world.read_pictures() == {PICTURE: paid_file}


def test_signed_picture_stays_the_same_after_the_feature_was_turned_off() -> None:
    world = build_world(build_signer(states_prompt=True), **TWO_OUTPUTS)
    use_paid_file(world, sign(data=build_picture("a")))
    world.run_until_empty()
    before = world.read_pictures()
    turn_off_signing(world)
    delete_pictures(world)
    deliver_again(world)
    assert world.read_pictures() == before
    assert all(result.is_signed for result in find_only_job(world).results)


def test_changed_output_is_delivered_unsigned_after_the_feature_was_turned_off() -> None:
    world = build_world()
    world.run_until_empty()
    turn_off_signing(world)
    world.upload_sidecar(KEY, **REMOVE, output={"format": "png", "width": 64})
    world.run_until_empty()
    [data] = world.read_pictures().values()
    assert read_credentials(data).verdict is FileVerdict.NONE
    assert not find_only_job(world).results[0].is_signed


def test_stack_that_never_signed_makes_no_request_and_stores_nothing_for_it() -> None:
    world = build_world(is_on=False)
    world.run_until_empty()
    deliver_again(world)
    assert not any(SIGNED_PREFIX in str(call) for call in world.transport.calls)
    assert "is_signed" not in str(world.table.items)
