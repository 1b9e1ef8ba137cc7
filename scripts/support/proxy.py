"""Breaks calls to DynamoDB on purpose, as a proxy between an AWS SDK and the emulator.

    with serving(emulator.endpoint) as proxy:
        client = boto3.client("dynamodb", endpoint_url=proxy.endpoint)
        proxy.plan = first(Fault.LOST_RESPONSE, 1, lambda call: call.operation == "PutItem")

A plan looks at one call and names its fault. `Chance` is the plan for long runs: it draws the fault
at random, by operation. The proxy lists the calls and their faults in ``seen``.
"""

import contextlib
import http.client
import json
import os
import random
import re
import socket
import struct
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import urlsplit

SLOW_SECONDS: Final = 0.7
HANG_SECONDS: Final = 120.0
DRIP_PIECES: Final = 6
DRIP_SECONDS: Final = 0.5
UPSTREAM_SECONDS: Final = 30.0
OK: Final = 200
JSON: Final = [("Content-Type", "application/x-amz-json-1.0")]
# These headers concern one connection only, and a proxy has two.
HOP_BY_HOP: Final = {"connection", "keep-alive", "transfer-encoding", "content-length"}


class Fault(StrEnum):
    """A fault that can strike a call."""

    # The call is not carried out.
    THROTTLE = "throttle"  # The table refuses it for lack of capacity.
    ERROR = "500"  # The service answers with an internal error.
    RESET = "reset"  # The connection is reset (RST).
    LOST_REQUEST = "lost request"  # The connection is closed.
    HANG = "hang"  # The connection stays open without an answer.

    # The call is carried out.
    LOST_RESPONSE = "lost response"  # The connection is closed without an answer.
    SLOW = "slow"  # The answer is `SLOW_SECONDS` late.
    DRIP = "drip"  # The answer comes in `DRIP_PIECES`, each `DRIP_SECONDS` after the last.

    # Inside a successful call for many: these strike its last statement, or its last key to read.
    PART_THROTTLED = "throttled part"  # The last is refused for lack of capacity, others are done.
    PART_ERROR = "500 part"  # The last meets an internal error, the others are done.
    PART_LOST = "lost part"  # All are done, but the last is answered with an internal error.
    PART_DENIED = "denied part"  # The last is forbidden, the others are done.
    SHORT = "short answer"  # All are done, but for the last there is no answer.
    ALL_THROTTLED = "throttled parts"  # Each is refused for lack of capacity; nothing is done.


PARTS: Final = {
    Fault.PART_THROTTLED: "ThrottlingError",
    Fault.PART_ERROR: "InternalServerError",
    Fault.PART_LOST: "InternalServerError",
    Fault.PART_DENIED: "AccessDenied",
    Fault.SHORT: "",
    Fault.ALL_THROTTLED: "ThrottlingError",
}
"""Faults inside calls for many, with the code of the answer; only these calls can have them."""

ERRORS: Final = {
    Fault.THROTTLE: (400, "ProvisionedThroughputExceededException"),
    Fault.ERROR: (500, "InternalServerError"),
}


@dataclass(frozen=True, slots=True)
class Call:
    """One request of a client, such as ``UpdateItem``, and its parameters."""

    operation: str
    body: Mapping[str, Any]

    @property
    def table(self) -> str | None:
        """The table of the call, or of the first part of a call for many or a transaction."""
        for item in self.body.get("TransactItems", ()):
            return str(next(iter(item.values()))["TableName"])
        for statement in self.body.get("Statements", ()):
            # The statement has names in double quotes: the table first, then attributes.
            return str(statement["Statement"].split('"')[1])
        return next(iter(self.body.get("RequestItems", ())), self.body.get("TableName"))


@dataclass(frozen=True, slots=True)
class Seen:
    """A call and its fault; without a fault the proxy passed it on."""

    call: Call
    fault: Fault | None


Answer = tuple[int, list[tuple[str, str]], bytes]
"""Status, headers and body."""

DENIAL: Final[Answer] = (
    403,
    [("Content-Type", "application/json"), ("X-Amzn-ErrorType", "AccessDeniedException")],
    b'{"Message": "denied by the test"}',
)

