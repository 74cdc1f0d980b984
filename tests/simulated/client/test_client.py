"""The Python client on the simulated stack: it buys once, waits, and raises errors by class."""

import asyncio
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from inspect import signature
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from backdrop.model.codes import Code
from backdrop.model.provider_result import RetryClass
from backdrop_client import (
    AsyncBackdrop,
    AwaitingApprovalError,
    Backdrop,
    BackdropClientError,
    BatchProgress,
    CancelledError,
    ClientCode,
    Cost,
    FailedError,
    GoneError,
    InstructionsError,
    Job,
    MandateError,
    NotAuthorizedError,
    RefusedError,
    RejectedError,
    StackUnusableError,
    State,
    UnreachableError,
    WaitTimeoutError,
    s3_uploader,
)
from backdrop_client import client as client_module
from backdrop_client.connection import Connection
from simulation.world.call_behavior import build_refusal
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import INPUT_BUCKET, World
from simulation.world.transport import ServiceCall, TargetedFault, build_client_error
from tests.simulated.command_user import Person
from tests.simulated.uploads_and_requests import send_request, upload_defaults

PHOTO = build_photo("cup")
PICTURE_USD = 0.06


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def client(world: World) -> Backdrop:
    return connect(world)


def connect(world: World, mandate: str | None = None) -> Backdrop:
    """Returns a client for whom time passes while it waits."""
    return Backdrop(mandate=mandate, connection=Connection(world.steps.bootstrap, world.run_for))


def connect_asynchronously(world: World) -> AsyncBackdrop:
    async def sleep(seconds: float) -> None:
        world.run_for(seconds)

    return AsyncBackdrop(connect(world), max_threads=1, sleep=sleep)


def deny(_: ServiceCall) -> None:
    raise build_client_error("AccessDenied", "GetObject", 403)


def count_versions(world: World, job: Job) -> int:
    return sum(len(world.input_bucket.objects.get(key, ())) for key in (job.key, f"{job.key}.json"))


def test_created_job_returns_pictures_receipt_and_cost(client: Backdrop, tmp_path: Path) -> None:
    (tmp_path / "cup.jpg").write_bytes(PHOTO)
    result = client.create(tmp_path / "cup.jpg", prompt="on marble").wait()
    (picture,) = result.pictures
    assert (result.cost, picture.content_type) == (Cost(PICTURE_USD), "image/png")
    assert picture.image.size == (picture.details["width"], picture.details["height"])
    assert picture.save(tmp_path).read_bytes() == picture.bytes
    assert result.receipt["source"]["key"] == result.key
    assert picture.verdict in ("same", "changed", "cannot_say", None)


def test_sidecar_is_uploaded_before_the_photo(world: World, client: Backdrop) -> None:
    job = client.create(PHOTO, prompt="on marble", style=None)
    sent = [call.request["Key"] for call in world.transport.calls if call.operation == "put_object"]
    assert sent == [f"{job.key}.json", job.key]
    assert job.instructions == {"prompt": "on marble"}


def test_repeated_create_uploads_and_buys_once(world: World, client: Backdrop) -> None:
    first = client.create(PHOTO, prompt="on marble")
    first.wait()
    second = connect(world).create(PHOTO, prompt="on marble")
    assert second.wait().cost == Cost(PICTURE_USD)
    assert (second.key, count_versions(world, second)) == (first.key, 2)
    assert len(world.provider.received_job_ids) == 1


def refuse_as_conflict(_: ServiceCall) -> None:
    """Another request for the object is under way, for example its deletion."""
    raise build_client_error("ConditionalRequestConflict", "PutObject", 409)


def test_upload_is_repeated_after_a_conflict_so_that_no_photo_is_bought_without_its_sidecar(
    world: World, client: Backdrop
) -> None:
    upload_defaults(world, "", {"operation": "remove"})
    world.transport.faults_before.append(TargetedFault(refuse_as_conflict, "put_object", times=2))
    job = client.create(PHOTO, prompt="on marble")
    assert job.wait().cost == Cost(PICTURE_USD)
    assert job.instructions == {"prompt": "on marble"}


def test_conflict_that_lasts_is_an_error(world: World, client: Backdrop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_uploader, "CONFLICT_DELAYS_SECONDS", (0, 0))
    world.transport.faults_before.append(TargetedFault(refuse_as_conflict, "put_object", times=3))
    with pytest.raises(BackdropClientError):
        client.create(PHOTO, prompt="on marble")
    assert not world.input_bucket.objects


