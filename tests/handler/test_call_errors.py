"""Whose fault a failed call is: the error says what to check, and whether it may be written."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import botocore
import pytest
from botocore import exceptions
from botocore.client import BaseClient

from idempotent_lambda.clients import NO_TIME_LEFT, new_client
from idempotent_lambda.clock import Deadline, Millis
from idempotent_lambda.errors import (
    ConfigurationError,
    StoreError,
    StoreRefusedError,
    StoreUnavailableError,
)
from idempotent_lambda.protocol.record import Owner
from idempotent_lambda.queues import SqsQueues
from idempotent_lambda.store.retries import CallErrors
from idempotent_lambda_toolkit.testing import ManualClock

from .events import event, order, unwrapped
from .harness import Listener

URL = {"endpoint_url": "https://dynamodb.eu-central-1.amazonaws.com"}
CREDENTIALS = ("credentials", "role", "clock")
PLACE = ("AWS_REGION", "AWS_ENDPOINT_URL")
NETWORK = ("network path", "VPC endpoint", "HTTPS_PROXY", "AWS_CA_BUNDLE")
SDK = (f"botocore {botocore.__version__} in ", "/botocore")
RIGHTS = ("name, region and the role's permissions",)
QUEUE = "the queue's URL"


class Expected(NamedTuple):
    """What an error has to say.

    Attributes:
        failure: the exception of a call.
        named: texts that the remedy contains.
        maybe_written: whether the request may have been carried out.
        is_transient: whether a later attempt may succeed.
        blames_table: whether the remedy is about the table or the service.
    """

    failure: Exception
    named: tuple[str, ...]
    maybe_written: bool = False
    is_transient: bool = False
    blames_table: bool = False


def refused(code: str, status: int = 400) -> exceptions.ClientError:
    """The exception for an error that the service answers."""
    answer: Any = {
        "Error": {"Code": code, "Message": "on purpose"},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return exceptions.ClientError(answer, "UpdateItem")


def bare(**answer: Any) -> exceptions.ClientError:
    """The exception of a hook that knows no more than this of an answer."""
    return exceptions.ClientError(answer, "UpdateItem")  # type: ignore[arg-type]


class HostileError(Exception):
    """Its text cannot be had."""

    def __str__(self) -> str:
        raise RuntimeError

    __repr__ = __str__


class NewCredentialsError(exceptions.SSOError):
    """An error that a later botocore has."""


class NewTokenError(exceptions.BotoCoreError):
    """An error of a later botocore whose name alone says what it is about."""


class RegionClosedError(exceptions.BotoCoreError):
    """Another one."""


class HandshakeError(exceptions.ConnectionError):
    """A connection that fails in a new way, perhaps after the request."""


class NewError(exceptions.BotoCoreError):
    """An error of a later botocore that nobody here knows."""


def certificate() -> Exception:
    """A certificate that is not trusted."""
    return exceptions.SSLError(**URL, error="CERTIFICATE_VERIFY_FAILED")


CASES = {
    "no credentials": Expected(exceptions.NoCredentialsError(), CREDENTIALS),
    "half credentials": Expected(
        exceptions.PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY"),
        CREDENTIALS,
    ),
    "credentials not retrieved": Expected(
        exceptions.CredentialRetrievalError(provider="container-role", error_msg="404"),
        CREDENTIALS,
    ),
    "token not retrieved": Expected(
        exceptions.TokenRetrievalError(provider="sso", error_msg="expired"), CREDENTIALS
    ),
    "session expired": Expected(exceptions.UnauthorizedSSOTokenError(), CREDENTIALS),
    "profile": Expected(exceptions.ProfileNotFound(profile="prod"), CREDENTIALS),
    "a later kind": Expected(NewCredentialsError(), CREDENTIALS),
    "a later token": Expected(NewTokenError(), CREDENTIALS),
    "token expired": Expected(refused("ExpiredTokenException"), CREDENTIALS),
    "token expired, short": Expected(refused("ExpiredToken", 403), CREDENTIALS),
    "client unknown": Expected(refused("UnrecognizedClientException"), CREDENTIALS),
    "signature": Expected(refused("InvalidSignatureException"), CREDENTIALS),
    "wrong clock": Expected(refused("RequestTimeTooSkewed", 403), CREDENTIALS),
    "no region": Expected(exceptions.NoRegionError(), PLACE),
    "wrong region": Expected(exceptions.InvalidRegionError(region_name="eu central"), PLACE),
    "a later region": Expected(RegionClosedError(), PLACE),
    "no endpoint": Expected(
        exceptions.EndpointProviderError(msg="Invalid Configuration: FIPS"), PLACE
    ),
    "certificate": Expected(certificate(), NETWORK, maybe_written=True, is_transient=True),
    "proxy": Expected(
        exceptions.ProxyConnectionError(proxy_url="http://proxy:3128", error="refused"),
        NETWORK,
        maybe_written=True,
        is_transient=True,
    ),
    "no connection": Expected(
        exceptions.EndpointConnectionError(**URL, error="refused"), NETWORK, is_transient=True
    ),
    "no connection in time": Expected(
        exceptions.ConnectTimeoutError(**URL), NETWORK, is_transient=True
    ),
    "no answer in time": Expected(
        exceptions.ReadTimeoutError(**URL), NETWORK, maybe_written=True, is_transient=True
    ),
    "connection closed": Expected(
        exceptions.ConnectionClosedError(**URL), NETWORK, maybe_written=True, is_transient=True
    ),
    "a later connection": Expected(
        HandshakeError(error="closed"), NETWORK, maybe_written=True, is_transient=True
    ),
    "sending failed": Expected(
        exceptions.HTTPClientError(error=OSError("broken pipe")),
        NETWORK,
        maybe_written=True,
        is_transient=True,
    ),
    "a gateway": Expected(refused("403", 403), NETWORK),
    "a gateway that failed": Expected(
        refused("502", 502), NETWORK, maybe_written=True, is_transient=True
    ),
    "parameters": Expected(exceptions.ParamValidationError(report="Unknown parameter"), SDK),
    "signature version": Expected(
        exceptions.UnsupportedSignatureVersionError(signature_version="v9"), SDK
    ),
    "parameter unknown": Expected(
        exceptions.UnknownParameterError(name="x", operation="UpdateItem", choices="y"), SDK
    ),
    "service unknown": Expected(
        exceptions.UnknownServiceError(service_name="dynamodb", known_service_names="sqs"), SDK
    ),
    "incomplete answer": Expected(
        exceptions.IncompleteReadError(actual_bytes=1, expected_bytes=2),
        SDK,
        maybe_written=True,
        is_transient=True,
    ),
    "a later error": Expected(NewError(), SDK, maybe_written=True, is_transient=True),
    "type": Expected(TypeError("no argument"), SDK, maybe_written=True, is_transient=True),
    "attribute": Expected(AttributeError("no such"), SDK, maybe_written=True, is_transient=True),
    "key": Expected(KeyError("Attributes"), SDK, maybe_written=True, is_transient=True),
    "recursion": Expected(RecursionError(), SDK, maybe_written=True, is_transient=True),
    "hostile": Expected(HostileError(), SDK, maybe_written=True, is_transient=True),
    "denied": Expected(refused("AccessDeniedException"), RIGHTS, blames_table=True),
    "no table": Expected(refused("ResourceNotFoundException"), RIGHTS, blames_table=True),
    "throttled": Expected(
        refused("ThrottlingException"),
        ("the table's capacity",),
        is_transient=True,
        blames_table=True,
    ),
    "too little capacity": Expected(
        refused("ProvisionedThroughputExceededException"),
        ("the table's capacity",),
        is_transient=True,
        blames_table=True,
    ),
    "not valid": Expected(
        refused("ValidationException"), ("the table's key (id, a string)",), blames_table=True
    ),
    "the service failed": Expected(
        refused("InternalServerError", 500),
        ("health of DynamoDB",),
        maybe_written=True,
        is_transient=True,
    ),
    "without a status": Expected(
        bare(Error={"Code": "AccessDeniedException"}),
        ("health of DynamoDB",),
        maybe_written=True,
        is_transient=True,
    ),
    "a status that is a text": Expected(
        bare(Error={"Code": "403"}, ResponseMetadata={"HTTPStatusCode": "403"}),
        NETWORK,
        maybe_written=True,
        is_transient=True,
    ),
    "without a code": Expected(
        bare(), ("health of DynamoDB",), maybe_written=True, is_transient=True
    ),
    "a strange code": Expected(
        bare(Error={"Code": None}, ResponseMetadata={"HTTPStatusCode": 400}),
        RIGHTS,
        blames_table=True,
    ),
}

cases = pytest.mark.parametrize("expected", CASES.values(), ids=CASES.keys())


def compare(error: StoreError, expected: Expected) -> None:
    """Compare an error with what it has to be."""
    assert error.maybe_written == expected.maybe_written
    kind = StoreUnavailableError if expected.is_transient else StoreRefusedError
    assert type(error) is kind


@cases
def test_table(expected: Expected) -> None:
    """The remedy follows from the kind of fault: a client's own is never blamed on the table."""
    errors = CallErrors("UpdateItem", "orders")
    written, read = errors.translate_write(expected.failure), errors.translate(expected.failure)
    assert isinstance(written, StoreError)
    assert str(written) == str(read)
    compare(written, expected)
    remedy = str(written).partition("; check ")[2]
    assert all(text in remedy for text in expected.named)
    assert ("table" in remedy) == expected.blames_table


