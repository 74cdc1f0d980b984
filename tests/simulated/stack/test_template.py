"""The template's parameters, rules, outputs, expirations, and ledger."""

import json
import re

import pytest

from backdrop.aws.items import to_item
from backdrop.aws.table import DUE_INDEX
from backdrop.model.job import JobStatus
from backdrop.model.object_keys import ERRORS_PREFIX, RECEIPTS_PREFIX
from tests.simulated.stage_worlds import job_in
from tests.unit.ledger_items import build_job
from tests.unit.template_document import ALL_ON, PROVIDERS, Deployed, read_template

DEFAULTS = {
    "IdeogramBaseUrl": "https://api.ideogram.ai",
    "SegmindBaseUrl": "https://api.segmind.com",
    "OneMinBaseUrl": "https://api.1min.ai",
    "RunwareBaseUrl": "https://api.runware.ai",
    "IdeogramMaxInFlight": 10,
    "SegmindMaxInFlight": 0,
    "OneMinMaxInFlight": 0,
    "RunwareMaxInFlight": 0,
    "IdeogramTimeoutSeconds": 180,
    "SegmindTimeoutSeconds": 180,
    "OneMinTimeoutSeconds": 180,
    "RunwareTimeoutSeconds": 180,
    "DefaultProvider": "ideogram",
    "DailyBudgetUSD": 10,
    "OnLostAnswer": "retry_once",
    "IdeogramKeyIds": "",
    "BillFinalMinutes": 60,
    "OneMinUsdPerImage": "",
    "IdeogramEndpoint": "v1",
    "SegmindEndpoint": "v2",
    "RunwareUploads": "false",
    "RunwareChecksContent": "false",
    "SettleSeconds": 20,
    "MaxImageMegapixels": 100,
    "ProvenanceMetadata": "true",
    "DigitalSourceType": "",
    "ContentCredentialsKeyArn": "",
    "ContentCredentialsPrompt": "false",
    "ResultHosts": "",
    "InputBucket": "",
    "OutputBucket": "",
    "ReadableBuckets": "",
    "NotificationTopicArns": "",
    "KmsKeyArns": "",
    "RequireTls": "true",
    "WaitingStateMachines": "",
    "LedgerRetentionDays": 0,
    "RenderTimeoutSeconds": 300,
    "LaneVisibilitySeconds": 360,
    "Architecture": "arm64",
    "AlarmEmail": "",
}
ALWAYS_OUT = {
    "Version",
    "InputBucketName",
    "OutputBucketName",
    "IntakeQueueUrl",
    "IntakeQueueArn",
    "DeliverQueueUrl",
    "DeadLetterQueueUrl",
    "LedgerTableName",
    "EventBusName",
    "CampaignStateMachineArn",
    "ConcurrencyNote",
    "DashboardName",
}


def test_every_parameter_exists_with_its_default() -> None:
    assert {n: p["Default"] for n, p in read_template()["Parameters"].items()} == DEFAULTS


def test_every_parameter_has_a_description_and_one_group() -> None:
    template = read_template()
    groups = template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    assert sorted(n for g in groups for n in g["Parameters"]) == sorted(template["Parameters"])
    assert all(p["Description"] for p in template["Parameters"].values())


def test_parameters_have_the_order_of_their_groups() -> None:
    template = read_template()
    groups = template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    assert [n for g in groups for n in g["Parameters"]] == [*template["Parameters"]]


def test_constraint_descriptions_state_the_valid_values() -> None:
    patterned = {n: p for n, p in read_template()["Parameters"].items() if "AllowedPattern" in p}
    assert [n for n, p in patterned.items() if not p["ConstraintDescription"].startswith("must be ")] == []
    free = [n for n, p in read_template()["Parameters"].items() if p["Type"] == "String" and n not in patterned]
    assert [n for n in free if "AllowedValues" not in read_template()["Parameters"][n]] == []


def test_descriptions_of_numbers_state_their_unit() -> None:
    units = {
        "Seconds": "Seconds",
        "Minutes": "minutes",
        "Days": "Days",
        "USD": "US dollars",
        "Megapixels": "megapixels",
        "IdeogramMaxInFlight": "Images",
        "InFlight": "Calls",
    }
    numbers = {n: p["Description"] for n, p in read_template()["Parameters"].items() if p["Type"] == "Number"}
    assert [
        n
        for n, description in numbers.items()
        if not any(n.endswith(e) and unit in description for e, unit in units.items())
    ] == []


