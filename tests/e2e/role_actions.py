"""The actions in the table of docs/security.md, as AWS calls that a test tries with each role.

An allowed call must not change anything: it names something that does not exist, or has an invalid parameter that the
service rejects only after it has checked the role.
"""

from typing import Any

from backdrop_local.home import STACK
from tests.e2e.deployed_stack import READABLE_BUCKET, WAITING_STATE_MACHINE, DeployedStack

type Call = tuple[str, str, dict[str, Any]]

TEXT = "a role was here.txt"
FORBIDDEN = "not-for-this-stack"
WORK_PREFIX = "_backdrop/work"
INVALID_BODY = {"MessageBody": "\0"}
TOO_MANY = {"MaxNumberOfMessages": 11}
COLUMNS = {
    "intake": "IntakeRole",
    "render": "RenderRole",
    "deliver": "DeliverRole",
    "reconcile": "ReconcileRole",
    "bill": "ReconcileBillRole",
    "campaign": "CampaignRole",
    "machine": "CampaignMachineRole",
    "check": "DeploymentCheckRole",
}


def build_calls(stack: DeployedStack) -> dict[str, Call]:
    """Returns the AWS call of each action."""
    return (
        _photos(stack)
        | _pictures(stack)
        | _ledger(stack)
        | _queues(stack)
        | _secrets_and_functions(stack)
        | _machine(stack)
    )


def _photos(stack: DeployedStack) -> dict[str, Call]:
    photo = {"Bucket": stack.input_bucket, "Key": TEXT}
    return {
        "read a photo": ("s3", "get_object", photo),
        "read a photo's tags": ("s3", "get_object_tagging", photo),
        "list photos": ("s3", "list_objects_v2", {"Bucket": stack.input_bucket}),
        "change a photo": ("s3", "put_object", photo),
        "delete a photo": ("s3", "delete_object", photo),
        "read a bucket of `ReadableBuckets`": ("s3", "get_object", {"Bucket": READABLE_BUCKET, "Key": TEXT}),
        "read any other bucket": ("s3", "get_object", {"Bucket": FORBIDDEN, "Key": TEXT}),
        "make a bucket public": ("s3", "delete_public_access_block", {"Bucket": stack.input_bucket}),
    }


def _pictures(stack: DeployedStack) -> dict[str, Call]:
    def at(key: str) -> dict[str, Any]:
        return {"Bucket": stack.output_bucket, "Key": key}

    return {
        "read a picture": ("s3", "get_object", at(TEXT)),
        "write a picture": ("s3", "put_object", at(TEXT)),
        "delete a picture": ("s3", "delete_object", at(TEXT)),
        "list pictures": ("s3", "list_objects_v2", {"Bucket": stack.output_bucket}),
        "write a receipt": ("s3", "put_object", at(f"_backdrop/receipts/{TEXT}") | {"IfMatch": '"no-such-etag"'}),
        "delete an error report": ("s3", "delete_object", at(f"_backdrop/errors/{TEXT}")),
        "read a prepared photo": ("s3", "get_object", at(f"{WORK_PREFIX}/inputs/{TEXT}")),
        "write a prepared photo": ("s3", "put_object", at(f"{WORK_PREFIX}/inputs/{TEXT}")),
        "store a provider's response": ("s3", "put_object", at(f"{WORK_PREFIX}/answers/{TEXT}")),
        "delete a stored response": ("s3", "delete_object", at(f"{WORK_PREFIX}/answers/{TEXT}")),
        "store a provider's file": ("s3", "put_object", at(f"{WORK_PREFIX}/results/{TEXT}")),
        "store an unrecognized response": ("s3", "put_object", at("_backdrop/paid/a/b_response.txt")),
        "read a campaign's list": ("s3", "get_object", at(f"{WORK_PREFIX}/campaigns/{TEXT}")),
        "write a campaign's list": ("s3", "put_object", at(f"{WORK_PREFIX}/campaigns/{TEXT}")),
        "write a campaign's report": ("s3", "put_object", at(f"_backdrop/campaigns/{TEXT}")),
    }


WRITTEN_ITEMS = {
    "write a photo or a job": "source#missing",
    "write the owner of a content": "content#missing",
    "write the owner of a name": "name#missing",
    "write that a job was reviewed": "review#missing",
    "write the health of a lane": "lane#missing",
    "write reconcile's own item": "reconcile",
    "write usage records": "usage#missing",
    "write a mandate": "mandate#missing",
    "write the list of mandates": "mandates",
    "write a day's budget": "budget#missing",
    "write a share of a day's budget": "share#missing#1",
    "write an item of another kind": "missing",
}
AMOUNTS = {
    "add to a day's totals": "budget#missing",
    "add to a share of a day's budget": "share#missing#1",
    "add to what a mandate has spent": "mandate#missing",
    "update any other item": "source#missing",
}


def _put(table: str, key: str) -> dict[str, Any]:
    return {"TableName": table, "Item": _build_key(key), "ConditionExpression": "attribute_exists(pk)"}


def _update(table: str, key: str) -> dict[str, Any]:
    return {"TableName": table, "Key": _build_key(key), "ConditionExpression": "attribute_exists(pk)"}


def _build_key(partition_key: str) -> dict[str, Any]:
    return {"pk": {"S": partition_key}, "sk": {"S": "nothing"}}


