"""Each function may do what its job needs and nothing more; the emulator enforces the roles as they are deployed."""

from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from backdrop_local.home import REGION, STACK
from tests.e2e.shop import Shop

FORBIDDEN = [
    ("IntakeRole", "read_the_key"),
    ("IntakeRole", "write_a_picture"),
    ("IntakeRole", "read_a_picture"),
    ("IntakeRole", "write_a_photo"),
    ("IntakeRole", "tell_the_bus"),
    ("IntakeRole", "scan_the_ledger"),
    ("RenderRole", "write_a_picture"),
    ("RenderRole", "write_a_photo"),
    ("RenderRole", "tell_the_bus"),
    ("RenderRole", "read_another_secret"),
    ("RenderRole", "forget_a_job"),
    ("RenderRole", "buy_more"),
    ("DeliverRole", "read_the_key"),
    ("DeliverRole", "write_a_photo"),
    ("DeliverRole", "delete_a_picture"),
    ("DeliverRole", "buy_more"),
    ("DeliverRole", "forget_a_job"),
    ("DeploymentCheckRole", "read_the_key"),
    ("DeploymentCheckRole", "read_a_photo"),
    ("DeploymentCheckRole", "buy_more"),
]
ALLOWED = [
    ("IntakeRole", "read_a_photo"),
    ("IntakeRole", "buy_more"),
    ("RenderRole", "read_the_key"),
    ("RenderRole", "read_a_photo"),
    ("DeliverRole", "read_a_photo"),
    ("DeliverRole", "write_a_picture"),
    ("DeliverRole", "tell_the_bus"),
]


class Actor:
    """What somebody in a function's role tries to do."""

    def __init__(self, shop: Shop, role: str) -> None:
        self._shop = shop
        found = shop.clients.cloudformation.describe_stack_resource(StackName=STACK, LogicalResourceId=role)
        name = found.get("StackResourceDetail", {}).get("PhysicalResourceId", "")
        arn = _client(shop, boto3.Session("test", "test"), "iam").get_role(RoleName=name)["Role"]["Arn"]
        sts = _client(shop, boto3.Session("test", "test"), "sts")
        given = sts.assume_role(RoleArn=arn, RoleSessionName="tests")["Credentials"]
        self._session = boto3.Session(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])

    def try_to(self, deed: str) -> None:
        """Raises ClientError where the role does not allow it."""
        service, action, arguments = self._deeds()[deed]
        getattr(_client(self._shop, self._session, service), action)(**arguments)

    def _deeds(self) -> dict[str, tuple[str, str, dict[str, Any]]]:
        names = self._shop.outputs
        photo = {"Bucket": names["InputBucketName"], "Key": "a role was here.txt"}
        picture = {"Bucket": names["OutputBucketName"], "Key": "a role was here.txt"}
        table, key = names["LedgerTableName"], {"pk": {"S": "nobody"}, "sk": {"S": "nothing"}}
        event = {"Source": "tests", "DetailType": "Nothing", "Detail": "{}", "EventBusName": names["EventBusName"]}
        return {
            "read_the_key": ("secretsmanager", "get_secret_value", {"SecretId": f"{STACK}/ideogram/api-key"}),
            "read_another_secret": ("secretsmanager", "get_secret_value", {"SecretId": "somebody-elses"}),
            "read_a_photo": ("s3", "get_object", photo),
            "write_a_photo": ("s3", "put_object", photo),
            "read_a_picture": ("s3", "get_object", picture),
            "write_a_picture": ("s3", "put_object", picture),
            "delete_a_picture": ("s3", "delete_object", picture),
            "tell_the_bus": ("events", "put_events", {"Entries": [event]}),
            "scan_the_ledger": ("dynamodb", "scan", {"TableName": table}),
            "forget_a_job": ("dynamodb", "delete_item", {"TableName": table, "Key": key}),
            "buy_more": ("sqs", "send_message", {"QueueUrl": names["IdeogramQueueUrl"], "MessageBody": "{}"}),
        }


def _client(shop: Shop, session: boto3.Session, service: str) -> Any:
    config = Config(proxies={}, s3={"addressing_style": "path"})
    return session.client(service, region_name=REGION, endpoint_url=shop.cloud.endpoint_url, config=config)  # pyright: ignore[reportCallIssue, reportArgumentType, reportUnknownVariableType]


@pytest.fixture(autouse=True)
def something_to_touch(shop: Shop) -> None:
    """An object in each bucket and a secret that is nobody's, so that only the role can be in the way."""
    for bucket in (shop.photos, shop.pictures):
        shop.clients.s3.put_object(Bucket=bucket, Key="a role was here.txt", Body=b"text")
    secrets = shop.clients.secrets
    if "somebody-elses" not in [found.get("Name") for found in secrets.list_secrets()["SecretList"]]:
        secrets.create_secret(Name="somebody-elses", SecretString="none of our business")


@pytest.mark.parametrize(("role", "deed"), FORBIDDEN)
def test_a_function_may_not_do_what_is_not_its_job(shop: Shop, role: str, deed: str) -> None:
    with pytest.raises(ClientError) as caught:
        Actor(shop, role).try_to(deed)
    assert "is not authorized to perform" in str(caught.value)


@pytest.mark.parametrize(("role", "deed"), ALLOWED)
def test_a_function_may_do_what_its_job_needs(shop: Shop, role: str, deed: str) -> None:
    Actor(shop, role).try_to(deed)
