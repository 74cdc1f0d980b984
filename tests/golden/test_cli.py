"""The command: its verbs with their options, the exit code of each outcome, and the shape of what `--json` prints."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pytest

from backdrop.model.circuit import FAILURE_THRESHOLD
from backdrop.model.codes import Code
from backdrop.model.provider_result import RetryClass
from backdrop_cli.aws_clients import AwsClients
from backdrop_cli.upload_page.page_server import PageServer
from docs.make_commands import EVERYWHERE, EXIT_CODES, commands, options_of
from simulation.world.call_behavior import build_charged_hang_up, build_refusal
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import World
from simulation.world.transport import TargetedFault, crash_worker
from simulation.world.world_inspector import INPUT_BUCKET, OUTPUT_BUCKET
from tests.golden.golden import Golden
from tests.golden.shapes import shapes
from tests.simulated.cli_clinic import build_checked_stack
from tests.simulated.cli_person import CommandResult, Person
from tests.simulated.page_colleague import build_presigner
from tests.simulated.wishes import upload_defaults

MAPS = (
    "instructions",
    "provenance",
    "waiting",
    "waits_for",
    "served_from",
    "failures",
    "paused",
    "other_dead_letters",
    "refused",
    "held_by",
    "providers",
    "not_bought",
    "files",
)
LOCAL = {"demo", "up", "env", "down"}
PROMPT = ("--prompt", "on sand")


@dataclass
class Told:
    """What the command said: of each verb the exit code of each outcome, and every document."""

    codes: dict[str, dict[str, int]] = field(default_factory=dict[str, dict[str, int]])
    documents: dict[str, list[Any]] = field(default_factory=dict[str, list[Any]])

    def note(self, verb: str, outcome: str, said: CommandResult) -> CommandResult:
        """One command line, typed for scripts; what is printed is one document, or nothing."""
        assert outcome not in self.codes.setdefault(verb, {}), f"{verb}: {outcome} twice"
        self.codes[verb][outcome] = said.code
        if said.out:
            self.documents.setdefault(verb, []).append(json.loads(said.out))
        return said


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """Everything that is typed below, in a folder of its own."""
    told = Told()
    for scene in SCENES:
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(tmp_path_factory.mktemp(scene.__name__))
            scene(told, patch)
    return told


def typing(told: Told, person: Person) -> Callable[..., CommandResult]:
    """Types a verb for scripts, and notes what came of it."""

    def types(verb: str, outcome: str, *words: str, **more: Any) -> CommandResult:
        return told.note(verb, outcome, person.run(*verb.split(), *words, "--json", **more))

    return types


def empty(told: Told, patch: pytest.MonkeyPatch) -> None:
    """A stack into which nobody has dropped anything."""
    types = typing(told, Person(World(), patch))
    types("status", "nothing was dropped yet")
    types("gallery", "nothing to show")
    types("spend", "nothing was spent")
    types("failures", "no failure")
    types("redrive", "nothing to redrive")
    types("rerun", "no such photo", "gone.jpg")
    types("cancel", "no such photo", "gone/")
    types("show", "no such photo", "gone.jpg")
    types("download", "no such picture", "gone/", "done")


def copies_wait(person: Person) -> None:
    """Three photos with the same content, of which one is bought for all, and one without instructions."""
    for key in ("first.jpg", "copy.jpg", "twin.jpg"):
        person.world.upload_photo(key, build_photo("same"), operation="remove")
    person.world.upload_photo("bare.jpg", build_photo("bare"))
    person.world.run_until_empty("intake")


def running(told: Told, patch: pytest.MonkeyPatch) -> None:
    """A stack whose lane runs and is paused, with photos that wait."""
    person = Person(World(settle_seconds=20), patch)
    types = typing(told, person)
    copies_wait(person)
    types("status", "photos wait")
    types("show", "a copy waits", "copy.jpg")
    types("budget", "jobs wait")
    person.upload("a.jpg", "b.jpg", "c.jpg")
    person.world.run_until_empty("intake")
    types("pause", "it ran", "ideogram")
    types("pause", "it was paused", "ideogram")
    types("pause", "no such provider", "nobody")
    types("status", "the lane is paused")
    types("failures", "a provider is paused")
    types("cancel", "nobody agreed", "copy")
    types("cancel", "some ended", "c", "--yes")
    types("cancel", "neither prefix nor --all")
    types("resume", "it was paused", "ideogram")
    types("resume", "it ran", "ideogram")


def delivered(told: Told, patch: pytest.MonkeyPatch) -> None:
    """A stack that has delivered, with a picture and a photo that somebody deleted."""
    person = Person(World(settle_seconds=20), patch)
    types = typing(told, person)
    copies_wait(person)
    person.upload("a.jpg", "b.jpg")
    person.world.upload_sidecar(
        "styled.jpg", variants={"a": {"prompt": "at sea", "num_images": 2}, "b": {"prompt": "x"}}
    )
    person.world.upload_photo("styled.jpg", build_photo("styled"))
    person.world.run_until_empty()
    types("show", "several variants", "styled.jpg")
    types("show", "served from another", "twin.jpg")
    types("download", "all are new", "--all", "done")
    person.world.s3.delete(OUTPUT_BUCKET, "a.jpg/a.png")
    types("show", "a picture is gone", "a.jpg")
    types("download", "some are there, one is gone", "--all", "done")
    del person.world.input_bucket.objects["b.jpg"]
    types("gallery", "pictures and problems")
    Path("file").touch()
    types("gallery", "an impossible folder", "--output", "file/x")
    for by in ("day", "folder", "provider"):
        types("spend", f"by {by}", "--by", by)
    types("spend", "by something else", "--by", "colour")
    types("budget", "shown")
    types("budget", "set", "300", "--today")
    types("budget", "not a number", "much", "--today")


def rerunning(told: Told, patch: pytest.MonkeyPatch) -> None:
    """A stack with a photo whose folder defaults changed after its picture was bought."""
    person = Person(World(), patch)
    types = typing(told, person)
    upload_defaults(person.world, "late/", {"prompt": "at sea"})
    person.world.upload_photo("late/a.jpg", build_photo("late"))
    person.world.run_until_empty()
    upload_defaults(person.world, "late/", {"prompt": "at home"})
    person.world.run_until_empty()
    types("rerun", "nobody agreed", "late/")
    types("rerun", "some are looked at", "late/", "--yes")
    types("rerun", "neither photo nor --all")
    person.world.run_until_empty()
    types("rerun", "nothing changes", "late/", "--yes")


def waiting_for_money(told: Told, patch: pytest.MonkeyPatch) -> None:
    """A stack whose budget covers one of two photos."""
    person = Person(World(budget=15_000), patch)
    types = typing(told, person)
    person.upload("a.jpg", "b.jpg")
    person.world.run_for(60)
    types("status", "the budget is reached")
    types("budget", "it is reached")
    types("budget", "too low", "0.01", "--today")
    types("budget", "raised", "300", "--today")


def losing(told: Told, patch: pytest.MonkeyPatch) -> None:
    """A stack with a call whose worker died, so that nobody knows its answer yet."""
    person = Person(World(), patch)
    person.upload("shoes/red.jpg")
    person.world.run_until_empty("intake", "deliver")
    person.world.provider.script.append(build_charged_hang_up())
    person.world.transport.faults_after.append(TargetedFault(crash_worker, "transact_write_items", nth=2))
    person.world.deliver_next("ideogram")
    types = typing(told, person)
    types("status", "an answer is lost")
    types("failures", "an answer is lost")
    types("show", "an answer is lost", "shoes/red.jpg")


def struggling(told: Told, patch: pytest.MonkeyPatch) -> None:
    """A stack whose provider has failed so often that one job at a time tries it out."""
    person = Person(World(), patch)
    person.world.provider.script += [build_refusal(RetryClass.BACKOFF, Code.PROVIDER_UNAVAILABLE)] * FAILURE_THRESHOLD
    person.upload("a.jpg", "b.jpg", "c.jpg")
    person.world.run_until_empty("intake")
    for _ in range(FAILURE_THRESHOLD):
        person.world.deliver_next("ideogram")
    types = typing(told, person)
    types("status", "the lane probes")
    person.stack = replace(person.stack, sleep=_stops)
    types("status", "watched until Ctrl-C", "--watch")


def _stops(*_: object) -> None:
    raise KeyboardInterrupt


def failing(told: Told, patch: pytest.MonkeyPatch) -> None:
    """A stack with failures of every kind."""
    person = Person(World(on_lost_answer="hold"), patch)
    types = typing(told, person)
    person.upload_failing(Code.REQUEST_REJECTED, "shoes/red.jpg")
    person.world.provider.script.append(build_charged_hang_up())
    person.upload("hats/lost.jpg")
    person.world.run_for(600)
    person.world.provider.script.append(build_refusal(RetryClass.PERM, Code.UNSAFE_REQUEST))
    person.world.upload_sidecar("hats/styled.jpg", variants={"sea": {"prompt": "at sea"}})
    person.world.upload_photo("hats/styled.jpg", build_photo("styled"))
    person.world.upload_photo("list.jpg", b"I am a list", operation="remove")
    person.world.sqs.send_externally(person.world.queues["intake"], "no message of ours")
    person.world.s3.upload(INPUT_BUCKET, "broken/_backdrop.json", b"{")
    person.world.upload_photo("broken/a.jpg", build_photo("broken"))
    person.world.run_until_empty()
    types("status", "failures")
    types("failures", "some")
    types("failures", "no such code", "--code", "nonsense")
    types("show", "a failure", "hats/lost.jpg")
    types("show", "a photo without a job", "list.jpg")
    types("spend", "perhaps spent")
    types("redrive", "nobody agreed")
    types("redrive", "all that is free of doubt", "--yes")
    types("redrive", "nothing goes without --pay-again", "--code", "charge_unknown", "--yes")
    types("redrive", "no such code", "--code", "nonsense")
    types("rerun", "photos are refused", "--all", "--yes")
    types("cancel", "everything", "--all", "--yes")


def uploading(told: Told, patch: pytest.MonkeyPatch) -> None:
    """Somebody with photos on this machine."""
    person = Person(World(), patch)
    types = typing(told, person)
    for name in ("shoes/red.jpg", "shoes/blue.jpg", "wrong/red.jpg", "wrong/blue.jpg"):
        path = Path(name)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(build_photo(name))
    Path("wrong/red.jpg.json").write_text('{"promt": "x"}')
    beach = {"prompt": "x", "provider": "1min", "style_codes": ["AAFF5733"]}
    Path("wrong/blue.jpg.json").write_text(json.dumps({"variants": {"beach": beach}}))
    types("lint", "without instructions", "shoes")
    types("lint", "errors", "wrong")
    types("lint", "warnings with --strict", "shoes", "--strict")
    types("lint", "no such folder", "gone")
    types("lint", "a stack is named", "shoes", "--stack", "x")
    types("quote", "priced", "shoes", *PROMPT)
    types("quote", "partly not bought", "shoes", "wrong", *PROMPT)
    types("quote", "credits without a price", "shoes", *PROMPT, "--provider", "1min")
    types("quote", "two sources of instructions", "shoes", *PROMPT, "--sidecar", "x.json")
    types("drop", "errors with --strict", "wrong", "--strict")
    types("drop", "no such folder", "gone")
    types("drop", "left alone", "shoes", *PROMPT)
    types("drop", "watched to its end", "shoes", *PROMPT, "--wait")
    types("drop", "watched and downloaded", "shoes", *PROMPT, "--download", "back")
    types("drop", "some are refused", "shoes", "wrong", *PROMPT, "--wait")
    Path("shoes/red.jpg.json").write_text('{"prompt": "mine"}')
    types("drop", "a person's sidecar stands against it", "shoes", *PROMPT)
    types("drop", "it is kept", "shoes", *PROMPT, "--keep")
    types("drop", "it is replaced", "shoes", *PROMPT, "--replace")
    types("drop", "both", "shoes", *PROMPT, "--keep", "--replace")
    many = Path("many")
    many.mkdir()
    for n in range(51):
        (many / f"{n}.jpg").write_bytes(build_photo(f"{n}"))
    types("drop", "nobody agreed", "many", *PROMPT)


def campaigning(told: Told, patch: pytest.MonkeyPatch) -> None:
    """Somebody who begins campaigns."""
    person = Person(World(), patch)
    types = typing(told, person)
    for key in ("spring/red.jpg", "spring/blue.jpg"):
        person.world.upload_photo(key, build_photo(key))
    types("campaign status", "there was none")
    types("campaign quote", "priced", "spring/", *PROMPT)
    types("campaign quote", "nothing is said", "spring/")
    types("campaign quote", "a name that is none", "spring/", "--name", "no blanks")
    Path("list.csv").write_text("key,prompt\nspring/red.jpg,at sea\n,x\ngone.jpg,x\n")
    types("campaign quote", "a manifest with mistakes", "list.csv")
    types("campaign run", "above its limit", "spring/", *PROMPT, "--max-total", "0.01", "--yes")
    types("campaign run", "begun", "spring/", *PROMPT, "--max-total", "2", "--tolerate", "10")
    types("campaign run", "no such photo", "gone/", *PROMPT)
    types("campaign status", "all that there are")
    _asks(person)
    types("campaign status", "it runs", "spring")
    types("campaign status", "no such campaign", "gone")
    types("campaign run", "one of that name runs", "spring/", *PROMPT)
    types("campaign stop", "nobody agreed", "spring")
    types("campaign stop", "stopped", "spring", "--yes")
    types("campaign stop", "it does not run", "spring", "--yes")
    calm = person.stack
    person.stack = _ending(person, "SUCCEEDED")
    types("campaign run", "watched to a good end", "spring/", *PROMPT, "--wait", "--name", "good")
    person.stack = _ending(person, "FAILED", error="too_many_failures", cause="50 % of the items failed")
    types("campaign run", "watched to a bad end", "spring/", *PROMPT, "--wait", "--name", "bad")
    person.stack = calm
    types("campaign status", "it failed", "bad")
    types("campaign status", "they ended in several ways")
    person.world.upload_photo("autumn/red.jpg", build_photo("autumn"))
    types("drop", "a campaign", f"s3://{INPUT_BUCKET}/autumn/", *PROMPT)
    types("drop", "a campaign and a folder", f"s3://{INPUT_BUCKET}/autumn/", "shoes", *PROMPT)
    types("cancel", "a campaign runs", "--all", "--yes")


def _asks(person: Person) -> None:
    """The state machine has asked for one of two items, and a provider is paused."""
    run = [*person.states.executions][-1].rpartition(":")[2]
    key = f"_backdrop/work/campaigns/{run}/plan.json"
    person.stack.output_store.put(key, json.dumps({"items": 2}).encode(), "application/json")
    asked = {"instructions": {"prompt": "on sand"}, "campaign": run, "task_token": "t"}
    for name in ("spring/red.jpg", "spring/gone.jpg"):
        body = {"bucket": INPUT_BUCKET, "key": name, **asked, "task_token": name}
        person.world.sqs.send_externally(person.world.queues["intake"], json.dumps(body))
    person.run("pause", "ideogram")
    person.world.run_until_empty("intake")


def _ending(person: Person, status: str, **said: str) -> Any:
    """The stack of somebody who waits, whose campaign ends meanwhile."""

    def wait(_seconds: float) -> None:
        person.states.end_running(status, **said)

    return replace(person.stack, sleep=wait)


def checking(told: Told, patch: pytest.MonkeyPatch) -> None:
    """Somebody who looks after a stack's account."""
    clinic = build_checked_stack(patch)
    types = typing(told, clinic.person)
    types("doctor", "all is well")
    clinic.account.wiring = {}
    clinic.account.concurrency = None
    types("doctor", "something is wrong")
    types("key set", "set", "ideogram", piped="a-key\n")
    types("key set", "no key came", "ideogram", piped="\n")
    types("key set", "a provider that is off", "runware", piped="a-key\n")