def test_client_that_crashed_before_the_photo_continues(world: World, client: Backdrop) -> None:
    job = client.create(PHOTO, prompt="on marble")
    world.delete_file(job.key)
    world.run_until_empty()
    assert connect(world).create(PHOTO, prompt="on marble").wait().pictures
    assert len(world.provider.received_job_ids) == 1


def test_different_instructions_for_a_photo_coexist(client: Backdrop) -> None:
    marble, oak = (client.create(PHOTO, prompt=prompt) for prompt in ("on marble", "on oak"))
    assert marble.key != oak.key
    assert marble.wait().cost == oak.wait().cost == Cost(PICTURE_USD)


def test_redo_is_another_purchase_and_its_repetition_is_not(world: World, client: Backdrop) -> None:
    job = client.create(PHOTO, prompt="on marble")
    job.wait()
    redone = [job.redo(), job.redo()]
    assert {one.wait().key for one in redone} == {redone[0].key} != {job.key}
    assert job.redo(prompt="on oak").wait().receipt["jobs"][0]["instructions"]["prompt"] == "on oak"
    assert redone[0].redo().key not in (redone[0].key, job.key)
    assert len(world.provider.received_job_ids) == 3


def test_redo_without_a_revision_of_its_own_is_another_purchase(client: Backdrop) -> None:
    job = client.create(PHOTO, prompt="on marble")
    job.wait()
    assert job.redo(revision=None) == job.redo() != job
    assert job.redo(prompt="on marble", revision=None) == job.redo(prompt="on marble") != job


def test_refused_redo_claims_no_cost_of_its_job(client: Backdrop) -> None:
    job = client.create(PHOTO, prompt="on marble")
    job.wait()
    with pytest.raises(InstructionsError, match="This error caused no charge") as raised:
        job.redo(promt="on oak")
    assert raised.value.usd is None


def test_empty_redo_of_a_job_in_progress_does_nothing(world: World, client: Backdrop) -> None:
    job = client.create(PHOTO, prompt="on marble")
    with pytest.raises(WaitTimeoutError, match="did nothing") as raised:
        job.redo()
    assert (raised.value.code, raised.value.usd) == (ClientCode.STILL_IN_PROGRESS, 0)
    job.wait()
    assert len(world.provider.received_job_ids) == 1