@pytest.mark.parametrize("hosts", ["", "cdn.example.com", "a.example, b.example"])
def test_valid_list_of_hosts_is_accepted(hosts: str) -> None:
    assert re.fullmatch(read_template()["Parameters"]["ResultHosts"]["AllowedPattern"], hosts)


@pytest.mark.parametrize(
    "hosts", ["https://cdn.example.com", "cdn.example.com/", "a,,b", "a b", "*.example.com", "a:80"]
)
def test_invalid_list_of_hosts_is_refused(hosts: str) -> None:
    assert not re.fullmatch(read_template()["Parameters"]["ResultHosts"]["AllowedPattern"], hosts)


def test_every_parameter_is_used_in_the_template() -> None:
    template = read_template()
    used = json.dumps({n: template[n] for n in ("Rules", "Conditions", "Globals", "Resources")})
    assert [n for n in template["Parameters"] if f'"Ref": "{n}"' not in used] == []
    assert "next" not in template["Parameters"]["OnLostAnswer"]["Description"]


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        pytest.param({"IdeogramMaxInFlight": "1"}, "IdeogramMaxInFlight", id="limit-of-one"),
        pytest.param({"RunwareMaxInFlight": "1"}, "RunwareMaxInFlight", id="another-limit-of-one"),
        pytest.param({"IdeogramMaxInFlight": "0"}, "IdeogramMaxInFlight", id="default-is-off"),
        pytest.param({"DefaultProvider": "segmind"}, "SegmindMaxInFlight", id="segmind-is-off"),
        pytest.param({"DefaultProvider": "1min"}, "OneMinMaxInFlight", id="1min-is-off"),
        pytest.param({"DefaultProvider": "runware"}, "RunwareMaxInFlight", id="runware-is-off"),
        pytest.param({"InputBucket": "one", "OutputBucket": "one"}, "InputBucket", id="same-bucket"),
    ],
)
def test_bad_combination_is_refused_before_anything_is_created(parameters: dict[str, str], named: str) -> None:
    refusals = Deployed(**parameters).refusals()
    assert len(refusals) == 1
    assert named in refusals[0]


@pytest.mark.parametrize(
    "parameters",
    [
        pytest.param({}, id="defaults"),
        pytest.param({"IdeogramMaxInFlight": "2"}, id="smallest-limit"),
        pytest.param(ALL_ON, id="all-providers"),
        pytest.param(
            {"DefaultProvider": "1min", "OneMinMaxInFlight": "5", "IdeogramMaxInFlight": "0"},
            id="another-default-alone",
        ),
        pytest.param({"InputBucket": "one", "OutputBucket": "other"}, id="existing-buckets"),
        pytest.param({"OutputBucket": "other"}, id="existing-output"),
    ],
)
def test_good_combination_of_parameters_is_accepted(parameters: dict[str, str]) -> None:
    assert Deployed(**parameters).refusals() == []


def test_only_a_provider_that_is_on_has_an_output() -> None:
    assert set(Deployed().outputs) == ALWAYS_OUT | {"IdeogramQueueUrl"}
    assert set(Deployed(**ALL_ON).outputs) == ALWAYS_OUT | {f"{p}QueueUrl" for p in PROVIDERS}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_provider_that_is_off_has_no_resources_or_permissions(provider: str) -> None:
    stack = Deployed(**ALL_ON | {f"{provider}MaxInFlight": "0"})
    properties = {f"{provider}{kind}" for kind in ("Queue", "Secret", "Mapping")}
    assert not properties & set(stack.resources)
    assert not re.search(rf"\b({'|'.join(properties)})\b", json.dumps(stack.resources))


