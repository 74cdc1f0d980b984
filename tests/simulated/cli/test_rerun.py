"""`backdrop rerun`: resolves photos again from their current instructions, shows the price first, and buys nothing
twice.
"""

import json

import pytest

from backdrop.model.codes import Code
from backdrop.model.job import JobStatus
from backdrop.model.provider_result import RetryClass
from backdrop_cli.parallel import parallel_map
from simulation.world.call_behavior import build_refusal
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import World
from simulation.world.transport import ServiceCall, TargetedFault, build_client_error
from simulation.world.world_inspector import INPUT_BUCKET
from tests.simulated.command_user import NOTHING_CHANGED, Person

DEFAULTS = "shoes/_backdrop.json"


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> Person:
    """A person whose stack has bought two photos of shoes by folder defaults, and one of a hat by its tags."""
    person = Person(World(), monkeypatch)
    upload_defaults(person, operation="remove")
    for name in ("shoes/red.jpg", "shoes/blue.jpg"):
        person.world.upload_photo(name, build_photo(name))
    person.upload("hats/red.jpg")
    person.world.run_until_empty()
    assert count_statuses(person) == [JobStatus.STORED] * 3
    return person


def upload_defaults(person: Person, key: str = DEFAULTS, **fields: object) -> None:
    """Uploads a folder's defaults."""
    person.world.s3.upload(INPUT_BUCKET, key, json.dumps(fields).encode())


def count_statuses(person: Person, key: str = "") -> list[JobStatus]:
    return [job.status for job in person.world.list_jobs(key)]


def test_changed_defaults_apply_only_after_a_confirmed_rerun(person: Person) -> None:
    upload_defaults(person, prompt="at sea", rendering_speed="TURBO")
    person.world.run_until_empty()
    assert len(person.world.provider.received_job_ids) == 3
    result = person.run("rerun", "shoes/", answer="y")
    assert result.code == 0
    assert "2 photos in shoes/, stack shop" in result.out
    assert "2   jobs to buy   at most $0.06" in result.out
    assert "Rerun 2 photos for at most $0.06? [y/N]" in result.out
    assert "2 photos sent to intake." in result.out
    person.world.run_until_empty()
    assert len(person.world.provider.received_job_ids) == 5
    assert {job.purchase_spec["operation"] for job in person.world.list_jobs("shoes/red.jpg")} == {"remove", "replace"}
    assert len(person.world.list_jobs("hats/red.jpg")) == 1


def test_rerun_changes_nothing_after_the_answer_no(person: Person) -> None:
    upload_defaults(person, prompt="at sea")
    result = person.run("rerun", "shoes/", answer="n")
    assert (result.code, result.err) == (1, f"error: {NOTHING_CHANGED}\n")
    person.world.run_until_empty()
    assert len(person.world.provider.received_job_ids) == 3


def test_rerun_writes_and_sends_nothing_before_the_answer(person: Person) -> None:
    person.world.s3.upload(INPUT_BUCKET, "looks/summer.png", build_photo("summer"))
    upload_defaults(person, prompt="at sea", style_reference_images=["looks/summer.png"])
    person.world.run_until_empty()
    before = len(person.world.transport.history)
    person.run("rerun", "--all", answer="n")
    done = {call.operation for call in person.world.transport.history[before:] if isinstance(call, ServiceCall)}
    assert "get_object" in done
    assert done <= {"query", "get_item", "get_object", "get_object_tagging", "list_objects_v2"}


def test_unchanged_photos_need_no_rerun_and_no_confirmation(person: Person) -> None:
    result = person.run("rerun", "--all")
    assert (result.code, result.err) == (0, "")
    assert "Nothing would change." in result.out
    assert person.run("rerun", "--all", "--json").data["would_go"] == 0
    person.world.run_until_empty()
    assert len(person.world.provider.received_job_ids) == 3


def test_other_outputs_are_delivered_again_without_a_charge(person: Person) -> None:
    upload_defaults(person, operation="remove", output={"format": "webp"})
    person.world.run_until_empty()
    result = person.run("rerun", "shoes/", answer="y")
    assert "2 photos in shoes/, stack" in result.out
    assert "2   jobs to deliver again   already paid" in result.out
    assert "Rerun 2 photos? [y/N]" in result.out
    person.world.run_until_empty()
    assert "shoes/red.jpg/red.webp" in person.world.read_pictures("shoes/red.jpg")
    assert len(person.world.provider.received_job_ids) == 3