def test_photo_that_was_copied_from_a_restarted_job_is_redone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy keeps the mark of the job that it was copied from."""
    person = Person(world, monkeypatch)
    person.run("mandate", "create", "anna", "--prefix", "agents/anna/", "--usd", "1")
    person.run("mandate", "suspend", "anna")
    client = connect(world, "anna")
    job = client.create(PHOTO, prompt="on marble")
    with pytest.raises(MandateError):
        job.wait()
    person.run("mandate", "resume", "anna")
    job.redo().wait()
    photo = world.input_bucket.find_current(job.key)
    assert photo is not None
    copy = client.create(build_photo("bowl"), prompt="on marble")
    copy.wait()
    world.s3.buckets[INPUT_BUCKET].objects[copy.key][-1] = replace(
        world.s3.buckets[INPUT_BUCKET].objects[copy.key][-1], metadata=photo.metadata
    )
    assert copy.redo().key != copy.key


def test_invalid_instructions_raise_before_an_upload(world: World, client: Backdrop) -> None:
    with pytest.raises(InstructionsError) as raised:
        client.create(PHOTO, promt="on marble")
    assert (raised.value.code, raised.value.usd, world.input_bucket.list_keys()) == ("unknown_field", 0, [])


def test_photo_that_intake_refuses_raises_its_report(client: Backdrop) -> None:
    with pytest.raises(RefusedError) as raised:
        client.create(b"no photo at all", prompt="on marble").wait()
    assert raised.value.code == Code.NOT_A_PHOTO
    assert [error["code"] for error in raised.value.errors] == [Code.NOT_A_PHOTO]


@pytest.mark.parametrize(("code", "kind"), [(Code.UNSAFE_REQUEST, RefusedError), (Code.PROVIDER_FAILED, FailedError)])
def test_refusal_of_the_provider_has_its_own_class(
    world: World, client: Backdrop, code: Code, kind: type[Exception]
) -> None:
    world.provider.script.append(build_refusal(RetryClass.PERM, code))
    with pytest.raises(kind) as raised:
        client.create(PHOTO, prompt="on marble").wait()
    assert getattr(raised.value, "code", "") == code


def test_delivered_variants_are_in_the_error_of_the_refused_one(world: World, client: Backdrop) -> None:
    world.provider.script.append(build_refusal(RetryClass.PERM, Code.UNSAFE_REQUEST))
    variants = {"oak": {"prompt": "on oak"}, "cut-out": {"operation": "remove"}}
    with pytest.raises(RefusedError) as raised:
        client.create(PHOTO, variants=variants).wait()
    assert raised.value.result is not None
    assert len(raised.value.result.pictures) == 1


def test_picture_that_needs_approval_ends_the_wait_until_it_is_decided(
    world: World, client: Backdrop, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, other = (client.create(PHOTO, prompt=prompt, approval="required") for prompt in ("on oak", "on sand"))
    for one in (job, other):
        with pytest.raises(AwaitingApprovalError) as raised:
            one.wait()
        assert raised.value.usd == PICTURE_USD
    person = Person(world, monkeypatch)
    assert person.run("review", "approve", job.key).code == 0
    assert person.run("review", "reject", other.key).code == 0
    with pytest.raises(AwaitingApprovalError, match="call `wait` again in a few seconds"):
        job.wait()
    world.run_until_empty()
    assert job.wait().pictures
    with pytest.raises(RejectedError):
        other.wait()


@pytest.mark.parametrize("is_accepted", [False, True])
def test_canceled_job_buys_nothing_and_says_so(world: World, client: Backdrop, is_accepted: bool) -> None:
    job = client.create(PHOTO, prompt="on marble")
    if is_accepted:
        world.run_until_empty("intake")
    assert job.status().state is (State.WORKING if is_accepted else State.UPLOADED)
    job.cancel()
    with pytest.raises(CancelledError):
        job.wait()
    assert world.provider.received_job_ids == []


def test_wait_ends_after_its_time_and_can_be_repeated(world: World, client: Backdrop) -> None:
    world.pause_lane()
    job = client.create(PHOTO, prompt="on marble")
    started_at = world.clock.now()
    with pytest.raises(WaitTimeoutError):
        job.wait(timeout=30)
    assert 30 <= (world.clock.now() - started_at).total_seconds() < 60
    assert job.status().state in (State.WAITING, State.WORKING)
    world.resume_lane()
    assert job.wait().pictures


def test_quote_is_what_the_job_costs(world: World, client: Backdrop) -> None:
    quote = client.quote(PHOTO, prompt="on marble", num_images=2)
    assert world.input_bucket.list_keys() == []
    assert (quote.usd, quote.pictures) == (2 * PICTURE_USD, 2)
    assert client.create(PHOTO, prompt="on marble", num_images=2).wait().cost == Cost(quote.usd)


def test_quote_counts_folder_defaults(world: World, client: Backdrop) -> None:
    world.upload_photo("_backdrop.json", b'{"prompt": "on marble"}')
    world.upload_photo("clients/_backdrop.json", b'{"num_images": 2}')
    quote = client.quote(PHOTO, alt="a cup")
    assert (quote.usd, quote.pictures, quote.unread_defaults) == (2 * PICTURE_USD, 2, ())
    assert client.create(PHOTO, alt="a cup").wait().cost == Cost(quote.usd)


def test_quote_names_the_defaults_that_it_may_not_read(world: World, client: Backdrop) -> None:
    """S3 also denies access to an object that does not exist, so those below the client's own folder are missing."""
    world.transport.faults_before.append(TargetedFault(deny, "get_object", times=4))
    quote = client.quote(PHOTO, prompt="on marble")
    assert (quote.usd, quote.unread_defaults) == (PICTURE_USD, ("_backdrop.json",))
    with pytest.raises(InstructionsError, match="you may not read them") as raised:
        client.quote(PHOTO, alt="a cup")
    assert raised.value.code == Code.NO_INSTRUCTIONS


def test_quote_explains_broken_folder_defaults(world: World, client: Backdrop) -> None:
    world.upload_photo("clients/_backdrop.json", b'{"promt": "on marble"}')
    with pytest.raises(InstructionsError, match="Did you mean 'prompt'") as raised:
        client.quote(PHOTO, prompt="on marble")
    assert (raised.value.code, raised.value.usd) == (Code.FOLDER_DEFAULTS_BROKEN, 0)


