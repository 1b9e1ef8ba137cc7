"""The command's remedy fits the error of the SDK."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore import exceptions
from botocore.exceptions import ClientError

from idempotent_lambda_toolkit.cli.aws_errors import translate_error
from idempotent_lambda_toolkit.cli.exit_codes import ExitCode

from .conftest import Consumer, Run, fail_calls


def refused(code: str, call: str = "GetItem") -> ClientError:
    """A refusal by AWS."""
    answer: Any = {
        "Error": {"Code": code, "Message": "no"},
        "ResponseMetadata": {"HTTPStatusCode": 400, "RequestId": "id-1"},
    }
    return ClientError(answer, call)


ABSENT = "ResourceNotFoundException"


@pytest.mark.parametrize(
    ("failure", "remedy"),
    [
        (refused("ExpiredTokenException"), "sign in again, and check the clock"),
        (refused("ExpiredToken"), "sign in again, and check the clock"),
        (refused("UnrecognizedClientException"), "check the credentials of --profile"),
        (refused("InvalidClientTokenId"), "check the credentials of --profile"),
        (refused("InvalidSignatureException"), "check the credentials of --profile"),
        (refused("AccessDeniedException"), "docs/cli.md lists the permissions"),
        (refused("KMS.AccessDeniedException"), "docs/cli.md lists the permissions"),
        (refused("ThrottlingException"), "wait a minute"),
        (refused("ProvisionedThroughputExceededException"), "wait a minute"),
        (refused("TooManyRequestsException"), "wait a minute"),
        (refused("ValidationException"), "check the values of the options"),
        (refused("InvalidAddress", "ReceiveMessage"), "check --queue-url"),
        (refused("InternalServerError"), "run the command again"),
        (refused(ABSENT), "check --table, or the function's IDEMPOTENCY_TABLE"),
        (refused(ABSENT, "DescribeTimeToLive"), "check --table"),
        (refused(ABSENT, "GetFunctionConfiguration"), "check --function, --region and --profile"),
        (refused(ABSENT, "FilterLogEvents"), "has not logged yet"),
        (
            refused("AWS.SimpleQueueService.NonExistentQueue", "ReceiveMessage"),
            "check --queue-url and --dead-letter-queue-url",
        ),
        (
            refused("QueueDoesNotExist", "GetQueueUrl"),
            "mapping or its redrive policy names is gone",
        ),
        (refused("NoSuchEntity", "GetRolePolicy"), "check the name"),
        (exceptions.ProfileNotFound(profile="x"), "aws configure list-profiles"),
        (exceptions.NoRegionError(), "set --region or AWS_REGION"),
        (exceptions.InvalidRegionError(region_name="x y"), "check --region"),
        (exceptions.NoCredentialsError(), "set --profile to a profile with credentials"),
        (exceptions.UnauthorizedSSOTokenError(), "sign in again"),
        (exceptions.TokenRetrievalError(provider="sso", error_msg="x"), "sign in again"),
        (exceptions.PartialCredentialsError(provider="x", cred_var="y"), "check --profile"),
        (exceptions.EndpointConnectionError(endpoint_url="http://x"), "--endpoint-url and the net"),
        (exceptions.ReadTimeoutError(endpoint_url="http://x"), "--endpoint-url and the network"),
        (exceptions.ParamValidationError(report="x"), "check the values of the options"),
        (exceptions.ConfigParseError(path="x"), "~/.aws/config"),
    ],
    ids=lambda value: str(value)[:60].replace("/", "."),
)
def test_remedy(failure: Exception, remedy: str) -> None:
    """An operator is sent to the cause: credentials, names, permissions, rate or network."""
    assert remedy in str(translate_error(failure))


@pytest.mark.usefixtures("consumer")
@pytest.mark.parametrize(
    ("arguments", "code", "remedy"),
    [
        (["stats", "--profile", "nobody"], ExitCode.AWS, "list-profiles"),
        (["stats", "--region", "no region"], ExitCode.AWS, "check --region"),
        (["stats", "--table", "nothing"], ExitCode.NOT_FOUND, "check --table"),
        (["stats", "--function", "nobody"], ExitCode.NOT_FOUND, "check --function"),
        (
            ["redrive", "--yes", "--dead-letter-queue-url", "https://sqs.eu-central-1/1/nothing"],
            ExitCode.NOT_FOUND,
            "check --queue-url and --dead-letter-queue-url",
        ),
    ],
)
def test_wrong_option(run: Run, arguments: list[str], code: ExitCode, remedy: str) -> None:
    """The error names the option that is wrong."""
    ended = run(*arguments)
    assert (ended.code, remedy in ended.err) == (code, True), ended


def test_no_region(consumer: Consumer, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a Region the error asks for one, and AWS_REGION gives it, as in the AWS CLI."""
    assert consumer.queue_url
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    ended = run("stats")
    assert (ended.code, "set --region or AWS_REGION" in ended.err) == (ExitCode.AWS, True)
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    assert run("stats").code == ExitCode.OK


def raise_error(error: Exception) -> Callable[..., Any]:
    """A function that raises."""

    def fail(*_: Any, **__: Any) -> Any:
        raise error

    return fail


CLIENT = "idempotent_lambda_toolkit.cli.deployment.Deployment.client"


class TestDebug:
    """An error is one line; with ``--debug`` also the way to it."""

    @pytest.mark.usefixtures("consumer")
    def test_unexpected(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        """An error that nobody foresaw has an exit code, and says how to see more."""
        monkeypatch.setattr(CLIENT, raise_error(KeyError("what")))
        ended = run("stats")
        assert (ended.code, len(ended.err.splitlines())) == (ExitCode.UNEXPECTED, 1)
        assert "unexpected error: KeyError: 'what'; run the command again with --debug" in ended.err
        assert run("stats", "--json").answer["exit"] == "unexpected"

    @pytest.mark.usefixtures("consumer")
    @pytest.mark.parametrize("place", [0, 1])
    def test_traceback(self, run: Run, monkeypatch: pytest.MonkeyPatch, place: int) -> None:
        """The traceback and the request id are on standard error, whoever raised the error."""
        monkeypatch.setattr(CLIENT, raise_error(refused("AccessDeniedException")))
        arguments = ["stats", "--json"]
        arguments.insert(place, "--debug")
        ended = run(*arguments)
        assert ended.code == ExitCode.AWS
        assert ended.answer["exit"] == "aws"
        assert "Traceback" in ended.err
        assert "GetItem: request id id-1, HTTP 400" in ended.err
        assert "Traceback" not in run("stats").err

    def test_hidden_cause(
        self, consumer: Consumer, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The SDK's error behind an error of the command is shown, too."""
        consumer.put("orders#ORDER-1", "PARKED", dead_lettered_at=None)
        consumer.dead_letter({"order_id": "ORDER-1"})
        error = refused("AccessDenied", "ReceiveMessage")
        fail_calls(monkeypatch, "ReceiveMessage", error, after=2)  # the look before the question
        ended = run("resolve", "ORDER-1", "--completed", "--yes", "--debug")
        assert ended.code == ExitCode.PARTLY
        assert "ReceiveMessage: request id id-1, HTTP 400" in ended.err
