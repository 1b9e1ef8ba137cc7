"""An earlier version and the present one work on one table at the same time, as in a deployment."""

import contextlib
import functools
import json
import os
import random
import secrets
import select
import subprocess
import sys
import tarfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from scripts.support.emulator import ROOT, Emulator, new_account
from tests.handler.conftest import create_table
from tests.handler.events import event, record
from tests.waiting import SECONDS

pytestmark = [pytest.mark.emulator, pytest.mark.slow]

FIRST = "91baa7a4116ecc2cdea68a12b7b077735f0c15fa"
"""The first commit with a record; a message's record still has the same attributes."""

COMPLETE = "c7508fdc8fab027ebd1e077d27cc51c8f6c56273"
"""The first with every kind of record there is now: parked ones, results, payloads."""

TABLE = "orders-idempotency"


def git(*arguments: str) -> str:
    """What git prints.

    Raises:
        CalledProcessError: there is no repository, or not this commit.
    """
    command = ["git", "-C", str(ROOT), *arguments]
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout


@functools.cache
def versions() -> dict[str, str]:
    """The versions to meet, by a name: the two commits, and every release there is."""
    found = {"first": FIRST, "complete": COMPLETE}
    with contextlib.suppress(subprocess.CalledProcessError, FileNotFoundError):
        found |= {tag: tag for tag in git("tag", "--list", "v*").split()}
    return found


class Worker:
    """A version in a separate process.

    Attributes:
        prefix: the beginning of the ids of its orders, in this test and no other.
        contains: whether it is in the midst of an order.
        alive: whether it has not been killed.
    """

    def __init__(self, name: str, handler: Path, environment: Mapping[str, str]) -> None:
        more = {"PATH": os.environ["PATH"], "PYTHONPATH": str(handler), "WORKER": name}
        self.name, self.prefix, self.contains, self.alive = name, "", False, True
        self._process = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("worker.py")],
            env={**environment, **more},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def send(self, line: str) -> None:
        """Give it a line."""
        assert self._process.stdin
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def answer(self) -> Any:
        """What it says next."""
        assert self._process.stdout
        assert select.select([self._process.stdout], [], [], SECONDS)[0], "no answer"
        reported = json.loads(self._process.stdout.readline())
        self.contains = reported == {"holding": True}
        return reported

    def ask(self, **request: Any) -> Any:
        """Send a request; return the answer."""
        self.send(json.dumps(request))
        return self.answer()

    def give(self, *orders: str, then: str = "return") -> None:
        """Deliver orders, without waiting for the answer."""
        bodies = [{"order_id": self.prefix + each, "then": then} for each in orders]
        records = [record(json.dumps(body), message_id=body["order_id"]) for body in bodies]
        self.send(json.dumps({"event": event(*records)}))

    def failed(self) -> Any:
        """Which of them are to come again; or what it says else."""
        reported = self.answer()
        if "failed" not in reported:
            return reported
        return [each.removeprefix(self.prefix) for each in reported["failed"]]

    def deliver(self, *orders: str, then: str = "return") -> Any:
        """Deliver orders; which of them are to come again, or that it holds."""
        self.give(*orders, then=then)
        return self.failed()

    def go_on(self, line: str) -> Any:
        """Let it go on, ``return`` or ``raise``; which are to come again."""
        self.send(line)
        return self.failed()

    def kill(self) -> None:
        """End it as Lambda does: without a word."""
        self.alive = self.contains = False
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()


