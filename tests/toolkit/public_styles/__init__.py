"""Ten handlers as they stand in public repositories' style, each with a verdict.

The verdicts were written by reading alone, before `hammer` ran on any of the handlers. Each module
has a handler with the habits of real code, and `CASE`, which says how it is hammered.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import requests
from botocore.exceptions import ClientError

BODY = {
    "order_id": "ORDER-1",
    "customer_id": "C-1",
    "email": "ada@example.com",
    "total": "19.90",
    "currency": "EUR",
}
OTHER = BODY | {"order_id": "ORDER-2", "total": "5.00"}

Found = frozenset[tuple[str, str]]
"""Findings, each as its reason and the name of the side effect."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """A reader's opinion on a handler.

    Attributes:
        findings: all the findings that the reader expects.
        because: the reason for this opinion.
        corrected: all the findings that are right, if the reader was wrong.
        mistake: the reader's mistake.
    """

    findings: Found
    because: str
    corrected: Found | None = None
    mistake: str = ""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A handler and its verdict.

    Attributes:
        effects: the side effects by the path that leads to them in the module, such as
            ``"table.put_item"``, with the arguments of `Effects.of`. The last part is the name.
        reads: functions by path that replace what the handler reads.
        options: of `hammer`.
    """

    handler: Callable[..., Any]
    event: dict[str, Any]
    effects: Mapping[str, Mapping[str, Any]]
    reads: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    verdict: Verdict


def refused(operation: str, code: str = "ThrottlingException") -> ClientError:
    """Make the error of an AWS call that was refused."""
    return ClientError({"Error": {"Code": code, "Message": "Rate exceeded"}}, operation)


def accept(*_: Any, **__: Any) -> requests.Response:
    """Answer like a provider that accepts a request."""
    response = requests.Response()
    response.status_code = 200
    response._content = b'{"id": "ch_1"}'
    return response
