"""Helpers for a decorated handler that answers HTTP requests.

They know the events of an API Gateway REST API and HTTP API, of an Application Load Balancer, and
of a function URL.

    @respond_to_errors
    @idempotent(
        name="charge",
        key=lambda event, context: [
            event["requestContext"]["authorizer"]["jwt"]["claims"]["sub"],
            find_header(event, "Idempotency-Key"),
        ],
    )
    def handler(event, context): ...

A client chooses its header. So the key also needs a part that it cannot choose, such as its
identity: without that part, a client gets the response of another client that sent the same header.
"""

import functools
import inspect
import json
from collections.abc import Mapping
from typing import Any, cast

from idempotent_lambda import errors
from idempotent_lambda.decorator import WIRING_ATTRIBUTE, F

__all__ = ["find_header", "respond_to_errors"]


_NO_KEY = (400, "Bad Request", "The request has no usable idempotency key or payload.")
_PROBLEMS: dict[type[BaseException], tuple[int, str, str]] = {
    errors.MissingKeyError: _NO_KEY,
    errors.UnsupportedKeyError: _NO_KEY,
    errors.AlreadyInProgressError: (
        409,
        "Conflict",
        "A request with this idempotency key is still in progress. Send it again later.",
    ),
    errors.PayloadMismatchError: (
        422,
        "Unprocessable Content",
        "This idempotency key was used for another request. Use a new key.",
    ),
}
"""The statuses that the draft of the header field gives:
https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-idempotency-key-header#section-2.7"""


def find_header(event: Any, name: str) -> str | None:
    """Return the value of an HTTP header.

    An HTTP API and a function URL join several values of a header with a comma, so they are one.

    Args:
        event: event that Lambda passes to the handler, or a mapping of Powertools over it.
        name: name of the header, in any case.

    Returns:
        The value without blanks around it; None if the event lacks the header. A call without a key
        is refused.

    Raises:
        UnsupportedKeyError: the header has several different values, or a value that is not text.
    """
    values: list[Any] = []
    # REST APIs have both fields, a load balancer has one of them:
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
    # https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
    for field in ("headers", "multiValueHeaders"):
        for header, value in _get_headers(event, field).items():
            if header.lower() == name.lower():
                values += value if isinstance(value, list) else [value]
    if not all(isinstance(value, str) for value in values):
        raise errors.UnsupportedKeyError(f"the header {name} is not text: correct the caller")
    # See https://www.rfc-editor.org/rfc/rfc9110.html#section-5.5
    found = {value.strip(" \t") for value in values}
    if len(found) > 1:
        problem = f"the header {name} has {len(found)} different values: send it once"
        raise errors.UnsupportedKeyError(problem)
    return found.pop() if found else None


def respond_to_errors(function: F) -> F:
    """Turn the errors of a decorated handler that are the client's into HTTP responses.

    - `MissingKeyError`, `UnsupportedKeyError`: 400, unless the key or payload is a function that
      raised another error: that may be a bug, which fails every request;
    - `AlreadyInProgressError`: 409, with ``Retry-After``, in seconds until the end of the lease;
    - `PayloadMismatchError`: 422.

    All other errors are raised, so that the client gets a status of 500 or more. The body is a
    small ``application/problem+json``. It never has the key. An error of another decorated
    function that the handler calls counts too.

    Args:
        function: handler that is already decorated with `@idempotent`, sync or async.

    Raises:
        ConfigurationError: the function is not decorated with `@idempotent`.
    """
    find_wiring = getattr(function, WIRING_ATTRIBUTE, None)
    if find_wiring is None:
        raise errors.ConfigurationError(
            "the function is not decorated: write @respond_to_errors above @idempotent"
        )

    def respond(event: Any, error: BaseException) -> dict[str, Any]:
        if "an error," in getattr(error, "found", ""):
            raise error
        headers = {"Content-Type": "application/problem+json"}
        if isinstance(error, errors.AlreadyInProgressError):
            seconds = -(-(error.lease_expires_at - find_wiring().clock.now()) // 1000)  # rounded up
            headers["Retry-After"] = str(max(1, seconds))
        # See https://www.rfc-editor.org/rfc/rfc9457.html#section-3.1
        status, title, detail = next(
            _PROBLEMS[kind] for kind in _PROBLEMS if isinstance(error, kind)
        )
        response = {
            "statusCode": status,
            "body": json.dumps({"status": status, "title": title, "detail": detail}),
            "isBase64Encoded": False,
        }
        if _get_headers(event, "multiValueHeaders"):
            # A load balancer that sends these reads only these.
            return response | {"multiValueHeaders": {name: [headers[name]] for name in headers}}
        return response | {"headers": headers}

    @functools.wraps(function)
    def call(event: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return function(event, *args, **kwargs)
        except tuple(_PROBLEMS) as error:
            return respond(event, error)

    @functools.wraps(function)
    async def call_async(event: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return await cast("Any", function)(event, *args, **kwargs)
        except tuple(_PROBLEMS) as error:
            return respond(event, error)

    return cast("F", call_async if inspect.iscoroutinefunction(function) else call)


def _get_headers(event: Any, field: str) -> Mapping[str, Any]:
    headers: Any = event.get(field) if isinstance(event, Mapping) else None
    return headers if isinstance(headers, Mapping) else {}