@pytest.mark.parametrize("provider", PROVIDERS)
def test_base_url_is_https_or_on_this_machine(provider: str) -> None:
    pattern = re.compile(read_template()["Parameters"][f"{provider}BaseUrl"]["AllowedPattern"])
    taken = ("https://api.example.com", "https://a.b:8443/v/x", "http://127.0.0.1:4999/ideogram")
    refused = (
        "http://api.example.com",
        "https://a.b/?q=1",
        "https://u@a.b",
        "http://127.0.0.1.a.b",
    )
    assert [u for u in taken if not pattern.search(u)] == []
    assert [u for u in refused if pattern.search(u)] == []


def test_price_of_zero_is_refused() -> None:
    pattern = re.compile(read_template()["Parameters"]["OneMinUsdPerImage"]["AllowedPattern"])
    assert all(pattern.search(price) for price in ("", "0.045", "1", "10.5"))
    assert not any(pattern.search(price) for price in ("0", "0.00", "-1", "free", "1,5"))


def test_limits_of_parameters_stay_within_those_of_lambda() -> None:
    for provider in PROVIDERS:
        limit = read_template()["Parameters"][f"{provider}MaxInFlight"]
        assert (limit["MinValue"], limit["MaxValue"]) == (0, 1000)


def test_small_test_stack_may_have_short_timeouts() -> None:
    small = {"IdeogramTimeoutSeconds": 5, "RenderTimeoutSeconds": 20, "LaneVisibilitySeconds": 25}
    limits = read_template()["Parameters"]
    assert all(limits[n]["MinValue"] <= s <= limits[n]["MaxValue"] for n, s in small.items())


def test_no_bucket_is_created_if_existing_ones_are_given() -> None:
    stack = Deployed(InputBucket="old-photos", OutputBucket="old-pictures")
    assert stack.of_type("AWS::S3::Bucket") == {}
    assert stack.of_type("AWS::S3::BucketPolicy") == {}
    assert stack.outputs["InputBucketName"]["Value"] == "old-photos"
    assert stack.outputs["OutputBucketName"]["Value"] == "old-pictures"
    assert not re.search("PhotoBucket|PictureBucket", json.dumps(stack.resources))


