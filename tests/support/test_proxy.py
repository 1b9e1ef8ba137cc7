"""The fault proxy does to a call what its plan says, and writes it down."""

import contextlib
import http.client
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from typing import Any

import pytest

from scripts.support import proxy as proxy_module
from scripts.support.proxy import Call, Chance, Fault, Plan, Proxy, Seen, first, serving
from tests.waiting import connect_at_once, eventually

pytestmark = pytest.mark.slow

UPDATE = Call("UpdateItem", {"TableName": "orders"})
TARGET = {"X-Amz-Target": "DynamoDB_20120810.UpdateItem"}
TARGETS = {
    operation: {"X-Amz-Target": f"DynamoDB_20120810.{operation}"}
    for operation in ("BatchExecuteStatement", "BatchGetItem")
}
PATIENCE = 60.0
CLIENTS = 20


class Upstream(ThreadingHTTPServer):
    """A server in place of the emulator, which answers every request and keeps what arrived."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.arrived: list[tuple[str, str, str | None, bytes]] = []


class Answering(BaseHTTPRequestHandler):
    """Answers as `Upstream` says."""

    server: Upstream

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        mark = self.headers.get("X-Mark")
        self.server.arrived.append((self.command, self.path, mark, body))
        asked = json.loads(body)
        if "Statements" in asked:
            done = [{"Item": statement} for statement in asked["Statements"]]
            status, answer = 200, json.dumps({"Responses": done}).encode()
        elif "RequestItems" in asked:
            ((table, read),) = asked["RequestItems"].items()
            status, answer = 200, json.dumps({"Responses": {table: read["Keys"]}}).encode()
        else:
            status, answer = 202, b'{"answer": 42}'
        self.send_response(status)
        self.send_header("X-Amz-Crc32", "7")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *args: object) -> None:
        """Print nothing."""


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    """A server that keeps what arrives."""
    with Upstream() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def proxy(upstream: Upstream) -> Iterator[Proxy]:
    """A proxy before it."""
    with serving(upstream.url) as proxy:
        yield proxy


@contextlib.contextmanager
def connected(proxy: Proxy, patience: float = PATIENCE) -> Iterator[http.client.HTTPConnection]:
    """A connection to the proxy."""
    address = proxy.endpoint.removeprefix("http://")
    with contextlib.closing(http.client.HTTPConnection(address, timeout=patience)) as connection:
        yield connection


def send(
    connection: http.client.HTTPConnection,
    headers: dict[str, str] | None = None,
    call: Call = UPDATE,
) -> tuple[int, Any]:
    """Send an update, or another call; the status and the parsed body of the answer."""
    body = json.dumps(call.body)
    connection.request("POST", "/", body, TARGET if headers is None else headers)
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


def always(fault: Fault) -> Plan:
    """The plan that strikes everything."""
    return first(fault, None, lambda _: True)


def test_peace_changes_nothing(proxy: Proxy, upstream: Upstream) -> None:
    """Method, path, headers and body go up, and status, headers and body come down, unchanged."""
    with connected(proxy) as connection:
        connection.request("POST", "/path?query=1", b'{"a": 1}', TARGET | {"X-Mark": "seen"})
        answer = connection.getresponse()
        assert (answer.status, answer.headers["X-Amz-Crc32"]) == (202, "7")
        assert answer.read() == b'{"answer": 42}'
    assert upstream.arrived == [("POST", "/path?query=1", "seen", b'{"a": 1}')]
    assert proxy.seen == [Seen(Call("UpdateItem", {"a": 1}), None)]
    assert proxy.failures == []


def test_a_connection_is_kept(proxy: Proxy) -> None:
    """An SDK's second call goes through the connection of the first."""
    with connected(proxy) as connection:
        send(connection)
        kept = connection.sock
        send(connection)
        assert connection.sock is kept


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        (Fault.THROTTLE, 400, "ProvisionedThroughputExceededException"),
        (Fault.ERROR, 500, "InternalServerError"),
    ],
)
def test_refusals(proxy: Proxy, upstream: Upstream, fault: Fault, status: int, code: str) -> None:
    """Throttling and an internal error are DynamoDB's own errors, and nothing is carried out."""
    proxy.plan = always(fault)
    with connected(proxy) as connection:
        found, body = send(connection)
        assert (found, body["__type"].rpartition("#")[2]) == (status, code)
        proxy.plan = proxy_module.peace
        assert send(connection)[0] == 202
    assert len(upstream.arrived) == 1


