"""Decorated handlers that answer HTTP requests."""

import asyncio
import functools
import inspect
import json
import re
from types import MappingProxyType
from typing import Any

import pytest

from idempotent_lambda import errors, idempotent
from idempotent_lambda.clock import Millis
from idempotent_lambda.http import find_header, respond_to_errors
from idempotent_lambda_toolkit.testing import ManualClock
from tests.contracts.conftest import InMemory

from .shop import Context, Shop
from .test_batches import DictWrapper

NAME = "Idempotency-Key"

FOUND: dict[str, tuple[Any, str | None]] = {
    "HTTP API": ({"version": "2.0", "headers": {"idempotency-key": "k-1"}}, "k-1"),
    "REST API": (
        {"headers": {"Idempotency-Key": "k-1"}, "multiValueHeaders": {"Idempotency-Key": ["k-1"]}},
        "k-1",
    ),
    "REST API without headers": ({"headers": None, "multiValueHeaders": None}, None),
    "load balancer": ({"headers": {"idempotency-key": "k-1"}}, "k-1"),
    "load balancer with values": ({"multiValueHeaders": {"idempotency-key": ["k-1"]}}, "k-1"),
    "headers are null": ({"headers": None, "multiValueHeaders": {NAME: ["k-1"]}}, "k-1"),
    "upper case": ({"headers": {"IDEMPOTENCY-KEY": "k-1"}}, "k-1"),
    "blanks": ({"headers": {NAME: " \tk-1\t "}}, "k-1"),
    "other blanks": ({"headers": {NAME: "\u00a0k 1\n"}}, "\u00a0k 1\n"),
    "quotes": ({"headers": {NAME: '"k-1"'}}, '"k-1"'),
    "one value in two cases": ({"headers": {NAME: "k-1", NAME.lower(): "k-1"}}, "k-1"),
    "one value sent twice": ({"multiValueHeaders": {NAME: ["k-1", " k-1"]}}, "k-1"),
    "joined by the service": ({"headers": {NAME: "k-1,k-2"}}, "k-1,k-2"),
    "empty": ({"headers": {NAME: "  "}}, ""),
    "no values": ({"multiValueHeaders": {NAME: []}}, None),
    "another header": ({"headers": {"X-Idempotency-Key": "k-1", "Idempotency": "k-2"}}, None),
    "no headers": ({}, None),
    "headers of another type": ({"headers": [["Idempotency-Key", "k-1"]]}, None),
    "no object": ("event", None),
    "Powertools": (DictWrapper({"headers": {"idempotency-key": "k-1"}}), "k-1"),
    "Powertools of a load balancer": (DictWrapper({"multiValueHeaders": {NAME: ["k-1"]}}), "k-1"),
    "headers in a mapping": ({"headers": MappingProxyType({NAME: "k-1"})}, "k-1"),
    "Powertools without headers": (DictWrapper({}), None),
    "None": (None, None),
}


@pytest.mark.parametrize("name", FOUND)
def test_header(name: str) -> None:
    """A header is found in any case, wherever a service puts it; blanks around it do not count."""
    event, value = FOUND[name]
    assert find_header(event, NAME) == value
    assert find_header(event, NAME.upper()) == value


@pytest.mark.parametrize(
    "event",
    [
        {"multiValueHeaders": {NAME: ["k-1", "k-2"]}},
        {"headers": {NAME: "k-1", NAME.lower(): "k-2"}},
        {"headers": {NAME: "k-2"}, "multiValueHeaders": {NAME: ["k-1", "k-2"]}},
        {"headers": {NAME: "k-1"}, "multiValueHeaders": {NAME.lower(): ["K-1"]}},
    ],
)
def test_two_values(event: Any) -> None:
    """Two values of one header are refused, and neither is shown."""
    with pytest.raises(errors.UnsupportedKeyError, match="Idempotency-Key has 2 diff") as refusal:
        find_header(event, NAME)
    assert "k-" not in str(refusal.value).lower().replace("y-k", "")


