"""Permissions in the template: each function's role has exactly what its work needs."""

import json
from fnmatch import fnmatch
from pathlib import Path

import pytest

from backdrop_local import template
from tests.documented_commands import ROOT, fill_in_json
from tests.unit.template_document import ALL_ON, PROVIDERS, Deployed, Node

INPUT = "arn:aws:s3:::PhotoBucket"
OUTPUT = "arn:aws:s3:::PictureBucket"
LANES = {f"{provider}Queue.Arn" for provider in PROVIDERS}
KMS_KEY = "arn:aws:kms:eu-central-1:123456789012:key/11111111-2222-3333-4444-555555555555"
CHAIN = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:backdrop/c2pa/certificate-??????"
EVERYTHING = {**ALL_ON, "ContentCredentialsKeyArn": KMS_KEY}


def allow_ledger(*actions: str) -> dict[str, set[str]]:
    return {f"dynamodb:{action}": {"LedgerTable.Arn"} for action in actions}


def allow_on(action: str, *keys: str) -> dict[str, set[str]]:
    """Allows an action on these items, in a request that names its items: ForAllValues is true for one without keys."""
    condition = {
        "Null": {"dynamodb:LeadingKeys": "false"},
        "ForAllValues:StringLike": {"dynamodb:LeadingKeys": [*keys]},
    }
    return {f"dynamodb:{action}": {f"LedgerTable.Arn where {json.dumps(condition)}"}}


def allow_receiving(*queues: str) -> dict[str, set[str]]:
    return {
        f"sqs:{action}": set(queues)
        for action in ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes", "ChangeMessageVisibility")
    }


def build_secret_arn(provider: str) -> str:
    """Returns the ARN of a provider's secret by name, so that a secret that was deleted and recreated can be read."""
    return f"arn:aws:secretsmanager:eu-central-1:123456789012:secret:backdrop/{provider}/api-key-??????"


def restrict(resource: str, operator: str, key: str, value: str | list[str]) -> str:
    """A resource under a condition."""
    return f"{resource} where {json.dumps({operator: {key: value}})}"


ANSWERS = f"{OUTPUT}/_backdrop/work/answers/*"
INPUTS = f"{OUTPUT}/_backdrop/work/inputs/*"
ONLY_RESULTS = restrict(OUTPUT, "StringLike", "s3:prefix", ["_backdrop/work/answers/*", "_backdrop/work/results/*"])
WORK = ["_backdrop/work/answers/*", "_backdrop/work/inputs/*", "_backdrop/work/results/*"]
ONLY_WORK = restrict(OUTPUT, "StringLike", "s3:prefix", WORK)
RECEIPTS = f"{OUTPUT}/_backdrop/receipts/*"
RESULTS = f"{OUTPUT}/_backdrop/work/results/*"
RESPONSES = f"{OUTPUT}/_backdrop/paid/*_response.txt"
CAMPAIGN_LISTS = f"{OUTPUT}/_backdrop/work/campaigns/*"
CAMPAIGN_REPORTS = f"{OUTPUT}/_backdrop/campaigns/*"
LAMBDA = "arn:aws:lambda:eu-central-1:123456789012"
SWITCHING = {
    "lambda:ListEventSourceMappings": {"*"},
    "lambda:UpdateEventSourceMapping": {
        restrict(
            f"{LAMBDA}:event-source-mapping:*", "ArnEquals", "lambda:FunctionArn", f"{LAMBDA}:function:backdrop-render"
        )
    },
}
KEYS = {
    "secretsmanager:GetSecretValue": {build_secret_arn(name) for name in ("ideogram", "segmind", "1min", "runware")}
}

ADMIN_KEY = build_secret_arn("ideogram").replace("api-key", "admin-key")


def allow_logging(function: str) -> dict[str, set[str]]:
    return {f"logs:{a}": {f"{function}LogGroup.Arn"} for a in ("CreateLogStream", "PutLogEvents")}


