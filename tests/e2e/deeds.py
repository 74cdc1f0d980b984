"""Everything that somebody might try in a function's role: what `docs/security.md` lists, as calls of AWS.

Where a deed is allowed the call shall still leave nothing behind: it names what is not there, or asks for what no
service takes, and is refused for that alone, after the role was looked at.
"""

from typing import Any

from backdrop_local.home import STACK
from tests.e2e.shop import SHELF, WAITING, Shop

type Call = tuple[str, str, dict[str, Any]]

TEXT = "a role was here.txt"
NOBODYS = "nobodys-business"
WORK = "_backdrop/work"
NO_TEXT = {"MessageBody": "\0"}
TOO_MANY = {"MaxNumberOfMessages": 11}
COLUMNS = {
    "intake": "IntakeRole",
    "render": "RenderRole",
    "deliver": "DeliverRole",
    "reconcile": "ReconcileRole",
    "campaign": "CampaignRole",
    "machine": "CampaignMachineRole",
    "check": "DeploymentCheckRole",
}


def calls(shop: Shop) -> dict[str, Call]:
    """Each deed's call."""
    return _photos(shop) | _pictures(shop) | _ledger(shop) | _queues(shop) | _rest(shop) | _machine(shop)


def _photos(shop: Shop) -> dict[str, Call]:
    photo = {"Bucket": shop.photos, "Key": TEXT}
    return {
        "read a photo": ("s3", "get_object", photo),
        "read a photo's tags": ("s3", "get_object_tagging", photo),
        "list photos": ("s3", "list_objects_v2", {"Bucket": shop.photos}),
        "change a photo": ("s3", "put_object", photo),
        "delete a photo": ("s3", "delete_object", photo),
        "read a bucket of `ReadableBuckets`": ("s3", "get_object", {"Bucket": SHELF, "Key": TEXT}),
        "read any other bucket": ("s3", "get_object", {"Bucket": NOBODYS, "Key": TEXT}),
        "make a bucket public": ("s3", "delete_public_access_block", {"Bucket": shop.photos}),
    }


def _pictures(shop: Shop) -> dict[str, Call]:
    def at(key: str) -> dict[str, Any]:
        return {"Bucket": shop.pictures, "Key": key}

    return {
        "read a picture": ("s3", "get_object", at(TEXT)),
        "write a picture": ("s3", "put_object", at(TEXT)),
        "delete a picture": ("s3", "delete_object", at(TEXT)),
        "list pictures": ("s3", "list_objects_v2", {"Bucket": shop.pictures}),
        "write a receipt": ("s3", "put_object", at(f"_backdrop/receipts/{TEXT}") | {"IfMatch": '"nobodys"'}),
        "delete an error report": ("s3", "delete_object", at(f"_backdrop/errors/{TEXT}")),
        "read a prepared photo": ("s3", "get_object", at(f"{WORK}/inputs/{TEXT}")),
        "write a prepared photo": ("s3", "put_object", at(f"{WORK}/inputs/{TEXT}")),
        "store a provider's response": ("s3", "put_object", at(f"{WORK}/answers/{TEXT}")),
        "delete a stored response": ("s3", "delete_object", at(f"{WORK}/answers/{TEXT}")),
        "store a provider's file": ("s3", "put_object", at(f"{WORK}/results/{TEXT}")),
        "store an unrecognized response": ("s3", "put_object", at("_backdrop/paid/a/b_response.txt")),
        "read a campaign's list": ("s3", "get_object", at(f"{WORK}/campaigns/{TEXT}")),
        "write a campaign's list": ("s3", "put_object", at(f"{WORK}/campaigns/{TEXT}")),
        "write a campaign's report": ("s3", "put_object", at(f"_backdrop/campaigns/{TEXT}")),
    }


def _ledger(shop: Shop) -> dict[str, Call]:
    name = shop.outputs["LedgerTableName"]
    nobody = {"pk": {"S": "nobody"}, "sk": {"S": "nothing"}}
    item, both = {"TableName": name, "Key": nobody}, {name: {"Keys": [nobody]}}
    only_there = {"ConditionExpression": "attribute_exists(pk)"}
    due = {"KeyConditionExpression": "watch = :one", "ExpressionAttributeValues": {":one": {"S": "nothing"}}}
    own = {"KeyConditionExpression": "pk = :one", "ExpressionAttributeValues": {":one": {"S": "nobody"}}}
    return {
        "read a ledger item": ("dynamodb", "get_item", item),
        "read several ledger items": (
            "dynamodb",
            "batch_get_item",
            {"RequestItems": both},
        ),
        "query a photo's jobs": ("dynamodb", "query", {"TableName": name, **own}),
        "query what is due": ("dynamodb", "query", {"TableName": name, "IndexName": "watch", **due}),
        "write a ledger item": ("dynamodb", "put_item", {"TableName": name, "Item": nobody, **only_there}),
        "add to a day's totals": ("dynamodb", "update_item", item | only_there),
        "delete a ledger item": ("dynamodb", "delete_item", item),
        "scan the ledger": ("dynamodb", "scan", {"TableName": name}),
    }


