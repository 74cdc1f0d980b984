"""The `review` commands: people see what waits, and decide about it."""

import json
from dataclasses import replace
from typing import Any

import pytest

from backdrop.model.job import JobStatus
from backdrop.model.review import DecisionChannel, ReviewDecision
from backdrop.model.transitions import describe_decision
from backdrop_cli.errors import EXIT_FAILURE, EXIT_NOTHING_FOUND, EXIT_OK, EXIT_USAGE
from backdrop_cli.operate.review_redo import DiscardedPictures
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import OUTPUT_BUCKET, World
from simulation.world.transport import ServiceCall, build_client_error
from simulation.world.world_inspector import INPUT_BUCKET, READABLE_BUCKET
from simulation.world.world_services import CALLER, CALLER_ID
from tests.simulated.command_user import NOTHING_CHANGED, Person
from tests.simulated.deliver.test_fidelity import (
    CHANGED_SCENE,
    SCENE_LANE,
    TRANSPARENT_PHOTO,
    build_world,
    draw_scene_with_hole,
    encode,
    find_job,
)
from tests.simulated.intake.test_foreign_buckets import request_photo, upload_to
from tests.simulated.picture_decisions import APPROVED, send_decision
from tests.simulated.stage_worlds import KEY, assert_at_rest
from tests.simulated.uploads_and_requests import upload_sidecar_bytes

ON_GRASS: dict[str, Any] = {"prompt": "on grass", "approval": "required"}
PRICE = 0.06
"""What a new background costs at Ideogram, in dollars."""


def person_with_pictures(monkeypatch: pytest.MonkeyPatch, **fields: Any) -> Person:
    """Returns a person whose photo's pictures wait for approval."""
    person = Person(World(), monkeypatch)
    person.world.upload_photo(KEY, build_photo())
    person.world.upload_sidecar(KEY, **ON_GRASS | fields)
    person.world.run_until_empty()
    return person


# -- list ------------------------------------------------------------------------------------------------------------


def test_list_has_the_worst_verdict_first_with_file_age_and_score(monkeypatch: pytest.MonkeyPatch) -> None:
    lane: dict[str, Any] = {"provider": SCENE_LANE, **ON_GRASS}
    world = build_world(TRANSPARENT_PHOTO, **lane)
    world.run_until_empty()
    world.downloads.override_by_provider[SCENE_LANE] = CHANGED_SCENE
    world.upload_photo("b.jpg", TRANSPARENT_PHOTO)
    world.upload_sidecar("b.jpg", **lane | {"prompt": "on sand"})
    world.run_until_empty()
    world.run_for(600)
    person = Person(world, monkeypatch)
    listed = person.run("review")
    assert listed.code == EXIT_OK
    assert "2 pictures wait for approval in stack shop" in listed.out
    assert listed.out.index("b.jpg: ✗ product changed") < listed.out.index(f"{KEY}: ✓ same product")
    review = find_job(world).reviews[0]
    assert f"  s3://{OUTPUT_BUCKET}/{review.key}\n" in listed.out
    documents = person.run("review", "--json").data["pictures"]
    assert [(one["key"], one["verdict"], one["n"]) for one in documents] == [
        ("b.jpg", "changed", 1),
        (KEY, "same", 1),
    ]
    assert documents[1]["sha256"] == review.sha256
    assert [one["key"] for one in person.run("review", "--prefix", "b", "--json").data["pictures"]] == ["b.jpg"]


