"""SNS messages as they arrive in a queue whose subscription does not use raw message delivery."""

import json

TOPIC_ARN = "arn:aws:sns:eu-central-1:123456789012:uploads"


def wrap_in_envelope(message: str) -> str:
    """The body of the SQS message (Amazon SNS Developer Guide, "Parsing Amazon SNS message formats")."""
    certificate = "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-0000.pem"
    return json.dumps(
        {
            "Type": "Notification",
            "MessageId": "00000000-0000-4000-8000-000000000000",
            "TopicArn": TOPIC_ARN,
            "Subject": "Amazon S3 Notification",
            "Message": message,
            "Timestamp": "2026-11-21T10:00:00.000Z",
            "SignatureVersion": "1",
            "Signature": "c2lnbmF0dXJl",
            "SigningCertURL": certificate,
            "UnsubscribeURL": f"https://sns.eu-central-1.amazonaws.com/?Action=Unsubscribe&SubscriptionArn={TOPIC_ARN}:0",
        }
    )