class Street:
    """Two shops with one table: workers of two versions, which tests share.

    Attributes:
        prefix: of the orders of one test.
        one: the first to get an order.
        other: the version that it meets.
    """

    def __init__(self, handlers: Mapping[str, Path], emulator: Emulator, charges: Path) -> None:
        account = new_account()
        self._client = emulator.client("dynamodb", account)
        self._handlers, self._charges = handlers, charges
        create_table(self._client, TABLE)
        failed = emulator.client("sqs", account).create_queue(QueueName="failed")["QueueUrl"]
        self._environment = emulator.environment(account) | {
            "CHARGES": str(charges),
            "IDEMPOTENCY_DEAD_LETTER_QUEUE_URL": failed,
            "IDEMPOTENCY_KEY": "body.order_id",
            "IDEMPOTENCY_NAMESPACE": "orders",
            "IDEMPOTENCY_PROCESSOR": "shop.process",
            "IDEMPOTENCY_RETENTION_SECONDS": "3600",
            "IDEMPOTENCY_TABLE": TABLE,
        }
        self._workers: dict[str, Worker] = {}

    def begin(self, *names: str) -> None:
        """Prepare the street for a test; the first name is the first worker to get an order."""
        self.prefix = secrets.token_hex(4)
        self.one, self.other = (self.open(name) for name in names)

    def open(self, name: str) -> Worker:
        """The worker of a version; a new one if that was killed."""
        if name not in self._workers or not self._workers[name].alive:
            self._workers[name] = Worker(name, self._handlers[name], self._environment)
        worker = self._workers[name]
        worker.prefix = self.prefix
        return worker

    def end(self, *, holding: bool) -> None:
        """Kill the workers, or those that a failed test has left holding."""
        for worker in self._workers.values():
            if worker.alive and (worker.contains or not holding):
                worker.kill()

    def charged(self) -> Counter[str]:
        """How often each order of this test was charged."""
        lines = self._charges.read_text().split() if self._charges.exists() else ()
        ours = (each for each in lines if each.startswith(self.prefix))
        return Counter(each.removeprefix(self.prefix) for each in ours)

    def lapse(self, order: str) -> None:
        """End the lease of an order, as if its time had passed."""
        self._client.update_item(
            TableName=TABLE,
            Key={"id": {"S": f"orders#{self.prefix}{order}"}},
            UpdateExpression="SET lease_expires_at = :past",
            ConditionExpression="attribute_exists(lease_expires_at)",
            ExpressionAttributeValues={":past": {"N": str(time.time_ns() // 1_000_000 - 1)}},
        )


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Gives the package of a commit."""

    @functools.cache
    def unpacked(commit: str) -> Path:
        directory = tmp_path_factory.mktemp("earlier")
        archive = directory / "handler.tar"
        try:
            git("archive", f"--output={archive}", commit, "handler")
        except (subprocess.CalledProcessError, FileNotFoundError):
            pytest.skip(f"the history back to {commit} is not there")
        with tarfile.open(archive) as file:
            file.extractall(directory, filter="data")
        return directory / "handler"

    return unpacked


@pytest.fixture(scope="module")
def streets(
    earlier: Any, emulator: Emulator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    """Gives the street on which the present version meets an earlier one."""
    made: dict[str, Street] = {}

    def street(version: str) -> Street:
        if version not in made:
            handlers = {"earlier": earlier(versions()[version]), "present": ROOT / "handler"}
            charges = tmp_path_factory.mktemp("street") / "charges"
            made[version] = Street(handlers, emulator, charges)
        return made[version]

    yield street
    for each in made.values():
        each.end(holding=False)


@pytest.fixture(params=[("earlier", "present"), ("present", "earlier")], ids="-".join)
def street(request: pytest.FixtureRequest, version: str, streets: Any) -> Iterator[Street]:
    """Both orders in turn."""
    made: Street = streets(version)
    made.begin(*request.param)
    yield made
    made.end(holding=True)


every_version = pytest.mark.parametrize("version", versions())
WITH_CALLS = [each for each in versions() if each != "first"]


@every_version
def test_completed(street: Street) -> None:
    """A message that one version completed is a duplicate to the other and to itself."""
    assert street.one.deliver("A") == []
    assert street.other.deliver("A", "B") == []
    assert street.one.deliver("A", "B") == []
    assert street.charged() == {"A": 1, "B": 1}


@every_version
@pytest.mark.parametrize("end", ["return", "raise"])
def test_in_progress(street: Street, end: str) -> None:
    """The other version reports a message that one works on, and runs it only if it fails."""
    assert street.one.deliver("A", then="hold") == {"holding": True}
    assert street.other.deliver("A", "B") == ["A"]
    assert street.charged() == {"B": 1}
    assert street.one.go_on(end) == (["A"] if end == "raise" else [])
    assert street.other.deliver("A") == []
    assert street.charged() == {"A": 1, "B": 1}


@every_version
def test_killed(street: Street) -> None:
    """The other takes over what one was killed over, once its lease is over, and completes it."""
    street.one.deliver("A", then="hold")
    street.one.kill()
    assert street.other.deliver("A") == ["A"]
    street.lapse("A")
    assert street.other.deliver("A") == []
    assert street.open(street.one.name).deliver("A") == []
    assert street.charged() == {"A": 1}


@every_version
def test_late(street: Street) -> None:
    """One that ends after its lease neither completes nor releases what the other took over."""
    street.one.deliver("A", then="hold")
    street.lapse("A")
    assert street.other.deliver("A", then="hold") == {"holding": True}
    assert street.one.go_on("raise") == ["A"]
    assert street.one.deliver("A") == ["A"]
    assert street.other.go_on("return") == []
    assert street.charged() == {"A": 1}


@every_version
def test_parked(street: Street, version: str) -> None:
    """No earlier version runs a message that this one parked, even if it knows no parking."""
    earlier, present = sorted((street.one, street.other), key=lambda each: each.name)
    assert present.deliver("A", then="park") == []
    assert earlier.deliver("A", "B") == (["A"] if version == "first" else [])
    assert present.deliver("A", "B") == []
    assert street.charged() == {"B": 1}


@every_version
def test_at_the_same_time(street: Street) -> None:
    """However both get the same orders at once, in batches that overlap, each is charged once."""
    dice = random.Random(11)  # noqa: S311  # guards nothing
    orders = {f"{number:03}" for number in range(60)}
    left = {street.one: set(orders), street.other: set(orders)}
    for _ in range(40):
        asked = {worker: dice.sample(sorted(of), min(10, len(of))) for worker, of in left.items()}
        if dice.random() < 0.5:
            asked[street.other] = asked[street.one]
        for worker, some in asked.items():
            worker.give(*some, then="linger")
        for worker, some in asked.items():
            left[worker] -= set(some) - set(worker.failed())
        if not any(left.values()):
            break
    assert not any(left.values())
    assert street.charged() == dict.fromkeys(orders, 1)


@pytest.mark.parametrize("version", WITH_CALLS)
def test_calls(street: Street) -> None:
    """The other's duplicate call gets the result of the first, and another payload is an error."""
    order = {"order_id": f"{street.prefix}A", "cents": 1999}
    first = street.one.ask(call=order)
    assert first == {"result": {"charged_by": street.one.name}}
    assert street.other.ask(call=order) == first
    assert street.other.ask(call=order | {"cents": 1}) == {"error": "PayloadMismatchError"}
    assert street.charged() == {"A": 1}


@pytest.mark.parametrize("version", WITH_CALLS)
def test_calls_at_the_same_time(street: Street) -> None:
    """A call that the other is working on is refused, by each version's own name for that."""
    order = {"order_id": f"{street.prefix}A", "cents": 1999}
    assert street.one.ask(call=order | {"then": "hold"}) == {"holding": True}
    name = "AlreadyInProgressError" if street.other.name == "present" else "Busy"
    assert street.other.ask(call=order) == {"error": name}
    street.one.send("return")
    assert street.one.answer() == street.other.ask(call=order)
    assert street.charged() == {"A": 1}
