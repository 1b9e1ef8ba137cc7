"""Loads modules with handlers, and hammers the handlers."""

import importlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any
from unittest import mock

import pytest

from idempotent_lambda import decorator
from idempotent_lambda_toolkit.testing import Effects, Report, hammer


@dataclass(frozen=True, kw_only=True)
class Style:
    """A handler and how it is hammered.

    Attributes:
        effects: the side effects by the path that leads to them in the module, such as
            ``"table.put_item"``, with the arguments of `Effects.of`. The name is the path's last
            part, unless there is a ``name``.
        reads: functions by path that replace what the handler reads.
        options: of `hammer`.
    """

    handler: Callable[..., Any]
    event: dict[str, Any]
    effects: Mapping[str, Mapping[str, Any]]
    reads: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)


def load(package: ModuleType, name: str) -> ModuleType:
    """Load a module of a package as it is before anything was hammered."""
    with mock.patch.object(decorator, "FUNCTIONS", {}):
        return importlib.reload(importlib.import_module(f"{package.__name__}.{name}"))


def hammer_style(module: ModuleType, style: Style, monkeypatch: pytest.MonkeyPatch) -> Report:
    """Replace what a module's handler does and reads, and hammer it."""
    effects = Effects()
    for path, options in style.effects.items():
        owner, last = _follow(module, path)
        original = getattr(owner, last)
        defaults = {"name": last, "function": original if inspect.isfunction(original) else None}
        monkeypatch.setattr(owner, last, effects.of(**(defaults | options)))
    for path, double in style.reads.items():
        monkeypatch.setattr(*_follow(module, path), double)
    return hammer(style.handler, style.event, effects=effects, **style.options)


def _follow(module: ModuleType, path: str) -> tuple[Any, str]:
    """Return the object that a path leads to, and the name of the last attribute."""
    *owners, last = path.split(".")
    owner: Any = module
    for name in owners:
        owner = getattr(owner, name)
    return owner, last
