"""The AWS SDK: clients that start and give up quickly, and whose fault a failed call is.

Only this module and `store.retries` know botocore's errors.
"""

import os
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import botocore
from botocore import exceptions

from idempotent_lambda import __version__
from idempotent_lambda.clock import REQUEST_MILLIS
from idempotent_lambda.errors import (
    NO_TIME,
    ConfigurationError,
    StoreError,
    StoreRefusedError,
    StoreUnavailableError,
    text_of,
)

CONNECT_TIMEOUT_MILLIS = 500
READ_TIMEOUT_MILLIS = REQUEST_MILLIS - CONNECT_TIMEOUT_MILLIS

CONNECTIONS = 10
"""Eight parallel calls, and the calls of the two threads of a batch."""

LEAST_BOTOCORE = (1, 29, 164)
"""The first version whose PutItem, UpdateItem, DeleteItem and statements have
``ReturnValuesOnConditionCheckFailure``; it was released on 2023-06-29. ``tcp_keepalive`` is older.

https://github.com/boto/botocore/blob/1.29.164/CHANGELOG.rst
"""

CREDENTIALS = "check the credentials of the function's role, and the clock"
REGION_REMEDY = "check the function's Region (AWS_REGION) and endpoint (AWS_ENDPOINT_URL)"
NETWORK = (
    "check the network path: DNS, security groups, VPC endpoint, proxy (HTTPS_PROXY) and "
    "certificates (AWS_CA_BUNDLE)"
)

_REMEDIES = {
    "Endpoint|Region": REGION_REMEDY,
    # Without a code of the service, a proxy or a gateway gave the answer.
    r"^\d+$": NETWORK,
    "AccessKey|Credential|Expired|InvalidSecurity|Login|Profile|Signature(?!V)|"
    "Skewed|SSO|Token|UnrecognizedClient": CREDENTIALS,
}
"""What to check, by words in a service's code, or in the names of botocore's error and its bases.

A later botocore has new errors, but they have these words. See
https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html
"""

_BEFORE_SENDING = re.compile("DataNotFound|Dependency|Param|Signature|Validation")

_NOT_CONNECTED = exceptions.EndpointConnectionError | exceptions.ConnectTimeoutError

_SERVER_ERROR = 500


class Failure(NamedTuple):
    """The reason why a call failed.

    Attributes:
        code: code of the service, or name of the client's error.
        text: text of the service or the client.
        remedy: what an operator checks; None if the service itself refused the request.
        maybe_written: whether the request was sent and may have been carried out.
        is_transient: whether a later attempt may succeed, whatever the code says.
    """

    code: str
    text: str
    remedy: str | None = None
    maybe_written: bool = False
    is_transient: bool = False

    def build_error(self, call: str, remedy: str = "") -> StoreError:
        """Build the error: `StoreUnavailableError` if a later attempt may succeed.

        Args:
            call: what failed.
            remedy: what an operator checks if the service itself refused the request.
        """
        is_unavailable = self.is_transient or self.maybe_written
        kind = StoreUnavailableError if is_unavailable else StoreRefusedError
        problem = f"{call}: {self.code}: {self.text}; {self.remedy or remedy}"
        return kind(self.code, problem, maybe_written=self.maybe_written)


NO_TIME_LEFT = Failure(
    NO_TIME,
    f"no {REQUEST_MILLIS} ms are left",
    "raise the timeout, or send smaller batches",
    is_transient=True,
)
"""A call is not made, because it might not end in time."""


