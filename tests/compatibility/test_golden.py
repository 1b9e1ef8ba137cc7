"""The package reads the data of earlier versions as they meant it."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

import idempotent_lambda
from idempotent_lambda import AlreadyInProgressError, ResultUnavailableError, idempotent
from idempotent_lambda.clock import EpochMillis, Millis
from idempotent_lambda.decorator import Wiring
from idempotent_lambda.errors import ParkedError, PayloadMismatchError
from idempotent_lambda_toolkit.testing import ManualClock
from scripts.support.emulator import ROOT, Emulator
from tests.handler.events import order

from .golden import ENVIRONMENTS, GOLDEN, TABLE, Writer, files, ids, meaning, text

VERSIONS = sorted(path.name for path in GOLDEN.iterdir())


def kept(version: str, name: str) -> Any:
    """A file of a version."""
    return json.loads((GOLDEN / version / f"{name}.json").read_text(encoding="utf-8"))


def named(*statuses: str, of: str) -> list[Any]:
    """Each golden record of a message or a call that has one of these statuses."""
    return [
        pytest.param(kind, id=f"{path.parts[-3]} {path.stem}")
        for path in sorted(GOLDEN.glob("*/records/*.json"))
        for kind in [json.loads(path.read_text(encoding="utf-8"))]
        if of in kind and kind["item"]["status"]["S"] in statuses
    ]


@pytest.fixture(scope="module")
def writer(emulator: Emulator) -> Writer:
    """The present version, on a table."""
    return Writer(emulator)


class Reader:
    """The present version meets a record.

    Attributes:
        clock: set to when the record was written.
    """

    def __init__(self, writer: Writer, kind: Any) -> None:
        self.writer, self.kind = writer, kind
        self.clock = ManualClock(EpochMillis(kind["at"]))
        self.ran = 0
        writer.admin.put_item(TableName=TABLE, Item=kind["item"])
        self.harness = writer.make_harness(self.clock)

    def number(self, attribute: str) -> int:
        """A number of the record."""
        return int(self.kind["item"][attribute]["N"])

    def set_clock(self, now: int) -> None:
        """Set it to a moment, in epoch milliseconds."""
        self.clock.step(Millis(now - self.clock.now()))

    def found(self) -> dict[str, Any]:
        """The record as it lies there now."""
        key = {"id": self.kind["item"]["id"]}
        found: dict[str, Any] = self.writer.admin.get_item(
            TableName=TABLE, Key=key, ConsistentRead=True
        )["Item"]
        return found

    def deliver(self, token: str | None = None, **changes: Any) -> tuple[str, int]:
        """Deliver the message; its outcome, and how often it has run by now."""
        if changes:
            self.harness = self.writer.make_harness(self.clock, **changes)
        attributes = {"IdempotencyOwner": {"stringValue": token, "dataType": "String"}}
        more = {"messageAttributes": attributes} if token else {}
        self.harness.deliver(order(self.kind["message"], message_id="m-2", **more))
        return self.harness.outcomes["m-2"], len(self.harness.ran)

    def call(self, **changes: Any) -> Any:
        """Call the function."""
        settings, store = self.harness.consumer.settings, self.harness.consumer.store
        wiring = Wiring(settings, store, self.clock, self.harness)

        @idempotent(
            name="charge",
            key="order.id",
            lease_seconds=30,
            wiring=wiring,
            **self.kind["options"],
        )
        def charge(order: Any) -> Any:
            del order
            self.ran += 1
            return {"by": "the present version"}

        return charge(self.kind["call"] | changes)


@pytest.fixture
def reader(writer: Writer, kind: Any) -> Iterator[Reader]:
    """The present version, and a record of an earlier one alone in the table."""
    yield Reader(writer, kind)
    writer.admin.delete_item(TableName=TABLE, Key={"id": kind["item"]["id"]})


emulated = [pytest.mark.emulator, pytest.mark.slow]


class TestMessages:
    """Records of messages."""

    pytestmark = emulated

    @pytest.mark.parametrize("kind", named("COMPLETED", of="message"))
    def test_completed(self, reader: Reader) -> None:
        """A completed record suppresses to the end of its retention, and then no more."""
        expires_at = reader.number("expires_at") * 1000
        assert reader.deliver() == ("duplicate", 0)
        reader.set_clock(expires_at - 1)
        assert reader.deliver() == ("duplicate", 0)
        assert reader.found() == reader.kind["item"]
        reader.set_clock(expires_at)
        assert reader.deliver() == ("completed", 1)

    @pytest.mark.parametrize("kind", named("IN_PROGRESS", of="message"))
    def test_in_progress(self, reader: Reader) -> None:
        """A lease excludes to its end; then it is taken over, and its attempts are counted on."""
        lease_end = reader.number("lease_expires_at")
        seen: list[Any] = []
        reader.harness.behaviour[str(reader.kind["message"])] = lambda _: seen.append(
            reader.found()
        )
        reader.set_clock(lease_end - 1)
        assert reader.deliver() == ("in_progress", 0)
        assert reader.found() == reader.kind["item"]
        reader.set_clock(lease_end)
        assert reader.deliver() == ("completed", 1)
        assert seen[0]["attempts"] == {"N": str(reader.number("attempts") + 1)}
        assert seen[0]["created_at"] == reader.kind["item"]["created_at"]

    @pytest.mark.parametrize("kind", named("IN_PROGRESS", of="message"))
    def test_interrupted_and_parked(self, reader: Reader) -> None:
        """If an operator handles interruptions, a stale record is parked, and a copy is sent."""
        reader.set_clock(reader.number("lease_expires_at"))
        assert reader.deliver(park_interrupted=True) == ("parked", 0)
        owner = reader.kind["item"]["owner"]["S"]
        assert [token.split()[0] for _, token in reader.harness.queues.dead_letters] == [owner]
        assert reader.found()["status"] == {"S": "PARKED"}

    @pytest.mark.parametrize("kind", named("PARKED", of="message"))
    def test_parked(self, reader: Reader) -> None:
        """A parked message never runs by itself; its copy is sent unless the record says it was."""
        reader.set_clock(reader.kind["at"] + 400 * 86_400_000)
        assert reader.deliver() == ("parked", 0)
        sent = [token.split()[0] for _, token in reader.harness.queues.dead_letters]
        owner = reader.kind["item"]["owner"]["S"]
        assert sent == ([] if "dead_lettered_at" in reader.kind["item"] else [owner])

    @pytest.mark.parametrize("kind", named("PARKED", of="message"))
    def test_unlocked(self, reader: Reader) -> None:
        """The token of a parked record lets its redriven copy run, and no other does."""
        owner = reader.kind["item"]["owner"]["S"]
        assert reader.deliver(token="f" * 32) == ("parked", 0)
        assert reader.deliver(token=f"{owner} m-1") == ("completed", 1)
        assert reader.deliver() == ("duplicate", 1)


class TestCalls:
    """Records of decorated functions."""

    pytestmark = emulated

    @pytest.mark.parametrize("kind", named("COMPLETED", of="call"))
    def test_completed(self, reader: Reader) -> None:
        """Until the end a duplicate gets the first result, or an error that there is none."""
        item, options = reader.kind["item"], reader.kind["options"]
        if "result" in item:
            assert reader.call() == json.loads(item["result"]["S"])
        elif options.get("results") == "discard":
            assert reader.call() is None
        else:
            with pytest.raises(ResultUnavailableError):
                reader.call()
        assert reader.ran == 0
        reader.set_clock(reader.number("expires_at") * 1000)
        reader.call()
        assert reader.ran == 1

    @pytest.mark.parametrize(
        "kind", [each for each in named("COMPLETED", "IN_PROGRESS", of="call")
                 if "payload" in each.values[0]["options"]]
    )  # fmt: skip
    def test_payload(self, reader: Reader) -> None:
        """Another payload under a known key is an error, but the same one is not."""
        with pytest.raises(PayloadMismatchError):
            reader.call(cents=1)
        assert reader.ran == 0

    @pytest.mark.parametrize("kind", named("IN_PROGRESS", of="call"))
    def test_in_progress(self, reader: Reader) -> None:
        """A call during another one is in progress, and runs when that lease is over."""
        with pytest.raises(AlreadyInProgressError) as caught:
            reader.call()
        assert caught.value.lease_expires_at == reader.number("lease_expires_at")
        reader.set_clock(reader.number("lease_expires_at"))
        assert reader.call() == {"by": "the present version"}

    @pytest.mark.parametrize("kind", named("PARKED", of="call"))
    def test_parked(self, reader: Reader) -> None:
        """A parked call waits for an operator."""
        with pytest.raises(ParkedError):
            reader.call()
        assert reader.ran == 0


@pytest.mark.parametrize("version", VERSIONS)
def test_keys(version: str) -> None:
    """Every message has the record id that it had, or its duplicates would not be known."""
    for name, kind in kept(version, "events").items():
        for keys in kind["keys"]:
            assert ids(kind["event"], keys["expression"]) == keys["ids"], name


@pytest.mark.parametrize("version", VERSIONS)
def test_environments(version: str) -> None:
    """The settings of a module of that version are accepted, and have the same meaning."""
    for kind in kept(version, "environments"):
        assert meaning(kind["variables"]).items() >= kind["means"].items()


def test_the_environments_are_the_modules() -> None:
    """The golden environments have every variable that the module sets, and no other."""
    module = "".join(path.read_text(encoding="utf-8") for path in ROOT.glob("*.tf"))
    set_by_it = re.findall(r"^\s+(IDEMPOTENCY_\w+)\s+=", module, re.MULTILINE)
    assert set().union(*ENVIRONMENTS.values()) == set(set_by_it)


@pytest.mark.emulator
@pytest.mark.slow
def test_this_version_writes_what_is_kept(emulator: Emulator) -> None:
    """The present version's directory is what it writes today, to the letter."""
    directory = GOLDEN / idempotent_lambda.__version__
    found = {name: text(content) for name, content in files(emulator).items()}
    paths = {path.relative_to(directory).with_suffix("").as_posix(): path for path in
             directory.rglob("*.json")}  # fmt: skip
    assert {name: path.read_text(encoding="utf-8") for name, path in paths.items()} == found


def test_every_kind_is_kept() -> None:
    """Every version has records of each status, of messages and of calls, and the first is kept."""
    assert "0.1.0" in VERSIONS
    for version in VERSIONS:
        paths = (GOLDEN / version / "records").iterdir()
        kinds = [kept(version, f"records/{path.stem}") for path in paths]
        found = {("call" in kind, kind["item"]["status"]["S"]) for kind in kinds}
        statuses = ("COMPLETED", "IN_PROGRESS", "PARKED")
        assert found >= {(is_call, each) for is_call in (True, False) for each in statuses}
        assert set().union(*(kind["item"] for kind in kinds)) >= {
            *("id", "status", "owner", "created_at", "completed_at", "expires_at"),
            *("lease_expires_at", "attempts", "payload_hash", "result", "reason"),
            "dead_lettered_at",
        }