def test_key_selects_one_photo_and_does_not_act_as_a_prefix(person: Person) -> None:
    person.world.upload_photo("shoes/red.jpg.old.jpg", build_photo("old"))
    person.world.run_until_empty()
    upload_defaults(person, prompt="at sea")
    assert person.run("rerun", "shoes/red.jpg", "--json").data["photos"] == 1
    assert person.run("rerun", "shoes/red", "--json").data["photos"] == 2


def test_picture_of_another_photo_with_the_same_content_is_no_purchase(person: Person) -> None:
    person.world.upload_sidecar("hats/copy.jpg", prompt="at sea")
    person.world.upload_photo("hats/copy.jpg", build_photo("shoes/red.jpg"))
    person.world.run_until_empty()
    upload_defaults(person, prompt="at sea")
    calls = len(person.world.provider.received_job_ids)
    output = person.run("rerun", "shoes/red.jpg", answer="n").out
    assert "1   job bought before   same bytes and instructions; free" in output
    assert "to buy" not in output
    data = person.run("rerun", "shoes/", "--yes", "--json").data
    assert (data["bought"], data["already_bought"], data["most_usd"]) == (1, 1, 0.06)
    person.world.run_until_empty()
    assert len(person.world.provider.received_job_ids) == calls + 1


def test_unpaid_failure_is_bought_by_a_rerun(person: Person) -> None:
    person.world.provider.script.append(build_refusal(RetryClass.PERM, Code.UNSAFE_REQUEST))
    person.upload("bag.jpg")
    person.world.run_until_empty()
    assert count_statuses(person, "bag.jpg") == [JobStatus.REFUSED]
    assert person.run("rerun", "bag.jpg", "--yes", "--json").data["bought"] == 1
    person.world.run_until_empty()
    assert count_statuses(person, "bag.jpg") == [JobStatus.STORED]


def test_preview_shows_errors_with_an_example_photo(person: Person) -> None:
    upload_defaults(person, operation="replace")
    person.world.run_until_empty()
    output = person.run("rerun", "shoes/", answer="n").out
    assert "2   reported" in output
    assert "Rerun 2 photos? [y/N]" in output
    assert "2 missing_prompt (shoes/blue.jpg: shoes/_backdrop.json: operation is replace" in " ".join(output.split())


def test_photo_with_several_errors_counts_once(person: Person) -> None:
    person.world.upload_sidecar("shoes/red.jpg", promt="x", seed=-1, widht=3)
    output = person.run("rerun", "shoes/red.jpg", answer="n").out
    assert "1 photo: shoes/red.jpg, stack" in output
    assert "1   reported" in output
    assert "1 unknown_field" in output


def test_single_job_is_reported_in_the_singular(person: Person) -> None:
    person.world.upload_sidecar("shoes/red.jpg", operation="remove", output={"format": "webp"})
    assert "1   job to deliver again" in person.run("rerun", "shoes/red.jpg", answer="n").out


def test_photos_under_broken_defaults_are_skipped_and_the_file_is_named(person: Person) -> None:
    upload_defaults(person, seed=-1)
    result = person.run("rerun", "--all")
    assert result.code == 0
    assert "2   photos blocked   correct first: shoes/_backdrop.json" in result.out
    assert person.run("rerun", "--all", "--json").data["held_by"] == {"shoes/_backdrop.json": 2}
    person.world.run_until_empty()
    assert count_statuses(person) == [JobStatus.STORED] * 3


def test_cost_beyond_the_budget_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    person = Person(World(budget=20_000), monkeypatch)
    person.world.upload_photo("red.jpg", build_photo())
    person.world.run_until_empty()
    upload_defaults(person, "_backdrop.json", prompt="at sea")
    assert "Today's budget has $0.02 left" in person.run("rerun", "--all", answer="n").out


