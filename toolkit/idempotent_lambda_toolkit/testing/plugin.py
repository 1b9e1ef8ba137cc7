"""The pytest plugin: fixtures for tests of idempotent code.

pytest loads it wherever the toolkit is installed. Each fixture imports its modules when it is used.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from idempotent_lambda_toolkit.testing import html_report

if TYPE_CHECKING:
    from idempotent_lambda_toolkit.testing import InMemoryClaimStore, ManualClock, Report
    from idempotent_lambda_toolkit.testing.effects import Token
    from idempotent_lambda_toolkit.testing.events import Event


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--hammer-report``."""
    html_report.add_option(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Collect reports if ``--hammer-report`` is given."""
    html_report.register(config)


class Hammer:
    """`idempotent_lambda_toolkit.testing.hammer` for one test, which fails on any finding.

    Attributes:
        effects: the side effects that this test declares.
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
        lost_answer: Exception | None = None,
    ) -> None:
        """Replace a side effect with a recorder until the test ends.

        Args:
            target: the name under which the code finds it, such as ``"orders.charge"``.
            function: the implementation for the test; by default it does nothing.
            name: the name in reports; by default the last part of the target.
            token: see `Effects.of`.
            failure: see `Effects.of`.
            lost_answer: see `Effects.of`.
        """
        called = name or target.rpartition(".")[2]
        double = self.effects.of(
            called, function, token=token, failure=failure, lost_answer=lost_answer
        )
        self._monkeypatch.setattr(target, double)

    def __call__(self, function: Callable[..., Any], event: "Event", **options: Any) -> "Report":
        """Hammer the function.

        Args:
            function: the processor or handler.
            event: the event as Lambda delivers it.
            options: the other arguments of `idempotent_lambda_toolkit.testing.hammer`.

        Raises:
            AssertionError: `hammer` found a problem.
            HammerError: `hammer` cannot judge the function.
        """
        from idempotent_lambda_toolkit import testing  # noqa: PLC0415

        __tracebackhide__ = True
        report = testing.hammer(function, event, effects=self.effects, **options)
        report.check()
        return report


@pytest.fixture
def hammer(monkeypatch: pytest.MonkeyPatch) -> Hammer:
    """Runs code through everything that can happen to it; see `Hammer`."""
    return Hammer(monkeypatch)


@pytest.fixture
def manual_clock() -> "ManualClock":
    """A clock that moves only when the test moves it."""
    from idempotent_lambda_toolkit.testing import ManualClock  # noqa: PLC0415

    return ManualClock()


@pytest.fixture
def idempotency_store() -> "InMemoryClaimStore":
    """An empty table in memory."""
    from idempotent_lambda_toolkit.testing import InMemoryClaimStore  # noqa: PLC0415

    return InMemoryClaimStore()