Plan = Callable[[Call], Fault | None]
"""Chooses the fault of a call. Threads may ask at the same time."""


def peace(_: Call) -> Fault | None:
    """Choose no fault for any call."""
    return None


def first(fault: Fault, times: int | None, which: Callable[[Call], bool]) -> Plan:
    """Make a plan that strikes the first ``times`` calls of a kind; None strikes all of them."""
    lock, left = threading.Lock(), [times]

    def plan(call: Call) -> Fault | None:
        with lock:
            if not which(call) or left[0] == 0:
                return None
            left[0] = None if left[0] is None else left[0] - 1
        return fault

    return plan


class Chance:
    """Draws the faults of a long run: the same seed and the same order give the same faults.

    ``odds`` is the probability of each fault, such as ``{"UpdateItem": {Fault.THROTTLE: 0.02}}``.
    With a ``table``, faults strike only calls to it.
    """

    def __init__(
        self, odds: Mapping[str, Mapping[Fault, float]], seed: int, table: str | None = None
    ) -> None:
        if any(sum(faults.values()) > 1 for faults in odds.values()):
            raise ValueError("the odds of one operation are more than 1 together")
        self.odds, self.table = odds, table
        self._random = random.Random(seed)  # noqa: S311  (guards nothing)
        self._lock = threading.Lock()

    def __call__(self, call: Call) -> Fault | None:
        """See `Plan`."""
        odds = self.odds.get(call.operation)
        if not odds or self.table not in {None, call.table}:
            return None
        faults, shares = [*odds, None], [*odds.values(), 1 - sum(odds.values())]
        with self._lock:
            return self._random.choices(faults, shares)[0]


@dataclass(slots=True)
class Proxy:
    """A running proxy; its ``plan`` may be replaced at any time."""

    endpoint: str
    plan: Plan = peace
    # A regular expression; the proxy denies a call to another service if it matches the method and
    # the path of the call, such as ``PUT /2015-03-31/functions/orders/code``.
    denied: str | None = None
    # Every call to DynamoDB, in the order of arrival.
    seen: list[Seen] = field(default_factory=list)
    # Errors of calls that could not be passed on: faults that nobody injected.
    failures: list[str] = field(default_factory=list)

    def injected(self) -> Counter[Fault]:
        """Count the faults of each kind that have struck so far."""
        return Counter(seen.fault for seen in tuple(self.seen) if seen.fault)


@contextlib.contextmanager
def serving(upstream: str) -> Iterator[Proxy]:
    """Pass calls on to ``upstream``, a base URL, until the block ends."""
    with _Server(upstream) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server.proxy
        finally:
            server.ended.set()
            server.shutdown()
            thread.join()


