"""The command: its subcommands and options, the exit code of each outcome, and the shape of its JSON documents."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pytest

from backdrop.model.circuit import FAILURE_THRESHOLD
from backdrop.model.codes import Code
from backdrop.model.price_check import QuoteAnswer, QuoteOutcome
from backdrop.model.provider_result import RetryClass
from backdrop_cli.aws_clients import AwsClients
from backdrop_cli.errors import EXIT_CODES
from backdrop_cli.served_pages.page_server import PageServer
from docs.make_commands import COMMON_OPTIONS, list_commands, list_options
from simulation.bill.bill_world import BillWorld
from simulation.world.call_behavior import build_charged_hang_up, build_refusal
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import World
from simulation.world.transport import TargetedFault, crash_worker
from simulation.world.world_inspector import INPUT_BUCKET, OUTPUT_BUCKET
from tests.credentials.signed_files import build_file, sign
from tests.golden.golden import Golden
from tests.golden.shapes import shapes
from tests.signing_pki import build_issuers, to_pem
from tests.simulated.command_user import CommandResult, Person
from tests.simulated.doctor_stack import build_checked_stack
from tests.simulated.scripted_quotes import SALE, TEXT, THROTTLED, ScriptedQuotes
from tests.simulated.upload_page_user import build_presigner
from tests.simulated.uploads_and_requests import upload_defaults

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
class Observations:
    """The exit code of each outcome of each subcommand, and all of its documents."""

    codes: dict[str, dict[str, int]] = field(default_factory=dict[str, dict[str, int]])
    documents: dict[str, list[Any]] = field(default_factory=dict[str, list[Any]])

    def record(self, subcommand: str, outcome: str, result: CommandResult) -> CommandResult:
        """Records the result of a subcommand with `--json`, which prints one document or nothing."""
        assert outcome not in self.codes.setdefault(subcommand, {}), f"{subcommand}: {outcome} twice"
        self.codes[subcommand][outcome] = result.code
        if result.out:
            self.documents.setdefault(subcommand, []).append(json.loads(result.out))
        return result


@pytest.fixture(scope="module")
def observations(tmp_path_factory: pytest.TempPathFactory) -> Observations:
    """The observations of all scenarios below, each in its own folder."""
    observations = Observations()
    for scenario in SCENARIOS:
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(tmp_path_factory.mktemp(scenario.__name__))
            scenario(observations, patch)
    return observations


def runner(observations: Observations, person: Person) -> Callable[..., CommandResult]:
    """Returns a function that runs a subcommand with `--json` and records its outcome."""

    def run(subcommand: str, outcome: str, *arguments: str, **options: Any) -> CommandResult:
        return observations.record(
            subcommand, outcome, person.run(*subcommand.split(), *arguments, "--json", **options)
        )

    return run


def without_photos(observations: Observations, patch: pytest.MonkeyPatch) -> None:
    """A stack without photos."""
    run = runner(observations, Person(World(), patch))
    run("status", "nothing was dropped yet")
    run("gallery", "nothing to show")
    run("spend", "nothing was spent")
    run("statement", "nothing was charged", "2026-11")
    run("statement", "it is no month", "november")
    run("statement", "it has not begun", "2026-12")
    run("failures", "no failure")
    run("redrive", "nothing to redrive")
    run("rerun", "no such photo", "gone.jpg")
    run("cancel", "no such photo", "gone/")
    run("show", "no such photo", "gone.jpg")
    run("download", "no such picture", "gone/", "done")


def upload_copies(person: Person) -> None:
    """Uploads three photos with the same content, which are bought once, and a photo without instructions."""
    for key in ("first.jpg", "copy.jpg", "twin.jpg"):
        person.world.upload_photo(key, build_photo("same"), operation="remove")
    person.world.upload_photo("bare.jpg", build_photo("bare"))
    person.world.run_until_empty("intake")


def with_waiting_photos(observations: Observations, patch: pytest.MonkeyPatch) -> None:
    """A stack with photos that wait in a lane that runs and is then paused."""
    person = Person(World(settle_seconds=20), patch)
    run = runner(observations, person)
    upload_copies(person)
    run("status", "photos wait")
    run("show", "a copy waits", "copy.jpg")
    run("budget", "jobs wait")
    person.upload("a.jpg", "b.jpg", "c.jpg")
    person.world.run_until_empty("intake")
    run("pause", "it ran", "ideogram")
    run("pause", "it was paused", "ideogram")
    run("pause", "no such provider", "unknown")
    run("status", "the lane is paused")
    run("failures", "a provider is paused")
    run("cancel", "not confirmed", "copy")
    run("cancel", "some ended", "c", "--yes")
    run("cancel", "neither prefix nor --all")
    run("resume", "it was paused", "ideogram")
    run("resume", "it ran", "ideogram")


def with_reviews(observations: Observations, patch: pytest.MonkeyPatch) -> None:
    """A stack with pictures that people must approve."""
    person = Person(World(settle_seconds=20), patch)
    run = runner(observations, person)
    run("review", "nothing waits")
    for key in ("a.jpg", "b.jpg"):
        person.world.upload_photo(key, build_photo(key))
        person.world.upload_sidecar(key, prompt="on grass", num_images=2, approval="required")
    person.world.run_until_empty()
    run("review", "pictures wait")
    run("show", "pictures wait for approval", "a.jpg")
    run("status", "pictures wait for approval")
    run("review approve", "one of two", "a.jpg", "--picture", "1")
    run("review approve", "no such photo", "gone.jpg")
    run("review reject", "the other one", "a.jpg")
    run("review reject", "it was decided", "a.jpg")
    person.world.run_until_empty()
    run("spend", "pictures were approved")
    run("review redo", "no instructions", "b.jpg")
    run("review redo", "not confirmed", "b.jpg", "--prompt", "on sand")
    run("review redo", "bought again", "b.jpg", "--prompt", "on sand", "--yes")


def with_deliveries(observations: Observations, patch: pytest.MonkeyPatch) -> None:
    """A stack with delivered pictures, a deleted picture, and a deleted photo."""
    person = Person(World(settle_seconds=20), patch)
    run = runner(observations, person)
    upload_copies(person)
    person.upload("a.jpg", "b.jpg")
    person.world.upload_sidecar(
        "styled.jpg", variants={"a": {"prompt": "at sea", "num_images": 2}, "b": {"prompt": "x"}}
    )
    person.world.upload_photo("styled.jpg", build_photo("styled"))
    person.world.run_until_empty()
    run("show", "several variants", "styled.jpg")
    run("show", "served from another", "twin.jpg")
    run("download", "all are new", "--all", "done")
    person.world.s3.delete(OUTPUT_BUCKET, "a.jpg/a.png")
    run("show", "a picture is gone", "a.jpg")
    run("download", "some are there, one is gone", "--all", "done")
    del person.world.input_bucket.objects["b.jpg"]
    run("gallery", "pictures and problems")
    Path("file").touch()
    run("gallery", "an impossible folder", "--output", "file/x")
    for by in ("day", "folder", "provider"):
        run("spend", f"by {by}", "--by", by)
    run("spend", "by something else", "--by", "color")
    run("budget", "shown")
    run("budget", "set", "300", "--today")
    run("budget", "not a number", "much", "--today")


def with_changed_defaults(observations: Observations, patch: pytest.MonkeyPatch) -> None:
    """A stack with a photo whose folder defaults changed after its picture was bought."""
    person = Person(World(), patch)
    run = runner(observations, person)
    upload_defaults(person.world, "late/", {"prompt": "at sea"})
    person.world.upload_photo("late/a.jpg", build_photo("late"))
    person.world.run_until_empty()
    upload_defaults(person.world, "late/", {"prompt": "at home"})
    person.world.run_until_empty()
    run("rerun", "not confirmed", "late/")
    run("rerun", "some photos are rerun", "late/", "--yes")
    run("rerun", "neither photo nor --all")
    person.world.run_until_empty()
    run("rerun", "nothing changes", "late/", "--yes")


def above_budget(observations: Observations, patch: pytest.MonkeyPatch) -> None:
    """A stack whose budget covers one of two photos."""
    person = Person(World(budget=15_000), patch)
    run = runner(observations, person)
    person.upload("a.jpg", "b.jpg")
    person.world.run_for(60)
    run("status", "the budget is reached")
    run("budget", "it is reached")
    run("budget", "too low", "0.01", "--today")
    run("budget", "raised", "300", "--today")


def with_lost_answer(observations: Observations, patch: pytest.MonkeyPatch) -> None:
    """A stack with a call whose worker died, so that its answer is unknown."""
    person = Person(World(), patch)
    person.upload("shoes/red.jpg")
    person.world.run_until_empty("intake", "deliver")
    person.world.provider.script.append(build_charged_hang_up())
    person.world.transport.faults_after.append(TargetedFault(crash_worker, "transact_write_items", nth=2))
    person.world.deliver_next("ideogram")
    run = runner(observations, person)
    run("status", "an answer is lost")
    run("failures", "an answer is lost")
    run("show", "an answer is lost", "shoes/red.jpg")


def with_mandates(observations: Observations, patch: pytest.MonkeyPatch) -> None:
    """A stack with mandates, and a photo that one of them does not cover."""
    person = Person(World(), patch)
    run = runner(observations, person)
    run("mandate", "there are none")
    run("mandate create", "without a limit per day", "anna", "--usd", "0.01", "--prefix", "agents/anna/", "--policy")
    terms = ("--per-day", "1", "--per-picture", "0.1", "--until", "2026-12-31", "--operations", "remove")
    run("mandate create", "with every term", "ben", "--usd", "5", "--prefix", "agents/ben/", *terms)
    run("mandate create", "the folder has an owner", "eve", "--usd", "5", "--prefix", "agents/")
    run("mandate create", "no such amount", "eve", "--usd", "five", "--prefix", "agents/eve/")
    person.upload("agents/anna/a.jpg", "agents/anna/b.jpg")
    person.world.run_until_empty()
    run("mandate", "there are two")
    run("mandate show", "spent", "anna")
    run("mandate show", "with its policy", "anna", "--policy")
    run("mandate show", "no such mandate", "gone")
    run("mandate raise", "more", "anna", "--usd", "1")
    run("mandate raise", "nothing", "anna")
    run("mandate raise", "no such mandate", "gone", "--usd", "1")
    run("mandate suspend", "active", "anna")
    run("mandate suspend", "no such mandate", "gone")
    run("mandate resume", "suspended", "anna")
    run("mandate resume", "no such mandate", "gone")
    run("mandate release", "it has not ended", "anna", "--yes")
    run("mandate end", "not confirmed", "anna")
    run("mandate end", "confirmed", "anna", "--yes")
    run("mandate end", "it has ended", "anna", "--yes")
    run("mandate release", "not confirmed", "anna")
    run("mandate release", "confirmed", "anna", "--yes")
    run("spend", "by mandate", "--by", "mandate")


def with_probing_lane(observations: Observations, patch: pytest.MonkeyPatch) -> None:
    """A stack whose provider has failed so often that its lane probes it with one job at a time."""
    person = Person(World(), patch)
    person.world.provider.script += [build_refusal(RetryClass.BACKOFF, Code.PROVIDER_UNAVAILABLE)] * FAILURE_THRESHOLD
    person.upload("a.jpg", "b.jpg", "c.jpg")
    person.world.run_until_empty("intake")
    for _ in range(FAILURE_THRESHOLD):
        person.world.deliver_next("ideogram")
    run = runner(observations, person)
    run("status", "the lane probes")
    person.stack = replace(person.stack, sleep=_interrupt)
    run("status", "watched until Ctrl-C", "--watch")


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def with_failures(observations: Observations, patch: pytest.MonkeyPatch) -> None:
    """A stack with failures of every kind."""
    person = Person(World(on_lost_answer="hold"), patch)
    run = runner(observations, person)
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
    run("status", "failures")
    run("failures", "some")
    run("failures", "no such code", "--code", "nonsense")
    run("show", "a failure", "hats/lost.jpg")
    run("show", "a photo without a job", "list.jpg")
    run("spend", "perhaps spent")
    run("statement", "perhaps charged", "2026-11", "--csv", "charges.csv")
    run("statement", "it cannot be written", "2026-11", "--csv", "charges.csv/x")
    run("redrive", "not confirmed")
    run("redrive", "all that is free of doubt", "--yes")
    run("redrive", "nothing continues without --pay-again", "--code", "charge_unknown", "--yes")
    run("redrive", "no such code", "--code", "nonsense")
    run("rerun", "photos are refused", "--all", "--yes")
    run("cancel", "everything", "--all", "--yes")


def person_with_photos(observations: Observations, patch: pytest.MonkeyPatch) -> None:
    """A person with photos on this machine."""
    person = Person(World(), patch)
    run = runner(observations, person)
    for name in ("shoes/red.jpg", "shoes/blue.jpg", "wrong/red.jpg", "wrong/blue.jpg"):
        path = Path(name)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(build_photo(name))
    Path("wrong/red.jpg.json").write_text('{"promt": "x"}')
    beach = {"prompt": "x", "provider": "1min", "style_codes": ["AAFF5733"]}
    Path("wrong/blue.jpg.json").write_text(json.dumps({"variants": {"beach": beach}}))
    run("lint", "without instructions", "shoes")
    run("lint", "errors", "wrong")
    run("lint", "warnings with --strict", "shoes", "--strict")
    run("lint", "no such folder", "gone")
    run("lint", "a stack is named", "shoes", "--stack", "x")
    run("check", "a picture fails", "shoes", "--for", "amazon-main", "--for", "etsy")
    run("check", "no picture fails", "shoes", "--for", "shopify")
    run("check", "no such marketplace", "shoes", "--for", "amazon")
    run("check", "no such folder", "gone", "--for", "etsy")
    Path("empty").mkdir()
    run("check", "no picture", "empty", "--for", "etsy")
    run("check", "a stack is named", "shoes", "--for", "etsy", "--stack", "x")
    Path("signed.png").write_bytes(sign())
    Path("roots.pem").write_text(to_pem(build_issuers(2048)[:1]))
    Path("changed.png").write_bytes(sign() + b"more")
    Path("plain.png").write_bytes(build_file())
    run("verify", "unchanged", "signed.png")
    run("verify", "changed", "signed.png", "changed.png")
    run("verify", "signer is not trusted", "signed.png", "--roots", "roots.pem")
    run("verify", "no root certificate", "signed.png", "--roots", "plain.png")
    run("verify", "no credentials", "plain.png")
    run("verify", "no such file", "gone.png")
    run("verify", "a stack is named", "signed.png", "--stack", "x")
    run("quote", "priced", "shoes", *PROMPT)
    run("quote", "partly not bought", "shoes", "wrong", *PROMPT)
    run("quote", "credits without a price", "shoes", *PROMPT, "--provider", "1min")
    run("quote", "two sources of instructions", "shoes", *PROMPT, "--sidecar", "x.json")
    run("drop", "errors with --strict", "wrong", "--strict")
    run("drop", "no such folder", "gone")
    Path("notes.txt").write_text("red shoes")
    for subcommand in ("lint", "quote", "drop"):
        run(subcommand, "a file that is not a photo", "notes.txt")
    Path("fake").mkdir()
    Path("fake/red.jpg").write_text("a list of shoes")
    run("drop", "nothing can be delivered", "fake", *PROMPT)
    run("drop", "left alone", "shoes", *PROMPT)
    run("drop", "watched to its end", "shoes", *PROMPT, "--wait")
    run("drop", "watched and downloaded", "shoes", *PROMPT, "--download", "back")
    run("drop", "some are refused", "shoes", "wrong", *PROMPT, "--wait")
    Path("shoes/red.jpg.json").write_text('{"prompt": "mine"}')
    run("drop", "a person's sidecar differs", "shoes", *PROMPT)
    run("drop", "it is kept", "shoes", *PROMPT, "--keep")
    run("drop", "it is replaced", "shoes", *PROMPT, "--replace")
    run("drop", "both", "shoes", *PROMPT, "--keep", "--replace")
    many = Path("many")
    many.mkdir()
    for n in range(51):
        (many / f"{n}.jpg").write_bytes(build_photo(f"{n}"))
    run("drop", "not confirmed", "many", *PROMPT)
    person.run("mandate", "create", "anna", "--usd", "0.1", "--prefix", "many/")
    run("lint", "a mandate covers a part", "many", *PROMPT, "--stack", "shop")
    run("quote", "a mandate covers a part", "many", *PROMPT, "--stack", "shop")
    run("drop", "a mandate covers a part", "many", *PROMPT)


def person_with_campaigns(observations: Observations, patch: pytest.MonkeyPatch) -> None:
    """A person who runs campaigns."""
    person = Person(World(), patch)
    run = runner(observations, person)
    for key in ("spring/red.jpg", "spring/blue.jpg"):
        person.world.upload_photo(key, build_photo(key))
    run("campaign status", "there was none")
    run("campaign quote", "priced", "spring/", *PROMPT)
    run("campaign quote", "there are no instructions", "spring/")
    run("campaign quote", "a name that is none", "spring/", "--name", "no blanks")
    Path("list.csv").write_text("key,prompt\nspring/red.jpg,at sea\n,x\ngone.jpg,x\n")
    run("campaign quote", "a manifest with errors", "list.csv")
    run("campaign run", "above its limit", "spring/", *PROMPT, "--max-total", "0.01", "--yes")
    run("campaign run", "begun", "spring/", *PROMPT, "--max-total", "2", "--tolerate", "10")
    run("campaign run", "no such photo", "gone/", *PROMPT)
    run("campaign status", "all that there are")
    _request_items(person)
    run("campaign status", "it runs", "spring")
    run("campaign status", "no such campaign", "gone")
    run("campaign run", "one of that name runs", "spring/", *PROMPT)
    run("campaign stop", "not confirmed", "spring")
    run("campaign stop", "stopped", "spring", "--yes")
    run("campaign stop", "it does not run", "spring", "--yes")
    original = person.stack
    person.stack = _end_campaign(person, "SUCCEEDED")
    run("campaign run", "successful end with --wait", "spring/", *PROMPT, "--wait", "--name", "good")
    person.stack = _end_campaign(person, "FAILED", error="too_many_failures", cause="50% of the items failed")
    run("campaign run", "watched to a bad end", "spring/", *PROMPT, "--wait", "--name", "bad")
    person.stack = original
    run("campaign status", "it failed", "bad")
    run("campaign status", "they ended in several ways")
    person.world.upload_photo("autumn/red.jpg", build_photo("autumn"))
    run("drop", "a campaign", f"s3://{INPUT_BUCKET}/autumn/", *PROMPT)
    run("drop", "a campaign and a folder", f"s3://{INPUT_BUCKET}/autumn/", "shoes", *PROMPT)
    run("cancel", "a campaign runs", "--all", "--yes")


def _request_items(person: Person) -> None:
    """Makes the state machine request two items while the provider is paused."""
    run = [*person.states.executions][-1].rpartition(":")[2]
    key = f"_backdrop/work/campaigns/{run}/plan.json"
    person.stack.output_store.put(key, json.dumps({"items": 2}).encode(), "application/json")
    request = {"instructions": {"prompt": "on sand"}, "campaign": run, "task_token": "t"}
    for name in ("spring/red.jpg", "spring/gone.jpg"):
        body = {"bucket": INPUT_BUCKET, "key": name, **request, "task_token": name}
        person.world.sqs.send_externally(person.world.queues["intake"], json.dumps(body))
    person.run("pause", "ideogram")
    person.world.run_until_empty("intake")


def _end_campaign(person: Person, status: str, **fields: str) -> Any:
    """Returns a stack whose campaign ends while the command waits for it."""

    def wait(_seconds: float) -> None:
        person.states.end_running(status, **fields)

    return replace(person.stack, sleep=wait)


def operator_with_doctor(observations: Observations, patch: pytest.MonkeyPatch) -> None:
    """An operator who checks a stack, and sets keys."""
    clinic = build_checked_stack(patch)
    run = runner(observations, clinic.person)
    run("doctor", "all is well")
    clinic.account.wiring = {}
    clinic.account.concurrency = None
    run("doctor", "something is wrong")
    run("key set", "set", "ideogram", piped="a-key\n")
    run("key set", "no key came", "ideogram", piped="\n")
    run("key set", "a provider that is off", "runware", piped="a-key\n")


def with_usage_records(observations: Observations, patch: pytest.MonkeyPatch) -> None:
    """A stack whose lost answers were compared with Ideogram's usage records."""
    # In this world, certain charges are missing, so a group, a finding, and a stop are reported.
    bill = BillWorld(2)
    bootstrap = bill.world.steps.bootstrap
    bootstrap.__dict__["ideogram_usage"] = bill.service.usage
    bootstrap.settings = replace(bootstrap.settings, ideogram_key_ids="k1, k9:other")
    run = runner(observations, Person(bill.world, patch))
    bill.run()
    run("reconcile-bill", "compared")
    run("reconcile-bill", "not a day", "--day", "yesterday")
    patch.setattr(bill, "answer", _do_not_answer)
    run("reconcile-bill", "the records cannot be read")


