"""The errors of the SDK, as errors of the command: each says what to check.

botocore is imported only when an error is looked at, so that ``--help`` does without it.
"""

import re

from idempotent_lambda_toolkit.cli.exit_codes import AwsRefusedError, CommandError, NotFoundError

_ABSENT = re.compile(
    "ResourceNotFound|NonExistentQueue|QueueDoesNotExist|NoSuchEntity|ParameterNotFound"
)

_NAMES = {
    # The name comes from the ARN in an event source mapping or in a redrive policy.
    "GetQueueUrl": "the queue that the function's mapping or its redrive policy names is gone",
    "Queue|Message": "check --queue-url and --dead-letter-queue-url, or the function's "
    "IDEMPOTENCY_DEAD_LETTER_QUEUE_URL, and --region and --profile",
    "Table|Item|Scan|TimeToLive|Backups|Statement": "check --table, or the function's "
    "IDEMPOTENCY_TABLE, and --region and --profile",
    "Log": "the function has not logged yet, or its log group is gone",
    "Function|EventSource|Alias|Invoke": "check --function, --region and --profile",
    "": "check the name, --region and --profile",
}
"""Where the name of a missing part comes from, by words in the name of the call."""

_REFUSALS = {
    "Expired": "the credentials have expired: sign in again, and check the clock",
    "AccessKey|Credential|InvalidClientToken|InvalidSecurity|Login|Signature|Skewed|SSO|"
    "UnrecognizedClient": "check the credentials of --profile, and the clock",
    "AccessDenied|Authoriz|Unauthorized|Forbidden|OptIn": "docs/cli.md lists the permissions that "
    "each command needs",
    "Throttl|ThroughputExceeded|LimitExceeded|TooManyRequests|SlowDown": "AWS limits the rate of "
    "calls: wait a minute, and run the command again",
    "InvalidAddress": "check --queue-url, --dead-letter-queue-url and --region",
    "Validation|Invalid|Malformed": "check the values of the options",
    "": "run the command again; if the error stays, add --debug for the request id",
}
"""What to check, by words in the code of a service.

https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html
"""

_FAILURES = {
    "ProfileNotFound": "check --profile or AWS_PROFILE; aws configure list-profiles shows them",
    "NoRegion": "set --region or AWS_REGION",
    "InvalidRegion": "check --region or AWS_REGION",
    "NoCredentials": "sign in, or set --profile to a profile with credentials",
    "Credential|Login|SSO|Token": "sign in again, and check --profile",
    "Endpoint|Connect|HTTPClient|Timeout|SSL|Proxy": "check --region, --profile, --endpoint-url "
    "and the network",
    "Param|Validation": "check the values of the options",
    "Config": "check the configuration of the SDK (~/.aws/config)",
    "": "check the installation of boto3; --debug shows where the error is raised",
}
"""What to check, by words in the names of botocore's error and its bases."""


def get_sdk_errors(*others: type[Exception]) -> tuple[type[Exception], ...]:
    """Return the bases of the SDK's errors, and the given ones, to catch them."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415  # see above

    return BotoCoreError, ClientError, *others


def translate_error(error: Exception) -> CommandError | None:
    """Return the command's error for an error of the SDK; None for any other error."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415  # see above

    if isinstance(error, ClientError):
        call, found = error.operation_name, error.response.get("Error", {})
        code = str(found.get("Code"))
        text = f"{call}: {code}: {found.get('Message')}".rstrip(".")
        if _ABSENT.search(code):
            return NotFoundError(f"{text}; {_choose(_NAMES, call)}")
        return AwsRefusedError(f"{text}; {_choose(_REFUSALS, code)}")
    if isinstance(error, BotoCoreError):
        names = " ".join(kind.__name__ for kind in type(error).__mro__)
        text = f"{type(error).__name__}: {error}".rstrip(".")
        return AwsRefusedError(f"{text}; {_choose(_FAILURES, names)}")
    return None


def list_request_ids(error: BaseException) -> list[str]:
    """Return the ids of the requests that led to an error, for a case with AWS support."""
    from botocore.exceptions import ClientError  # noqa: PLC0415  # see above

    lines = []
    current: BaseException | None = error
    while current is not None:
        if isinstance(current, ClientError):
            answer = current.response.get("ResponseMetadata", {})
            ids = f"request id {answer.get('RequestId', 'unknown')}"
            lines.append(f"{current.operation_name}: {ids}, HTTP {answer.get('HTTPStatusCode')}")
        current = current.__cause__ or current.__context__
    return lines


def _choose(remedies: dict[str, str], names: str) -> str:
    return next(remedies[words] for words in remedies if re.search(words, names))
