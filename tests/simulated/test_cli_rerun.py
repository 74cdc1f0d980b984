"""`backdrop rerun`: photos resolved anew on what is said of them now; the price first, nothing bought twice."""

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
from tests.simulated.cli_person import LEFT_ALONE, Person

DEFAULTS = "shoes/_backdrop.json"


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> Person:
    """In whose stack two photos of shoes were bought on their folder's defaults, and one hat on its tags."""
    person = Person(World(), monkeypatch)
    says(person, operation="remove")
    for name in ("shoes/red.jpg", "shoes/blue.jpg"):
        person.world.upload_photo(name, build_photo(name))
    person.drops("hats/red.jpg")
    person.world.run_until_empty()
    assert statuses(person) == [JobStatus.STORED] * 3
    return person


def says(person: Person, key: str = DEFAULTS, **fields: object) -> None:
    """Somebody writes a folder's defaults."""
    person.world.s3.upload(INPUT_BUCKET, key, json.dumps(fields).encode())


def statuses(person: Person, key: str = "") -> list[JobStatus]:
    return [job.status for job in person.world.list_jobs(key)]


def test_changed_defaults_are_bought_only_by_a_rerun_and_its_price_is_said_first(person: Person) -> None:
    says(person, prompt="at sea", rendering_speed="TURBO")
    person.world.run_until_empty()
    assert len(person.world.provider.received_job_ids) == 3
    said = person.types("rerun", "shoes/", answer="y")
    assert said.code == 0
    assert "2 photos in shoes/, stack shop" in said.out
    assert "2   jobs to buy   at most $0.06" in said.out
    assert "Rerun 2 photos for at most $0.06? [y/N]" in said.out
    assert "2 photos sent to intake." in said.out
    person.world.run_until_empty()
    assert len(person.world.provider.received_job_ids) == 5
    assert {job.purchase_spec["operation"] for job in person.world.list_jobs("shoes/red.jpg")} == {"remove", "replace"}
    assert len(person.world.list_jobs("hats/red.jpg")) == 1


def test_a_no_changes_nothing(person: Person) -> None:
    says(person, prompt="at sea")
    said = person.types("rerun", "shoes/", answer="n")
    assert (said.code, said.err) == (1, f"error: {LEFT_ALONE}\n")
    person.world.run_until_empty()
    assert len(person.world.provider.received_job_ids) == 3


def test_the_question_writes_and_sends_nothing(person: Person) -> None:
    person.world.s3.upload(INPUT_BUCKET, "looks/summer.png", build_photo("summer"))
    says(person, prompt="at sea", style_reference_images=["looks/summer.png"])
    person.world.run_until_empty()
    before = len(person.world.transport.history)
    person.types("rerun", "--all", answer="n")
    done = {call.operation for call in person.world.transport.history[before:] if isinstance(call, ServiceCall)}
    assert "get_object" in done
    assert done <= {"query", "get_item", "get_object", "get_object_tagging", "list_objects_v2"}


def test_where_nothing_changes_there_is_nothing_to_do_and_nothing_is_asked(person: Person) -> None:
    said = person.types("rerun", "--all")
    assert (said.code, said.err) == (0, "")
    assert "Nothing would change." in said.out
    assert person.types("rerun", "--all", "--json").data["would_go"] == 0
    person.world.run_until_empty()
    assert len(person.world.provider.received_job_ids) == 3


def test_other_outputs_are_handed_over_again_for_nothing(person: Person) -> None:
    says(person, operation="remove", output={"format": "webp"})
    person.world.run_until_empty()
    said = person.types("rerun", "shoes/", answer="y")
    assert "2 photos in shoes/, stack" in said.out
    assert "2   jobs to deliver again   already paid" in said.out
    assert "Rerun 2 photos? [y/N]" in said.out
    person.world.run_until_empty()
    assert "shoes/red.jpg/red.webp" in person.world.read_pictures("shoes/red.jpg")
    assert len(person.world.provider.received_job_ids) == 3


def test_a_key_means_one_photo_and_not_those_that_begin_like_it(person: Person) -> None:
    person.world.upload_photo("shoes/red.jpg.old.jpg", build_photo("old"))
    person.world.run_until_empty()
    says(person, prompt="at sea")
    assert person.types("rerun", "shoes/red.jpg", "--json").data["photos"] == 1
    assert person.types("rerun", "shoes/red", "--json").data["photos"] == 2


def test_what_failed_unpaid_is_bought_after_all(person: Person) -> None:
    person.world.provider.script.append(build_refusal(RetryClass.PERM, Code.UNSAFE_REQUEST))
    person.drops("bag.jpg")
    person.world.run_until_empty()
    assert statuses(person, "bag.jpg") == [JobStatus.REFUSED]
    assert person.types("rerun", "bag.jpg", "--yes", "--json").data["bought"] == 1
    person.world.run_until_empty()
    assert statuses(person, "bag.jpg") == [JobStatus.STORED]


def test_what_would_be_reported_is_said_with_an_example(person: Person) -> None:
    says(person, operation="replace")
    person.world.run_until_empty()
    said = person.types("rerun", "shoes/", answer="n").out
    assert "2   reported" in said
    assert "Rerun 2 photos? [y/N]" in said
    assert "2 missing_prompt (shoes/blue.jpg: shoes/_backdrop.json: operation is replace" in " ".join(said.split())


def test_a_photo_with_several_mistakes_is_one_that_is_reported(person: Person) -> None:
    person.world.upload_sidecar("shoes/red.jpg", promt="x", seed=-1, widht=3)
    said = person.types("rerun", "shoes/red.jpg", answer="n").out
    assert "1 photo: shoes/red.jpg, stack" in said
    assert "1   reported" in said
    assert "1 unknown_field" in said