class _Server(ThreadingHTTPServer):
    # The server must not refuse bursts of new connections: nobody would count these faults.
    request_queue_size = 256
    # A hanging call must not keep its proxy from ending.
    daemon_threads = True
    block_on_close = False

    def __init__(self, upstream: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        parts = urlsplit(upstream)
        self.upstream = (parts.hostname or "", parts.port or 80)
        self.proxy = Proxy(endpoint=f"http://127.0.0.1:{self.server_address[1]}")
        self.ended = threading.Event()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002  (the base's)
        """Ignore clients that gave up, as many faults make them do; note other errors."""
        error = sys.exception()
        if not isinstance(error, OSError | http.client.HTTPException):
            self.proxy.failures.append(f"a defect of the plan: {error!r}")


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the base's name)
        """Write no access log."""

    def _exchange(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.server.ended.is_set():  # and the client has kept its connection
            self.close_connection = True
            return
        service, _, operation = (self.headers.get("X-Amz-Target") or "").partition(".")
        if not service.startswith("DynamoDB_"):
            denied = self.server.proxy.denied
            deny = denied is not None and re.search(denied, f"{self.command} {self.path}")
            self._answer(*(DENIAL if deny else self._pass_on(body)))
            return
        call = Call(operation, json.loads(body))
        fault = self.server.proxy.plan(call)
        answer = self._prepare(call, body, fault)
        # Listed before the client gets the answer: the test may look right after it.
        self.server.proxy.seen.append(Seen(call, fault))
        match fault:
            case None | Fault.SLOW:
                time.sleep(SLOW_SECONDS if fault else 0)
                self._answer(*self._pass_on(body))
            case Fault.DRIP:
                self._answer(*answer, pause=DRIP_SECONDS)
            case Fault.HANG:
                self.close_connection = True
                self.server.ended.wait(HANG_SECONDS)
            case Fault.RESET:
                self._reset()
            case Fault.LOST_REQUEST | Fault.LOST_RESPONSE:
                self.close_connection = True
            case _:
                self._answer(*answer)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _exchange  # noqa: N815  (the base's names)

    def _pass_on(self, body: bytes) -> Answer:
        # A connection per call: the emulator may close an idle connection during the next call, and
        # then nobody knows whether the call was carried out.
        connection = http.client.HTTPConnection(*self.server.upstream, timeout=UPSTREAM_SECONDS)
        with contextlib.closing(connection):
            headers = {
                name: value
                for name, value in self.headers.items()
                if name.lower() not in HOP_BY_HOP
            }
            try:
                connection.request(self.command, self.path, body, headers)
                answer = connection.getresponse()
                return answer.status, answer.getheaders(), answer.read()
            except (OSError, http.client.HTTPException) as error:
                self.server.proxy.failures.append(f"{self.command} {self.path}: {error!r}")
                raise

    def _prepare(self, call: Call, body: bytes, fault: Fault | None) -> Answer:
        """Carry out a call as far as the fault allows it; return the answer."""
        if fault in (Fault.LOST_RESPONSE, Fault.DRIP):
            return self._pass_on(body)
        if fault in ERRORS:
            status, code = ERRORS[fault]
            kind = f"com.amazonaws.dynamodb.v20120810#{code}"
            return status, JSON, json.dumps({"__type": kind, "message": "injected"}).encode()
        return self._fail_partly(call, fault) if fault in PARTS else (OK, [], b"")

    def _fail_partly(self, call: Call, fault: Fault) -> Answer:
        """Carry out a part of a call for many; return an answer with the fault inside."""
        if call.operation == "BatchGetItem":
            return self._read_partly(call, fault)
        statements = call.body["Statements"]
        struck = len(statements) if fault is Fault.ALL_THROTTLED else 1
        carried_out = fault in (Fault.PART_LOST, Fault.SHORT)
        passed = statements if carried_out else statements[:-struck]
        status, answer = (
            self._list_asked({**call.body, "Statements": passed}) if passed else (OK, {})
        )
        if status == OK:
            error = {"Error": {"Code": PARTS[fault], "Message": "injected"}}
            answers = answer.get("Responses", [])[: len(statements) - struck]
            answers += [] if fault is Fault.SHORT else [error] * struck
            answer = {"Responses": answers}
        return status, JSON, json.dumps(answer).encode()

    def _read_partly(self, call: Call, fault: Fault) -> Answer:
        if fault not in (Fault.PART_THROTTLED, Fault.ALL_THROTTLED):
            raise ValueError(f"no read has a {fault}")
        ((table, asked),) = call.body["RequestItems"].items()
        keys = asked["Keys"]
        struck = len(keys) if fault is Fault.ALL_THROTTLED else 1
        passed = {"RequestItems": {table: {**asked, "Keys": keys[:-struck]}}}
        status, answer = self._list_asked(passed) if keys[:-struck] else (OK, {"Responses": {}})
        if status == OK:
            answer["UnprocessedKeys"] = {table: {**asked, "Keys": keys[-struck:]}}
        return status, JSON, json.dumps(answer).encode()

    def _list_asked(self, parameters: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        status, _, body = self._pass_on(json.dumps(parameters).encode())
        answer: dict[str, Any] = json.loads(body)
        return status, answer

    def _answer(
        self, status: int, headers: list[tuple[str, str]], body: bytes, pause: float = 0
    ) -> None:
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        size = -(-len(body) // DRIP_PIECES) if pause else len(body)
        for begin in range(0, len(body), size or 1):
            time.sleep(pause)
            self.wfile.write(body[begin : begin + size])

    def _reset(self) -> None:
        self.close_connection = True
        # A close with no time to linger sends a reset instead of an orderly end.
        no_time = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, no_time)
        os.close(self.connection.detach())
