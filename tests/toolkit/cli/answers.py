"""Answers of AWS that a test changes, because moto cannot hold the state behind them."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

Ask = Callable[[Mapping[str, Any]], Any]
"""Asks AWS, or whatever answers in its place, with the parameters of a call."""


class Answers:
    """The answers that a test changes, by the operation."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._changes: dict[str, list[Callable[[Ask, Mapping[str, Any]], Any]]] = {}
        make = BaseClient._make_api_call

        def call(client: Any, operation: str, parameters: Mapping[str, Any]) -> Any:
            def ask(asked: Mapping[str, Any]) -> Any:
                return make(client, operation, asked)

            for change in self._changes.get(operation, ()):
                ask = _wrap(change, ask)
            return ask(parameters)

        patch.setattr(BaseClient, "_make_api_call", call)

    def replace(self, operation: str, change: Callable[[Ask, Mapping[str, Any]], Any]) -> None:
        """Have a function answer, which gets the one that answers now, and the parameters."""
        self._changes.setdefault(operation, []).append(change)

    def add(self, operation: str, **fields: Any) -> None:
        """Add or replace fields of the answer."""
        self.replace(operation, lambda ask, call: {**ask(call), **fields})

    def deny(self, operation: str) -> None:
        """Have AWS refuse the operation."""

        def refuse(_ask: Ask, _call: Mapping[str, Any]) -> Any:
            answer: Any = {"Error": {"Code": "AccessDeniedException", "Message": "not you"}}
            raise ClientError(answer, operation)

        self.replace(operation, refuse)


def _wrap(change: Callable[[Ask, Mapping[str, Any]], Any], ask: Ask) -> Ask:
    return lambda call: change(ask, call)
