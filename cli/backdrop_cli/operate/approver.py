"""How the commands record a person's decision, and the IAM policy of a person who may do nothing else.

An approver cannot write the ledger. The decision travels as an event on the stack's bus, which intake carries out. The
policy ties the event's source to the identity that AWS knows (`${aws:userid}`), so that no approver can use another's.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from botocore.exceptions import ClientError

from backdrop.aws.aws_errors import read_aws_error_code
from backdrop.aws.event_bus import EventBus
from backdrop.aws.events import DECISIONS_BY_DETAIL_TYPE
from backdrop.model import transitions
from backdrop.model.errors import RetryLaterError
from backdrop.model.job import Job
from backdrop.model.object_keys import CHANGE_MAPS_PREFIX, REVIEW_PREFIX
from backdrop.model.review import DecisionChannel, PictureDecision
from backdrop.pipeline.approvals import Approvals
from backdrop_cli.errors import CommandError
from backdrop_client.aws_failures import ACCESS_DENIED_CODES

APPROVER_SOURCE = "approver:"
MAX_READS, SECONDS_BETWEEN_READS = 30, 1.0
DETAIL_TYPES = {decision: detail_type for detail_type, decision in DECISIONS_BY_DETAIL_TYPE.items()}


@dataclass(frozen=True)
class Caller:
    """The AWS identity that runs the command: its ARN, and its unique ID, which IAM calls `aws:userid`."""

    arn: str
    user_id: str


@dataclass(frozen=True)
class Decisions:
    """Records decisions in the ledger, or publishes them if the caller may not write there."""

    approvals: Approvals
    event_bus: EventBus
    read_caller: Callable[[], Caller]

    def decide(self, decision: PictureDecision, source_id: str = "") -> Job:
        """Returns the job with the decision. Raises the errors of `Approvals.decide`, and CommandError."""
        try:
            return self.approvals.decide(decision, source_id)
        except RetryLaterError as error:
            cause = error.__cause__
            if not isinstance(cause, ClientError) or read_aws_error_code(cause) not in ACCESS_DENIED_CODES:
                raise
        source = f"{APPROVER_SOURCE}{self.read_caller().user_id}"
        sent = replace(decision, via=DecisionChannel.EVENT, event_source=source)
        detail = {"job_id": sent.job_id, "n": sent.n, "by": sent.by, "sha256": sent.sha256}
        self.event_bus.publish(DETAIL_TYPES[sent.decision], detail, source)
        return self._wait_for(sent, source_id)

    def _wait_for(self, sent: PictureDecision, source_id: str) -> Job:
        """Raises DecisionRefusedError if another decision was first, and CommandError if none is recorded."""
        ledger, clock = self.approvals.ledger, self.approvals.clock
        source_id = source_id or ledger.find_reviewed_source_id(sent.job_id) or ""
        for _ in range(MAX_READS):
            job = ledger.find_job(source_id, sent.job_id)
            review = job.find_review(sent.n) if job else None
            if job and review and review.decision:
                # Raises an error unless it is the same decision by the same person.
                transitions.decide(
                    job, sent.n, sent.decision, by=sent.by, via=sent.via, now=clock.now(), sha256=sent.sha256
                )
                return job
            clock.sleep(SECONDS_BETWEEN_READS)
        raise CommandError(
            "the decision was published, but it is not recorded yet; run `backdrop review` in a moment: if the picture "
            "still waits, intake could not carry the decision out, and its dead letter says why"
        )


def build_approver_policy(
    stack_arn: str, input_bucket: str, output_bucket: str, table_name: str, bus_name: str
) -> dict[str, Any]:
    """Returns the policy with which a person can see and decide pictures, on the page and with `review`."""
    _, partition, _, region, account, _ = stack_arn.split(":", 5)
    table = f"arn:{partition}:dynamodb:{region}:{account}:table/{table_name}"
    statements: list[dict[str, Any]] = [
        {
            "Sid": "FindTheStack",
            "Action": "cloudformation:DescribeStacks",
            "Resource": f"{stack_arn.rpartition('/')[0]}/*",
        },
        {
            "Sid": "ReadTheLedger",
            "Action": ["dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"],
            "Resource": [table, f"{table}/index/*"],
        },
        {
            "Sid": "SeePhotosAndPictures",
            "Action": "s3:GetObject",
            "Resource": [
                f"arn:{partition}:s3:::{input_bucket}/*",
                *(f"arn:{partition}:s3:::{output_bucket}/{folder}/*" for folder in (REVIEW_PREFIX, CHANGE_MAPS_PREFIX)),
            ],
        },
        {
            "Sid": "DecideInTheirOwnName",
            "Action": "events:PutEvents",
            "Resource": f"arn:{partition}:events:{region}:{account}:event-bus/{bus_name}",
            "Condition": {
                # ForAllValues is true for a request without the keys.
                "Null": {"events:detail-type": "false", "events:source": "false"},
                "ForAllValues:StringEquals": {
                    "events:detail-type": [*DECISIONS_BY_DETAIL_TYPE],
                    "events:source": f"{APPROVER_SOURCE}${{aws:userid}}",
                },
            },
        },
    ]
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **one} for one in statements]}