def send_copy(queues: SqsQueues) -> StoreError:
    """The error of a copy that cannot be sent."""
    (delivery,) = unwrapped(event(order("a")))
    deadline = Deadline.from_remaining(ManualClock(), Millis(30_000))
    with pytest.raises(StoreError) as caught:
        queues.dead_letter(delivery, "orders#a", Owner("me"), deadline)
    return caught.value


@cases
def test_queue(aws: None, expected: Expected) -> None:
    """The same holds for a copy that SQS does not confirm."""
    del aws
    queues = SqsQueues("https://sqs.eu-central-1.amazonaws.com/123456789012/dlq", Listener())

    def fail(**_: Any) -> Any:
        raise expected.failure

    queues._client.send_message = fail
    error = send_copy(queues)
    assert error.maybe_written == expected.maybe_written
    if not expected.blames_table:
        compare(error, expected)
    is_clients = expected.named in (CREDENTIALS, PLACE, NETWORK, SDK)
    assert (QUEUE in str(error)) != is_clients
    if is_clients:
        assert all(text in str(error) for text in expected.named)


def test_no_time_is_not_the_tables_fault() -> None:
    """Too little time is the function's: the remedy is a longer timeout, and nothing else."""
    error = CallErrors("UpdateItem", "orders").build(NO_TIME_LEFT)
    assert str(error).endswith("no 1500 ms are left; raise the timeout, or send smaller batches")


