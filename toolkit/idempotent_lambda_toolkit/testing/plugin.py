"""The pytest plugin: fixtures for tests of idempotent code.

pytest loads it wherever the toolkit is installed. Each fixture imports its modules when it is used.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import pytest

from idempotent_lambda_toolkit.testing.reporting import html_report

if TYPE_CHECKING:
    from idempotent_lambda_toolkit.testing import (
        Effects,
        InMemoryClaimStore,
        ManualClock,
        Report,
    )
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
        from idempotent_lambda_toolkit import testing  # noqa: PLC0415

        self._monkeypatch = monkeypatch
        self.effects: Effects = testing.Effects()

    def effect(
        self,
        target: str,
        function: Callable[..., Any] | None = None,
        *,
        name: str | None = None,
        token: "Token | None" = None,
        failure: Exception | None = None,
        lost_answer: Exception | None = None,
        shared: bool = False,
    ) -> None:
        """Replace a side effect with a recorder until the test ends.

        Args:
            target: the name under which the code finds it, such as ``"orders.charge"`` or
                ``"orders.Client.charge"``.
            function: the implementation for the test; by default it does nothing.
            name: the name in reports; by default the last part of the target.
            token: see `Effects.of`.
            failure: see `Effects.of`.
            lost_answer: see `Effects.of`.
            shared: see `Effects.of`.

        Raises:
            ValueError: the target does not exist, or the token names no parameter.
        """
        from idempotent_lambda_toolkit.testing.effects import Options, build_patch  # noqa: PLC0415

        options = Options(token=token, failure=failure, lost_answer=lost_answer, shared=shared)
        self._monkeypatch.setattr(*build_patch(self.effects, target, function, name, options))

    def aws(
        self,
        operation: str,
        function: Callable[..., Any] | None = None,
        *,
        name: str | None = None,
        token: "Token | None" = None,
        failure: Exception | None = None,
        lost_answer: Exception | None = None,
        shared: bool = False,
    ) -> None:
        """Replace an operation of every boto3 client and resource until the test ends.

        Args:
            operation: service and operation, such as ``"s3.PutObject"``.
            function: see `Effects.patch_aws`.
            name: the name in reports; by default the operation.
            token: see `Effects.patch_aws`.
            failure: see `Effects.patch_aws`.
            lost_answer: see `Effects.patch_aws`.
            shared: see `Effects.of`.

        Raises:
            ValueError: boto3 knows no such operation, or the token names no parameter.
        """
        from idempotent_lambda_toolkit.testing.effects import (  # noqa: PLC0415
            Options,
            build_aws_patches,
        )

        options = Options(token=token, failure=failure, lost_answer=lost_answer, shared=shared)
        for patch in build_aws_patches(self.effects, operation, function, name, options):
            self._monkeypatch.setattr(*patch)

    def __call__(
        self,
        function: Callable[..., Any],
        event: "Event",
        *,
        key: str | None = None,
        different: Sequence["Event"] = (),
        exactly_once: bool = False,
        retries: bool = True,
        timeout_seconds: int = 30,
        fresh: Callable[[], object] | None = None,
    ) -> "Report":
        """Hammer the function; see `idempotent_lambda_toolkit.testing.hammer`.

        Args:
            function: the processor or handler.
            event: the event as Lambda delivers it.
            key: the key expression of a processor.
            different: events of other operations, which must all have their side effects.
            exactly_once: whether a side effect must not repeat even after a crash or a lost answer.
            retries: whether the producer may send the same message again.
            timeout_seconds: the timeout of the function.
            fresh: a function that clears the memory of your test doubles.

        Raises:
            AssertionError: `hammer` found a problem.
            HammerError: `hammer` cannot judge the function.
        """
        from idempotent_lambda_toolkit import testing  # noqa: PLC0415

        __tracebackhide__ = True
        report = testing.hammer(
            function,
            event,
            effects=self.effects,
            key=key,
            different=different,
            exactly_once=exactly_once,
            retries=retries,
            timeout_seconds=timeout_seconds,
            fresh=fresh,
        )
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