WITHOUT_RESOURCE_LIMITS = (
    ["lambda:ListEventSourceMappings"],
    ["lambda:GetAccountSettings"],
    ["states:SendTaskSuccess", "states:SendTaskFailure"],
)
DESCRIBING_CAMPAIGNS = {
    "states:DescribeExecution": {"arn:aws:states:eu-central-1:123456789012:execution:backdrop-campaign:*"}
}
CHECKING = {**allow_logging("DeploymentCheck"), "lambda:GetAccountSettings": {"*"}}
RIGHTS: dict[str, dict[str, set[str]]] = {
    "IntakeRole": {
        **allow_receiving("IntakeQueue.Arn"),
        "sqs:SendMessage": LANES | {"DeliverQueue.Arn", "IntakeQueue.Arn", "DeadLetterQueue.Arn"},
        "s3:GetObject": {f"{INPUT}/*"},
        "s3:GetObjectTagging": {f"{INPUT}/*"},
        "s3:ListBucket": {INPUT},
        "s3:PutObject": {INPUTS, RECEIPTS},
        **allow_ledger("BatchGetItem", "GetItem"),
        **allow_on("PutItem", "source#*", "content#*", "name#*", "review#*"),
        "dynamodb:Query": {"LedgerTable.Arn", "LedgerTable.Arn/index/watch"},
        **allow_logging("Intake"),
    },
    "RenderRole": {
        **allow_receiving(*LANES),
        "sqs:SendMessage": {"DeliverQueue.Arn", "IntakeQueue.Arn", "DeadLetterQueue.Arn"},
        "s3:GetObject": {f"{INPUT}/*", ANSWERS, INPUTS},
        "s3:ListBucket": {INPUT, ONLY_WORK},
        "s3:PutObject": {ANSWERS, INPUTS, RESULTS, RESPONSES},
        **DESCRIBING_CAMPAIGNS,
        **SWITCHING,
        **KEYS,
        **allow_ledger("BatchGetItem", "GetItem", "Query"),
        **allow_on("PutItem", "source#*", "content#*", "review#*", "lane#*"),
        **allow_on("UpdateItem", "budget#*", "share#*", "mandate#*"),
        **allow_logging("Render"),
    },
    "DeliverRole": {
        **allow_receiving("DeliverQueue.Arn"),
        "sqs:SendMessage": {"DeadLetterQueue.Arn", "DeliverQueue.Arn", "IntakeQueue.Arn"},
        "s3:GetObject": {f"{OUTPUT}/*", f"{INPUT}/*"},
        "s3:ListBucket": {OUTPUT, INPUT},
        "s3:PutObject": {f"{OUTPUT}/*"},
        "s3:DeleteObject": {f"{OUTPUT}/_backdrop/errors/*"},
        "states:SendTaskSuccess": {"*"},
        "states:SendTaskFailure": {"*"},
        "events:PutEvents": {"EventBus.Arn"},
        "lambda:InvokeFunction": {"SignFunction.Arn"},
        **allow_ledger("BatchGetItem", "GetItem", "Query"),
        **allow_on("PutItem", "source#*", "content#*", "review#*", "lane#*"),
        **allow_logging("Deliver"),
    },
    "SignRole": {
        "kms:Sign": {KMS_KEY},
        "secretsmanager:GetSecretValue": {KMS_KEY, CHAIN},
        "s3:GetObject": {f"{OUTPUT}/_backdrop/{folder}/*" for folder in ("work/unsigned", "paid", "signed")},
        "s3:ListBucket": {restrict(OUTPUT, "StringLike", "s3:prefix", "_backdrop/paid/*")},
        "s3:PutObject": {f"{OUTPUT}/_backdrop/signed/*"},
        **allow_on("GetItem", "source#*", "content#*"),
        **allow_logging("Sign"),
    },
    "ReconcileRole": {
        "sqs:SendMessage": LANES | {"DeliverQueue.Arn", "IntakeQueue.Arn", "DeadLetterQueue.Arn"},
        "sqs:ReceiveMessage": {"DeadLetterQueue.Arn"},
        "sqs:DeleteMessage": {"DeadLetterQueue.Arn"},
        "sqs:ChangeMessageVisibility": {"DeadLetterQueue.Arn"},
        "s3:ListBucket": {INPUT, ONLY_RESULTS},
        "s3:GetObject": {ANSWERS},
        "s3:PutObject": {ANSWERS, RESULTS, RESPONSES},
        "s3:DeleteObject": {ANSWERS},
        **DESCRIBING_CAMPAIGNS,
        **SWITCHING,
        **KEYS,
        **allow_ledger("BatchGetItem", "GetItem", "DescribeTable"),
        **allow_on("PutItem", "source#*", "content#*", "review#*", "lane#*", "reconcile"),
        **allow_on("UpdateItem", "budget#*", "share#*", "mandate#*"),
        "dynamodb:Query": {"LedgerTable.Arn", "LedgerTable.Arn/index/watch"},
        **allow_logging("Reconcile"),
    },
    "ReconcileBillRole": {
        "sqs:SendMessage": {"DeliverQueue.Arn"},
        "secretsmanager:GetSecretValue": {ADMIN_KEY},
        **allow_ledger("BatchGetItem", "GetItem", "Scan"),
        **allow_on("PutItem", "source#*", "content#*", "review#*", "usage#*", "bill"),
        **allow_on("UpdateItem", "budget#*", "share#*", "mandate#*"),
        **allow_logging("ReconcileBill"),
    },
    "PriceCheckRole": {
        "secretsmanager:GetSecretValue": {build_secret_arn("ideogram")},
        **allow_ledger("BatchGetItem", "GetItem"),
        **allow_on("PutItem", "price-check"),
        **allow_on("UpdateItem", "budget#*", "share#*"),
        **allow_logging("PriceCheck"),
    },
    "CampaignRole": {
        "s3:GetObject": {f"{INPUT}/*", CAMPAIGN_LISTS},
        "s3:GetObjectTagging": {f"{INPUT}/*"},
        "s3:ListBucket": {INPUT, restrict(OUTPUT, "StringLike", "s3:prefix", "_backdrop/work/campaigns/*")},
        "s3:PutObject": {CAMPAIGN_REPORTS, CAMPAIGN_LISTS},
        "s3:AbortMultipartUpload": {CAMPAIGN_REPORTS, CAMPAIGN_LISTS},
        **allow_ledger("BatchGetItem", "GetItem"),
        "dynamodb:Query": {"LedgerTable.Arn", "LedgerTable.Arn/index/watch"},
        "events:PutEvents": {"EventBus.Arn"},
        "sqs:SendMessage": {"DeadLetterQueue.Arn"},
        **allow_logging("Campaign"),
    },
    "DeploymentCheckRole": CHECKING,
}
STATES = "arn:aws:states:eu-central-1:123456789012"
MACHINE_RIGHTS: dict[str, set[str]] = {
    "lambda:InvokeFunction": {"CampaignFunction.Arn"},
    "sqs:SendMessage": {"IntakeQueue.Arn"},
    **{
        f"s3:{action}": {CAMPAIGN_LISTS}
        for action in ("GetObject", "PutObject", "ListMultipartUploadParts", "AbortMultipartUpload")
    },
    "states:StartExecution": {f"{STATES}:stateMachine:backdrop-campaign"},
    **dict.fromkeys(
        ("states:DescribeExecution", "states:StopExecution", "states:RedriveExecution"),
        {f"{STATES}:execution:backdrop-campaign:*", f"{STATES}:execution:backdrop-campaign/*"},
    ),
}