@pytest.mark.parametrize(
    ("photo", "fields", "text"),
    [
        (PHOTO, {"prompt": ""}, "prompt is empty. Nothing was charged. Correct the instructions, and call again."),
        (PHOTO, {}, "The instructions set neither an operation nor a prompt. Nothing was charged. Correct the instr"),
        (b"hello", {"prompt": "x"}, "The file is text, not a photo. Nothing was charged. Replace the file."),
    ],
    ids=["empty", "none", "not a photo"],
)
def test_refused_quote_says_what_is_wrong_with_what_was_passed(
    client: Backdrop, photo: bytes, fields: dict[str, Any], text: str
) -> None:
    with pytest.raises(InstructionsError) as raised:
        client.quote(photo, **fields)
    assert text in str(raised.value)


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        (("--per-picture", "0.01"), "allows $0.01 per picture"),
        (("--operations", "remove"), "covers only remove"),
    ],
)
def test_quote_checks_the_terms_of_the_mandate(
    world: World, terms: tuple[str, str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Person(world, monkeypatch).run("mandate", "create", "anna", "--prefix", "agents/anna/", "--usd", "1", *terms)
    with pytest.raises(MandateError) as raised:
        connect(world, "anna").quote(PHOTO, prompt="on marble")
    assert (raised.value.code, words in raised.value.message) == (Code.MANDATE_FORBIDS, True)


def test_quote_under_an_ended_mandate_advises_nothing_about_a_photo_that_was_not_sent(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = Person(world, monkeypatch)
    person.run("mandate", "create", "anna", "--prefix", "agents/anna/", "--usd", "1")
    person.run("mandate", "end", "anna", "--yes")
    with pytest.raises(MandateError) as raised:
        connect(world, "anna").quote(PHOTO, prompt="on marble")
    assert raised.value.hint.endswith("release this one with `backdrop mandate release`.")


def test_mandate_sets_the_folder_and_what_is_left(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    Person(world, monkeypatch).run("mandate", "create", "anna", "--prefix", "agents/anna/", "--usd", str(PICTURE_USD))
    client = connect(world, "anna")
    job = client.create(PHOTO, prompt="on marble")
    job.wait()
    assert job.key.startswith("agents/anna/")
    assert (client.allowance().left_usd, client.allowance().state) == (0, "active")
    with pytest.raises(MandateError) as raised:
        client.create(PHOTO, prompt="on oak").wait()
    assert (raised.value.code, raised.value.usd) == (Code.MANDATE_SPENT, 0)


@pytest.mark.parametrize(("code", "kind"), [("AccessDenied", NotAuthorizedError), ("InternalError", UnreachableError)])
def test_picture_that_cannot_be_read_raises_the_clients_own_error(
    code: str, kind: type[BackdropClientError], world: World, client: Backdrop, tmp_path: Path
) -> None:
    (picture,) = client.create(PHOTO, prompt="on marble").wait().pictures

    def fail(call: ServiceCall) -> None:
        raise build_client_error(code, call.operation, 403)

    for use in (lambda: picture.bytes, lambda: picture.image, lambda: picture.save(tmp_path / "cup.png")):
        world.transport.faults_before.append(TargetedFault(fail, "get_object"))
        with pytest.raises(kind) as raised:
            use()
        assert (bool(raised.value.code), bool(raised.value.hint), raised.value.usd) == (True, True, None)
    assert not (tmp_path / "cup.png").exists()
    assert picture.bytes


def test_hint_for_a_deleted_picture_leads_to_the_paid_file(
    world: World, client: Backdrop, monkeypatch: pytest.MonkeyPatch
) -> None:
    (picture,) = client.create(PHOTO, prompt="on marble").wait().pictures
    (job,) = world.list_jobs()
    del world.output_bucket.objects[picture.key]
    with pytest.raises(GoneError) as raised:
        _ = picture.bytes
    (command,) = re.findall(r"`backdrop (\w+) KEY`", raised.value.hint)
    result = Person(world, monkeypatch).run(command, job.key)
    assert (result.code, "  _backdrop/paid/" in result.out) == (0, True)


def test_outage_claims_no_cost_and_the_next_call_continues(world: World, client: Backdrop) -> None:
    job = client.create(PHOTO, prompt="on marble")
    job.wait()

    def fail(_: ServiceCall) -> None:
        raise build_client_error("InternalError", "GetObject", 500)

    world.transport.faults_before.append(TargetedFault(fail, "get_object"))
    with pytest.raises(UnreachableError) as raised:
        job.wait()
    assert (raised.value.code, raised.value.usd) == (ClientCode.UNREACHABLE, None)
    assert job.wait().cost == Cost(PICTURE_USD)


def test_unknown_mandate_is_an_error(world: World) -> None:
    with pytest.raises(StackUnusableError):
        connect(world, "unknown").create(PHOTO, prompt="on marble")


def test_batch_continues_after_a_failure_and_totals_its_cost(client: Backdrop, tmp_path: Path) -> None:
    progress: list[BatchProgress] = []
    orders = [PHOTO, b"no photo", tmp_path / "missing.jpg", (build_photo("bowl"), {"num_images": 2}), PHOTO]
    items = list(client.map(orders, in_flight=1, prompt="on marble", on_progress=progress.append))
    assert [type(item.error).__name__ for item in items] == [
        "NoneType",
        "RefusedError",
        "FileNotFoundError",
        "NoneType",
        "NoneType",
    ]
    assert progress[-1] == BatchProgress(3, 2, 3 * PICTURE_USD)
    assert [item.photo for item in items] == [one[0] if isinstance(one, tuple) else one for one in orders]


def test_error_without_a_cost_does_not_lower_the_total_of_a_batch(world: World, client: Backdrop) -> None:
    progress: list[BatchProgress] = []

    def read_feed() -> Iterator[bytes]:
        yield PHOTO
        world.transport.faults_before.append(TargetedFault(deny, "get_object"))
        yield PHOTO

    *_, last = client.map(read_feed(), in_flight=1, prompt="on marble", on_progress=progress.append)
    assert isinstance(last.error, NotAuthorizedError)
    assert [one.usd for one in progress] == [PICTURE_USD, PICTURE_USD]


@pytest.mark.parametrize("photos", ["cup.jpg", PHOTO, {"cup.jpg": {"prompt": "on oak"}}], ids=["path", "bytes", "dict"])
def test_batch_of_something_other_than_a_list_is_refused(world: World, client: Backdrop, photos: Any) -> None:
    with pytest.raises(ValueError, match="pass a list of photos"):
        next(client.map(photos, prompt="on marble"))
    assert world.input_bucket.list_keys() == []


def test_interrupted_batch_of_200_products_pays_once(world: World) -> None:
    taken: list[int] = []

    def read_feed() -> Iterator[bytes]:
        for number in range(200):
            taken.append(number)
            yield build_photo(str(number))

    batch = connect(world).map(read_feed(), in_flight=1, operation="remove")
    for _ in range(50):
        next(batch)
    batch.close()
    assert len(taken) == 50
    items = list(connect(world).map(read_feed(), in_flight=1, operation="remove"))
    assert sum(item.result is not None for item in items) == 200
    assert len(world.provider.received_job_ids) == 200


def test_notebook_shows_photo_and_pictures(client: Backdrop) -> None:
    html = client.create(PHOTO, prompt="on marble").wait()._repr_html_()  # notebooks call it
    assert html.count("data:image/webp;base64,") == 2
    assert html.index("before") < html.index(".png")


def test_notebook_shows_the_pictures_of_a_deleted_photo(world: World, client: Backdrop) -> None:
    result = client.create(PHOTO, prompt="on marble").wait()
    world.delete_file(result.key)
    html = result._repr_html_()
    assert (html.count("data:image/webp;base64,"), "<figure>before</figure>" in html) == (1, True)


def test_asynchronous_client_connects_without_blocking_the_loop(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[threading.Thread] = []

    def connect_in_thread(*location: object) -> Connection:
        assert location == ("shop", "anna-agent", "eu-central-1")
        threads.append(threading.current_thread())
        return Connection(world.steps.bootstrap, world.run_for)

    monkeypatch.setattr(client_module, "connect", connect_in_thread)
    location = {"stack": "shop", "profile": "anna-agent", "region": "eu-central-1"}

    async def create() -> str:
        client = await AsyncBackdrop.connect(**location, prefix="shop/", max_threads=1)
        return (await client.create(PHOTO, prompt="on marble")).key

    assert asyncio.run(create()).startswith("shop/")
    assert threads != [threading.main_thread()]


def test_asynchronous_batch_has_the_options_of_the_synchronous_one() -> None:
    synchronous, asynchronous = (dict(signature(kind.map).parameters) for kind in (Backdrop, AsyncBackdrop))
    # An asynchronous caller leaves the loop instead.
    del synchronous["should_stop"]
    assert list(synchronous) == list(asynchronous)
    for name in ("in_flight", "timeout"):
        assert synchronous[name].default == asynchronous[name].default


def test_asynchronous_client_has_the_same_results(world: World) -> None:
    async def create() -> tuple[str, Cost]:
        client = connect_asynchronously(world)
        job = await client.create(PHOTO, prompt="on marble")
        result = await job.wait()
        assert (await job.status()).state is State.STORED
        return result.key, result.cost

    assert asyncio.run(create()) == (connect(world).create(PHOTO, prompt="on marble").key, Cost(PICTURE_USD))


def test_receipt_is_the_stored_document(world: World, client: Backdrop) -> None:
    result = client.create(PHOTO, prompt="on marble").wait()
    assert json.loads(json.dumps(result.receipt)) == world.read_receipt(result.key)
    assert Image.open(BytesIO(result.pictures[0].bytes)).format == "PNG"


# -- variants that the photo's own sidecar does not name -------------------------------------------------------------


def test_variants_of_folder_defaults_are_waited_for(world: World, client: Backdrop) -> None:
    variants = {"beach": {"prompt": "on a beach"}, "cut-out": {"operation": "remove"}}
    world.upload_photo("clients/_backdrop.json", json.dumps({"variants": variants}).encode())
    job = client.create(PHOTO, alt="a cup")
    assert {one.variant for one in job.wait().pictures} == set(variants)
    assert job.status().state is State.STORED


def test_refused_variant_of_folder_defaults_ends_the_wait(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    terms = ("--prefix", "agents/anna/", "--usd", "1", "--operations", "remove")
    Person(world, monkeypatch).run("mandate", "create", "anna", *terms)
    variants = {"beach": {"prompt": "on a beach"}, "cut-out": {"operation": "remove"}}
    world.upload_photo("agents/anna/_backdrop.json", json.dumps({"variants": variants}).encode())
    with pytest.raises(MandateError) as raised:
        connect(world, "anna").create(PHOTO, alt="a cup").wait()
    assert [one["variant"] for one in raised.value.errors] == ["beach"]
    assert raised.value.result is not None


def test_variants_of_a_campaign_replace_the_photos_own(
    world: World, client: Backdrop, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = client.create(PHOTO, prompt="on marble")
    job.wait()
    send_request(world, job.key, variants={"oak": {"prompt": "on oak"}})
    world.run_until_empty()
    assert [one.variant for one in job.wait().pictures] == ["oak"]


# -- repeated and wrong calls ----------------------------------------------------------------------------------------


def test_create_after_a_cancellation_waits_for_its_own_purchase(world: World, client: Backdrop) -> None:
    job = client.create(PHOTO, prompt="on marble")
    world.run_until_empty("intake")
    job.cancel()
    world.run_until_empty()
    assert job.status().state is State.CANCELLED
    again = client.create(PHOTO, prompt="on marble")
    assert again.status().state is State.UPLOADED
    assert again.wait().pictures
    assert len(world.provider.received_job_ids) == 1


@pytest.mark.parametrize(
    ("code", "state"), [(Code.UNSAFE_REQUEST, State.REFUSED), (Code.PROVIDER_FAILED, State.FAILED)]
)
def test_report_of_a_deleted_photo_says_nothing_about_its_next_upload(
    world: World, client: Backdrop, code: Code, state: State
) -> None:
    world.provider.script.append(build_refusal(RetryClass.PERM, code))
    job = client.create(PHOTO, prompt="on marble")
    world.run_until_empty()
    assert job.status().state is state
    job.cancel()
    again = client.create(PHOTO, prompt="on marble")
    assert (job.status().state, again.status().state) == (State.UPLOADED, State.UPLOADED)
    assert again.wait().pictures


def test_job_that_an_operator_canceled_stays_so(
    world: World, client: Backdrop, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = client.create(PHOTO, prompt="on marble")
    world.run_until_empty("intake")
    assert Person(world, monkeypatch).run("cancel", job.key, "--yes").code == 0
    world.run_until_empty()
    with pytest.raises(CancelledError) as raised:
        client.create(PHOTO, prompt="on marble").wait()
    assert "another `revision`" in raised.value.hint
    assert world.provider.received_job_ids == []


def test_photo_that_was_never_uploaded_is_not_reported_as_deleted(client: Backdrop) -> None:
    with pytest.raises(CancelledError) as raised:
        client.job("clients/typo.jpg").wait()
    assert "never uploaded" in raised.value.message


def test_photo_without_a_sidecar_counts_as_uploaded(world: World, client: Backdrop) -> None:
    world.upload_photo("clients/cup.jpg", PHOTO)
    assert client.job("clients/cup.jpg").status().state is State.UPLOADED


def test_sidecar_without_a_photo_is_no_job(world: World, client: Backdrop) -> None:
    job = client.create(PHOTO, prompt="on marble")
    world.delete_file(job.key)
    assert job.status().state is State.CANCELLED


@pytest.mark.parametrize(
    "key",
    [
        "clients/_backdrop.json",
        "clients/cup.jpg.json",
        "clients/_backdrop/logo.png",
        "clients/",
        "",
        f"{'x' * 900}.jpg",
        None,
        5,
    ],
)
def test_key_of_another_file_is_no_job(client: Backdrop, key: Any) -> None:
    with pytest.raises(ValueError, match="not the key of a photo"):
        client.job(key)


@pytest.mark.parametrize("sidecar", [b"{", b"[1]", b"\xff", b'{"variants": 5}'])
def test_broken_sidecar_is_an_error_of_redo_alone(world: World, client: Backdrop, sidecar: bytes) -> None:
    job = client.create(PHOTO, prompt="on marble")
    job.wait()
    world.upload_photo(f"{job.key}.json", sidecar)
    reopened = client.job(job.key)
    assert reopened.status().state is State.STORED
    with pytest.raises(InstructionsError):
        reopened.redo(prompt="on oak")


@pytest.mark.parametrize("is_released", [False, True])
def test_mandate_that_has_ended_is_refused_before_an_upload(
    world: World, monkeypatch: pytest.MonkeyPatch, is_released: bool
) -> None:
    person = Person(world, monkeypatch)
    person.run("mandate", "create", "anna", "--prefix", "agents/anna/", "--usd", "1")
    client = connect(world, "anna")
    job = client.create(PHOTO, prompt="on marble")
    job.wait()
    person.run("mandate", "end", "anna", "--yes")
    if is_released:
        person.run("mandate", "release", "anna", "--yes")
    keys = world.input_bucket.list_keys()
    for buy in (lambda: client.create(PHOTO, prompt="on oak"), lambda: job.redo(prompt="on oak"), client.open_folder):
        with pytest.raises(MandateError) as raised:
            buy()
        assert (raised.value.code, raised.value.usd) == (Code.MANDATE_ENDED, None)
        assert ("was released" if is_released else "has ended") in raised.value.message
    assert world.input_bucket.list_keys() == keys


@pytest.mark.parametrize("arguments", [{"mandate": ""}, {"mandate": "anna", "prefix": "agents/bob/"}])
def test_mandate_that_would_not_apply_is_refused(world: World, arguments: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="mandate"):
        Backdrop(connection=Connection(world.steps.bootstrap), **arguments)


def test_wait_for_a_mandate_says_what_its_owner_can_do(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ("--prefix", "agents/anna/", "--usd", "0.01", "--when-spent", "wait")
    Person(world, monkeypatch).run("mandate", "create", "anna", *arguments)
    with pytest.raises(WaitTimeoutError) as raised:
        connect(world, "anna").create(PHOTO, prompt="on marble").wait(30)
    assert raised.value.code == Code.MANDATE_WAITS
    assert "backdrop mandate raise" in raised.value.hint


@pytest.mark.parametrize("photo", [5, None, ("cup.jpg",), ("cup.jpg", 5), "cup\0.jpg"])
def test_batch_continues_after_a_photo_of_a_wrong_type(client: Backdrop, photo: Any) -> None:
    items = list(client.map([photo, PHOTO], in_flight=1, prompt="on marble"))
    assert [type(item.error) for item in items] == [InstructionsError, type(None)]


@pytest.mark.parametrize("fields", [{5: "x"}, {5: "x", "prompt": "on oak"}, {"self": 1}, {"photo": 1}])
def test_batch_continues_after_wrong_fields(client: Backdrop, fields: Any) -> None:
    items = list(client.map([(PHOTO, fields), PHOTO], in_flight=1, prompt="on marble"))
    assert [type(item.error) for item in items] == [InstructionsError, type(None)]


@pytest.mark.parametrize("timeout", ["x", float("nan"), [1]])
def test_wrong_timeout_is_refused_before_an_upload(world: World, client: Backdrop, timeout: Any) -> None:
    with pytest.raises(ValueError, match="not a number of seconds"):
        next(client.map([PHOTO], timeout=timeout, prompt="on marble"))
    assert world.input_bucket.list_keys() == []
    with pytest.raises(ValueError, match="not a number of seconds"):
        client.create(PHOTO, prompt="on marble").wait(timeout)


@pytest.mark.parametrize("timeout", [None, float("inf"), 1e30])
def test_wait_without_a_limit_ends_with_the_pictures(client: Backdrop, timeout: float | None) -> None:
    (item,) = client.map([PHOTO], timeout=timeout, prompt="on marble")
    assert item.result
    assert client.job(item.key).wait(timeout).pictures


@pytest.mark.parametrize("prefix", ["_backdrop/", "/", "a/../b/", "a//", "clients", "", 5])
def test_prefix_in_which_no_photo_can_be_is_refused(world: World, prefix: Any) -> None:
    with pytest.raises(ValueError, match="no photo can be in the prefix"):
        Backdrop(prefix=prefix, connection=Connection(world.steps.bootstrap))


# -- what holds up other photos too ----------------------------------------------------------------------------------


def test_photo_in_a_paused_lane_names_the_pause(
    world: World, client: Backdrop, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = Person(world, monkeypatch)
    assert person.run("pause", "ideogram").code == 0
    world.run_until_empty()
    job = client.create(PHOTO, prompt="on marble")
    with pytest.raises(WaitTimeoutError) as raised:
        job.wait(30)
    assert (raised.value.state, raised.value.code) == (State.WAITING, Code.PAUSED_BY_PERSON)
    assert "backdrop resume" in raised.value.hint
    assert (job.status().state, job.status().code) == (State.WAITING, Code.PAUSED_BY_PERSON)
    assert person.run("resume", "ideogram").code == 0
    assert job.wait().pictures


def test_photo_below_broken_folder_defaults_names_their_error(world: World, client: Backdrop) -> None:
    world.upload_photo("clients/_backdrop.json", b'{"promt": "on marble"}')
    job = client.create(PHOTO, prompt="on marble")
    with pytest.raises(WaitTimeoutError, match="clients/_backdrop.json.*Did you mean 'prompt'") as raised:
        job.wait(60)
    assert (raised.value.state, raised.value.code) == (State.WAITING, Code.FOLDER_DEFAULTS_BROKEN)
    assert (job.status().state, job.status().code) == (State.WAITING, Code.FOLDER_DEFAULTS_BROKEN)


def test_reports_that_a_client_may_not_read_are_left_out(world: World, client: Backdrop) -> None:
    world.pause_lane()
    job = client.create(PHOTO, prompt="on marble")
    world.run_until_empty()

    def is_pause_report(call: ServiceCall) -> bool:
        return "_providers/" in f"{call.request.get('Key')}{call.request.get('Prefix')}"

    faults = [TargetedFault(deny, one, matches=is_pause_report) for one in ("get_object", "list_objects_v2")]
    world.transport.faults_before += faults
    assert job.status().state is State.WORKING
    assert [one.hit_count for one in faults] == [1, 1]


def test_asynchronous_job_reads_what_the_job_reads(world: World) -> None:
    async def read() -> tuple[object, object, object]:
        job = await connect_asynchronously(world).create(PHOTO, prompt="on marble")
        await job.wait()
        return await job.instructions(), await job.read_photo(), await job.receipt()

    instructions, photo, receipt = asyncio.run(read())
    job = connect(world).create(PHOTO, prompt="on marble")
    assert (instructions, photo, receipt) == (job.instructions, PHOTO, job.receipt())
