"""The pytest plugin: fixtures for tests of code that is to be idempotent.

pytest loads it wherever the toolkit is installed. What it needs is imported by who asks for it.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from idempotent_lambda_toolkit.testing import InMemoryClaimStore, ManualClock, Report
    from idempotent_lambda_toolkit.testing.effects import Token
    from idempotent_lambda_toolkit.testing.events import Event


class Hammer:
    """`idempotent_lambda_toolkit.testing.hammer` for one test, which fails if anything is wrong.

    Attributes:
        effects: those that are declared in this test.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from idempotent_lambda_toolkit.testing import Effects  # noqa: PLC0415

        self._monkeypatch = monkeypatch
        self.effects = Effects()

    def effect(
        self,
        target: str,
        function: Callable[..., Any] | None = None,
        *,
        name: str | None = None,
        token: "Token | None" = None,
        failure: Exception | None = None,
    ) -> None:
        """Put an effect in the place of the real one, until the test ends.

        Args:
            target: where the code under test finds it, such as ``"orders.charge"``.
            function: does it in the test; by default nothing is done.
            name: what reports call it, by default the last part of the target.
            token: see `Effects.of`.
            failure: see `Effects.of`.
        """
        called = name or target.rpartition(".")[2]
        double = self.effects.of(called, function, token=token, failure=failure)
        self._monkeypatch.setattr(target, double)

    def __call__(self, function: Callable[..., Any], event: "Event", **options: Any) -> "Report":
        """Hammer the function.

        Args:
            function: the processor or handler.
            event: what Lambda delivers.
            options: the others of `idempotent_lambda_toolkit.testing.hammer`.

        Raises:
            AssertionError: something is wrong.
            HammerError: nothing can be said.
        """
        from idempotent_lambda_toolkit import testing  # noqa: PLC0415

        __tracebackhide__ = True
        report = testing.hammer(function, event, effects=self.effects, **options)
        report.check()
        return report


@pytest.fixture
def hammer(monkeypatch: pytest.MonkeyPatch) -> Hammer:
    """Runs code through all that happens to it; see `Hammer`."""
    return Hammer(monkeypatch)


@pytest.fixture
def manual_clock() -> "ManualClock":
    """A clock that moves only when told to."""
    from idempotent_lambda_toolkit.testing import ManualClock  # noqa: PLC0415

    return ManualClock()


@pytest.fixture
def idempotency_store() -> "InMemoryClaimStore":
    """A table in memory, empty."""
    from idempotent_lambda_toolkit.testing import InMemoryClaimStore  # noqa: PLC0415

    return InMemoryClaimStore()
