"""A campaign's plan: one list has every item, and no listed item can exceed the limit."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest

from backdrop.aws.campaign_files import PART_BYTES, CampaignFiles
from backdrop.aws.settings import ProviderSettings
from backdrop.campaigns import plan
from backdrop.campaigns.campaign import MAX_INPUT_BYTES
from backdrop.model.codes import Code
from backdrop.model.errors import RefusedError
from backdrop.model.pricing import MICRO_PER_USD
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import World
from simulation.world.world_inspector import INPUT_BUCKET, OUTPUT_BUCKET
from simulation.world.world_services import WorldBootstrap
from tests.simulated.content_waits import send_task_request

RUN = "arn:aws:states:eu-central-1:123456789012:execution:backdrop-campaign:spring-1"
REMOVE = {"operation": "remove"}
LISTED = "_backdrop/work/campaigns/spring-1/items.jsonl"


class RecordingNotifier:
    """The event bus and the mail that announce a campaign's end."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Any]] = []
        self.mails: list[tuple[str, str]] = []

    def publish(self, detail_type: str, detail: Any) -> None:
        self.events.append((detail_type, detail))

    def send(self, subject: str, text: str) -> None:
        self.mails.append((subject, text))


class Campaigner:
    """Plans and reports in the simulated world."""

    def __init__(self, limits: dict[str, int] | None = None) -> None:
        self.world, self.notifier = World(), RecordingNotifier()
        self.world.s3.buckets[INPUT_BUCKET].notify = None
        bootstrap = WorldBootstrap(self.world)
        in_flight = limits or {"ideogram": 10, "runware": 30}
        providers = {name: ProviderSettings(max_in_flight=most) for name, most in in_flight.items()}
        bootstrap.settings = replace(bootstrap.settings, providers=providers, max_image_megapixels=100)
        bootstrap.events = bootstrap.operator_mail = cast("Any", self.notifier)
        self.planner, self.reporter = bootstrap.campaign_planner(), bootstrap.campaign_reporter()

    @property
    def deadline(self) -> Any:
        return self.world.clock.now() + timedelta(minutes=15)

    def plan(self, **given: Any) -> dict[str, Any]:
        where = {} if "manifest" in given else {"prefix": "shoes/"}
        return self.planner.plan({"name": "spring", "instructions": REMOVE} | where | given, RUN, self.deadline)

    def upload(self, key: str, data: bytes | str) -> None:
        self.world.s3.upload(INPUT_BUCKET, key, data if isinstance(data, bytes) else data.encode())

    def list_items(self) -> list[dict[str, Any]]:
        text = self.planner.files.find(LISTED)
        return [] if text is None else [json.loads(line) for line in text.splitlines()]

    def read_plan(self) -> dict[str, Any]:
        return json.loads(self.planner.files.find(LISTED.replace("items.jsonl", "plan.json")) or b"{}")

    def quote_micro_usd(self) -> int:
        return round(self.read_plan()["quoted_usd"] * MICRO_PER_USD)

    def buy_all(self) -> int:
        """Requests everything that is listed, and returns what it cost, in micro-dollars."""
        before = sum(job.charged for job in self.world.list_jobs())
        for n, one in enumerate(self.list_items()):
            send_task_request(
                self.world, one["key"], token=f"token-{n}-{before}", run="spring-1", **one["instructions"]
            )
        self.world.run_until_empty()
        return sum(job.charged for job in self.world.list_jobs()) - before


@pytest.fixture
def campaigner() -> Campaigner:
    found = Campaigner()
    for name in ("shoes/a.jpg", "shoes/b.jpg", "hats/c.jpg"):
        found.upload(name, build_photo(name))
    return found


def read_refusal(campaigner: Campaigner, **given: Any) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        campaigner.plan(**given)
    assert campaigner.list_items() == []
    return caught.value


