"""Deploys the naive pipeline to the same emulator, with the same limits as Backdrop."""

from pathlib import Path

from backdrop_local import sam
from backdrop_local.cloud import Cloud
from backdrop_local.home import REGION
from backdrop_local.parameters import lambda_architecture
from backdrop_local.providers import STANDIN_KEY
from fault_bench.bench_pipeline import BenchPipeline, DeployedPipeline
from fault_bench.standin_provider import StandinProvider

PIPELINE_NAME = "naive"
STACK_NAME = "naive"
TEMPLATE_PATH = Path(__file__).with_name("template.yaml")


def deploy_pipeline(
    cloud: Cloud, provider: StandinProvider, *, concurrency_limit: int, timeout_seconds: int
) -> BenchPipeline:
    """Deploys the naive pipeline and returns it with its provider."""
    return BenchPipeline(
        **vars(deploy_stack(cloud, provider.url, concurrency_limit=concurrency_limit, timeout_seconds=timeout_seconds)),
        provider=provider,
    )


def deploy_stack(cloud: Cloud, ideogram_url: str, *, concurrency_limit: int, timeout_seconds: int) -> DeployedPipeline:
    """Deploys the naive pipeline. Its function has time for three calls that all time out."""
    max_seconds = 3 * timeout_seconds + 6
    parameters = {
        "Architecture": lambda_architecture(),
        "IdeogramBaseUrl": ideogram_url,
        "IdeogramApiKey": STANDIN_KEY,
        "CallTimeoutSeconds": str(timeout_seconds),
        "FunctionTimeoutSeconds": str(max_seconds),
        "VisibilitySeconds": str(max_seconds + 2),
    }
    options = ["--template-file", str(TEMPLATE_PATH), "--stack-name", STACK_NAME, "--region", REGION, "--resolve-s3"]
    options += ["--capabilities", "CAPABILITY_IAM", "--no-confirm-changeset", "--no-fail-on-empty-changeset"]
    environment = {**sam.emulator_credentials(), "AWS_ENDPOINT_URL": cloud.endpoint_url}
    parameter_options = ["--parameter-overrides", *sam.format_overrides(parameters)]
    sam.run_sam(["deploy", *options, *parameter_options], environment, cloud.home.log_file("sam-deploy-naive"))
    deployed = _describe_stack(cloud)
    deployed.set_max_concurrency(concurrency_limit)
    return deployed


def _describe_stack(cloud: Cloud) -> DeployedPipeline:
    raw_outputs = cloud.clients.cloudformation.describe_stacks(StackName=STACK_NAME)["Stacks"][0].get("Outputs", [])
    outputs = {entry.get("OutputKey", ""): entry.get("OutputValue", "") for entry in raw_outputs}
    return DeployedPipeline(
        name=PIPELINE_NAME,
        clients=cloud.clients,
        photo_bucket=outputs["PhotoBucketName"],
        picture_bucket=outputs["PictureBucketName"],
        event_queue_url=outputs["EventQueueUrl"],
        queue_urls=(outputs["EventQueueUrl"],),
        dead_letter_queue_url=outputs["DeadLetterQueueUrl"],
        lane_queue_url=outputs["EventQueueUrl"],
        worker_folder=f"{cloud.home.emulator_folder / 'tmp'}/ministack-lambda-{STACK_NAME}-function",
        event_suffixes=(".jpg",),
    )