def to_list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def list_statements(role: Node) -> list[Node]:
    return [s for policy in role["Policies"] for s in policy["PolicyDocument"]["Statement"]]


def list_allow_statements(role: Node) -> list[Node]:
    return [one for one in list_statements(role) if one["Effect"] == "Allow"]


def list_granted_actions(role: Node) -> dict[str, set[str]]:
    rights: dict[str, set[str]] = {}
    for statement in list_allow_statements(role):
        bound = f" where {json.dumps(statement['Condition'])}" if "Condition" in statement else ""
        for action in to_list(statement["Action"]):
            rights.setdefault(action, set()).update(f"{one}{bound}" for one in to_list(statement["Resource"]))
    return rights


def list_roles(**parameters: str) -> dict[str, Node]:
    return Deployed(**parameters).of_type("AWS::IAM::Role")


def test_every_function_and_the_state_machine_have_one_role() -> None:
    stack = Deployed(**EVERYTHING)
    used = {f["Role"] for f in stack.of_type("AWS::Serverless::Function").values()}
    assert used == {f"{name}.Arn" for name in RIGHTS}
    assert set(list_roles(**EVERYTHING)) == {*RIGHTS, "CampaignMachineRole"}


@pytest.mark.parametrize("name", RIGHTS)
def test_role_has_exactly_the_permissions_that_its_function_needs(name: str) -> None:
    assert list_granted_actions(list_roles(**EVERYTHING)[name]) == RIGHTS[name]


@pytest.mark.parametrize("name", RIGHTS)
def test_no_function_may_replace_what_limits_the_spending(name: str) -> None:
    limits = ("mandates", "mandate#any", "budget#2026-11-30", "share#2026-11-30#1")
    for statement in list_allow_statements(list_roles(**EVERYTHING)[name]):
        if {"dynamodb:PutItem", "dynamodb:DeleteItem", "dynamodb:BatchWriteItem"} & {*to_list(statement["Action"])}:
            patterns = statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
            assert not [key for key in limits for pattern in patterns if fnmatch(key, pattern)]


