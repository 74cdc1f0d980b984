"""The longest time that a request to AWS takes, on which other delays depend."""

from typing import Any

from backdrop.aws.clients import CLIENT_CONFIG, INVOKING_CONFIG
from backdrop.pipeline.enqueue import SAFETY_DELAY_SECONDS
from tests.unit.template_document import Deployed

# botocore's standard mode waits at most this long before the first repetition, then twice as long each time.
FIRST_WAIT_SECONDS = 1


def test_message_about_a_write_is_received_after_the_slowest_write() -> None:
    config: Any = CLIENT_CONFIG
    tries = config.retries["total_max_attempts"]
    waits = sum(FIRST_WAIT_SECONDS * 2**index for index in range(tries - 1))
    assert tries * (config.connect_timeout + config.read_timeout) + waits < SAFETY_DELAY_SECONDS


def test_sign_is_invoked_once_and_waited_for_to_its_end() -> None:
    config: Any = INVOKING_CONFIG
    stack = Deployed(ContentCredentialsKeyArn="arn:aws:kms:eu-central-1:123456789012:key/1")
    functions = stack.of_type("AWS::Serverless::Function")
    assert config.retries["total_max_attempts"] == 1
    assert functions["SignFunction"]["Timeout"] < config.read_timeout < functions["DeliverFunction"]["Timeout"]
