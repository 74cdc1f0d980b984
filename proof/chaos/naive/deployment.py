"""Puts the naive pipeline onto the same emulator, with the same limits as Backdrop."""

from pathlib import Path

from backdrop_local import sam
from backdrop_local.cloud import Cloud
from backdrop_local.home import REGION
from backdrop_local.parameters import architecture
from backdrop_local.providers import STANDIN_KEY
from proof.chaos.pipeline import Deployed, Pipeline
from proof.chaos.provider import Provider

NAME = "naive"
STACK = "naive"
TEMPLATE = Path(__file__).with_name("template.yaml")


def pipeline(cloud: Cloud, provider: Provider, *, limit: int, timeout_seconds: int) -> Pipeline:
    """The naive pipeline with its provider."""
    return Pipeline(
        **vars(deploy(cloud, provider.url, limit=limit, timeout_seconds=timeout_seconds)), provider=provider
    )


def deploy(cloud: Cloud, ideogram_url: str, *, limit: int, timeout_seconds: int) -> Deployed:
    """The naive pipeline, ready for photos. Its function has time for three calls that all time out."""
    lasts = 3 * timeout_seconds + 6
    parameters = {
        "Architecture": architecture(),
        "IdeogramBaseUrl": ideogram_url,
        "IdeogramApiKey": STANDIN_KEY,
        "CallTimeoutSeconds": str(timeout_seconds),
        "FunctionTimeoutSeconds": str(lasts),
        "VisibilitySeconds": str(lasts + 2),
    }
    options = ["--template-file", str(TEMPLATE), "--stack-name", STACK, "--region", REGION, "--resolve-s3"]
    options += ["--capabilities", "CAPABILITY_IAM", "--no-confirm-changeset", "--no-fail-on-empty-changeset"]
    where = {**sam.credentials(), "AWS_ENDPOINT_URL": cloud.endpoint_url}
    chosen = ["--parameter-overrides", *sam.overrides(parameters)]
    sam.run(["deploy", *options, *chosen], where, cloud.home.log("sam-deploy-naive"))
    made = _deployed(cloud)
    made.allow(limit)
    return made


def _deployed(cloud: Cloud) -> Deployed:
    described = cloud.clients.cloudformation.describe_stacks(StackName=STACK)["Stacks"][0].get("Outputs", [])
    outputs = {entry.get("OutputKey", ""): entry.get("OutputValue", "") for entry in described}
    return Deployed(
        name=NAME,
        clients=cloud.clients,
        photos=outputs["PhotoBucketName"],
        pictures=outputs["PictureBucketName"],
        events=outputs["EventQueueUrl"],
        queues=(outputs["EventQueueUrl"],),
        letters=outputs["DeadLetterQueueUrl"],
        lane=outputs["EventQueueUrl"],
        workers=f"{cloud.home.emulator / 'tmp'}/ministack-lambda-{STACK}-function",
        suffixes=(".jpg",),
    )