def test_only_objects_under_the_prefix_are_requested(campaigner: Campaigner) -> None:
    campaigner.upload("shoes/a.jpg.json", "{}")
    planned = campaigner.plan()
    assert [one["key"] for one in campaigner.list_items()] == ["shoes/a.jpg", "shoes/a.jpg.json", "shoes/b.jpg"]
    assert {json.dumps(one["instructions"]) for one in campaigner.list_items()} == {json.dumps(REMOVE)}
    assert (planned["items"], planned["key"], planned["bucket"]) == (3, LISTED, OUTPUT_BUCKET)


def test_prefix_that_is_a_complete_key_includes_that_photo(campaigner: Campaigner) -> None:
    campaigner.plan(prefix="shoes/a.jpg")
    assert [one["key"] for one in campaigner.list_items()] == ["shoes/a.jpg"]


def test_empty_folder_is_a_campaign_without_items(campaigner: Campaigner) -> None:
    assert campaigner.plan(prefix="socks/")["items"] == 0


def test_concurrency_is_twice_the_widest_named_lane(campaigner: Campaigner) -> None:
    assert campaigner.plan()["at_once"] == 20
    by = {"prompt": "x", "provider": ["runware", "ideogram"]}
    assert campaigner.plan(instructions=by)["at_once"] == 60
    campaigner.upload("list.csv", "key,prompt,provider\nshoes/a.jpg,x,runware\n")
    assert campaigner.plan(manifest="list.csv", instructions={})["at_once"] == 60


def test_row_without_a_provider_uses_the_default() -> None:
    campaigner = Campaigner(limits={"ideogram": 40, "runware": 5})
    campaigner.upload("shoes/a.jpg", build_photo("a"))
    campaigner.upload("list.csv", "key,provider\nshoes/a.jpg,runware\nshoes/b.jpg,\n")
    assert campaigner.plan(manifest="list.csv")["at_once"] == 80
    variants = {"one": {"provider": "runware"}, "other": {}}
    assert campaigner.plan(instructions={"prompt": "x", "variants": variants})["at_once"] == 40


def test_input_too_large_for_the_state_machine_is_refused(campaigner: Campaigner) -> None:
    error = read_refusal(campaigner, instructions={"prompt": "x" * MAX_INPUT_BYTES})
    assert "200,000 bytes" in str(error.message)


def test_list_too_long_for_the_report_is_refused(campaigner: Campaigner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "MAX_ITEMS", 1)
    assert "Split it" in str(read_refusal(campaigner).message)


def test_many_variants_per_photo_reduce_the_concurrency(campaigner: Campaigner) -> None:
    six = {f"v{n}": {} for n in range(6)}
    assert campaigner.plan(instructions={"prompt": "x", "variants": six})["at_once"] == 3
    campaigner.upload("shoes/_backdrop.json", json.dumps({"prompt": "x", "variants": six}))
    assert campaigner.plan(instructions={}, max_total_usd=1)["at_once"] == 3
    twenty = {f"v{n}": {} for n in range(20)}
    few = Campaigner(limits={"ideogram": 2})
    few.upload("shoes/a.jpg", build_photo("a"))
    assert few.plan(instructions={"prompt": "x", "variants": twenty})["at_once"] == 1


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"name": "no blanks"}, "name"),
        ({"prefix": None}, "either a prefix or a manifest"),
        ({"manifest": "list.csv", "prefix": "shoes/"}, "either a prefix or a manifest"),
        ({"manifest": "list.xlsx"}, "must end with .csv or .jsonl"),
        ({"manifest": "gone.csv"}, "has no gone.csv"),
        ({"manifest": "utf16.csv"}, "not UTF-8"),
        ({"manifest": "keyless.csv"}, "no column 'key'"),
        ({"manifest": "empty.jsonl"}, "No row of empty.jsonl names a photo. Row 1: it has no key."),
        ({"instructions": {"promt": "x"}}, "promt"),
        ({"max_total_usd": 0}, "max_total_usd"),
        ({"tolerated_failure_percent": 101}, "tolerated_failure_percent"),
        ({"tolerated_failure_percent": "5"}, "tolerated_failure_percent"),
        ({"tolerated_failure_percent": True}, "tolerated_failure_percent"),
        ({"tolerated_failure_percent": float("nan")}, "tolerated_failure_percent"),
        ({"budget": 5}, "budget"),
    ],
)
def test_invalid_input_is_refused_with_its_name(campaigner: Campaigner, given: dict[str, Any], words: str) -> None:
    campaigner.upload("utf16.csv", "key\na.jpg\n".encode("utf-16"))
    campaigner.upload("keyless.csv", "photo\na.jpg\n")
    campaigner.upload("empty.jsonl", '{"prompt": "x"}\n')
    error = read_refusal(campaigner, **given)
    assert error.code is Code.CAMPAIGN_REFUSED
    assert words in str(error.message)