@pytest.mark.parametrize("value", [5, None, ["k-1", 5], {"a": 1}, [["k-1"]]])
def test_a_header_that_is_not_text(value: Any) -> None:
    """A value of another type is refused; no service sends one."""
    with pytest.raises(errors.UnsupportedKeyError, match="the header Idempotency-Key is not text"):
        find_header({"headers": {NAME: value}}, NAME)


@pytest.fixture(params=["sync", "async"])
def shop(request: pytest.FixtureRequest, clock: ManualClock) -> Shop:
    """Functions of both colours in turn."""
    return Shop(InMemory(), request.param, clock)


def request_of(key: str | None = "k-1", body: str = "{}", caller: Any = "ann") -> dict[str, Any]:
    """A request as a function URL passes it."""
    return {
        "version": "2.0",
        "headers": {} if key is None else {"idempotency-key": key},
        "requestContext": {"authorizer": {"jwt": {"claims": {"sub": caller}}}},
        "body": body,
    }


def find_key(event: Any, context: Any) -> list[Any]:  # noqa: ARG001
    """The caller and its header."""
    caller = event["requestContext"]["authorizer"]["jwt"]["claims"]["sub"]
    return [caller, find_header(event, NAME)]


OPTIONS: dict[str, Any] = {"name": "charge", "key": find_key, "payload": "event.body"}


def make_handler(shop: Shop, body: Any) -> Any:
    """A handler that answers HTTP requests, called as a sync one."""
    options = OPTIONS | {"wiring": shop.wiring()}

    def handler(event: Any, context: Any) -> Any:
        del context
        shop.ran.append((event["body"],))
        return body(event) if callable(body) else body

    if shop.colour == "sync":
        return respond_to_errors(idempotent(**options)(handler))

    async def handle(event: Any, context: Any) -> Any:
        await asyncio.sleep(0)
        return handler(event, context)

    made = respond_to_errors(idempotent(**options)(handle))
    assert inspect.iscoroutinefunction(made)
    return lambda *args: asyncio.run(made(*args))


CHARGED = {"statusCode": 201, "body": "charged"}


def test_one_charge_for_each_key_of_each_caller(shop: Shop) -> None:
    """A retry gets the first response; another caller with the same header gets its own."""
    handler = make_handler(shop, lambda event: CHARGED | {"body": f"charged {event['body']}"})
    first = handler(request_of(body="1"), Context())
    assert first == handler(request_of(body="1"), Context())
    assert first == CHARGED | {"body": "charged 1"}
    other = handler(request_of(body="2", caller="bob"), Context())
    assert other == CHARGED | {"body": "charged 2"}
    assert len(shop.ran) == 2


def problem_of(response: Any, status: int) -> dict[str, Any]:
    """The body of a response that is a problem of this status, without what the client sent."""
    assert response["statusCode"] == status
    assert response["headers"]["Content-Type"] == "application/problem+json"
    assert response["isBase64Encoded"] is False
    assert not {"k-1", "secret", "ann", "charge"} & set(response["body"].replace('"', " ").split())
    body: dict[str, Any] = json.loads(response["body"])
    assert body.keys() == {"status", "title", "detail"}
    assert body["status"] == status
    return body


@pytest.mark.parametrize(
    "event",
    [
        request_of(None),
        request_of(""),
        request_of(" "),
        request_of(caller=None),
        request_of(caller=1.5),
        request_of("\ud800"),
        request_of() | {"headers": None},
        request_of() | {"headers": {NAME: "k-1", NAME.lower(): "k-2"}},
        request_of() | {"body": None},
        DictWrapper(request_of(None)),
    ],
)
def test_no_key(shop: Shop, event: Any) -> None:
    """A request without a usable key is the client's error, and does not run."""
    handler = make_handler(shop, CHARGED)
    body = problem_of(handler(event, Context()), 400)
    assert body["detail"] == "The request has no usable idempotency key or payload."
    assert shop.ran == []


def take_nothing() -> Any:
    """A function that cannot take the arguments."""