def serving(told: Told, patch: pytest.MonkeyPatch) -> None:
    """Somebody who opens the drop page, and ends it with Ctrl-C."""
    person = Person(World(), patch)
    none, signing = cast("Any", None), cast("Any", build_presigner())._client  # noqa: SLF001  no other way to it
    clients = AwsClients(*(none,) * 5, signing=signing, sns=none, sqs=none, states=none)
    person.stack = replace(person.stack, clients=clients)

    patch.setattr(PageServer, "serve_forever", _stops)
    types = typing(told, person)
    types("page", "ended with Ctrl-C")
    types("page", "no such port", "--port", "70000")
    for verb in sorted(LOCAL):
        told.note(verb, "a stack is named", person.run("--stack", "x", verb))


SCENES = (
    empty,
    running,
    delivered,
    rerunning,
    struggling,
    waiting_for_money,
    losing,
    failing,
    uploading,
    campaigning,
    checking,
    serving,
)


def test_a_verb_keeps_its_options_and_arguments(golden: Golden) -> None:
    found = {
        name: {
            "arguments": [one.metavar for one in command.params if not one.opts[0].startswith("-")],
            "options": sorted(options_of(command) - {*EVERYWHERE}),
        }
        for name, command in commands().items()
    }
    golden.holds("cli_commands", {"everywhere": EVERYWHERE, "verbs": found})


def test_an_outcome_keeps_its_exit_code(golden: Golden, told: Told) -> None:
    assert told.codes.keys() == commands().keys(), "every verb is typed"
    assert {code for codes in told.codes.values() for code in codes.values()} <= EXIT_CODES.keys()
    golden.holds("cli_exit_codes", told.codes)


def test_what_scripts_read_keeps_its_shape(golden: Golden, told: Told) -> None:
    assert told.documents.keys() == commands().keys() - LOCAL, "every verb of a stack prints data"
    golden.holds("cli_json", {verb: shapes(documents, MAPS) for verb, documents in told.documents.items()})
