"""Ten handlers in the style of public repositories, each with a verdict.

The verdicts were written by reading alone, before `hammer` ran on any of the handlers. Each module
has a handler with the habits of real code, and `CASE`, which says how it is hammered. Where the
reader was wrong, the verdict says so. If the mistake hides other findings, `REPAIRED` is the case
without it.
"""

from dataclasses import dataclass
from typing import Any

import requests
from botocore.exceptions import ClientError

from tests.toolkit.styles import Style

BODY = {
    "order_id": "ORDER-1",
    "customer_id": "C-1",
    "email": "ada@example.com",
    "total": "19.90",
    "currency": "EUR",
}
OTHER = BODY | {"order_id": "ORDER-2", "total": "5.00"}

Found = frozenset[tuple[str, str | None]]
"""Findings, each as its reason and the name of the side effect; None if none shows it."""


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
class Case(Style):
    """A handler and its verdict."""

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