def find_by_mistake(event: Any, context: Any) -> Any:
    """A function with a bug in what it calls."""
    return json.loads(event["headers"]["idempotency-key"] + str(context)), "{secret"


BUGS: dict[str, tuple[Any, str]] = {
    "another authorizer": (find_key, "KeyError"),
    "no arguments": (take_nothing, "TypeError"),
    "a library": (find_by_mistake, "JSONDecodeError"),
    "a partial": (functools.partial(find_key, context=None), "TypeError"),
    "a name": (lambda event, _: event.no_such_field, "AttributeError"),
}


@pytest.mark.parametrize("argument", ["key", "payload"])
@pytest.mark.parametrize("hashed", [False, True])
@pytest.mark.parametrize("bug", BUGS)
def test_a_selector_that_raises(memory: Shop, argument: str, hashed: bool, bug: str) -> None:
    """A bug in a function of the key is no error of the client: every request would get it."""
    selector, kind = BUGS[bug]
    options: Any = {"key": "event.body", argument: selector}
    wiring = memory.wiring(hash_keys=hashed)
    made = respond_to_errors(
        idempotent(name="charge", wiring=wiring, **options)(lambda event, context: (event, context))
    )
    with pytest.raises(errors.MissingKeyError) as caught:
        made(request_of() | {"requestContext": {"authorizer": {"iam": {}}}}, Context())
    (line,) = memory.log()
    for text in (str(caught.value), line["errors"][0]["text"]):
        assert re.search(rf"an error, {kind} at \S+\.py:[1-9]\d*; every call needs", text)
        assert "secret" not in text
        if hasattr(selector, "__code__") and bug != "a library":
            first = selector.__code__.co_firstlineno
            assert any(f"{__file__}:{first + more};" in text for more in range(4))


def test_a_wrong_value_in_the_request(memory: Shop) -> None:
    """A function of JMESPath that cannot take what the client sent is the client's error."""
    made = respond_to_errors(
        idempotent(name="charge", key="abs(event.body)", wiring=memory.wiring())(
            lambda event, context: (event, context)
        )
    )
    problem_of(made(request_of(), Context()), 400)


def test_the_error_of_a_header_is_logged(shop: Shop) -> None:
    """The log says what is wrong with the header."""
    make_handler(shop, CHARGED)(request_of() | {"multiValueHeaders": {NAME: ["k-2"]}}, Context())
    (line,) = shop.log()
    assert line["outcome"] == "rejected"
    (error,) = line["errors"]
    assert error["type"] == "UnsupportedKeyError"
    assert "the header Idempotency-Key has 2 different values: send it once" in str(error)


def test_another_payload(shop: Shop) -> None:
    """A key that was used for another body is unprocessable."""
    handler = make_handler(shop, CHARGED)
    assert handler(request_of(body="secret 1"), Context()) == CHARGED
    body = problem_of(handler(request_of(body="secret 2"), Context()), 422)
    assert (body["title"], len(shop.ran)) == ("Unprocessable Content", 1)


@pytest.mark.parametrize(
    ("lease", "seconds"), [(1, "1"), (1000, "1"), (1001, "2"), (25_500, "26"), (900_000, "900")]
)
def test_in_progress(shop: Shop, lease: int, seconds: str) -> None:
    """A request whose first attempt is running learns when to come back, in whole seconds."""
    handler = make_handler(shop, CHARGED)
    shop.seed_record('#["ann","k-1"]', lease=lease)
    response = handler(request_of(), Context())
    body = problem_of(response, 409)
    assert (body["title"], response["headers"]["Retry-After"]) == ("Conflict", seconds)
    assert shop.ran == []


def test_at_the_same_time(clock: ManualClock) -> None:
    """A request during the first attempt is in progress; after it, it gets the response."""
    shop = Shop(InMemory(), "sync", clock)
    during = []

    def run(event: Any) -> Any:
        during.append(handler(event, Context()))
        return CHARGED

    handler = make_handler(shop, run)
    assert handler(request_of(), Context()) == CHARGED
    assert problem_of(during[0], 409)
    assert handler(request_of(), Context()) == CHARGED
    assert len(shop.ran) == 1