def test_one_job_is_told_in_the_singular(person: Person) -> None:
    person.world.upload_sidecar("shoes/red.jpg", operation="remove", output={"format": "webp"})
    assert "1   job to deliver again" in person.types("rerun", "shoes/red.jpg", answer="n").out


def test_photos_under_broken_defaults_are_left_alone_and_the_file_is_named(person: Person) -> None:
    says(person, seed=-1)
    said = person.types("rerun", "--all")
    assert said.code == 0
    assert "2   photos blocked   correct first: shoes/_backdrop.json" in said.out
    assert person.types("rerun", "--all", "--json").data["held_by"] == {"shoes/_backdrop.json": 2}
    person.world.run_until_empty()
    assert statuses(person) == [JobStatus.STORED] * 3


def test_a_budget_that_does_not_cover_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    person = Person(World(budget=20_000), monkeypatch)
    person.world.upload_photo("red.jpg", build_photo())
    person.world.run_until_empty()
    says(person, "_backdrop.json", prompt="at sea")
    assert "Today's budget has $0.02 left" in person.types("rerun", "--all", answer="n").out


def test_scripts_read_the_plan_and_agree_with_yes(person: Person) -> None:
    says(person, prompt="at sea")
    asked = person.types("rerun", "shoes/", "--json")
    assert (asked.code, asked.data["sent"]) == (1, 0)
    assert asked.data | {"sent": 0} == {
        "stack": "shop",
        "which": "shoes/",
        "photos": 2,
        "would_go": 2,
        "bought": 2,
        "most_usd": 0.12,
        "for_nothing": 0,
        "changed": 0,
        "requests_taken_back": 0,
        "refused": {},
        "held_by": {},
        "sent": 0,
    }
    done = person.types("rerun", "--all", "--json", "--yes").data
    assert (done["photos"], done["sent"]) == (3, 2)


def test_what_was_asked_for_directly_is_left_as_it_is(person: Person) -> None:
    person.world.upload_photo("asked.jpg", build_photo("asked"))
    request = {"bucket": INPUT_BUCKET, "key": "asked.jpg", "instructions": {"operation": "remove"}}
    person.world.sqs.send_externally(person.world.queues["intake"], json.dumps(request))
    person.world.run_until_empty()
    assert statuses(person, "asked.jpg") == [JobStatus.STORED]
    assert person.types("rerun", "asked.jpg", "--json").data["would_go"] == 0
    person.stack.rerun_service.enqueue("asked.jpg")
    person.world.run_until_empty()
    assert statuses(person, "asked.jpg") == [JobStatus.STORED]


def test_a_variant_that_cannot_be_done_is_reported_beside_those_that_are_bought(person: Person) -> None:
    says(person, variants={"sea": {"prompt": "at sea"}, "sky": {"prompt": "in the sky"}})
    person.types("rerun", "shoes/red.jpg", "--yes")
    person.world.run_until_empty()
    says(person, variants={"sea": {"prompt": "at a lake"}, "sky": {"operation": "replace"}})
    plan = person.types("rerun", "shoes/red.jpg", "--json").data
    assert (plan["bought"], plan["changed"], plan["refused"]) == (1, 0, {"missing_prompt": 1})


def test_a_prefix_without_photos_is_said(person: Person) -> None:
    said = person.types("rerun", "bags/")
    assert (said.code, said.out) == (0, "No photo in bags/, stack shop.\n")


def test_what_was_sent_before_aws_stopped_it_is_told(person: Person) -> None:
    says(person, prompt="at sea")
    person.world.run_until_empty()
    person.world.transport.faults_before.append(TargetedFault(forbid, "send_message", nth=2))
    said = person.types("rerun", "shoes/", "--yes")
    assert said.code == 1
    assert "1 photo sent to intake." in said.out
    assert "do not allow send_message" in said.err


def forbid(call: ServiceCall) -> None:
    """The person's credentials do not suffice."""
    raise build_client_error("AccessDeniedException", call.operation, 400, "no")


@pytest.mark.parametrize("words", [(), ("",), ("shoes/", "--all")])
def test_it_takes_a_key_or_prefix_or_else_all(person: Person, words: tuple[str, ...]) -> None:
    said = person.types("rerun", *words, "--yes")
    assert (said.code, said.out) == (2, "")
    assert "such as shoes/autumn/, or --all" in said.err


def test_a_rerun_said_twice_buys_once(person: Person) -> None:
    says(person, prompt="at sea")
    person.types("rerun", "shoes/", "--yes")
    person.types("rerun", "shoes/", "--yes")
    person.world.run_until_empty()
    assert len(person.world.provider.received_job_ids) == 5


def test_it_explains_itself_with_an_example(person: Person) -> None:
    said = person.types("rerun", "--help")
    assert "Example: backdrop rerun" in said.out
    assert max(len(line) for line in said.out.splitlines()) <= 80


def test_of_a_hundred_thousand_photos_only_a_few_are_held_at_a_time() -> None:
    photos = iter(range(100_000))
    results = parallel_map(str, photos, max_workers=3)
    assert [next(results) for _ in range(5)] == ["0", "1", "2", "3", "4"]
    assert next(photos) < 5 + 4 * 3
    results.close()


def test_what_goes_wrong_with_one_photo_ends_the_look() -> None:
    with pytest.raises(ZeroDivisionError):
        list(parallel_map(lambda n: 1 // n, [1, 0, 2], max_workers=2))
