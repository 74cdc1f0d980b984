"""Security in the template: buckets, queues, the table, and secrets reject everyone except the services that may send
or call.

The tests cover every resource in the template, so resources that are added later are protected as well.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.unit.template_document import ALL_ON, Deployed, read_template

EVERYTHING = {
    **ALL_ON,
    "ReadableBuckets": "shelf",
    "AlarmEmail": "ops@example.com",
    "KmsKeyArns": "arn:aws:kms:eu-central-1:123456789012:key/1234abcd",
    "NotificationTopicArns": "arn:aws:sns:eu-central-1:123456789012:uploads",
}
STACKS = [
    pytest.param({}, id="as it comes"),
    pytest.param(EVERYTHING, id="with everything"),
    pytest.param({**EVERYTHING, "InputBucket": "old-photos", "OutputBucket": "old-pictures"}, id="in existing buckets"),
]
RESOURCE_POLICIES = ("AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy", "AWS::S3::BucketPolicy")
SECRET_NAMES = re.compile(r"key|secret|token|password|credential", re.IGNORECASE)
OPENED = ("AWS::Lambda::Url", "AWS::Serverless::Api", "AWS::Serverless::HttpApi", "AWS::ApiGateway::RestApi")
ACCOUNT = "123456789012"


def list_statements(stack: Deployed) -> Iterator[dict[str, Any]]:
    """Returns the statements of the policies of queues, topics, and buckets."""
    for kind in RESOURCE_POLICIES:
        for policy in stack.of_type(kind).values():
            yield from policy["PolicyDocument"]["Statement"]


def list_sources(condition: dict[str, dict[str, Any]]) -> list[str]:
    """Returns the sources from which a statement accepts requests."""
    found = [names for operator in ("ArnEquals", "ArnLike") for names in condition.get(operator, {}).values()]
    return [name for names in found for name in ([names] if isinstance(names, str) else names)]


def is_ours(arn: str, condition: dict[str, dict[str, Any]]) -> bool:
    """Returns whether only a source in this account can match, which a bucket's name does not show."""
    own = {"aws:SourceAccount": ACCOUNT}
    return arn.endswith(".Arn") or f":{ACCOUNT}:" in arn or condition.get("StringEquals") == own


