"""AWS's list prices in one dated table: the price of each kind of use, and how much of it is free every month.

On-demand prices of us-east-1, arm64, first tier. The free tier is the permanent one, not that of a new account's first
months. Volumes are AWS's: a GB of S3 and CloudWatch is 2^30 bytes.
"""

from dataclasses import dataclass
from decimal import Decimal

DATE = "2026-11-21"
REGION = "us-east-1"
SOURCES = {
    "Lambda": "https://aws.amazon.com/lambda/pricing/",
    "DynamoDB": "https://aws.amazon.com/dynamodb/pricing/on-demand/",
    "S3": "https://aws.amazon.com/s3/pricing/",
    "SQS": "https://aws.amazon.com/sqs/pricing/",
    "EventBridge": "https://aws.amazon.com/eventbridge/pricing/",
    "Step Functions": "https://aws.amazon.com/step-functions/pricing/",
    "CloudWatch": "https://aws.amazon.com/cloudwatch/pricing/",
    "Secrets Manager": "https://aws.amazon.com/secrets-manager/pricing/",
    "KMS": "https://aws.amazon.com/kms/pricing/",
    "Traffic": "https://aws.amazon.com/ec2/pricing/on-demand/#Data_Transfer",
}


@dataclass(frozen=True)
class ListPrice:
    """Dollars for `unit_count` units. `free` units cost nothing every month."""

    service: str
    unit: str
    usd: Decimal
    unit_count: int = 1
    free: int = 0

    def list_usd(self, amount: float) -> float:
        """Returns the list price, in dollars, of an amount."""
        return float(self.usd) * amount / self.unit_count

    def usd_beyond_free(self, amount: float) -> float:
        """Returns the price beyond the free tier, if nothing else in the account uses it."""
        return self.list_usd(max(0.0, amount - self.free))


def _price(service: str, unit: str, usd: str, per: int = 1, free: int = 0) -> ListPrice:
    return ListPrice(service, unit, Decimal(usd), per, free)


MILLION = 1_000_000
PRICES = {
    "lambda requests": _price("Lambda", "requests", "0.20", MILLION, MILLION),
    "lambda seconds": _price("Lambda", "GB-seconds", "0.0000133334", free=400_000),
    "dynamodb writes": _price("DynamoDB", "write units", "0.625", MILLION),
    "dynamodb reads": _price("DynamoDB", "read units", "0.125", MILLION),
    "s3 writes": _price("S3", "writes and lists", "0.005", 1000),
    "s3 reads": _price("S3", "reads", "0.0004", 1000),
    "sqs": _price("SQS", "requests", "0.40", MILLION, MILLION),
    "events": _price("EventBridge", "custom events", "1.00", MILLION),
    "transitions": _price("Step Functions", "state transitions", "0.025", 1000, 4000),
    "logs": _price("CloudWatch", "GB of logs", "0.50", free=5),
    "metrics": _price("CloudWatch", "metrics", "0.30", free=10),
    "alarms": _price("CloudWatch", "metrics in alarms", "0.10", free=10),
    "dashboards": _price("CloudWatch", "dashboards", "3.00", free=3),
    "secrets": _price("Secrets Manager", "secrets", "0.40"),
    "secret reads": _price("Secrets Manager", "reads of a secret", "0.05", 10_000),
    "signatures": _price("KMS", "signatures with ECC", "0.15", 10_000),
    "traffic": _price("Traffic", "GB to the internet", "0.09", free=100),
}