def _ledger(stack: DeployedStack) -> dict[str, Call]:
    name = stack.outputs["LedgerTableName"]
    missing_key = {"pk": {"S": "missing"}, "sk": {"S": "nothing"}}
    item, batch = {"TableName": name, "Key": missing_key}, {name: {"Keys": [missing_key]}}
    due = {"KeyConditionExpression": "watch = :value", "ExpressionAttributeValues": {":value": {"S": "nothing"}}}
    own = {"KeyConditionExpression": "pk = :value", "ExpressionAttributeValues": {":value": {"S": "missing"}}}
    return {
        "read a ledger item": ("dynamodb", "get_item", item),
        "read several ledger items": (
            "dynamodb",
            "batch_get_item",
            {"RequestItems": batch},
        ),
        "query a photo's jobs": ("dynamodb", "query", {"TableName": name, **own}),
        "query what is due": ("dynamodb", "query", {"TableName": name, "IndexName": "watch", **due}),
        **{action: ("dynamodb", "put_item", _put(name, key)) for action, key in WRITTEN_ITEMS.items()},
        "write a photo and a mandate in one transaction": (
            "dynamodb",
            "transact_write_items",
            {"TransactItems": [{"Put": _put(name, key)} for key in ("source#missing", "mandate#missing")]},
        ),
        **{action: ("dynamodb", "update_item", _update(name, key)) for action, key in AMOUNTS.items()},
        "delete a ledger item": ("dynamodb", "delete_item", item),
        "scan the ledger": ("dynamodb", "scan", {"TableName": name}),
    }


def _queues(stack: DeployedStack) -> dict[str, Call]:
    def at(output: str, what: dict[str, Any]) -> dict[str, Any]:
        return {"QueueUrl": stack.outputs[output], **what}

    return {
        "receive a message for intake": ("sqs", "receive_message", at("IntakeQueueUrl", TOO_MANY)),
        "receive a job from a lane": ("sqs", "receive_message", at("IdeogramQueueUrl", TOO_MANY)),
        "receive a delivery": ("sqs", "receive_message", at("DeliverQueueUrl", TOO_MANY)),
        "receive a dead letter": ("sqs", "receive_message", at("DeadLetterQueueUrl", TOO_MANY)),
        "count the messages for deliver": ("sqs", "get_queue_attributes", at("DeliverQueueUrl", {})),
        "send to intake": ("sqs", "send_message", at("IntakeQueueUrl", INVALID_BODY)),
        "send a job to a lane": ("sqs", "send_message", at("IdeogramQueueUrl", INVALID_BODY)),
        "send to deliver": ("sqs", "send_message", at("DeliverQueueUrl", INVALID_BODY)),
        "send a dead letter": ("sqs", "send_message", at("DeadLetterQueueUrl", INVALID_BODY)),
        "empty a queue": ("sqs", "purge_queue", at("IdeogramQueueUrl", {})),
    }


def _secrets_and_functions(stack: DeployedStack) -> dict[str, Call]:
    event = {"Source": "tests", "DetailType": "Nothing", "Detail": "{}"}
    own_event = {"Entries": [{**event, "EventBusName": stack.outputs["EventBusName"]}]}
    key = {"SecretId": f"{STACK}/ideogram/api-key"}
    dry = {"InvocationType": "DryRun"}
    campaign, intake = ({"FunctionName": f"{STACK}-{one}", **dry} for one in ("campaign", "intake"))
    policy = {"RoleName": "any-role", "PolicyName": "more", "PolicyDocument": "{}"}
    assumption = {"RoleArn": "arn:aws:iam::000000000000:role/any-role", "RoleSessionName": "tests"}
    return {
        "read a provider's key": ("secretsmanager", "get_secret_value", key),
        "read the admin key": ("secretsmanager", "get_secret_value", {"SecretId": f"{STACK}/ideogram/admin-key"}),
        "read another secret": ("secretsmanager", "get_secret_value", {"SecretId": FORBIDDEN}),
        "change a provider's key": ("secretsmanager", "put_secret_value", {**key, "SecretString": "mine"}),
        "list the lanes": ("lambda", "list_event_source_mappings", {}),
        "invoke the campaign's function": ("lambda", "invoke", campaign),
        "invoke another function": ("lambda", "invoke", intake),
        "change a function": ("lambda", "update_function_configuration", {"FunctionName": f"{STACK}-render"}),
        "publish to the stack's bus": ("events", "put_events", own_event),
        "publish to another bus": ("events", "put_events", {"Entries": [event]}),
        "read a log": ("logs", "filter_log_events", {"logGroupName": f"/aws/lambda/{STACK}-intake"}),
        "change a role": ("iam", "put_role_policy", policy),
        "assume another role": ("sts", "assume_role", assumption),
    }


def _machine(stack: DeployedStack) -> dict[str, Call]:
    state_machine = stack.outputs["CampaignStateMachineArn"]
    own = {"executionArn": state_machine.replace(":stateMachine:", ":execution:") + ":missing"}
    machines = own["executionArn"].partition(f"{STACK}-campaign:")[0]
    waiting, other = ({"executionArn": f"{machines}{name}:missing"} for name in (WAITING_STATE_MACHINE, "another"))
    return {
        "answer a task token": ("stepfunctions", "send_task_success", {"taskToken": "invalid", "output": "{}"}),
        "check whether a campaign runs": ("stepfunctions", "describe_execution", own),
        "check whether an execution of `WaitingStateMachines` runs": ("stepfunctions", "describe_execution", waiting),
        "check whether another execution runs": ("stepfunctions", "describe_execution", other),
        "start a campaign": ("stepfunctions", "start_execution", {"stateMachineArn": state_machine, "input": "{}"}),
        "stop a campaign": ("stepfunctions", "stop_execution", own),
    }