@pytest.mark.parametrize(
    ("fault", "error", "arrived"),
    [
        (Fault.RESET, ConnectionResetError, 0),
        (Fault.LOST_REQUEST, http.client.RemoteDisconnected, 0),
        (Fault.LOST_RESPONSE, http.client.RemoteDisconnected, 1),
        (Fault.HANG, TimeoutError, 0),
    ],
)
def test_silence(
    proxy: Proxy, upstream: Upstream, fault: Fault, error: type[Exception], arrived: int
) -> None:
    """A call without an answer ends as its fault says, carried out or not."""
    proxy.plan = always(fault)
    patience = 0.3 if fault is Fault.HANG else PATIENCE
    with connected(proxy, patience) as connection, pytest.raises(error) as raised:
        send(connection)
    assert type(raised.value) is error
    # A client that ran out of patience may be quicker than the proxy.
    eventually(lambda: proxy.injected() == {fault: 1}, "the fault strikes")
    assert len(upstream.arrived) == arrived


def test_slow(proxy: Proxy, upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow call is carried out and answered late."""
    monkeypatch.setattr(proxy_module, "SLOW_SECONDS", 0.2)
    proxy.plan = always(Fault.SLOW)
    began = time.monotonic()
    with connected(proxy) as connection:
        assert send(connection) == (202, {"answer": 42})
    assert time.monotonic() - began >= 0.2
    assert len(upstream.arrived) == 1


def test_drip(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dripping answer comes in pieces, with a pause before each."""
    monkeypatch.setattr(proxy_module, "DRIP_SECONDS", 0.1)
    proxy.plan = always(Fault.DRIP)
    began = time.monotonic()
    with connected(proxy) as connection:
        assert send(connection) == (202, {"answer": 42})
    # 14 bytes in pieces of 3.
    assert time.monotonic() - began >= 0.5


def statements(*names: str) -> Call:
    """A call of statements on the table of orders."""
    delete = 'DELETE FROM "orders" WHERE "id" = ?'
    each = [{"Statement": delete, "Parameters": [{"S": name}]} for name in names]
    return Call("BatchExecuteStatement", {"Statements": each})


def keys(*names: str) -> Call:
    """A call that reads orders."""
    items = [{"id": {"S": name}} for name in names]
    return Call("BatchGetItem", {"RequestItems": {"orders": {"Keys": items, "More": True}}})


@pytest.mark.parametrize(
    ("fault", "carried_out", "answers"),
    [
        (Fault.PART_THROTTLED, 2, ["done", "done", "ThrottlingError"]),
        (Fault.PART_ERROR, 2, ["done", "done", "InternalServerError"]),
        (Fault.PART_LOST, 3, ["done", "done", "InternalServerError"]),
        (Fault.PART_DENIED, 2, ["done", "done", "AccessDenied"]),
        (Fault.SHORT, 3, ["done", "done"]),
        (Fault.ALL_THROTTLED, 0, ["ThrottlingError"] * 3),
    ],
)
def test_parts_of_a_call(
    proxy: Proxy, upstream: Upstream, fault: Fault, carried_out: int, answers: list[str]
) -> None:
    """Some statements of a call that succeeds are not carried out, or not answered."""
    proxy.plan = always(fault)
    call = statements("a", "b", "c")
    with connected(proxy) as connection:
        status, answer = send(connection, TARGETS[call.operation], call)
    assert status == 200
    codes = [each.get("Error", {"Code": "done"})["Code"] for each in answer["Responses"]]
    assert codes == answers
    arrived = [len(json.loads(body)["Statements"]) for _, _, _, body in upstream.arrived]
    assert sum(arrived) == carried_out
    assert proxy.injected() == {fault: 1}


@pytest.mark.parametrize(
    ("fault", "read"), [(Fault.PART_THROTTLED, ["a", "b"]), (Fault.ALL_THROTTLED, [])]
)
def test_parts_of_a_read(proxy: Proxy, fault: Fault, read: list[str]) -> None:
    """Some keys come back unread, with all that was asked of them."""
    proxy.plan = always(fault)
    call = keys("a", "b", "c")
    with connected(proxy) as connection:
        status, answer = send(connection, TARGETS[call.operation], call)
    assert status == 200
    assert [each["id"]["S"] for each in answer["Responses"].get("orders", [])] == read
    left = answer["UnprocessedKeys"]["orders"]
    assert left["More"]
    assert [each["id"]["S"] for each in left["Keys"]] == [
        each for each in "abc" if each not in read
    ]


def test_a_read_has_no_other_parts(proxy: Proxy) -> None:
    """A fault that reads cannot have is a defect of the plan, and the proxy reports it."""
    proxy.plan = always(Fault.PART_LOST)
    call = keys("a")
    with connected(proxy) as connection, pytest.raises(http.client.RemoteDisconnected):
        send(connection, TARGETS[call.operation], call)
    assert proxy.failures == ["a defect of the plan: ValueError('no read has a lost part')"]


def test_what_a_call_is_for() -> None:
    """The table of a call, be it for one or for many."""
    calls = (UPDATE, statements("a"), keys("a"), Call("ListTables", {}))
    assert [call.table for call in calls] == ["orders", "orders", "orders", None]


@pytest.mark.parametrize("headers", [{}, {"X-Amz-Target": "AmazonSQS.SendMessage"}])
def test_other_services_are_left_alone(proxy: Proxy, headers: dict[str, str]) -> None:
    """A call to another service is passed on, whatever the plan, and is not counted."""
    proxy.plan = always(Fault.RESET)
    with connected(proxy) as connection:
        assert send(connection, headers)[0] == 202
    assert proxy.seen == []


def test_a_call_that_cannot_be_passed_on_is_told(proxy: Proxy, upstream: Upstream) -> None:
    """An emulator that is gone is no fault of the plan's: it is written down apart."""
    upstream.shutdown()
    upstream.server_close()
    with connected(proxy) as connection, pytest.raises(http.client.RemoteDisconnected):
        send(connection)
    assert len(proxy.failures) == 1
    assert "ConnectionRefusedError" in proxy.failures[0]
    assert not proxy.injected()


def test_a_plan_that_fails_is_told(proxy: Proxy) -> None:
    """A plan that raises ends its connection, and does not hide behind the faults."""

    def plan(call: Call) -> Fault | None:
        raise KeyError(call.operation)

    proxy.plan = plan
    with connected(proxy) as connection, pytest.raises(http.client.RemoteDisconnected):
        send(connection)
    assert proxy.failures == ["a defect of the plan: KeyError('UpdateItem')"]


def test_many_at_once(upstream: Upstream) -> None:
    """Calls of 20 clients are each counted once, and a hanging one holds up nobody."""
    with contextlib.ExitStack() as stack:
        # Leaving the proxy is what ends the call that hangs: no client runs out of patience.
        pool = stack.enter_context(ThreadPoolExecutor(CLIENTS))
        proxy = stack.enter_context(serving(upstream.url))
        proxy.plan = first(Fault.HANG, 1, lambda _: True)

        def one(_: int) -> int:
            with connected(proxy) as connection:
                return send(connection)[0]

        calls = [pool.submit(one, number) for number in range(CLIENTS)]
        answers = list(islice(as_completed(calls), CLIENTS - 1))
        assert [each.result() for each in answers] == [202] * (CLIENTS - 1)
        (hanging,) = set(calls) - set(answers)
        assert not hanging.done()
        assert len(upstream.arrived) == CLIENTS - 1
        assert len(proxy.seen) == CLIENTS
    assert isinstance(hanging.exception(), http.client.RemoteDisconnected | ConnectionResetError)


def test_a_burst_of_connections_is_not_refused(upstream: Upstream) -> None:
    """Proxy and upstream queue many connections: a reset that nobody injected proves nothing."""
    with proxy_module._Server(upstream.url) as server, Upstream() as another:
        for each in (server, another):
            connect_at_once(("127.0.0.1", each.server_address[1]), 10 * CLIENTS)


def test_it_ends_while_a_call_hangs(upstream: Upstream) -> None:
    """Leaving the block ends every connection at once, hanging ones too."""
    with contextlib.ExitStack() as stack:
        with serving(upstream.url) as proxy:
            proxy.plan = always(Fault.HANG)
            connection = stack.enter_context(connected(proxy))
            connection.request("POST", "/", json.dumps(UPDATE.body), TARGET)
            eventually(lambda: bool(proxy.seen), "the call arrives")
        # A connection that stays open ends with the client's patience, which is another error.
        with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
            connection.getresponse()


def test_a_kept_connection_ends_with_it(upstream: Upstream) -> None:
    """Who has kept a connection reaches nothing once the block is left."""
    with contextlib.ExitStack() as stack:
        with serving(upstream.url) as proxy:
            connection = stack.enter_context(connected(proxy))
            assert send(connection)[0] == 202
        with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
            send(connection)
    assert len(upstream.arrived) == 1


def test_first_strikes_as_often_as_told() -> None:
    """Only calls of the kind are struck, and only so many of them."""
    plan = first(Fault.RESET, 2, lambda call: call.operation == "UpdateItem")
    delete = Call("DeleteItem", {})
    faults = [plan(each) for each in (delete, UPDATE, delete, UPDATE, UPDATE)]
    assert faults == [None, Fault.RESET, None, Fault.RESET, None]


def test_chance_draws_by_the_odds() -> None:
    """Over 10,000 calls each fault comes about as often as its odds say."""
    chance = Chance({"UpdateItem": {Fault.RESET: 0.1, Fault.HANG: 0.02}}, seed=1)
    drawn = [chance(UPDATE) for _ in range(10_000)]
    assert 900 < drawn.count(Fault.RESET) < 1100
    assert 150 < drawn.count(Fault.HANG) < 250
    assert drawn.count(None) + drawn.count(Fault.RESET) + drawn.count(Fault.HANG) == 10_000


def test_chance_repeats_itself() -> None:
    """The same seed draws the same faults, and another seed draws others."""
    odds = {"UpdateItem": {Fault.RESET: 0.5}}
    sequences = []
    for seed in (1, 1, 2):
        chance = Chance(odds, seed)
        sequences.append([chance(UPDATE) for _ in range(64)])
    assert sequences[0] == sequences[1] != sequences[2]


def test_chance_leaves_the_rest_alone() -> None:
    """Operations without odds are never struck."""
    chance = Chance({"UpdateItem": {Fault.RESET: 1.0}}, seed=1)
    assert chance(UPDATE) == Fault.RESET
    assert chance(Call("DeleteItem", {"TableName": "orders"})) is None


def test_impossible_odds_are_refused() -> None:
    """Odds of one operation that exceed 1 together are an error."""
    with pytest.raises(ValueError, match="more than 1"):
        Chance({"UpdateItem": {Fault.RESET: 0.6, Fault.HANG: 0.6}}, seed=1)