@contextmanager
def serve_plain_text() -> Iterator[str]:
    """A server that answers anything, also the start of an encrypted connection, in plain text."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(1024)
                    connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield f"https://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def fail_in_a_hook(client: BaseClient) -> None:
    """Register a hook with a fault, as a tracer may have it."""

    def hook(**_: Any) -> None:
        raise KeyError("segment")

    client.meta.events.register("before-call", hook)


class TestRealClient:
    """Faults that botocore itself notices, each of the package's client."""

    def fail(self, prepare: Callable[[BaseClient], None] = lambda _: None) -> str:
        client = new_client()
        prepare(client)
        try:
            client.update_item(TableName="orders", Key={"id": {"S": "a"}})
        except Exception as error:  # noqa: BLE001  # any
            return str(CallErrors("UpdateItem", "orders").translate(error))
        pytest.fail("the call succeeded")

    def test_no_credentials(self, aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
        """A process without credentials says so."""
        del aws
        for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN", "PROFILE"):
            monkeypatch.delenv(f"AWS_{name}", raising=False)
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        for name in ("CONFIG_FILE", "SHARED_CREDENTIALS_FILE"):
            monkeypatch.setenv(f"AWS_{name}", "/nonexistent")
        assert "check the credentials of the function's role" in self.fail()

    def test_half_credentials(self, aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
        """A key without its secret is named at the start."""
        del aws
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
        with pytest.raises(ConfigurationError, match=r"AWS_SECRET_ACCESS_KEY; check the cred"):
            new_client()

    @pytest.mark.parametrize("url", ["no url", "http://[table"])
    def test_no_endpoint(self, aws: None, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
        """An endpoint that cannot be one is named at the start, or at the first call."""
        del aws
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        try:
            text = self.fail()
        except ConfigurationError as error:
            text = str(error)
        assert "check the function's Region (AWS_REGION) and endpoint (AWS_ENDPOINT_URL)" in text

    def test_no_region(self, aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
        """A missing Region is named at the start."""
        del aws
        monkeypatch.delenv("AWS_DEFAULT_REGION")
        monkeypatch.delenv("AWS_REGION", raising=False)
        with pytest.raises(ConfigurationError, match="check the function's Region"):
            new_client()

    def test_no_connection(self, aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
        """A port that nobody listens to is a matter of the network."""
        del aws
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        assert "check the network path" in self.fail()

    def test_no_encryption(self, aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
        """A server without TLS is a matter of proxy and certificates."""
        del aws
        with serve_plain_text() as url:
            monkeypatch.setenv("AWS_ENDPOINT_URL", url)
            assert "check the network path" in self.fail()

    def test_no_proxy(self, aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
        """A proxy that does not answer is named as one."""
        del aws
        monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
        assert "check the network path" in self.fail()

    def test_a_hook(self, aws: None) -> None:
        """An error of code that changes the SDK's calls names the SDK and its folder."""
        del aws
        text = self.fail(fail_in_a_hook)
        assert "KeyError('segment')" in text
        assert f"botocore {botocore.__version__} in " in text
