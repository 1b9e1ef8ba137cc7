"""What the command says of a refusal depends on whose fault it is."""

from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from idempotent_lambda_toolkit.cli.deployment import translate_error


def refused(code: str) -> ClientError:
    """A refusal of DynamoDB's."""
    answer: Any = {
        "Error": {"Code": code, "Message": "no"},
        "ResponseMetadata": {"HTTPStatusCode": 400},
    }
    return ClientError(answer, "GetItem")


@pytest.mark.parametrize(
    ("failure", "remedy"),
    [
        (refused("ExpiredTokenException"), "check the credentials of --profile, and the clock"),
        (refused("UnrecognizedClientException"), "check the credentials of --profile"),
        (refused("InvalidSignatureException"), "check the credentials of --profile"),
        (refused("AccessDeniedException"), "docs/cli.md lists the permissions"),
        (refused("ResourceNotFoundException"), "check the name, --region and --profile"),
        (EndpointConnectionError(endpoint_url="http://x"), "check --region, --profile"),
    ],
)
def test_remedy(failure: Exception, remedy: str) -> None:
    """An operator whose session has expired is not sent to look for permissions."""
    assert remedy in str(translate_error(failure))