def test_unusable_key_is_a_bad_row_but_does_not_stop_the_campaign(campaigner: Campaigner) -> None:
    rows = [{"key": "a" * 1025 + ".jpg"}, {"key": "\ud800.jpg"}, {"key": "shoes/a.jpg"}]
    campaigner.upload("list.jsonl", "\n".join(map(json.dumps, rows)))
    assert campaigner.plan(manifest="list.jsonl", max_total_usd=1)["items"] == 1
    bad = campaigner.read_plan()["bad_rows"]
    assert bad["first"][0] == {"row": 1, "why": "its key is 1,029 bytes long; S3 accepts at most 1,024"}
    assert bad["count"] == 2


def test_conflicting_second_row_for_a_photo_is_rejected(campaigner: Campaigner) -> None:
    campaigner.upload(
        "list.csv", "key,prompt\nshoes/a.jpg,snow\nshoes/b.jpg,snow\nshoes/a.jpg,snow\nshoes/a.jpg,a cabin\n"
    )
    assert campaigner.plan(manifest="list.csv", instructions={})["items"] == 3
    assert {one["instructions"]["prompt"] for one in campaigner.list_items()} == {"snow"}
    [row] = campaigner.read_plan()["bad_rows"]["first"]
    assert (row["row"], "`variants`" in row["why"]) == (5, True)


def test_campaign_that_cannot_be_quoted_in_time_is_refused(campaigner: Campaigner) -> None:
    soon = campaigner.world.clock.now() + timedelta(seconds=10)
    with pytest.raises(RefusedError, match="quoted at once"):
        campaigner.planner.plan(
            {"name": "spring", "prefix": "shoes/", "instructions": REMOVE, "max_total_usd": 5}, RUN, soon
        )


def test_interrupted_upload_of_a_long_list_leaves_nothing() -> None:
    class Parts:
        """S3's multipart upload."""

        def __init__(self) -> None:
            self.calls: list[str] = []
            self.parts: list[bytes] = []

        def create_multipart_upload(self, **_: Any) -> dict[str, str]:
            self.calls.append("create")
            return {"UploadId": "u"}

        def upload_part(self, **sent: Any) -> dict[str, str]:
            self.parts.append(sent["Body"])
            return {"ETag": str(sent["PartNumber"])}

        def complete_multipart_upload(self, **sent: Any) -> None:
            self.calls.append(f"complete {len(sent['MultipartUpload']['Parts'])}")

        def abort_multipart_upload(self, **_: Any) -> None:
            self.calls.append("abort")

    s3 = Parts()
    with CampaignFiles(cast("Any", s3), "b").open_writer("k", "t") as write:
        for _ in range(5):
            write(b"x" * (PART_BYTES // 2))
    assert (s3.calls, sum(map(len, s3.parts))) == (["create", "complete 3"], PART_BYTES // 2 * 5)
    s3 = Parts()
    with pytest.raises(KeyError):
        upload_and_abort(CampaignFiles(cast("Any", s3), "b"))
    assert s3.calls == ["create", "abort"]


def upload_and_abort(files: CampaignFiles) -> None:
    with files.open_writer("k", "t") as write:
        write(b"x" * PART_BYTES)
        raise KeyError
