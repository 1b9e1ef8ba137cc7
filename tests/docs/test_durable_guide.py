"""The guide to durable functions: its snippet runs, on a stand-in of the SDK."""

import re
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from idempotent_lambda import AlreadyInProgressError
from idempotent_lambda.clock import Millis
from idempotent_lambda.decorator import Wiring
from idempotent_lambda_toolkit.testing import InMemoryClaimStore, ManualClock
from tests.handler.events import key_rule
from tests.requests import settings_of

from .test_guides import run
from .test_records_guide import Quiet

PAGE = (Path(__file__).parents[2] / "docs" / "guides" / "durable-functions.md").read_text()
(STEP,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


class DurableContext:
    """The SDK's: it retries a step, and leaves out the log."""

    def step(self, function: Any) -> Any:
        return function(SimpleNamespace(attempt=1))


@pytest.fixture
def charges(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The user's charges, and a stand-in of the SDK."""
    made: list[str] = []
    shop: Any = ModuleType("shop")

    def charge(order: dict[str, str]) -> str:
        made.append(order["order_id"])
        if len(made) == 1:
            raise SystemExit
        return f"charge-{len(made)}"

    shop.charge = charge
    sdk: Any = ModuleType("aws_durable_execution_sdk_python")
    sdk.DurableContext, sdk.StepContext = DurableContext, SimpleNamespace
    sdk.durable_step = lambda function: lambda *args: lambda context: function(context, *args)
    sdk.durable_execution = lambda function: lambda event: function(event, DurableContext())
    for module in (shop, sdk):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    return made


def test_a_step_runs_once(monkeypatch: pytest.MonkeyPatch, charges: list[str]) -> None:
    """A step that was killed runs again after its lease, and each later run gets its result."""
    clock = ManualClock()
    wiring = Wiring(settings_of(key_rule()), InMemoryClaimStore(), clock, Quiet())
    monkeypatch.setattr(Wiring, "from_environment", lambda: wiring)
    handler, order = run(STEP)["handler"], {"order_id": "ORDER-1"}
    with pytest.raises(SystemExit):
        handler(order)
    with pytest.raises(AlreadyInProgressError):
        handler(order)
    clock.advance(Millis(35_001))
    assert handler(order) == handler(order) == "charge-2"
    assert len(charges) == 2