def test_state_machine_sends_requests_and_starts_only_itself() -> None:
    stack = Deployed(**ALL_ON)
    [machine] = stack.of_type("AWS::Serverless::StateMachine").values()
    assert machine["Role"] == "CampaignMachineRole.Arn"
    assert machine["Name"] == "backdrop-campaign"
    assert list_granted_actions(list_roles(**ALL_ON)["CampaignMachineRole"]) == MACHINE_RIGHTS


def test_campaigns_may_publish_to_the_alarm_topic_if_it_exists() -> None:
    right = "sns:Publish"
    assert list_granted_actions(list_roles(AlarmEmail="ops@example.com")["CampaignRole"])[right] == {"AlarmTopic"}
    assert right not in list_granted_actions(list_roles()["CampaignRole"])


@pytest.mark.parametrize("name", [*RIGHTS, "CampaignMachineRole"])
def test_every_permission_is_named_and_limited_to_resources(name: str) -> None:
    role = list_roles(**EVERYTHING)[name]
    assert "ManagedPolicyArns" not in role
    for statement in list_allow_statements(role):
        assert statement["Sid"].isalnum()
        assert not any("*" in action for action in to_list(statement["Action"]))
        unbound = [r for r in to_list(statement["Resource"]) if r.startswith("*")]
        assert not unbound or to_list(statement["Action"]) in WITHOUT_RESOURCE_LIMITS


def test_only_lambda_and_step_functions_can_assume_the_roles() -> None:
    """Lambda documents no `aws:SourceAccount` for its roles. Step Functions does ("confused deputy" in its guide)."""
    for name, role in list_roles(**EVERYTHING).items():
        [statement] = role["AssumeRolePolicyDocument"]["Statement"]
        service = "states" if name == "CampaignMachineRole" else "lambda"
        assert statement["Principal"] == {"Service": f"{service}.amazonaws.com"}
        assert statement["Action"] == "sts:AssumeRole"
        own = {"StringEquals": {"aws:SourceAccount": "123456789012"}}
        assert statement.get("Condition") == (own if service == "states" else None)


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*/template.yaml")), ids=lambda path: path.parent.name)
def test_role_of_an_example_trusts_only_its_own_account(path: Path) -> None:
    """Lambda's roles, which SAM creates, are exempt like ours."""
    resources = template.load_template(path)["Resources"]
    machines = [one for one in resources.values() if one["Type"] == "AWS::Serverless::StateMachine"]
    assert all("Role" in one["Properties"] for one in machines), "SAM would create one without the condition"
    for role in (one["Properties"] for one in resources.values() if one["Type"] == "AWS::IAM::Role"):
        [statement] = role["AssumeRolePolicyDocument"]["Statement"]
        assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


def test_deliver_cannot_write_objects_that_other_stages_trust() -> None:
    denied = {
        name: [(one["Action"], one["Resource"]) for one in list_statements(role) if one["Effect"] == "Deny"]
        for name, role in list_roles(**ALL_ON).items()
    }
    work = [f"work/{folder}" for folder in ("answers", "inputs", "results", "campaigns")]
    trusted = [f"{OUTPUT}/_backdrop/{folder}/*" for folder in (*work, "campaigns", "signed")]
    assert denied.pop("DeliverRole") == [("s3:PutObject", trusted)]
    assert not any(denied.values())


def test_only_named_state_machines_can_be_described() -> None:
    right = "states:DescribeExecution"
    assert Deployed().of_type("AWS::IAM::Policy") == {}
    [policy] = Deployed(WaitingStateMachines="publish,nightly").of_type("AWS::IAM::Policy").values()
    assert policy["Roles"] == ["RenderRole", "ReconcileRole"]
    assert list_granted_actions({"Policies": [policy]}) == {
        right: {"arn:*:states:*:*:execution:publish:*", "arn:*:states:*:*:execution:nightly:*"}
    }


def test_only_callers_of_providers_can_read_keys_of_enabled_providers() -> None:
    right = "secretsmanager:GetSecretValue"
    granted = {name: list_granted_actions(role).get(right, set()) for name, role in list_roles(**ALL_ON).items()}
    holders = [name for name, secrets in granted.items() if secrets - {ADMIN_KEY}]
    assert holders == ["RenderRole", "ReconcileRole", "PriceCheckRole"]
    assert granted["PriceCheckRole"] == {build_secret_arn("ideogram")}
    assert [name for name, secrets in granted.items() if ADMIN_KEY in secrets] == ["ReconcileBillRole"]
    deployed = list_roles()
    assert {name for name in holders if name in deployed} == {"RenderRole", "ReconcileRole"}
    assert all(
        list_granted_actions(role)[right] == {build_secret_arn("ideogram")}
        for name, role in deployed.items()
        if name in holders
    )