def with_quotes(observations: Observations, patch: pytest.MonkeyPatch) -> None:
    """A stack with Ideogram v2, which quotes another price, and then sells instead of quoting."""
    world, quotes = World(), ScriptedQuotes([QuoteAnswer(QuoteOutcome.QUOTED, TEXT, price=12_000), SALE])
    world.steps.bootstrap.__dict__["ideogram_quotes"] = quotes
    person = Person(world, patch)
    run = runner(observations, person)
    run("check-prices", "Ideogram v1 has no quotes")
    person.stack = replace(person.stack, parameters={"IdeogramEndpoint": "v2"})
    quotes.script.insert(1, THROTTLED)
    run("check-prices", "a price differs, and another is not quoted")
    run("check-prices", "a generation instead of a quote")
    run("status", "the price check has stopped")
    run("check-prices", "resumed", "--resume")


def _do_not_answer(_url: str) -> None:
    """Ideogram does not answer in time."""


def person_with_page(observations: Observations, patch: pytest.MonkeyPatch) -> None:
    """A person who opens the upload page, and ends it with Ctrl-C."""
    person = Person(World(), patch)
    none, signing = cast("Any", None), cast("Any", build_presigner())._client  # noqa: SLF001  no other way to it
    clients = AwsClients(*(none,) * 8, signing=signing, sns=none, sqs=none, states=none, sts=none)
    person.stack = replace(person.stack, clients=clients)

    patch.setattr(PageServer, "serve_forever", _interrupt)
    run = runner(observations, person)
    run("page", "ended with Ctrl-C")
    run("page", "no such port", "--port", "70000")
    # Its documents are those of the Model Context Protocol.
    missing_folder = person.run("mcp", "--mandate", "anna", "--root", "no-such-folder")
    observations.record("mcp", "no such folder", missing_folder)
    for command in sorted(LOCAL):
        observations.record(command, "a stack is named", person.run("--stack", "x", command))