def new_client(service: str = "dynamodb") -> Any:
    """Create a client with short, fixed timeouts and without retries.

    The package itself retries within the deadline. botocore's session, which makes the client,
    starts faster than boto3's. Region, credentials and endpoint come from Lambda's environment.

    Raises:
        ConfigurationError: botocore is too old or incomplete, or its configuration is wrong.
    """
    require_botocore()
    # The import of an old botocore may fail, which would hide the error above.
    import botocore.session  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415

    config = Config(
        connect_timeout=CONNECT_TIMEOUT_MILLIS / 1000,
        read_timeout=READ_TIMEOUT_MILLIS / 1000,
        retries={"mode": "standard", "total_max_attempts": 1},
        parameter_validation=False,
        max_pool_connections=CONNECTIONS,
        # Otherwise the SDK composes a user agent for every call, a fifth of the cost of a call.
        user_agent=f"idempotent-lambda/{__version__}",
        tcp_keepalive=True,
    )
    try:
        client = botocore.session.get_session().create_client(service, config=config)
    except Exception as error:
        # botocore raises ValueError for an endpoint or a Region that cannot be one.
        remedy = REGION_REMEDY if isinstance(error, ValueError) else explain_failure(error).remedy
        problem = f"botocore makes no client for {service}: {text_of(error)}"
        raise ConfigurationError(f"{problem}; {remedy}") from error
    made_in = os.getpid()

    def notice_fork(**_: object) -> None:
        # A forked child and its parent would share connections and read each other's answers.
        nonlocal made_in
        if os.getpid() != made_in:
            made_in = os.getpid()
            client.close()

    client.meta.events.register("before-send", notice_fork)
    return client


def require_botocore() -> None:
    """Refuse a botocore that lacks what this package uses.

    Without this check, each call would fail, or botocore could not even be imported: an old one
    does not go together with the runtime's urllib3. A version that cannot be read is accepted.

    Raises:
        ConfigurationError: botocore is too old.
    """
    found = tuple(map(int, re.findall(r"\d+", botocore.__version__)[:3]))
    if found and found < LEAST_BOTOCORE:
        least = ".".join(map(str, LEAST_BOTOCORE))
        raise ConfigurationError(
            f"{describe_botocore()} is too old: this package needs {least} or newer. A layer or "
            "the function's own package brings it: update it there, or remove it, because Lambda's "
            "runtime has a newer one"
        )


def describe_botocore() -> str:
    """Return the version and the folder of botocore."""
    return f"botocore {botocore.__version__} in {botocore.__path__[0]}"


def explain_failure(failure: Exception) -> Failure:
    """Return whose fault an exception of a call is. In doubt, the request may be carried out."""
    if isinstance(failure, exceptions.ClientError):
        return _explain_refusal(failure.response)
    if not isinstance(failure, exceptions.BotoCoreError):
        text = f"the SDK failed, or the answer is not understood: {text_of(failure, repr)}"
        return Failure("BadAnswer", text, _check_sdk(), maybe_written=True)
    code, text = type(failure).__name__, text_of(failure)
    if isinstance(failure, exceptions.ConnectionError | exceptions.HTTPClientError):
        # An established connection may fail too, with any other error, when the request is sent.
        is_unsent = isinstance(failure, _NOT_CONNECTED)
        return Failure(code, text, NETWORK, maybe_written=not is_unsent, is_transient=True)
    names = " ".join(kind.__name__ for kind in type(failure).__mro__)
    remedy = _choose_remedy(names)
    is_unsent = remedy is not None or _BEFORE_SENDING.search(names) is not None
    return Failure(code, text, remedy or _check_sdk(), maybe_written=not is_unsent)


def _explain_refusal(response: Mapping[str, Any]) -> Failure:
    error = response.get("Error") or {}
    code, text = str(error.get("Code", "Unknown")), error.get("Message", "")
    status = (response.get("ResponseMetadata") or {}).get("HTTPStatusCode")
    maybe_written = not isinstance(status, int) or status >= _SERVER_ERROR
    return Failure(code, text, _choose_remedy(code), maybe_written)


def _choose_remedy(names: str) -> str | None:
    return next((_REMEDIES[words] for words in _REMEDIES if re.search(words, names)), None)


def _check_sdk() -> str:
    return f"check the SDK, {describe_botocore()}, and what changes its calls, such as a tracer"