def test_only_the_mappings_of_render_can_be_updated() -> None:
    render = Deployed(**ALL_ON).resources["RenderFunction"]["Properties"]["FunctionName"]
    [bound] = SWITCHING["lambda:UpdateEventSourceMapping"]
    assert f':function:{render}"' in bound


def test_permissions_refer_to_existing_buckets_if_given() -> None:
    given = list_roles(InputBucket="old-photos", OutputBucket="old-pictures")
    answers = "arn:aws:s3:::old-pictures/_backdrop/work/answers/*"
    inputs = "arn:aws:s3:::old-pictures/_backdrop/work/inputs/*"
    assert list_granted_actions(given["IntakeRole"])["s3:GetObject"] == {"arn:aws:s3:::old-photos/*"}
    assert list_granted_actions(given["RenderRole"])["s3:GetObject"] == {"arn:aws:s3:::old-photos/*", answers, inputs}
    receipts = "arn:aws:s3:::old-pictures/_backdrop/receipts/*"
    assert list_granted_actions(given["IntakeRole"])["s3:PutObject"] == {inputs, receipts}
    assert list_granted_actions(given["ReconcileRole"])["s3:DeleteObject"] == {answers}
    assert list_granted_actions(given["DeliverRole"])["s3:PutObject"] == {"arn:aws:s3:::old-pictures/*"}


def test_deployment_check_may_read_only_the_existing_buckets() -> None:
    given = list_roles(InputBucket="old-photos", OutputBucket="old-pictures")["DeploymentCheckRole"]
    seen = {"arn:aws:s3:::old-photos", "arn:aws:s3:::old-pictures"}
    checks = {"s3:ListBucket": seen, "s3:GetEncryptionConfiguration": seen}
    assert list_granted_actions(given) == CHECKING | checks


READERS = ("IntakeRole", "RenderRole", "DeliverRole")


def test_only_the_photo_stages_may_read_other_buckets() -> None:
    stack = Deployed(ReadableBuckets="shelf,old-archive")
    [policy] = stack.of_type("AWS::IAM::Policy").values()
    assert policy["Roles"] == list(READERS)
    assert list_granted_actions({"Policies": [policy]}) == {
        "s3:GetObject": {"arn:*:s3:::shelf/*", "arn:*:s3:::old-archive/*"},
        "s3:ListBucket": {"arn:*:s3:::shelf", "arn:*:s3:::old-archive"},
    }
    assert list_granted_actions(stack.of_type("AWS::IAM::Role")["IntakeRole"])["s3:GetObjectTagging"] == {
        f"{INPUT}/*",
        "arn:*:s3:::shelf/*",
        "arn:*:s3:::old-archive/*",
    }


KEYS_OF_OTHERS = [f"arn:aws:kms:eu-central-1:{account}:key/1234abcd" for account in ("123456789012", "210987654321")]
READS_PHOTOS = {"IntakeRole", "RenderRole", "DeliverRole", "CampaignRole"}
READS_OUTPUT = {"RenderRole", "DeliverRole", "ReconcileRole", "CampaignRole", "CampaignMachineRole"}
WRITES_OUTPUT = {*READS_OUTPUT, "IntakeRole"}


def list_key_users(**given: str) -> dict[str, set[str]]:
    """Returns which roles may do what with the keys, and checks that it is only with the named keys and through S3."""
    stack, users = Deployed(KmsKeyArns=",".join(KEYS_OF_OTHERS), **given), dict[str, set[str]]()
    for policy in stack.of_type("AWS::IAM::Policy").values():
        for one in policy["PolicyDocument"]["Statement"]:
            if one["Action"].startswith("kms:"):
                assert one["Resource"] == KEYS_OF_OTHERS
                assert one["Condition"] == {"StringEquals": {"kms:ViaService": "s3.eu-central-1.amazonaws.com"}}
                users[one["Action"]] = set(policy["Roles"])
    roles = stack.of_type("AWS::IAM::Role")
    assert not any("kms:" in json.dumps(role) for name, role in roles.items() if name != "SignRole")
    return users


