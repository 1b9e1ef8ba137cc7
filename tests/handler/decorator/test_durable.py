"""A durable execution runs its handler several times, so it is not one call."""

from typing import Any

import pytest

from idempotent_lambda import errors
from idempotent_lambda_toolkit.testing import ManualClock
from tests.contracts.conftest import InMemory

from .shop import Context, Shop

SDK = "aws_durable_execution_sdk_python"
"""The SDK's package: https://github.com/aws/aws-durable-execution-sdk-python"""

ARN = "arn:aws:lambda:eu-central-1:123456789012:function:f:1/durable-execution/n/i"
EVENT = {
    "DurableExecutionArn": ARN,
    "CheckpointToken": "t",
    "InitialExecutionState": {"Operations": [], "NextMarker": ""},
}
"""The event of every invocation of a durable execution, the first one and each replay."""


class SuspendExecution(BaseException):  # its name in the SDK
    """Raised by a wait, through the handler."""


def made_by_sdk(name: str, module: str, *bases: type, **members: Any) -> type:
    """A class of the SDK: as there, nothing but its operations."""
    return type(name, bases, {"__module__": f"{SDK}.{module}", **members})


def wait(context: Any) -> None:
    """Suspend the execution when the wait is new."""
    if not context.replays:
        context.replays = True
        raise SuspendExecution


DurableContext = made_by_sdk("DurableContext", "context", wait=wait, replays=False)
StepContext = made_by_sdk("StepContext", "types", attempt=1)
CheckContext = made_by_sdk("WaitForConditionCheckContext", "types", attempt=1)
InjectedEvent = made_by_sdk("DurableExecutionInvocationInputWithClient", "execution", made_by_sdk(
    "DurableExecutionInvocationInput", "execution"
))  # fmt: skip


class OwnContext(DurableContext):  # type: ignore[misc, valid-type]
    """A user's subclass."""


class LogsAndContext(DurableContext):  # type: ignore[misc, valid-type]
    """A context that also has a remaining time, as a later SDK might."""

    aws_request_id = "r-1"

    def get_remaining_time_in_millis(self) -> int:
        return 30_000


CONTEXTS = {"context": DurableContext, "subclass": OwnContext, "with a time": LogsAndContext}


@pytest.mark.parametrize("kind", CONTEXTS)
@pytest.mark.parametrize("lease", [None, 30])
def test_a_durable_context(shop: Shop, kind: str, lease: int | None) -> None:
    """Each replay is refused by name before its claim, so no execution meets its own claim."""
    ran: list[str] = []

    def handler(event: Any, context: Any) -> None:
        ran.append(event["id"])
        context.wait()

    decorated = shop.decorated(handler, name="orders", key="event.id", lease_seconds=lease)
    context = CONTEXTS[kind]()
    for _ in range(2):
        with pytest.raises(errors.ConfigurationError) as caught:
            decorated({"id": "a"}, context)
        text = str(caught.value)
        assert all(part in text for part in ("'context'", "durable", "DurableExecutionName"))
    assert ran == shop.store.calls == shop.log() == []


@pytest.mark.parametrize("event", [EVENT, InjectedEvent()], ids=["event", "test kit"])
@pytest.mark.parametrize("observe", [False, True])
def test_a_durable_event(clock: ManualClock, event: Any, observe: bool) -> None:
    """Above `durable_execution`, a stored PENDING would end the execution for ever: refused."""
    shop = Shop(InMemory(), "sync", clock)

    def durable(event: Any, context: Any) -> dict[str, str]:
        del event, context
        return {"Status": "PENDING"}

    wiring = shop.wiring(observe_only=observe)
    decorated = shop.decorated(durable, name="orders", key=lambda *_: "k", wiring=wiring)
    with pytest.raises(errors.ConfigurationError, match="'event' is from a durable execution"):
        decorated(event, Context())
    assert shop.store.calls == []


def test_a_durable_execution_of_a_batch(memory: Shop) -> None:
    """A durable handler over a batch hears of the execution first: a processor is no way out."""

    def handler(event: Any, context: Any) -> None:
        raise AssertionError(event, context)

    batch = {"Records": [{"eventSource": "aws:sqs"}]}
    decorated = memory.decorated(handler, name="orders", key="event")
    with pytest.raises(errors.ConfigurationError, match="'context' is from a durable execution"):
        decorated(batch, DurableContext())


@pytest.mark.parametrize("context", [StepContext, CheckContext], ids=["step", "check"])
def test_the_function_of_a_step(shop: Shop, context: type) -> None:
    """The way out: a step that is retried or replayed gets the first result."""
    charges: list[str] = []

    def charge(context: Any, order_id: str) -> str:
        charges.append(order_id)
        return f"charge-{context.attempt}"

    charged = shop.decorated(charge, name="charge", key="order_id", lease_seconds=30)
    assert [charged(context(), "a"), charged(context(), "a")] == ["charge-1"] * 2
    assert charges == ["a"]


def test_a_step_that_is_retried_too_early(shop: Shop) -> None:
    """A step whose process was killed is in progress until its lease is over, and then runs."""
    shop.seed_record("a", lease=10_000)
    charged = shop.function("done")
    with pytest.raises(errors.AlreadyInProgressError):
        charged("a")
    shop.clock.advance(20_000)  # type: ignore[arg-type]
    assert charged("a") == "done"


def test_a_wait_in_the_function_of_a_step(shop: Shop) -> None:
    """A suspended call is interrupted: its claim stays, and the replay runs after the lease."""
    context = DurableContext()

    def charge(order_id: str) -> str:
        wait(context)
        return order_id

    charged = shop.decorated(charge, name="charge", key="order_id", lease_seconds=30)
    with pytest.raises(SuspendExecution):
        charged("a")
    with pytest.raises(errors.AlreadyInProgressError):
        charged("a")
    shop.clock.advance(35_001)  # type: ignore[arg-type]
    assert charged("a") == "a"


class _Elsewhere:
    DurableContext = type("DurableContext", (), {"__module__": "orders.contexts", "id": "a"})


ALLOWED: dict[str, Any] = {
    "a class of the same name": _Elsewhere.DurableContext(),
    "a module without a name": type("DurableContext", (), {"__module__": None})(),
    "the class itself": DurableContext,
    "an event about an execution": {"detail": {"DurableExecutionArn": ARN, "Status": "FAILED"}},
    "an ARN alone": {"DurableExecutionArn": ARN},
}


@pytest.mark.parametrize("name", ALLOWED)
def test_not_durable(memory: Shop, name: str) -> None:
    """Only what the SDK or the runtime passes is durable."""
    assert memory.function("done", key=lambda *_: "k")(ALLOWED[name]) == "done"