def test_every_bucket_is_private_encrypted_versioned_and_retained() -> None:
    stack = Deployed(**EVERYTHING)
    buckets = stack.of_type("AWS::S3::Bucket")
    assert set(buckets) == {"PhotoBucket", "PictureBucket"}
    for name, properties in buckets.items():
        closed = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
        assert properties["PublicAccessBlockConfiguration"] == dict.fromkeys(closed, True)
        [encrypted] = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert encrypted == {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
        assert properties["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
        assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
        rules = properties["LifecycleConfiguration"]["Rules"]
        assert {rule["Status"] for rule in rules} == {"Enabled"}
        assert any("AbortIncompleteMultipartUpload" in rule and "Prefix" not in rule for rule in rules)
        kept = (stack.resources[name]["DeletionPolicy"], stack.resources[name]["UpdateReplacePolicy"])
        assert kept == ("RetainExceptOnCreate", "Retain")


PLAIN_HTTP = {"Bool": {"aws:SecureTransport": "false"}}


def list_denied_actions(policy: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Returns what a policy denies to every caller, by statement."""
    denying = [one for one in policy["PolicyDocument"]["Statement"] if one["Effect"] == "Deny"]
    assert {one["Principal"] for one in denying} <= {"*"}
    return {one["Sid"]: one for one in denying}


@pytest.mark.parametrize("tls", ["true", "false"])
def test_every_bucket_rejects_plain_http_by_default(tls: str) -> None:
    stack = Deployed(RequireTls=tls)
    policies = stack.of_type("AWS::S3::BucketPolicy")
    assert {p["Bucket"] for p in policies.values()} == set(stack.of_type("AWS::S3::Bucket"))
    for policy in policies.values():
        found, arn = list_denied_actions(policy), f"{policy['Bucket']}.Arn"
        assert all((one["Action"], one["Resource"]) == ("s3:*", [arn, f"{arn}/*"]) for one in found.values())
        assert found["RefuseOldTls"]["Condition"] == {"NumericLessThan": {"s3:TlsVersion": "1.2"}}
        assert ("RefusePlainHttp" in found) is (tls == "true")
        assert tls == "false" or found["RefusePlainHttp"]["Condition"] == PLAIN_HTTP


def test_policy_of_a_retained_bucket_is_also_retained() -> None:
    """It is unconditional: CloudFormation cannot create a second policy for a bucket that retained its first."""
    for name, policy in Deployed(RequireTls="false").resources.items():
        if policy["Type"] == "AWS::S3::BucketPolicy":
            kept = (policy["DeletionPolicy"], policy["UpdateReplacePolicy"])
            assert kept == ("RetainExceptOnCreate", "Retain"), name


@pytest.mark.parametrize("parameters", [*STACKS, pytest.param(ALL_ON, id="all lanes")])
def test_every_queue_and_topic_rejects_plain_http_by_default(parameters: dict[str, str]) -> None:
    stack = Deployed(**parameters)
    by_queue = {name: one for one in stack.of_type("AWS::SQS::QueuePolicy").values() for name in one["Queues"]}
    by_topic = {name: one for one in stack.of_type("AWS::SNS::TopicPolicy").values() for name in one["Topics"]}
    assert set(by_queue) == set(stack.of_type("AWS::SQS::Queue"))
    assert set(by_topic) == set(stack.of_type("AWS::SNS::Topic"))
    for name, policy in (by_queue | by_topic).items():
        refused = list_denied_actions(policy)["RefusePlainHttp"]
        assert refused["Condition"] == PLAIN_HTTP
        assert refused["Action"] == ("sqs:*" if name in by_queue else "sns:Publish")
        assert refused["Resource"] in {name, f"{name}.Arn", "*"}
    plain = Deployed(**parameters | {"RequireTls": "false"})
    assert not [one["Sid"] for one in list_statements(plain) if one.get("Condition") == PLAIN_HTTP]


def test_no_queue_has_more_than_one_policy() -> None:
    named = [name for one in Deployed(**ALL_ON).of_type("AWS::SQS::QueuePolicy").values() for name in one["Queues"]]
    assert len(named) == len({*named})


def test_alarms_may_publish_to_the_topic_despite_its_policy() -> None:
    [policy] = Deployed(AlarmEmail="ops@example.com").of_type("AWS::SNS::TopicPolicy").values()
    [allowed] = [one for one in policy["PolicyDocument"]["Statement"] if one["Effect"] == "Allow"]
    assert (allowed["Principal"], allowed["Action"]) == ({"Service": "cloudwatch.amazonaws.com"}, "sns:Publish")
    alarms = Deployed().of_type("AWS::CloudWatch::Alarm").values()
    prefix = allowed["Condition"]["ArnLike"]["aws:SourceArn"].removesuffix("*").rpartition(":")[2]
    assert all(one["AlarmName"].startswith(prefix) for one in alarms)


@pytest.mark.parametrize("parameters", STACKS)
def test_every_queue_and_table_is_encrypted(parameters: dict[str, str]) -> None:
    stack = Deployed(**parameters)
    queues, tables = stack.of_type("AWS::SQS::Queue"), stack.of_type("AWS::DynamoDB::Table")
    assert queues
    assert [name for name, queue in queues.items() if queue.get("SqsManagedSseEnabled") is not True] == []
    # DynamoDB always encrypts. "disabled" means the AWS owned key, for which KMS does not bill requests.
    assert {name: table["SSESpecification"] for name, table in tables.items()} == {"LedgerTable": {"SSEEnabled": False}}


@pytest.mark.parametrize("parameters", STACKS)
def test_queues_and_topics_accept_only_services_of_this_account(
    parameters: dict[str, str],
) -> None:
    allowing = [one for one in list_statements(Deployed(**parameters)) if one["Effect"] == "Allow"]
    assert allowing
    for one in allowing:
        assert list(one["Principal"]) == ["Service"], one["Sid"]
        assert one["Action"] in ("sqs:SendMessage", "sns:Publish")
        found = list_sources(one["Condition"])
        assert found, one["Sid"]
        assert [arn for arn in found if not is_ours(arn, one["Condition"])] == [], one["Sid"]


@pytest.mark.parametrize("parameters", STACKS)
def test_functions_are_invoked_only_for_sources_of_the_stack(
    parameters: dict[str, str],
) -> None:
    stack = Deployed(**parameters)
    for permission in stack.of_type("AWS::Lambda::Permission").values():
        assert permission["Principal"].endswith(".amazonaws.com")
        assert permission["SourceArn"].endswith(".Arn")
    kinds = {one["Type"] for one in stack.resources.values()}
    assert kinds.isdisjoint(OPENED)
    assert not [name for name, one in stack.of_type("AWS::Serverless::Function").items() if "FunctionUrlConfig" in one]
    assert "AWS::Lambda::LayerVersionPermission" not in kinds


def test_no_deployment_can_overwrite_an_api_key() -> None:
    secrets = Deployed(**ALL_ON).of_type("AWS::SecretsManager::Secret")
    names = {f"backdrop/{p}/api-key" for p in ("ideogram", "segmind", "1min", "runware")}
    assert {secret["Name"] for secret in secrets.values()} == names
    assert all(set(secret) == {"Name", "Description"} for secret in secrets.values())


def test_no_parameter_variable_or_output_is_a_secret() -> None:
    stack = Deployed(**EVERYTHING)
    functions = stack.of_type("AWS::Serverless::Function").values()
    variables = {name for one in functions for name in one.get("Environment", {}).get("Variables", {})}
    named = {*read_template()["Parameters"], *variables, *stack.outputs}
    assert {name for name in named if SECRET_NAMES.search(name)} == {
        "ContentCredentialsKeyArn",
        "ContentCredentialsPrompt",
        "KmsKeyArns",
        "IdeogramKeyIds",
        "IDEOGRAM_KEY_IDS",
    }, "an ARN or ID only names a key"
    assert not [name for name, one in read_template()["Parameters"].items() if "NoEcho" in one]
    given = json.dumps([[one.get("Environment") for one in functions], stack.outputs])
    assert not re.search(r"Secret|resolve:secretsmanager", given)


@pytest.mark.parametrize("parameters", STACKS)
def test_policies_next_to_the_roles_have_no_wildcards(parameters: dict[str, str]) -> None:
    stack = Deployed(**parameters)
    assert stack.of_type("AWS::IAM::ManagedPolicy") == {}
    assert stack.of_type("AWS::Events::EventBusPolicy") == {}
    for policy in stack.of_type("AWS::IAM::Policy").values():
        for one in policy["PolicyDocument"]["Statement"]:
            assert "*" not in json.dumps(one["Action"])
            assert "*" not in one["Resource"]
