"""Other functions of the stack, invoked synchronously."""

from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from backdrop.aws.aws_errors import RETRY_SECONDS, read_aws_error_code, unavailable
from backdrop.model.codes import Code
from backdrop.model.errors import RetryLaterError

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

THROTTLED_CODES = frozenset({"TooManyRequestsException", "ThrottlingException"})


class FunctionFailedError(Exception):
    """The function raised an exception, exceeded its time limit, or was killed."""


class Function:
    """`client`: one that waits as long as the function may take, and sends each request once."""

    def __init__(self, client: "LambdaClient", name: str) -> None:
        self._client = client
        self._name = name

    def invoke(self, payload: str) -> str:
        """Returns the function's response, as JSON.

        Raises RetryLaterError if Lambda is unavailable or has no capacity for it (`is_from_load`), and
        FunctionFailedError if the function failed.
        """
        try:
            response = self._client.invoke(FunctionName=self._name, Payload=payload.encode())
            text = response["Payload"].read().decode()
        except (ClientError, BotoCoreError, OSError) as error:
            code = read_aws_error_code(error)
            if code in THROTTLED_CODES:
                message = f"Lambda has no capacity for {self._name} ({code})."
                raise RetryLaterError(Code.STORAGE_UNAVAILABLE, message, RETRY_SECONDS, is_from_load=True) from error
            raise unavailable("Lambda", error) from error
        if "FunctionError" in response:
            raise FunctionFailedError(f"{self._name} failed; its log has the error")
        return text