def test_list_says_why_nothing_was_compared_and_that_the_photos_own_product_is_not_in_the_picture(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene = encode(draw_scene_with_hole())
    fields: dict[str, Any] = {"provider": SCENE_LANE, **ON_GRASS, "subject": {"pixels": "own"}}
    world = build_world(TRANSPARENT_PHOTO, scene, **fields)
    world.run_until_empty()
    person = Person(world, monkeypatch)
    listed = " ".join(person.run("review").out.split())
    assert "? not compared, waiting for" in listed
    assert "? the provider's picture is transparent ! transparent_result: " in listed
    assert "! transparent_result: " in person.run("show", KEY).out
    (document,) = person.run("review", "--json").data["pictures"]
    assert document["reason"] == "transparent_result"
    assert [one.partition(":")[0] for one in document["warnings"]] == ["transparent_result"]


def test_empty_list_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    result = Person(World(), monkeypatch).run("review")
    assert (result.code, result.out) == (EXIT_OK, "No picture waits for approval in stack shop.\n")


# -- approve and reject ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("command", "status"), [("approve", JobStatus.STORED), ("reject", JobStatus.REJECTED)])
def test_decision_records_the_persons_aws_identity(
    command: str, status: JobStatus, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = person_with_pictures(monkeypatch)
    result = person.run("review", command, KEY)
    assert (result.code, result.out) == (
        EXIT_OK,
        f"✓ {KEY} {'approved' if status is JobStatus.STORED else 'rejected'}.\n",
    )
    person.world.run_until_empty()
    job = find_job(person.world)
    assert job.status is status
    assert (job.reviews[0].decided_by, job.reviews[0].decided_via) == (CALLER, DecisionChannel.CLI)
    assert_at_rest(person.world)


def test_one_of_two_pictures_is_approved(monkeypatch: pytest.MonkeyPatch) -> None:
    person = person_with_pictures(monkeypatch, num_images=2)
    result = person.run("review", "reject", KEY, "--picture", "1")
    assert result.out == (
        f"✓ {KEY}, picture 1 rejected.\n1 picture of the photo must still be decided before it is delivered.\n"
    )
    approval = person.run("review", "approve", KEY)
    assert approval.out == (
        f"• Not changed: {KEY}, picture 1 was {describe_decision(find_job(person.world).reviews[0])}.\n"
        f"✓ {KEY}, picture 2 approved.\n"
    )
    person.world.run_until_empty()
    assert [one.n for one in find_job(person.world).results] == [2]


def test_picture_is_numbered_if_another_one_of_the_job_needs_no_approval(monkeypatch: pytest.MonkeyPatch) -> None:
    person = person_with_pictures(monkeypatch, num_images=2)
    person.run("review", "reject", KEY, "--picture", "1")
    person.world.upload_sidecar(KEY, **ON_GRASS | {"num_images": 2, "approval": "none"})
    person.world.run_until_empty()
    assert [one.n for one in find_job(person.world).reviews] == [1]
    assert f"; {KEY}, picture 1 was rejected by" in person.run("review", "approve", KEY).err


def test_variant_is_decided_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    variants = {"beach": {"prompt": "on a beach"}, "forest": {"prompt": "in a forest"}}
    person = Person(World(), monkeypatch)
    person.world.upload_photo(KEY, build_photo())
    person.world.upload_sidecar(KEY, approval="required", variants=variants)
    person.world.run_until_empty()
    assert person.run("review", "approve", KEY, "--variant", "beach").out == f"✓ {KEY}, variant beach approved.\n"
    person.world.run_until_empty()
    assert find_job(person.world, "beach").status is JobStatus.STORED
    assert find_job(person.world, "forest").status is JobStatus.REVIEW
    assert person.run("review", "approve", KEY, "--variant", "lake").code == EXIT_NOTHING_FOUND


def test_pictures_left_are_those_of_all_variants(monkeypatch: pytest.MonkeyPatch) -> None:
    person = person_with_pictures(monkeypatch, num_images=2, variants={"beach": {}, "sand": {"prompt": "on sand"}})
    approval = person.run("review", "approve", KEY, "--picture", "1").out
    assert approval.endswith("\n2 pictures of the photo must still be decided before it is delivered.\n")


def test_second_reviewer_sees_the_first_decision(monkeypatch: pytest.MonkeyPatch) -> None:
    person = person_with_pictures(monkeypatch)
    send_decision(person.world, APPROVED, find_job(person.world), by="bob")
    person.world.run_until_empty()
    result = person.run("review", "reject", KEY)
    assert result.code == EXIT_FAILURE
    assert f'{NOTHING_CHANGED}; {KEY} was approved by "bob" (claimed by shop.review-tool) on 2026-11-20' in result.err


def test_reviewer_at_the_same_time_sees_the_first_decision(monkeypatch: pytest.MonkeyPatch) -> None:
    person = person_with_pictures(monkeypatch)
    job = find_job(person.world)
    read_caller = person.stack.read_caller

    def read_caller_late() -> str:
        send_decision(person.world, APPROVED, job, by="bob")
        person.world.run_until_empty("intake")
        return read_caller()

    object.__setattr__(person.stack, "read_caller", read_caller_late)
    result = person.run("review", "reject", KEY)
    assert result.code == EXIT_FAILURE
    assert (
        f'{NOTHING_CHANGED}; picture 1 of {KEY} was approved by "bob" (claimed by shop.review-tool) on 2026-11-20 '
        "09:00 UTC. Ask the person who "
        "decided. For another picture, run `backdrop review redo`." in " ".join(result.err.split())
    )
    assert [one.decision for one in find_job(person.world).reviews] == [ReviewDecision.APPROVED]


def test_decision_names_the_file_that_was_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    person = person_with_pictures(monkeypatch)
    sha256 = find_job(person.world).reviews[0].sha256
    refused = person.run("review", "approve", KEY, "--sha256", "01234567")
    assert (refused.code, NOTHING_CHANGED in refused.err) == (EXIT_FAILURE, True)
    assert person.run("review", "approve", KEY, "--sha256", sha256[:12].upper()).code == EXIT_OK
    assert "was approved by" in person.run("review", "reject", KEY, "--sha256", "01234567").err


def test_hash_of_one_of_several_pictures_needs_its_number_and_variant(monkeypatch: pytest.MonkeyPatch) -> None:
    person = person_with_pictures(monkeypatch, num_images=2, variants={"beach": {}, "sand": {"prompt": "on sand"}})
    beach = next(job for job in person.world.list_jobs(KEY) if job.variant == "beach")
    arguments = ["review", "approve", KEY, "--sha256", beach.reviews[1].sha256[:16]]
    refused = person.run(*arguments)
    reason = f"{KEY} has 4 pictures, and --sha256 is the hash of {KEY}, variant beach, picture 2"
    assert f"{NOTHING_CHANGED}; {reason}: add --variant beach --picture 2\n" in refused.err
    assert person.run(*arguments, "--variant", "beach").err.endswith(": add --picture 2\n")
    assert person.run(*arguments, "--variant", "beach", "--picture", "2").code == EXIT_OK
    again = person.run(*arguments)
    assert (again.code, reason in again.err) == (EXIT_FAILURE, True)


@pytest.mark.parametrize("option", ["--picture=0", "--picture=-1", "--sha256=", "--sha256=0123", "--sha256=xyzxyzxyz"])
def test_number_or_hash_that_is_none_decides_nothing(option: str, monkeypatch: pytest.MonkeyPatch) -> None:
    person = person_with_pictures(monkeypatch)
    refused = person.run("review", "approve", KEY, option)
    assert (refused.code, " must be " in refused.err) == (EXIT_USAGE, True)
    assert find_job(person.world).status is JobStatus.REVIEW


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["b.jpg"], "b.jpg has no job"),
        ([KEY, "--variant", "lake"], f"{KEY} has no variant lake, only beach, sand"),
        ([KEY, "--variant", "beach", "--picture", "3"], f"{KEY} has no picture 3 that needs approval, only 1"),
        (["c.jpg"], "c.jpg has no picture that needs approval; it is stored"),
    ],
    ids=["no photo", "no variant", "no number", "no approval"],
)
def test_refused_decision_says_why(arguments: list[str], reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    person = person_with_pictures(monkeypatch, variants={"beach": {}, "sand": {"prompt": "on sand"}})
    person.upload("c.jpg")
    person.world.run_until_empty()
    result = person.run("review", "approve", *arguments)
    assert (result.code, f"{NOTHING_CHANGED}; {reason}, stack shop" in result.err) == (EXIT_NOTHING_FOUND, True)


@pytest.mark.parametrize("words", [["approve", KEY], ["redo", KEY, "--prompt", "on sand", "--yes"]])
def test_photo_whose_jobs_ended_has_no_current_job(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    person = person_with_pictures(monkeypatch)
    upload_sidecar_bytes(person.world, KEY, b"{")
    person.world.run_until_empty()
    result = person.run("review", *words)
    reason = f"{NOTHING_CHANGED}; {KEY} has no current job; `backdrop show KEY` says why, stack shop"
    assert (result.code, reason in result.err) == (EXIT_NOTHING_FOUND, True)


# -- decide without writing the ledger -------------------------------------------------------------------------------


def deny_writes(person: Person, *, bus_works: bool = True) -> None:
    """Lets the person only read, and publish on the bus, whose events intake receives at once."""
    world = person.world

    def deny(call: ServiceCall) -> None:
        if not call.worker_name and call.operation in ("transact_write_items", "send_message"):
            raise build_client_error("AccessDeniedException", call.operation, 400)

    def deliver_event(call: ServiceCall) -> None:
        if call.operation == "put_events" and not call.worker_name and bus_works:
            world.transport.faults_before.remove(deny)
            world.transport.listeners.remove(deliver_event)
            (entry,) = call.request["Entries"]
            fields = {"source": entry["Source"], "detail-type": entry["DetailType"]}
            event = {"version": "0", "id": "1", **fields, "detail": json.loads(entry["Detail"])}
            world.sqs.send_externally(world.queues["intake"], json.dumps(event))
            world.run_until_empty()

    world.transport.faults_before.append(deny)
    world.transport.listeners.append(deliver_event)


def test_approver_decides_by_an_event_in_the_callers_name(monkeypatch: pytest.MonkeyPatch) -> None:
    person = person_with_pictures(monkeypatch)
    deny_writes(person)
    result = person.run("review", "approve", KEY)
    assert (result.code, result.out) == (EXIT_OK, f"✓ {KEY} approved.\n")
    job = find_job(person.world)
    assert job.status is JobStatus.STORED
    assert (job.reviews[0].decided_via, job.reviews[0].event_source) == (DecisionChannel.EVENT, f"approver:{CALLER_ID}")
    claimed = f'"{CALLER}" (claimed by approver:{CALLER_ID})'
    receipt = person.world.read_receipt(KEY)
    assert receipt
    assert receipt["jobs"][0]["reviews"][0]["by"] == claimed
    assert claimed in " ".join(person.run("show", KEY).out.split())
    assert_at_rest(person.world)


def test_approver_whose_event_is_not_carried_out_sees_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    person = person_with_pictures(monkeypatch)
    deny_writes(person, bus_works=False)
    result = person.run("review", "reject", KEY)
    assert (result.code, "not recorded yet" in result.err) == (EXIT_FAILURE, True)
    assert find_job(person.world).status is JobStatus.REVIEW


def test_policy_of_an_approver_writes_nothing_but_decisions(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = person_with_pictures(monkeypatch).run("review", "--policy", "--json").data["policy"]
    actions = {action for one in policy["Statement"] for action in flatten([one["Action"]])}
    reads = ("dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query", "s3:GetObject")
    assert actions == {*reads, "cloudformation:DescribeStacks", "events:PutEvents"}
    (bus,) = [one for one in policy["Statement"] if one["Action"] == "events:PutEvents"]
    assert bus["Condition"]["Null"] == {"events:detail-type": "false", "events:source": "false"}
    assert bus["Condition"]["ForAllValues:StringEquals"] == {
        "events:detail-type": ["Image Approved", "Image Rejected"],
        "events:source": "approver:${aws:userid}",
    }


def flatten(values: list[Any]) -> list[Any]:
    return [one for value in values for one in (value if isinstance(value, list) else [value])]


# -- redo ------------------------------------------------------------------------------------------------------------


def test_redo_shows_the_price_and_buys_another_picture_after_a_yes(monkeypatch: pytest.MonkeyPatch) -> None:
    person = person_with_pictures(monkeypatch)
    result = person.run("review", "redo", KEY, "--prompt", "on sand", answer="y")
    assert result.code == EXIT_OK
    assert f"The new picture costs at most ${PRICE}." in result.out
    person.world.run_until_empty()
    statuses = {job.instructions["prompt"]: job.status for job in person.world.list_jobs(KEY)}
    assert statuses == {"on grass": JobStatus.SUPERSEDED, "on sand": JobStatus.REVIEW}
    assert sum(job.charged for job in person.world.list_jobs(KEY)) == 2 * PRICE * 1_000_000


def test_redo_with_a_picture_that_was_bought_before_is_no_purchase(monkeypatch: pytest.MonkeyPatch) -> None:
    person = person_with_pictures(monkeypatch)
    person.world.upload_photo("copy.jpg", build_photo())
    person.world.upload_sidecar("copy.jpg", prompt="on sand")
    person.world.run_until_empty()
    output = " ".join(person.run("review", "redo", KEY, "--prompt", "on sand", answer="n").out.split())
    assert "0 jobs to buy" in output
    assert "Nothing is bought, because the same was bought before." in output
    document = person.run("review", "redo", KEY, "--prompt", "on sand", "--yes", "--json").data
    assert (document["bought"], document["already_bought"], document["most_usd"]) == (0, 1, 0)
    person.world.run_until_empty()
    assert len(person.world.provider.received_job_ids) == 2


def test_redo_of_a_rejected_picture_keeps_the_other_instructions(monkeypatch: pytest.MonkeyPatch) -> None:
    person = person_with_pictures(monkeypatch, metadata={"sku": "4711"})
    person.run("review", "reject", KEY)
    person.world.run_until_empty()
    assert person.run("review", "redo", KEY, "--prompt", "on sand", "--yes").code == EXIT_OK
    person.world.run_until_empty()
    again = next(job for job in person.world.list_jobs(KEY) if job.status is JobStatus.REVIEW)
    assert again.instructions["metadata"] == {"sku": "4711"}


def test_redo_that_is_declined_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    person = person_with_pictures(monkeypatch)
    before = find_job(person.world)
    assert person.run("review", "redo", KEY, "--prompt", "on sand", answer="n").code == EXIT_FAILURE
    person.world.run_until_empty()
    assert find_job(person.world) == before


def test_redo_says_which_pictures_of_the_same_purchase_it_discards(monkeypatch: pytest.MonkeyPatch) -> None:
    person = person_with_pictures(monkeypatch, num_images=2)
    person.run("review", "approve", KEY, "--picture", "1")
    refused = person.run("review", "redo", KEY, "--prompt", "on sand", answer="n")
    assert "This discards 2 pictures bought before: 1 already approved, 1 waiting for approval." in refused.out
    assert "The 2 new pictures cost at most $0.12." in " ".join(refused.out.split())
    document = person.run("review", "redo", KEY, "--prompt", "on sand", "--yes", "--json").data
    assert document["discarded"] == {"approved": 1, "waiting": 1, "unreviewed": 0}


def test_discarded_pictures_include_those_that_need_no_approval(monkeypatch: pytest.MonkeyPatch) -> None:
    job = find_job(person_with_pictures(monkeypatch, num_images=3).world)
    discarded = DiscardedPictures.from_jobs([replace(job, reviews=job.reviews[:1])])
    assert str(discarded) == "This discards 3 pictures bought before: 1 waiting for approval, 2 needing no approval."


def test_redo_that_discards_nothing_does_not_mention_it(monkeypatch: pytest.MonkeyPatch) -> None:
    person = person_with_pictures(monkeypatch, approval="none")
    assert "discards" not in person.run("review", "redo", KEY, "--prompt", "on sand", "--yes").out


def test_redo_is_refused_if_a_picture_is_approved_before_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    person = person_with_pictures(monkeypatch, num_images=2)
    job = find_job(person.world)

    def approve() -> None:
        send_decision(person.world, APPROVED, job, by="bob")
        person.world.run_until_empty()

    refused = person.run("review", "redo", KEY, "--prompt", "on sand", answer="y", meanwhile=approve)
    assert (refused.code, NOTHING_CHANGED in refused.err) == (EXIT_FAILURE, True)
    person.world.run_until_empty()
    assert find_job(person.world).status is JobStatus.REVIEW


def test_redo_keeps_what_another_person_changes_in_the_sidecar_before_the_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    person = person_with_pictures(monkeypatch)

    def add_metadata() -> None:
        person.world.upload_sidecar(KEY, **ON_GRASS, metadata={"sku": "4711"})

    assert person.run("review", "redo", KEY, "--prompt", "on sand", answer="y", meanwhile=add_metadata).code == EXIT_OK
    person.world.run_until_empty()
    again = next(job for job in person.world.list_jobs(KEY) if job.instructions["prompt"] == "on sand")
    assert again.instructions["metadata"] == {"sku": "4711"}


def test_redo_of_one_variant_keeps_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    variants = {"beach": {"prompt": "on a beach"}, "forest": {"prompt": "in a forest"}}
    person = Person(World(), monkeypatch)
    person.world.upload_photo(KEY, build_photo())
    person.world.upload_sidecar(KEY, approval="required", variants=variants)
    person.world.run_until_empty()
    forest = find_job(person.world, "forest")
    assert person.run("review", "redo", KEY, "--variant", "beach", "--prompt", "on sand", "--yes").code == EXIT_OK
    person.world.run_until_empty()
    assert find_job(person.world, "forest") == forest
    assert sorted(job.status for job in person.world.list_jobs(KEY)) == ["review", "review", "superseded"]


def test_redo_that_is_refused_names_each_variant(monkeypatch: pytest.MonkeyPatch) -> None:
    variants = {"beach": {"prompt": "on a beach"}, "forest": {"prompt": "in a forest"}}
    person = person_with_pictures(monkeypatch, variants=variants)
    new_variants = variants | {"lake": {"prompt": "on a lake"}}
    person.world.upload_sidecar(KEY, approval="required", variants=new_variants, max_cost_usd=0.001)
    refused = person.run("review", "redo", KEY, "--variant", "beach", "--prompt", "on sand", "--yes")
    assert (refused.code, NOTHING_CHANGED in refused.err) == (EXIT_FAILURE, True)
    assert (". Variant beach: " in refused.err, ". Variant lake: " in refused.err) == (True, True)


@pytest.mark.parametrize(
    ("sidecar", "reason"),
    [
        (b"[1]", "it contains a list"),
        (b"{" + b" " * 70_000 + b"}", "is 70,002 bytes; at most"),
        (b'{"approval": "required", "approval": "none"}', "the key 'approval' is repeated"),
        (b'{"variants": ["beach"]}', 'variants is ["beach"]'),
        (b'{"variants": {"beach": null}}', "variants.beach is null"),
    ],
    ids=["list", "too large", "repeated key", "variants", "variant"],
)
def test_redo_keeps_a_new_sidecar_that_it_cannot_read(
    sidecar: bytes, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = person_with_pictures(monkeypatch, variants={"beach": {}})
    upload_sidecar_bytes(person.world, KEY, sidecar)
    refused = person.run("review", "redo", KEY, "--variant", "beach", "--prompt", "on sand", "--yes")
    assert (refused.code, NOTHING_CHANGED in refused.err) == (EXIT_FAILURE, True)
    assert f"the sidecar has errors, so correct it first: {KEY}.json" in refused.err
    assert reason in refused.err
    version = person.world.s3.buckets[INPUT_BUCKET].find_current(f"{KEY}.json")
    assert version
    assert version.data == sidecar


def test_redo_that_the_mandate_excludes_says_who_can_do_what(monkeypatch: pytest.MonkeyPatch) -> None:
    person = person_with_pictures(monkeypatch)
    person.run("mandate", "create", "anna", "--usd", "1", "--prefix", f"{KEY.rpartition('/')[0]}/")
    person.run("mandate", "end", "anna", "--yes")
    refused = person.run("review", "redo", KEY, "--prompt", "on sand", "--yes")
    assert "nothing was changed. The mandate anna has ended. Upload the photo to another folder." in refused.err
    assert refused.err.rstrip().endswith("ask the mandate's owner to release this one with `backdrop mandate release`.")


def test_redo_of_one_variant_keeps_the_mask(monkeypatch: pytest.MonkeyPatch) -> None:
    variants = {"beach": {"prompt": "on a beach", "subject": {"mask": "buy"}}}
    person = Person(World(), monkeypatch)
    person.world.upload_photo(KEY, build_photo())
    person.world.upload_sidecar(KEY, approval="required", variants=variants)
    person.world.run_until_empty()
    assert person.run("review", "redo", KEY, "--variant", "beach", "--prompt", "on sand", "--yes").code == EXIT_OK
    person.world.run_until_empty()
    assert len([job for job in person.world.list_jobs(KEY) if job.is_mask]) == 1
    assert sorted(job.status for job in person.world.list_jobs(KEY)) == ["review", "stored", "superseded"]


def test_redo_needs_new_instructions(monkeypatch: pytest.MonkeyPatch) -> None:
    person = person_with_pictures(monkeypatch)
    assert person.run("review", "redo", KEY).code == EXIT_USAGE
    assert person.run("review", "redo", KEY, "--prompt", "on grass", "--yes").code == EXIT_FAILURE
    assert person.run("review", "redo", "b.jpg", "--prompt", "on sand", "--yes").code == EXIT_NOTHING_FOUND


def test_redo_of_a_photo_with_variants_names_one(monkeypatch: pytest.MonkeyPatch) -> None:
    person = person_with_pictures(monkeypatch, variants={"beach": {}, "sand": {"prompt": "on sand"}})
    refused = person.run("review", "redo", KEY, "--prompt", "on grass", "--yes")
    assert (refused.code, "--variant beach or sand" in refused.err) == (EXIT_USAGE, True)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"approval": "required"}, "New pictures wait for approval when they are made"),
        ({"approval": "none", "subject": {"otherwise": "review"}}, "wait for approval if their verdict is not"),
        ({"approval": "none"}, "New pictures are delivered when they are made"),
    ],
    ids=["required", "by verdict", "none"],
)
def test_redo_says_whether_people_decide_again(
    fields: dict[str, Any], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = person_with_pictures(monkeypatch, **fields)
    redone = person.run("review", "redo", KEY, "--prompt", "on sand", "--yes").out
    assert words in redone
    assert ("run `backdrop review`" in redone) == ("wait" in words)


# -- other commands --------------------------------------------------------------------------------------------------


def test_show_and_status_have_what_waits_and_who_decided(monkeypatch: pytest.MonkeyPatch) -> None:
    person = person_with_pictures(monkeypatch)
    assert "awaiting approval" in person.run("show", KEY).out
    assert "awaiting approval" in person.run("status").out
    person.run("review", "reject", KEY)
    person.world.run_until_empty()
    shown = person.run("show", KEY).out
    assert f"picture 1 rejected by {CALLER}, via cli" in shown
    assert "rejected" in person.run("status").out
    assert_at_rest(person.world)


def test_spend_has_the_dollars_per_approved_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    person = person_with_pictures(monkeypatch, num_images=2)
    assert "per approved picture" not in person.run("spend").out
    person.run("review", "reject", KEY, "--picture", "1")
    person.run("review", "approve", KEY)
    person.world.run_until_empty()
    output = person.run("spend").out
    assert "1 approved and delivered, 1 rejected: $0.12 per approved picture, with all tries and masks." in output
    assert person.run("spend", "--json").data["approval"] == {
        "approved": 1,
        "rejected": 1,
        "usd": 0.12,
        "usd_per_approved": 0.12,
    }


def test_spend_per_approved_picture_counts_redone_pictures_and_masks(monkeypatch: pytest.MonkeyPatch) -> None:
    person = person_with_pictures(monkeypatch, subject={"mask": "buy"})
    person.run("review", "redo", KEY, "--prompt", "on sand", "--yes")
    person.world.run_until_empty()
    assert person.run("spend", "--json").data["approval"]["usd"] == 0
    person.run("review", "approve", KEY)
    person.world.run_until_empty()
    data = person.run("spend", "--json").data
    assert data["approval"]["usd_per_approved"] == data["total"]["usd"] == 2 * PRICE + 0.01


def test_spend_counts_no_approved_picture_that_was_not_delivered(monkeypatch: pytest.MonkeyPatch) -> None:
    person = person_with_pictures(monkeypatch, num_images=2)
    person.run("review", "approve", KEY, "--picture", "1")
    person.run("review", "redo", KEY, "--prompt", "on sand", "--yes")
    person.world.run_until_empty()
    approval = person.run("spend", "--json").data["approval"]
    assert (approval["approved"], approval["usd"], approval["usd_per_approved"]) == (0, 4 * PRICE, None)


# -- photos in other buckets -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("decision", ["approve", "reject"])
def test_photos_with_the_same_key_in_two_buckets_are_decided_apart(
    monkeypatch: pytest.MonkeyPatch, decision: str
) -> None:
    person = person_with_pictures(monkeypatch)
    world, name = person.world, f"@{READABLE_BUCKET}/{KEY}"
    upload_to(world, KEY)
    request_photo(world, KEY, **ON_GRASS)
    listed = person.run("review").out.splitlines()
    assert all(any(line.startswith(f"{one}: ") for line in listed) for one in (KEY, name))
    documents = person.run("review", "--json").data["pictures"]
    assert {one["bucket"] for one in documents} == {INPUT_BUCKET, READABLE_BUCKET}
    in_bucket = person.run("review", "--prefix", f"@{READABLE_BUCKET}/", "--json").data["pictures"]
    assert [one["bucket"] for one in in_bucket] == [READABLE_BUCKET]
    decided = person.run("review", decision, name)
    assert (decided.code, f"✓ {name} {decision}" in decided.out) == (EXIT_OK, True)
    world.run_until_empty()
    states = {job.bucket: job.status for job in world.list_jobs()}
    assert states[INPUT_BUCKET] is JobStatus.REVIEW
    assert states[READABLE_BUCKET] is not JobStatus.REVIEW


def test_redo_of_a_photo_in_another_bucket_says_that_a_request_changes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    person = Person(World(), monkeypatch)
    upload_to(person.world, KEY)
    request_photo(person.world, KEY, **ON_GRASS)
    redone = person.run("review", "redo", f"@{READABLE_BUCKET}/{KEY}", "--prompt", "on sand", "--yes")
    assert redone.code == EXIT_FAILURE
    assert f"{KEY} is in another bucket, {READABLE_BUCKET}: send a request with the new" in redone.err