def _queues(shop: Shop) -> dict[str, Call]:
    def at(output: str, what: dict[str, Any]) -> dict[str, Any]:
        return {"QueueUrl": shop.outputs[output], **what}

    return {
        "receive a message for intake": ("sqs", "receive_message", at("IntakeQueueUrl", TOO_MANY)),
        "receive a job from a lane": ("sqs", "receive_message", at("IdeogramQueueUrl", TOO_MANY)),
        "receive a delivery": ("sqs", "receive_message", at("DeliverQueueUrl", TOO_MANY)),
        "receive a dead letter": ("sqs", "receive_message", at("DeadLetterQueueUrl", TOO_MANY)),
        "count the messages for deliver": ("sqs", "get_queue_attributes", at("DeliverQueueUrl", {})),
        "send to intake": ("sqs", "send_message", at("IntakeQueueUrl", NO_TEXT)),
        "send a job to a lane": ("sqs", "send_message", at("IdeogramQueueUrl", NO_TEXT)),
        "send to deliver": ("sqs", "send_message", at("DeliverQueueUrl", NO_TEXT)),
        "send a dead letter": ("sqs", "send_message", at("DeadLetterQueueUrl", NO_TEXT)),
        "empty a queue": ("sqs", "purge_queue", at("IdeogramQueueUrl", {})),
    }


def _rest(shop: Shop) -> dict[str, Call]:
    event = {"Source": "tests", "DetailType": "Nothing", "Detail": "{}"}
    ours = {"Entries": [{**event, "EventBusName": shop.outputs["EventBusName"]}]}
    key = {"SecretId": f"{STACK}/ideogram/api-key"}
    dry = {"InvocationType": "DryRun"}
    campaign, intake = ({"FunctionName": f"{STACK}-{one}", **dry} for one in ("campaign", "intake"))
    policy = {"RoleName": "anybody", "PolicyName": "more", "PolicyDocument": "{}"}
    put_on = {"RoleArn": "arn:aws:iam::000000000000:role/anybody", "RoleSessionName": "tests"}
    return {
        "read a provider's key": ("secretsmanager", "get_secret_value", key),
        "read another secret": ("secretsmanager", "get_secret_value", {"SecretId": NOBODYS}),
        "change a provider's key": ("secretsmanager", "put_secret_value", {**key, "SecretString": "mine"}),
        "list the lanes": ("lambda", "list_event_source_mappings", {}),
        "invoke the campaign's function": ("lambda", "invoke", campaign),
        "invoke another function": ("lambda", "invoke", intake),
        "change a function": ("lambda", "update_function_configuration", {"FunctionName": f"{STACK}-render"}),
        "publish to the stack's bus": ("events", "put_events", ours),
        "publish to another bus": ("events", "put_events", {"Entries": [event]}),
        "read a log": ("logs", "filter_log_events", {"logGroupName": f"/aws/lambda/{STACK}-intake"}),
        "change a role": ("iam", "put_role_policy", policy),
        "assume another role": ("sts", "assume_role", put_on),
    }


def _machine(shop: Shop) -> dict[str, Call]:
    machine = shop.outputs["CampaignStateMachineArn"]
    own = {"executionArn": machine.replace(":stateMachine:", ":execution:") + ":nobody"}
    machines = own["executionArn"].partition(f"{STACK}-campaign:")[0]
    waiting, other = ({"executionArn": f"{machines}{name}:nobody"} for name in (WAITING, "another"))
    return {
        "answer a task token": ("stepfunctions", "send_task_success", {"taskToken": "nobody's", "output": "{}"}),
        "check whether a campaign runs": ("stepfunctions", "describe_execution", own),
        "check whether an execution of `WaitingStateMachines` runs": ("stepfunctions", "describe_execution", waiting),
        "check whether another execution runs": ("stepfunctions", "describe_execution", other),
        "start a campaign": ("stepfunctions", "start_execution", {"stateMachineArn": machine, "input": "{}"}),
        "stop a campaign": ("stepfunctions", "stop_execution", own),
    }
