"""The AWS SDK: the oldest botocore that works, and whose fault a failed call is.

Only this module and `store.call_errors` know botocore's errors.
"""

import os
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import botocore
from botocore import exceptions

from idempotent_lambda.errors import ConfigurationError, text_of

LEAST_BOTOCORE = (1, 29, 164)
"""The first version whose PutItem, UpdateItem, DeleteItem and statements have
``ReturnValuesOnConditionCheckFailure``; it was released on 2023-06-29. ``tcp_keepalive`` is older.

https://github.com/boto/botocore/blob/1.29.164/CHANGELOG.rst
"""

CREDENTIALS = "check the credentials of the function's role, and the clock"
PLACE = "check the function's Region (AWS_REGION) and endpoint (AWS_ENDPOINT_URL)"
CERTIFICATES = "check the proxy (HTTPS_PROXY) and the certificates (AWS_CA_BUNDLE)"
NETWORK = "check the network path: DNS, security groups, VPC endpoint and proxy"

_RELEASE_NUMBERS = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?")

_BAD_CREDENTIALS = re.compile(
    "ExpiredToken|IncompleteSignature|InvalidAccessKeyId|InvalidClientTokenId|InvalidSecurity|"
    "InvalidSignature|MissingAuthenticationToken|RequestExpired|RequestTimeTooSkewed|"
    "SignatureDoesNotMatch|TokenRefreshRequired|UnrecognizedClient"
)
"""https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html"""

_CLIENT_ERRORS: tuple[tuple[str, str | None, bool, bool], ...] = (
    (
        ("ConfigNotFound ConfigParseError CredentialRetrievalError InvalidConfigError LoginError "
        "MetadataRetrievalError NoAuthTokenError NoCredentialsError PartialCredentialsError "
        "ProfileNotFound RefreshWithMFAUnsupportedError SSOError TokenRetrievalError "
        "UnknownCredentialError"),
        CREDENTIALS, False, False,
    ),
    (
        ("BaseEndpointResolverError EndpointProviderError InvalidEndpointConfigurationError "
        "InvalidHostLabelError InvalidRegionError ServiceNotInRegionError UnknownRegionError"),
        PLACE, False, False,
    ),
    (
        ("DataNotFoundError MissingDependencyException ParamValidationError "
        "UnknownSignatureVersionError UnsupportedSignatureVersionError ValidationError"),
        None, False, False,
    ),
    ("InvalidProxiesConfigError", CERTIFICATES, False, False),
    # An established connection may fail in this way too, when the request has been sent.
    ("ProxyConnectionError SSLError", CERTIFICATES, True, True),
    ("ConnectionError", NETWORK, False, True),
    ("HTTPClientError", NETWORK, True, True),
)  # fmt: skip
"""botocore's errors; what to check, or None for the SDK; and the last two fields of `Failure`.

The first line that names the error or a base of it counts. The names are compared, because not
every version of botocore has each of these errors.
"""

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
    remedy: str | None
    maybe_written: bool
    is_transient: bool = False


def require_botocore() -> None:
    """Refuse a botocore that lacks what this package uses.

    Without this check, each call would fail, or botocore could not even be imported: an old one
    does not go together with the runtime's urllib3. A version that cannot be read is accepted.

    Raises:
        ConfigurationError: botocore is too old.
    """
    found = _RELEASE_NUMBERS.match(str(getattr(botocore, "__version__", "")))
    if found and tuple(int(part or 0) for part in found.groups()) < LEAST_BOTOCORE:
        least = ".".join(map(str, LEAST_BOTOCORE))
        raise ConfigurationError(
            f"{describe_botocore()} is too old: this package needs {least} or newer. A layer or "
            "the function's own package brings it: update it there, or remove it, because Lambda's "
            "runtime has a newer one"
        )


def describe_botocore() -> str:
    """Return the version and the folder of botocore."""
    version = getattr(botocore, "__version__", "of an unknown version")
    folder = os.path.dirname(getattr(botocore, "__file__", None) or "")  # noqa: PTH120  # a text
    return f"botocore {version} in {folder or 'an unknown folder'}"


def explain_failure(failure: Exception) -> Failure:
    """Return whose fault an exception of a call is. In doubt, the request may be carried out."""
    if isinstance(failure, exceptions.ClientError):
        return _explain_refusal(failure.response)
    if not isinstance(failure, exceptions.BotoCoreError):
        text = f"the SDK failed, or the answer is not understood: {text_of(failure, repr)}"
        return Failure("BadAnswer", text, _check_sdk(), maybe_written=True)
    code, text = type(failure).__name__, text_of(failure)
    names = {kind.__name__ for kind in type(failure).__mro__}
    for known, remedy, maybe_written, is_transient in _CLIENT_ERRORS:
        if not names.isdisjoint(known.split()):
            return Failure(code, text, remedy or _check_sdk(), maybe_written, is_transient)
    return Failure(code, text, _check_sdk(), maybe_written=True)


def _explain_refusal(response: Mapping[str, Any]) -> Failure:
    error = response.get("Error") or {}
    code, text = str(error.get("Code", "Unknown")), error.get("Message", "")
    status = (response.get("ResponseMetadata") or {}).get("HTTPStatusCode")
    maybe_written = not isinstance(status, int) or status >= _SERVER_ERROR
    remedy = None
    if _BAD_CREDENTIALS.match(code):
        remedy = CREDENTIALS
    elif code.isdigit():
        # Without a code of the service, a proxy or a gateway gave the answer.
        remedy = NETWORK
    return Failure(code, text, remedy, maybe_written)


def _check_sdk() -> str:
    return f"check the SDK, {describe_botocore()}, and what changes its calls, such as a tracer"