def test_role_may_decrypt_reads_and_generate_keys_for_writes() -> None:
    assert list_key_users(InputBucket="old-photos") == {"kms:Decrypt": READS_PHOTOS}
    assert list_key_users(ReadableBuckets="shelf") == {"kms:Decrypt": READS_PHOTOS}
    for given in ({"OutputBucket": "old-pictures"}, {"InputBucket": "old-photos", "OutputBucket": "old-pictures"}):
        assert list_key_users(**given) == {
            "kms:Decrypt": READS_PHOTOS | READS_OUTPUT,
            "kms:GenerateDataKey": WRITES_OUTPUT,
            "kms:Encrypt": {"CampaignMachineRole"},
        }


def test_sign_may_use_the_keys_of_the_output_bucket_alone() -> None:
    on = {"ContentCredentialsKeyArn": KMS_KEY}
    assert list_key_users(InputBucket="old-photos", **on) == {"kms:Decrypt": READS_PHOTOS}
    assert list_key_users(OutputBucket="old-pictures", **on) == {
        "kms:Decrypt": READS_PHOTOS | READS_OUTPUT | {"SignRole"},
        "kms:GenerateDataKey": WRITES_OUTPUT | {"SignRole"},
        "kms:Encrypt": {"CampaignMachineRole"},
    }


def test_roles_that_use_kms_keys_are_those_with_bucket_access() -> None:
    """Every role that may get or put an object of a bucket can use that bucket's key."""
    granting = {
        name: list_granted_actions(role)
        for name, role in list_roles(InputBucket="old-photos", OutputBucket="pictures").items()
    }

    def holders(right: str, bucket: str) -> set[str]:
        return {name for name, had in granting.items() if any(f":{bucket}/" in arn for arn in had.get(right, ()))}

    assert holders("s3:GetObject", "old-photos") == READS_PHOTOS
    assert holders("s3:GetObject", "pictures") == READS_OUTPUT
    assert holders("s3:PutObject", "pictures") == WRITES_OUTPUT


def test_documented_key_policy_matches_the_permissions_of_the_roles() -> None:
    names = {"account": "123456789012", "region": "eu-central-1", "stack": "backdrop"}
    statement = json.loads(fill_in_json(ROOT / "docs" / "deploying.md", "kms:ViaService", names))
    assert set(statement["Action"]) == set(list_key_users(OutputBucket="old-pictures"))
    assert statement["Condition"]["StringEquals"] == {"kms:ViaService": "s3.eu-central-1.amazonaws.com"}
    pattern = statement["Condition"]["ArnLike"]["aws:PrincipalArn"].rpartition("/")[2]
    generated = [f"backdrop-{role}-1A2B3C4D5E6F" for role in (*READS_PHOTOS, *WRITES_OUTPUT)]
    assert all(fnmatch(name, pattern) for name in generated)


def test_no_role_may_use_a_kms_key_by_default() -> None:
    assert Deployed(InputBucket="old-photos", OutputBucket="old-pictures").of_type("AWS::IAM::Policy") == {}


def test_no_role_may_read_another_bucket_by_default() -> None:
    assert Deployed().of_type("AWS::IAM::Policy") == {}
    assert not any("arn:*:s3" in json.dumps(role) for role in list_roles().values())


def test_only_sign_may_use_the_key_and_deliver_may_only_invoke_it() -> None:
    without, signing = list_roles(**ALL_ON), list_roles(**EVERYTHING)
    assert signing.keys() - without.keys() == {"SignRole"}
    added = {
        name: {
            action: resources - list_granted_actions(without[name]).get(action, set())
            for action, resources in list_granted_actions(role).items()
            if resources != list_granted_actions(without[name]).get(action, set())
        }
        for name, role in signing.items()
        if name in without
    }
    assert {name: rights for name, rights in added.items() if rights} == {
        "DeliverRole": {"lambda:InvokeFunction": {"SignFunction.Arn"}}
    }


def test_stack_without_credentials_has_nothing_of_them() -> None:
    without = Deployed(**ALL_ON)
    signing = Deployed(**EVERYTHING)
    added = signing.resources.keys() - without.resources.keys()
    signs = {"SignFunction", "SignRole", "SignLogGroup"}
    assert added == signs | {"CredentialsCheckFunction", "CredentialsCheck", "CredentialsLayer"}
    assert signing.resources["DeliverFunction"]["Properties"]["Layers"] == ["DependenciesLayer", "BackdropLayer"]
    assert signing.resources["CredentialsCheckFunction"]["Properties"]["Role"] == "SignRole.Arn"