SCENARIOS = (
    without_photos,
    with_waiting_photos,
    with_deliveries,
    with_changed_defaults,
    with_probing_lane,
    above_budget,
    with_reviews,
    with_mandates,
    with_lost_answer,
    with_failures,
    with_usage_records,
    with_quotes,
    person_with_photos,
    person_with_campaigns,
    operator_with_doctor,
    person_with_page,
)


def test_every_subcommand_keeps_its_options_and_arguments(golden: Golden) -> None:
    options_by_name = {
        name: {
            "arguments": [option.metavar for option in command.params if not option.opts[0].startswith("-")],
            "options": sorted(list_options(command) - {*COMMON_OPTIONS}),
        }
        for name, command in list_commands().items()
    }
    golden.check("cli_commands", {"everywhere": COMMON_OPTIONS, "verbs": options_by_name})


def test_every_outcome_keeps_its_exit_code(golden: Golden, observations: Observations) -> None:
    assert observations.codes.keys() == list_commands().keys(), "a subcommand is not run"
    assert {code for codes in observations.codes.values() for code in codes.values()} <= EXIT_CODES.keys()
    golden.check("cli_exit_codes", observations.codes)


def test_every_json_document_keeps_its_shape(golden: Golden, observations: Observations) -> None:
    assert observations.documents.keys() == list_commands().keys() - LOCAL - {"mcp"}, "a subcommand prints no document"
    golden.check(
        "cli_json", {subcommand: shapes(documents, MAPS) for subcommand, documents in observations.documents.items()}
    )