def test_json_shows_the_plan_and_yes_confirms_it(person: Person) -> None:
    upload_defaults(person, prompt="at sea")
    plan = person.run("rerun", "shoes/", "--json")
    assert (plan.code, plan.data["sent"]) == (1, 0)
    assert plan.data | {"sent": 0} == {
        "stack": "shop",
        "which": "shoes/",
        "photos": 2,
        "would_go": 2,
        "bought": 2,
        "already_bought": 0,
        "most_usd": 0.12,
        "for_nothing": 0,
        "changed": 0,
        "requests_taken_back": 0,
        "refused": {},
        "held_by": {},
        "warnings": {},
        "mandates": [],
        "sent": 0,
    }
    done = person.run("rerun", "--all", "--json", "--yes").data
    assert (done["photos"], done["sent"]) == (3, 2)


def test_photo_that_was_requested_directly_stays_unchanged(person: Person) -> None:
    person.world.upload_photo("asked.jpg", build_photo("asked"))
    request = {"bucket": INPUT_BUCKET, "key": "asked.jpg", "instructions": {"operation": "remove"}}
    person.world.sqs.send_externally(person.world.queues["intake"], json.dumps(request))
    person.world.run_until_empty()
    assert count_statuses(person, "asked.jpg") == [JobStatus.STORED]
    assert person.run("rerun", "asked.jpg", "--json").data["would_go"] == 0
    person.stack.rerun_service.enqueue("asked.jpg")
    person.world.run_until_empty()
    assert count_statuses(person, "asked.jpg") == [JobStatus.STORED]


def test_impossible_variant_is_reported_next_to_bought_ones(person: Person) -> None:
    upload_defaults(person, variants={"sea": {"prompt": "at sea"}, "sky": {"prompt": "in the sky"}})
    person.run("rerun", "shoes/red.jpg", "--yes")
    person.world.run_until_empty()
    upload_defaults(person, variants={"sea": {"prompt": "at a lake"}, "sky": {"operation": "replace"}})
    plan = person.run("rerun", "shoes/red.jpg", "--json").data
    assert (plan["bought"], plan["changed"], plan["refused"]) == (1, 0, {"missing_prompt": 1})


def test_prefix_without_photos_is_reported(person: Person) -> None:
    result = person.run("rerun", "bags/")
    assert (result.code, result.err) == (3, "error: there is no photo in bags/, stack shop\n")


def test_reruns_that_preceded_an_aws_error_are_reported(person: Person) -> None:
    upload_defaults(person, prompt="at sea")
    person.world.run_until_empty()
    person.world.transport.faults_before.append(TargetedFault(deny, "send_message", nth=2))
    result = person.run("rerun", "shoes/", "--yes")
    assert result.code == 1
    assert "1 photo sent to intake." in result.out
    assert "do not allow send_message" in result.err


def deny(call: ServiceCall) -> None:
    """The person's credentials lack a permission."""
    raise build_client_error("AccessDeniedException", call.operation, 400, "no")


@pytest.mark.parametrize("words", [(), ("",), ("shoes/", "--all")])
def test_rerun_takes_a_key_prefix_or_option_all(person: Person, words: tuple[str, ...]) -> None:
    result = person.run("rerun", *words, "--yes")
    assert (result.code, result.out) == (2, "")
    assert "such as shoes/autumn/, or --all" in result.err


def test_repeated_rerun_buys_once(person: Person) -> None:
    upload_defaults(person, prompt="at sea")
    person.run("rerun", "shoes/", "--yes")
    person.run("rerun", "shoes/", "--yes")
    person.world.run_until_empty()
    assert len(person.world.provider.received_job_ids) == 5


def test_help_has_an_example(person: Person) -> None:
    result = person.run("rerun", "--help")
    assert "Example: backdrop rerun" in result.out
    assert max(len(line) for line in result.out.splitlines()) <= 80


def test_preview_of_many_photos_keeps_only_few_in_memory() -> None:
    photos = iter(range(100_000))
    results = parallel_map(str, photos, max_workers=3)
    assert [next(results) for _ in range(5)] == ["0", "1", "2", "3", "4"]
    assert next(photos) < 5 + 4 * 3
    results.close()


def test_error_for_one_photo_ends_the_preview() -> None:
    with pytest.raises(ZeroDivisionError):
        list(parallel_map(lambda n: 1 // n, [1, 0, 2], max_workers=2))