def test_only_work_objects_expire_while_they_are_current() -> None:
    rules = Deployed().resources["PictureBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    expiring = [rule for rule in rules if rule.keys() & {"ExpirationInDays", "ExpirationDate"}]
    assert [(r["Prefix"], r["ExpirationInDays"]) for r in expiring] == [("_backdrop/work/", 14)]
    assert any("AbortIncompleteMultipartUpload" in rule for rule in rules)


def test_replaced_receipts_expire_but_replaced_pictures_never_do() -> None:
    """Receipts have many outdated versions, but earlier versions of a picture belong to the customer."""
    rules = Deployed().resources["PictureBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    expiry_rules = {
        r.get("Prefix"): r["NoncurrentVersionExpiration"] for r in rules if "NoncurrentVersionExpiration" in r
    }
    days = {f"{RECEIPTS_PREFIX}/": 30, f"{ERRORS_PREFIX}/": 30, "_backdrop/work/": 1}
    assert expiry_rules == {prefix: {"NoncurrentDays": after} for prefix, after in days.items()}
    assert [r["Prefix"] for r in rules if r.get("ExpiredObjectDeleteMarker")] == [f"{ERRORS_PREFIX}/"], (
        "reports are deleted"
    )


@pytest.mark.parametrize("names", ["", "shelf", "shelf,old.archive-2"])
def test_valid_list_of_buckets_is_accepted(names: str) -> None:
    assert re.fullmatch(read_template()["Parameters"]["ReadableBuckets"]["AllowedPattern"], names)


@pytest.mark.parametrize("names", ["shelf, archive", "Shelf", "shelf,", ",shelf", "*", "shelf/*", "s", "a b"])
def test_invalid_list_of_buckets_is_refused(names: str) -> None:
    assert not re.fullmatch(read_template()["Parameters"]["ReadableBuckets"]["AllowedPattern"], names)


KEY = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
TOPIC = "arn:aws:sns:eu-central-1:123456789012:uploads"


@pytest.mark.parametrize(("parameter", "arn"), [("KmsKeyArns", KEY), ("NotificationTopicArns", TOPIC)])
def test_list_of_arns_is_accepted_and_anything_else_refused(parameter: str, arn: str) -> None:
    pattern = read_template()["Parameters"][parameter]["AllowedPattern"]
    assert all(re.fullmatch(pattern, value) for value in ("", arn, f"{arn},{arn}", arn.replace("aws", "aws-cn", 1)))
    wrong = (
        "*",
        f"{arn}, {arn}",
        f"{arn},",
        f"{arn}/*",
        arn.replace("123456789012", "*"),
        "alias/photos",
        arn + ".fifo",
    )
    assert not [value for value in wrong if re.fullmatch(pattern, value)]
    assert not re.fullmatch(
        read_template()["Parameters"]["KmsKeyArns"]["AllowedPattern"], KEY.replace("key/", "alias/")
    )


def test_ledger_is_retained_and_can_be_restored() -> None:
    ledger = Deployed().resources["LedgerTable"]
    properties = ledger["Properties"]
    assert [key["AttributeName"] for key in properties["KeySchema"]] == ["pk", "sk"]
    assert properties["BillingMode"] == "PAY_PER_REQUEST"
    assert properties["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert properties["SSESpecification"] == {"SSEEnabled": False}, "the AWS owned key, for which KMS bills nothing"
    kept = (ledger["DeletionPolicy"], ledger["UpdateReplacePolicy"])
    assert kept == ("Retain", "Retain")


def test_ledger_is_protected_and_created_after_the_deployment_check() -> None:
    """CloudFormation cannot delete a protected table, so the check that is most likely to fail runs first."""
    ledger = Deployed().resources["LedgerTable"]
    assert ledger["Properties"]["DeletionProtectionEnabled"] is True
    assert ledger["DependsOn"] == "DeploymentCheck"


@pytest.mark.parametrize("names", ["", "publish", "publish,nightly_shop-2"])
def test_valid_list_of_state_machines_is_accepted(names: str) -> None:
    assert re.fullmatch(read_template()["Parameters"]["WaitingStateMachines"]["AllowedPattern"], names)


@pytest.mark.parametrize("names", ["publish, nightly", "publish,", "*", "publish-*", "arn:aws:states:x", "a:b"])
def test_pattern_or_arn_is_refused_as_a_state_machine(names: str) -> None:
    assert not re.fullmatch(read_template()["Parameters"]["WaitingStateMachines"]["AllowedPattern"], names)


def test_resources_unsupported_by_the_emulator_exist_on_aws() -> None:
    """The condition is true wherever mappings work in conditions. In the emulator, they do not."""
    assert Deployed().of_type("AWS::Logs::QueryDefinition")


def test_conditions_use_only_documented_functions() -> None:
    found = set(re.findall(r'"(Fn::\w+)"', json.dumps(read_template()["Conditions"])))
    assert found <= {"Fn::And", "Fn::Equals", "Fn::FindInMap", "Fn::Not", "Fn::Or"}


@pytest.mark.parametrize("days", [0, 30])
def test_ledger_items_expire_only_with_a_retention_period(days: int) -> None:
    """Only items change, not the table: AWS allows one change per hour, which would delay a rollback."""
    stack = Deployed(LedgerRetentionDays=str(days))
    found = stack.resources["LedgerTable"]["Properties"]["TimeToLiveSpecification"]
    assert found == {"AttributeName": "expires_at", "Enabled": True}
    assert (found["AttributeName"] in to_item(job_in(JobStatus.STORED), days)) is (days > 0)


def test_ledger_has_the_index_that_the_code_queries() -> None:
    properties = Deployed().resources["LedgerTable"]["Properties"]
    watched = to_item(build_job(source_id="5" * 64))
    [index] = properties["GlobalSecondaryIndexes"]
    assert index["IndexName"] == DUE_INDEX
    keys = [(key["AttributeName"], key["KeyType"]) for key in index["KeySchema"]]
    assert keys == [("watch", "HASH"), ("due", "RANGE")]
    assert index["Projection"] == {"ProjectionType": "KEYS_ONLY"}
    types = {a["AttributeName"]: a["AttributeType"] for a in properties["AttributeDefinitions"]}
    assert types == dict.fromkeys(("pk", "sk", "watch", "due"), "S")
    assert {name: list(watched[name]) for name in types} == {name: ["S"] for name in types}
