"""Decorated functions on doubles that script their calls and record what they do."""

import asyncio
import functools
import inspect
import io
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from idempotent_lambda import idempotent
from idempotent_lambda.clock import Deadline, EpochMillis, EpochSeconds
from idempotent_lambda.decorator import Wiring
from idempotent_lambda.log import JsonLines
from idempotent_lambda.protocol.record import Owner, Record
from idempotent_lambda_toolkit.testing import ManualClock
from tests.contracts.conftest import Engine
from tests.handler.events import key_rule
from tests.handler.harness import FaultyStore
from tests.requests import settings_of
from tests.waiting import SECONDS

PREFIX = "orders##@charge#"


@dataclass
class Context:
    """The context that Lambda passes with the event."""

    remaining: int = 30_000
    aws_request_id: str = "r-1"

    def get_remaining_time_in_millis(self) -> int:
        return self.remaining


class HeldStore(FaultyStore):
    """A faulty store whose calls can be held up in the middle.

    Attributes:
        held: the name of the calls that are held.
        entered: set when a call is held.
        let_go: set it to let the held call continue.
        before: called with the name of every call.
    """

    def __init__(self, clock: ManualClock, inner: Any) -> None:
        super().__init__(clock, inner)
        self.held = ""
        self.entered, self.let_go = threading.Event(), threading.Event()
        self.before: Callable[[str], None] = lambda _: None

    def _ask(self, name: str, requests: Any, deadline: Deadline) -> list[Any]:
        self.before(name)
        if name == self.held:
            self.entered.set()
            assert self.let_go.wait(SECONDS)
        return super()._ask(name, requests, deadline)


class Shop:
    """Decorated functions on one table, all sync or all async.

    Attributes:
        ran: the arguments of the runs, by function name.
        store: the store that the functions use; it can be made slow and faulty.
    """

    def __init__(self, engine: Engine, colour: str, clock: ManualClock) -> None:
        self.engine, self.colour, self.clock = engine, colour, clock
        self.store = HeldStore(clock, engine.store)
        self.ran: list[tuple[Any, ...]] = []
        self._stream = io.StringIO()

    def wiring(self, **changes: Any) -> Wiring:
        settings = settings_of(changes.pop("key_rule", key_rule()), **changes)
        observer = JsonLines(self.clock, hash_keys=settings.hash_keys, stream=self._stream)
        return Wiring(settings, self.store, self.clock, observer)

    def function(self, body: Any = None, **changes: Any) -> Any:
        """A function ``(order_id, amount)`` that does what the body does; None returns a receipt.

        Args:
            body: gets the arguments; or a value that is returned, or an error that is raised.
            changes: of the decorator's options, and of the settings.
        """
        options = {"name": "charge", "key": "order_id", "lease_seconds": 30}
        options |= {
            each: changes.pop(each) for each in (*options, "payload", "results") if each in changes
        }
        options.setdefault("wiring", self.wiring(**changes))

        def charge(order_id: Any, amount: Any = 1) -> Any:
            self.ran.append((order_id, amount))
            if isinstance(body, BaseException):
                raise body
            return body(order_id, amount) if callable(body) else body

        return self.decorated(charge, **options)

    def decorated(self, function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
        """The function, decorated in the shop's colour and called as a sync one."""
        options.setdefault("wiring", self.wiring())
        if self.colour == "sync":
            return idempotent(**options)(function)

        @functools.wraps(function)
        async def coloured(*args: Any, **kwargs: Any) -> Any:
            await asyncio.sleep(0)
            return function(*args, **kwargs)

        made = idempotent(**options)(coloured)
        assert inspect.iscoroutinefunction(made)
        return lambda *args, **kwargs: asyncio.run(made(*args, **kwargs))

    def record(self, key: str = "a", prefix: str = PREFIX) -> Record | None:
        return self.engine.get(prefix + key)

    def status(self, key: str = "a") -> str | None:
        record = self.record(key)
        return record and record.status

    def seed_record(self, key: str = "a", *, lease: int, **changes: Any) -> None:
        """Seed a claim of somebody else; its lease ends ``lease`` ms from now."""
        now = self.clock.now()
        record = Record(
            id=PREFIX + key,
            status="IN_PROGRESS",
            owner=Owner("dead"),
            expires_at=EpochSeconds(now // 1000 + 3600),
            created_at=EpochMillis(now - 60_000),
            lease_expires_at=EpochMillis(now + lease),
            attempts=1,
        )
        self.engine.put(replace(record, **changes))

    def log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._stream.getvalue().splitlines()]

    def outcomes(self) -> list[str]:
        return [line["outcome"] for line in self.log()]
