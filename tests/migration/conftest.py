"""The old code in its own process, and this package with it on the same emulator."""

import contextlib
import json
import os
import secrets
import select
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from idempotent_lambda.clock import EpochMillis, Millis
from idempotent_lambda.decorator import Wiring
from idempotent_lambda.pipeline.consumer import Consumer
from idempotent_lambda.sources.message import Message
from idempotent_lambda.store.dynamodb import DynamoDBClaimStore
from idempotent_lambda_toolkit.testing import InMemoryQueues, ManualClock
from scripts.support.emulator import ROOT, Emulator, new_account
from tests.clients import patient_client
from tests.handler.conftest import create_table
from tests.handler.events import event, key_rule, record
from tests.handler.harness import Listener
from tests.requests import settings_of
from tests.waiting import SECONDS

PEERS_INTERPRETER = ROOT / ".venv-peers" / "bin" / "python"

Processor = Callable[[Message], Any]


class OldCode:
    """A process in which the old code is called.

    Attributes:
        charges: the file in which each of its effects writes a line.
        contains: whether it is in the midst of an effect.
    """

    def __init__(self, environment: dict[str, str], charges: Path) -> None:
        self.charges, self.contains = charges, False
        self._worker = subprocess.Popen(
            [PEERS_INTERPRETER, Path(__file__).with_name("worker.py")],
            env={"PATH": os.environ["PATH"], "AWS_LAMBDA_FUNCTION_NAME": "orders-function"}
            | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def call(self, code: str, call: str, event: Any, **request: Any) -> Any:
        """Call it; return its answer, or the report that it holds."""
        whole = {"code": code, "module": "app", "call": call, "event": event}
        whole |= {"behaviour": "return", "charges": str(self.charges)}
        return self.go_on(json.dumps(whole | request))

    def go_on(self, line: str) -> Any:
        """Give it a line, such as ``return`` or ``raise`` while it holds; return its answer."""
        assert self._worker.stdin
        assert self._worker.stdout
        self._worker.stdin.write(f"{line}\n")
        self._worker.stdin.flush()
        assert select.select([self._worker.stdout], [], [], SECONDS)[0], "no answer"
        answer = json.loads(self._worker.stdout.readline())
        self.contains = answer == {"holding": True}
        return answer

    def charged(self) -> list[Any]:
        """What it has charged, in that order."""
        lines = self.charges.read_text().splitlines() if self.charges.exists() else []
        return [json.loads(line) for line in lines]

    def kill(self) -> None:
        """End it as Lambda does: without a word."""
        self._worker.kill()
        self._worker.wait()
        for stream in (self._worker.stdin, self._worker.stdout):
            if stream:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()


class NewCode:
    """This package's consumer and decorator, on a separate table.

    Attributes:
        clock: the clock of both, which starts at the machine's time; `migration` gets it too.
        charged: the orders that were charged here, in that order.
    """

    def __init__(self, client: Any, table: str) -> None:
        self.clock = ManualClock(EpochMillis(time.time_ns() // 1_000_000))
        self.charged: list[Any] = []
        self.listener = Listener()
        self.store = DynamoDBClaimStore(client, table, self.clock, self.listener)
        self.settings = settings_of(key_rule(expression="body.order_id"))

    def charge(self, order: Any) -> Any:
        """The effect."""
        self.charged.append(order)
        return {"charged": order, "by": "the new code"}

    def deliver(self, processor: Processor, *orders: Any) -> list[str]:
        """Deliver orders as a queue does; the ids of the messages that are to come again."""
        reported = Told()
        consumer = Consumer(
            processor=processor,
            store=self.store,
            settings=self.settings,
            queues=InMemoryQueues(),
            clock=self.clock,
            observer=reported,
        )
        response: Any = consumer.consume(sqs(*orders), Millis(30_000))
        assert len(reported.outcomes) == len(orders)
        return [each["itemIdentifier"] for each in response["batchItemFailures"]]

    @property
    def wiring(self) -> Wiring:
        """What a decorated function works with."""
        return Wiring(self.settings, self.store, self.clock, Told())


class Told(Listener):
    """An observer that keeps the outcomes."""

    def __init__(self) -> None:
        super().__init__()
        self.outcomes: list[str] = []

    def report_message(self, *reported: Any, **_: Any) -> None:
        self.outcomes.append(reported[2].outcome.value)


def sqs(*orders: Any) -> dict[str, Any]:
    """A batch of orders, each in the message ``m-`` and its id."""
    return event(*(record(json.dumps(each), message_id=f"m-{each['order_id']}") for each in orders))


def order(order_id: object, **more: Any) -> dict[str, Any]:
    """An order."""
    return {"order_id": order_id, "amount_cents": 1999, **more}


@pytest.fixture(scope="module")
def clients(emulator: Emulator) -> Iterator[tuple[Any, Any, dict[str, str]]]:
    """The package's client, one of the tests' own, and the environment of both."""
    account = new_account()
    environment = emulator.environment(account)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_CA_BUNDLE"):
            patch.delenv(name, raising=False)
        for name, value in environment.items():
            patch.setenv(name, value)
        yield patient_client(environment), emulator.client("dynamodb", account), environment


@pytest.fixture(scope="module")
def workers() -> Iterator[list[OldCode]]:
    """The worker that tests share, once there is one."""
    alive: list[OldCode] = []
    yield alive
    for worker in alive:
        worker.kill()


@pytest.fixture
def old(
    workers: list[OldCode], clients: tuple[Any, Any, dict[str, str]], tmp_path: Path
) -> Iterator[OldCode]:
    """The old code; a worker that was killed is replaced."""
    if not workers:
        workers.append(OldCode(clients[2], tmp_path / "charges"))
    (worker,) = workers
    worker.charges = tmp_path / "charges"
    yield worker
    if worker.contains:
        worker.kill()
        workers.clear()


@pytest.fixture
def new(clients: tuple[Any, Any, dict[str, str]]) -> NewCode:
    """The new code."""
    table = f"new-{secrets.token_hex(4)}"
    create_table(clients[1], table)
    return NewCode(clients[0], table)


@pytest.fixture
def old_table(clients: tuple[Any, Any, dict[str, str]]) -> str:
    """The table of the old code, with the usual key."""
    table = f"old-{secrets.token_hex(4)}"
    create_table(clients[1], table)
    return table
