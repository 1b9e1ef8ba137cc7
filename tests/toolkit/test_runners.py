"""The `hammer` function works under every common way to run tests."""

import asyncio
import contextvars
import gc
import logging
import os
import threading
import unittest
from pathlib import Path
from typing import Any

import pytest

from idempotent_lambda_toolkit.testing import Effects, HammerError, Reason, events, hammer

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
ORDER = events.sqs({"order_id": "ORDER-1"})
TENANT = contextvars.ContextVar("tenant", default="nobody")


class Shop:
    """Code under test."""

    async def charge(self, order: Any) -> None:
        """The test replaces it."""

    def process(self, message: Any) -> None:
        asyncio.run(self.charge(message.body))

    def process_with_a_loop(self, message: Any) -> None:
        asyncio.get_event_loop().run_until_complete(self.charge(message.body))

    def swallows(self, message: Any) -> None:
        try:
            asyncio.run(self.charge(message.body))
        except Exception:  # noqa: BLE001  # the fault of this code
            return


def list_reasons(process: Any, shop: type[Shop] = Shop) -> list[Reason]:
    """Hammer a processor of a shop."""
    effects = Effects()
    with effects.patch(f"{shop.__module__}.{shop.__name__}.charge"):
        report = hammer(process, ORDER, effects=effects, key="body.order_id")
    return [finding.reason for finding in report.findings]


class TestUnderUnittest(unittest.TestCase):
    """A test case without pytest's fixtures."""

    def setUp(self) -> None:
        self.effects = Effects()
        self.enterContext(self.effects.patch(f"{__name__}.Shop.charge"))

    def test_good(self) -> None:
        """A good processor passes."""
        process = Shop().process
        hammer(process, ORDER, effects=self.effects, key="body.order_id").check()

    def test_bad(self) -> None:
        """A bad one fails the test."""
        report = hammer(Shop().swallows, ORDER, effects=self.effects, key="body.order_id")
        with self.assertRaisesRegex(AssertionError, "failure swallowed"):  # noqa: PT027  # as there
            report.check()


class TestAsyncUnderUnittest(unittest.IsolatedAsyncioTestCase):
    """A test case whose tests are coroutines."""

    async def test_good_and_bad(self) -> None:
        """The code under test may run a loop, although the test has one."""
        shop = Shop()
        assert list_reasons(shop.process) == []
        assert list_reasons(shop.swallows) == [Reason.SWALLOWED]


@pytest.mark.asyncio
async def test_under_pytest_asyncio() -> None:
    """A test that is a coroutine runs the code where no loop runs, and goes on afterwards."""
    shop, loop = Shop(), asyncio.get_running_loop()
    assert list_reasons(shop.process) == []
    assert list_reasons(shop.swallows) == [Reason.SWALLOWED]
    assert asyncio.get_running_loop() is loop
    assert not [thread for thread in threading.enumerate() if thread.name == "hammer"]


@pytest.mark.asyncio
async def test_the_loop_of_the_thread() -> None:
    """Code that asks for the loop of its thread gets one, as in Lambda's main thread."""
    assert list_reasons(Shop().process_with_a_loop) == []


@pytest.mark.asyncio
async def test_context_variables() -> None:
    """The code under test sees the context variables of a test that is a coroutine."""
    TENANT.set("tenant-1")
    seen: set[str] = set()
    shop = Shop()

    def process(message: Any) -> None:
        seen.add(TENANT.get())
        shop.process(message)

    assert list_reasons(process) == []
    assert seen == {"tenant-1"}


@pytest.mark.asyncio
async def test_errors() -> None:
    """An error reaches a test that is a coroutine."""
    with pytest.raises(HammerError, match="no side effect was seen"):
        hammer(lambda _: None, ORDER, effects=Effects(), key="body.order_id")


def test_nothing_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Tasks that end with an injected fault leave nothing in the log, and other errors do."""

    async def fail() -> None:
        raise LookupError

    async def forget(shop: Shop, message: Any) -> None:
        task = asyncio.create_task(fail())
        await asyncio.gather(shop.charge(message.body), asyncio.sleep(0))
        del task

    shop = Shop()
    assert list_reasons(lambda message: asyncio.run(forget(shop, message))) == []
    gc.collect()
    errors = [record.exc_info[0] for record in caplog.records if record.exc_info]
    assert {*errors} == {LookupError}
    assert len(logging.getLogger("asyncio").filters) == 1


def test_errors_have_no_context() -> None:
    """An error in a test without a loop says nothing of event loops."""
    with pytest.raises(HammerError) as raised:
        hammer(lambda _: None, ORDER, effects=Effects(), key="body.order_id")
    assert raised.value.__context__ is None


def test_under_xdist(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fixture works in every worker of pytest-xdist, with coroutines as tests as well."""
    paths = [str(ROOT / folder) for folder in ("handler", "toolkit")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    pytester.makepyfile(
        test_orders="""
        import asyncio
        import sys

        import pytest
        from idempotent_lambda_toolkit.testing import events

        ORDER = events.sqs({"order_id": "ORDER-1"})


        async def charge(order):
            raise AssertionError("the test replaces it")


        def process(message):
            asyncio.run(charge(message.body))


        def swallows(message):
            try:
                process(message)
            except Exception:
                pass


        def test_good(hammer):
            hammer.effect(f"{__name__}.charge")
            hammer(process, ORDER, key="body.order_id")


        @pytest.mark.asyncio
        async def test_bad(hammer):
            hammer.effect(f"{__name__}.charge")
            hammer(swallows, ORDER, key="body.order_id")
        """
    )
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    plugins = ("xdist", "pytest_asyncio.plugin", "idempotent_lambda_toolkit.testing.plugin")
    result = pytester.runpytest_subprocess(*(f"-p{plugin}" for plugin in plugins), "-n2")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["E*failure swallowed: effect 'charge'*"])
