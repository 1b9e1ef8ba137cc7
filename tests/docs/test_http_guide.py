"""The guide for HTTP handlers: its code runs, and its tables say what happens."""

import json
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from idempotent_lambda.decorator import Wiring
from idempotent_lambda.errors import MissingKeyError
from idempotent_lambda_toolkit.testing import InMemoryClaimStore, ManualClock
from tests.docs.test_guides import Context, rows, run, snippet
from tests.handler.events import key_rule
from tests.requests import settings_of

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "guides" / "http-handlers.md").read_text()
CODE = snippet(PAGE, "python")
WHO = PAGE.partition("## Who may use a key")[2]


@pytest.fixture
def wiring(monkeypatch: pytest.MonkeyPatch) -> Wiring:
    """A table in memory for decorated functions."""
    made = Wiring(settings_of(key_rule()), InMemoryClaimStore(), ManualClock(), Mock())
    monkeypatch.setattr(Wiring, "from_environment", lambda: made)
    return made


def request_of(key: str | None, body: str = "1999", caller: str = "ann") -> dict[str, Any]:
    """A request as an HTTP API passes it."""
    return {
        "version": "2.0",
        "rawPath": "/charges",
        "headers": {"idempotency-key": key} if key else {},
        "rawQueryString": "",
        "requestContext": {
            "authorizer": {"jwt": {"claims": {"sub": caller}}},
            "http": {"method": "POST"},
        },
        "body": body,
    }


@pytest.mark.usefixtures("wiring")
def test_what_the_client_gets() -> None:
    """Each row of the table is what such a request gets."""
    statuses = {request: status for request, status in rows(PAGE, "request")}  # noqa: C416
    during: list[Any] = []
    charges: list[str] = []

    def charge(body: str) -> str:
        if body == "fails":
            charges.append(body)
            raise ConnectionError
        if not charges:
            during.append(handler(request_of("k-1"), Context()))
        charges.append(body)
        return f"charge-{len(charges)}"

    handler = run(CODE, charge=charge)["handler"]
    first = handler(request_of("k-1"), Context())
    assert first == {"statusCode": 201, "body": "charge-1"}
    assert statuses.pop("the first") == "the status that the handler returns"
    assert handler(request_of("k-1"), Context()) == first
    assert statuses.pop("a later one with the same key and payload") == "the same response"
    (running,) = during
    row = statuses.pop("one while the first is running")
    assert row == f"{running['statusCode']}, with `Retry-After` in seconds"
    assert running["headers"]["Retry-After"].isdecimal()
    answers = {
        "one with the same key and another payload": handler(request_of("k-1", "5"), Context()),
        "one without a usable key": handler(request_of(None), Context()),
    }
    for request, answer in answers.items():
        assert str(answer["statusCode"]) == statuses.pop(request)
        assert "k-1" not in json.dumps(answer)
    assert len(charges) == 1
    for _ in range(2):
        with pytest.raises(ConnectionError):
            handler(request_of("k-2", "fails"), Context())
    assert statuses.pop("one after an exception") == "the handler runs again"
    assert (len(charges), statuses) == (3, {})


@pytest.mark.usefixtures("wiring")
def test_another_caller_does_not_read_the_response() -> None:
    """With the guide's key two callers with one header are two operations; without it, one."""
    for code, charged in ((CODE, 2), (CODE.replace("[caller, ", "(").replace(")]", "))"), 1)):
        charges: list[str] = []
        handler = run(code.replace('"charge"', f'"charge-{charged}"'), charge=charges.append)[
            "handler"
        ]
        for caller in ("ann", "bob"):
            handler(request_of("k-1", caller=caller), Context())
        assert len(charges) == charged


CALLERS: dict[str, Any] = {
    "HTTP API, JWT": {"authorizer": {"jwt": {"claims": {"sub": "ME"}}}},
    "HTTP API, function URL, IAM": {"authorizer": {"iam": {"callerId": "ME:session-1"}}},
    "REST API, Cognito": {"authorizer": {"claims": {"sub": "ME"}}},
    "REST API, IAM": {"identity": {"caller": "ME:session-1"}},
}
"""The parts of documented events that name the caller:
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html"""


REST: dict[str, Any] = {
    "httpMethod": "POST",
    "path": "/charges",
    "headers": {"Idempotency-Key": "k-1"},
    "queryStringParameters": {"a": "2"},
    "multiValueQueryStringParameters": {"a": ["1", "2"]},
    "requestContext": {"authorizer": {"jwt": {"claims": {"sub": "ann"}}}},
    "body": "1999",
}
"""A request as a REST API passes it. A load balancer has the first or the second of the parameters:
https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html"""

HTTP_API = request_of("k-1")
POST = HTTP_API["requestContext"]
OTHERS: list[tuple[int, dict[str, Any]]] = [
    *((0, HTTP_API | change) for change in (
        {"requestContext": POST | {"http": {"method": "DELETE"}}}, {"rawPath": "/refunds"},
        {"rawQueryString": "a=1"}, {"body": "5"}, {"body": None},
    )),
    *((1, REST | change) for change in (
        {"httpMethod": "DELETE"}, {"path": "/refunds"}, {"body": "5"}, {"body": None},
        {"queryStringParameters": {"a": "1"}}, {"queryStringParameters": None},
        {"multiValueQueryStringParameters": {"a": ["2", "2"]}},
    )),
]  # fmt: skip


@pytest.mark.usefixtures("wiring")
def test_another_request_with_the_key() -> None:
    """The payload of each service sees another method, path, query or body: 422."""
    payloads = [payload.strip("`") for _, payload in rows(PAGE.partition("## Who")[0], "service")]
    assert snippet(PAGE, "python").count(f'"{payloads[0]}"') == 1
    handlers = []
    for number, first in enumerate((HTTP_API, REST)):
        code = CODE.replace(payloads[0], payloads[number]).replace('"charge"', f'"charge-{number}"')
        handlers.append(run(code, charge=str)["handler"])
        for _ in range(2):
            assert handlers[number](first, Context())["statusCode"] == 201
    for number, other in OTHERS:
        assert handlers[number](other, Context())["statusCode"] == 422, other


@pytest.mark.usefixtures("wiring")
def test_a_key_that_raises() -> None:
    """The key of another service fails every request loudly."""
    handler = run(CODE, charge=str)["handler"]
    with pytest.raises(MissingKeyError, match="an error, KeyError at"):
        handler(HTTP_API | {"requestContext": {"authorizer": {"iam": {}}}}, Context())


def test_every_service_names_its_caller() -> None:
    """The table has an expression for each, and the expression finds the caller."""
    table = {f"{service}, {how}": code.strip("`") for service, how, code in rows(WHO, "service")}
    assert table.keys() == CALLERS.keys()
    for name, code in table.items():
        assert run(f"found = {code}", event={"requestContext": CALLERS[name]})["found"] == "ME"


def test_the_guide_is_short() -> None:
    """No guide takes more than 90 lines."""
    assert len(PAGE.splitlines()) <= 90