def test_the_wait_is_never_too_short(clock: ManualClock) -> None:
    """A lease that ends while the error is on its way still waits a second."""
    shop = Shop(InMemory(), "sync", clock)

    def fail(_: Any) -> Any:
        clock.advance(Millis(5000))
        raise errors.AlreadyInProgressError(clock.now() - 4000)

    response = make_handler(shop, fail)(request_of(), Context())
    assert response["headers"]["Retry-After"] == "1"


@pytest.mark.parametrize(
    "event",
    [
        request_of(None) | {"headers": None, "multiValueHeaders": {"host": ["x"]}},
        request_of(None) | {"multiValueHeaders": {"accept": ["*/*"]}},
        DictWrapper(request_of(None) | {"multiValueHeaders": {"accept": ["*/*"]}}),
    ],
)
def test_a_load_balancer_with_values(shop: Shop, event: Any) -> None:
    """A load balancer that sends lists of values reads only these."""
    response = make_handler(shop, CHARGED)(event, Context())
    assert response["multiValueHeaders"] == {"Content-Type": ["application/problem+json"]}
    assert "headers" not in response


def raise_error(error: BaseException) -> Any:
    """A function that raises."""

    def run(_: Any) -> Any:
        raise error

    return run


OTHERS = [
    ValueError("no"), errors.PermanentFailure("no"), errors.ParkedError("no"), SystemExit(),
    errors.StoreUnavailableError("x", "no", maybe_written=True), errors.LostLeaseError("no"),
    errors.ResultUnavailableError("no"), errors.InvalidResultError("no"), KeyboardInterrupt(),
    errors.ConfigurationError("no"),
]  # fmt: skip


@pytest.mark.parametrize("error", OTHERS, ids=lambda error: type(error).__name__)
def test_other_errors(shop: Shop, error: BaseException) -> None:
    """Every other error is raised as it is: Lambda makes a server error of it."""
    with pytest.raises(type(error)) as raised:
        make_handler(shop, raise_error(error))(request_of(), Context())
    assert raised.value is error


def test_an_error_response_is_a_result(shop: Shop) -> None:
    """A response with status 500 is stored as any other; an exception runs again."""
    handler = make_handler(shop, {"statusCode": 500})
    assert [handler(request_of(), Context()) for _ in range(2)] == [{"statusCode": 500}] * 2
    assert len(shop.ran) == 1


def test_the_order_of_the_decorators(shop: Shop) -> None:
    """A function that is not decorated yet is refused when it is defined."""

    def handler(event: Any, context: Any) -> Any:
        """Charge."""

    for wrong in (handler, functools.partial(handler), print):
        with pytest.raises(errors.ConfigurationError, match="above @idempotent"):
            respond_to_errors(wrong)

    decorated = idempotent(**OPTIONS, wiring=shop.wiring())(handler)

    @functools.wraps(decorated)
    def traced(*args: Any) -> Any:
        return decorated(*args)

    made = respond_to_errors(traced)
    assert (made.__name__, made.__doc__) == ("handler", "Charge.")
    assert made(request_of(None), Context())["statusCode"] == 400


def test_the_errors_of_the_clock(clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a wiring the time is the one of the environment's."""
    shop = Shop(InMemory(), "sync", clock)
    wiring = shop.wiring()
    monkeypatch.setattr("idempotent_lambda.decorator.Wiring.from_environment", lambda: wiring)

    @respond_to_errors
    @idempotent(name="charge-by-http", key=find_key)
    def handler(event: Any, context: Any) -> Any:  # noqa: ARG001
        during.append(handler(request_of(), Context()))
        return CHARGED

    during: list[Any] = []
    assert handler(request_of(), Context()) == CHARGED
    (response,) = during
    # The remaining time of the context, and the margin of the lease.
    assert 30 <= int(response["headers"]["Retry-After"]) <= 35
