"""A stub of DynamoDB that keeps items, counts what it would bill, and answers after a set time.

It speaks the part of DynamoDB's JSON protocol over HTTP that the contenders use, evaluates their
conditions (see `expressions`), and rejects them as DynamoDB does. It does not check signatures,
types or sizes: every item here is below the 1 KB (writes) and 4 KB (reads) that one unit pays for.

It counts units as DynamoDB does: a write is one unit, even if its condition fails; an item read is
one unit, or half a unit if eventually consistent, even if the item does not exist.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html

It has two more operations: ``SetDelay`` ``{"milliseconds": 5}``, and ``GetCounters``, which answers
``{table: {"calls": {operation: 3}, "write_units": 3, "read_units": 0.0}}`` since the start.
"""

import json
import socketserver
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from benchmarks import expressions
from benchmarks.expressions import Scope

STATEMENTS: Final = 25
"""The most statements in one BatchExecuteStatement."""

TYPE: Final = "com.amazonaws.dynamodb.v20120810#"


class ConditionFailedError(Exception):
    """A condition does not hold.

    Attributes:
        item: the current item, if the request asks for it.
    """

    def __init__(self, item: Any = None) -> None:
        super().__init__("The conditional request failed")
        self.item = item


@dataclass(slots=True)
class Table:
    """One table: the attribute of its partition key, its items, and its counts."""

    key: str
    items: dict[str, dict[str, Any]] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    write_units: int = 0
    read_units: float = 0.0

    def id_of(self, attributes: Mapping[str, Any]) -> str:
        """Return the text of the key."""
        return str(attributes[self.key]["S"])

    def read(self, key: Mapping[str, Any], *, consistent: bool) -> dict[str, Any] | None:
        """Read one item."""
        self.read_units += 1 if consistent else 0.5
        return self.items.get(self.id_of(key))


class Engine:
    """The tables, and the operations on them. Every operation is atomic."""

    def __init__(self) -> None:
        self.delay = 0.0
        self._tables: dict[str, Table] = {}
        self._lock = threading.Lock()

    def answer(self, operation: str, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Return the HTTP status and the body of the answer."""
        try:
            with self._lock:
                return 200, getattr(self, f"_on_{operation}")(request)
        except ConditionFailedError as failure:
            item = {"Item": failure.item} if failure.item else {}
            kind = f"{TYPE}ConditionalCheckFailedException"
            return 400, {"__type": kind, "message": str(failure), **item}
        except (AttributeError, LookupError, ValueError) as error:
            problem = f"{operation}: {error!r}"
            return 400, {"__type": f"{TYPE}ValidationException", "message": problem}

    def _on_SetDelay(self, request: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        self.delay = request["milliseconds"] / 1000
        return {}

    def _on_GetCounters(self, _: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        names = ("calls", "write_units", "read_units")
        return {
            name: {each: getattr(table, each) for each in names}
            for name, table in self._tables.items()
        }

    def _on_CreateTable(self, request: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        (key,) = request["KeySchema"]
        self._tables[request["TableName"]] = Table(key["AttributeName"])
        return {"TableDescription": {"TableStatus": "ACTIVE"}}

    def _called(self, operation: str, name: str) -> Table:
        table = self._tables[name]
        table.calls[operation] += 1
        return table

    def _on_GetItem(self, request: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        table = self._called("GetItem", request["TableName"])
        item = table.read(request["Key"], consistent=request.get("ConsistentRead", False))
        return {"Item": item} if item else {}

    def _on_BatchGetItem(self, request: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        ((name, wanted),) = request["RequestItems"].items()
        table = self._called("BatchGetItem", name)
        consistent = wanted.get("ConsistentRead", False)
        items = [table.read(key, consistent=consistent) for key in wanted["Keys"]]
        return {"Responses": {name: [item for item in items if item]}, "UnprocessedKeys": {}}

    def _on_PutItem(self, request: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        table = self._called("PutItem", request["TableName"])
        self._checked(table, request["Item"], request)
        table.items[table.id_of(request["Item"])] = request["Item"]
        return {}

    def _on_DeleteItem(self, request: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        table = self._called("DeleteItem", request["TableName"])
        self._checked(table, request["Key"], request)
        table.items.pop(table.id_of(request["Key"]), None)
        return {}

    def _on_UpdateItem(self, request: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        table = self._called("UpdateItem", request["TableName"])
        scope = self._checked(table, request["Key"], request)
        after = expressions.updated(request["UpdateExpression"], scope)
        table.items[table.id_of(request["Key"])] = {**request["Key"], **after}
        new = {name: value for name, value in after.items() if scope.item.get(name) != value}
        shown = {"ALL_OLD": scope.item, "ALL_NEW": after, "UPDATED_NEW": new}
        attributes = shown.get(request.get("ReturnValues", ""))
        return {"Attributes": attributes} if attributes else {}

    def _checked(self, table: Table, key: Mapping[str, Any], request: dict[str, Any]) -> Scope:
        """Check the condition of a write, if it has one; return its scope."""
        table.write_units += 1
        names = request.get("ExpressionAttributeNames", {})
        values = request.get("ExpressionAttributeValues", {})
        scope = Scope(table.items.get(table.id_of(key), {}), names, values)
        text = request.get("ConditionExpression")
        if text and not expressions.contains(text, scope):
            asked = request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
            raise ConditionFailedError(scope.item if asked else None)
        return scope

    def _on_BatchExecuteStatement(self, request: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        statements = request["Statements"]
        if not 0 < len(statements) <= STATEMENTS:
            raise ValueError(f"{len(statements)} statements; 1 to {STATEMENTS} are allowed")
        first = expressions.statement(statements[0]["Statement"])
        self._called("BatchExecuteStatement", first.table)
        return {"Responses": [self._executed(each) for each in statements]}

    def _executed(self, request: dict[str, Any]) -> dict[str, Any]:
        statement = expressions.statement(request["Statement"])
        table = self._tables[statement.table]
        table.write_units += 1
        values = {f":{place}": each for place, each in enumerate(request.get("Parameters", ()))}
        key = values[statement.key(table.key)]["S"]
        scope = Scope(table.items.get(key, {}), {}, values)
        answer: dict[str, Any] = {"TableName": statement.table}
        if statement.verb == "DELETE" and not scope.item:
            return answer
        code = ""
        if statement.verb == "INSERT":
            code = "DuplicateItem" if scope.item else ""
        elif not expressions.contains(statement.condition, scope):
            code = "ConditionalCheckFailed"
        if code:
            return {**answer, "Error": {"Code": code, "Message": str(ConditionFailedError())}}
        if statement.verb == "DELETE":
            del table.items[key]
        else:
            table.items[key] = expressions.updated(statement.changes, scope)
        return answer


class Server(socketserver.ThreadingTCPServer):
    """The engine on a free port of the loopback interface, with a thread for each connection.

    It uses threads because ``time.sleep`` is exact to a tenth of a millisecond, but an event loop
    wakes at whole milliseconds.
    """

    # All workers of a fleet connect at the same time.
    request_queue_size = 256
    daemon_threads = True
    block_on_close = False

    def __init__(self, engine: Engine) -> None:
        super().__init__(("127.0.0.1", 0), Connection)
        self.engine = engine


class Connection(socketserver.StreamRequestHandler):
    """One kept-alive connection."""

    disable_nagle_algorithm = True
    server: Server

    def handle(self) -> None:
        """Answer the requests one by one."""
        while self.rfile.readline():
            length, operation = 0, ""
            while line := self.rfile.readline().strip():
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
                elif name.lower() == b"x-amz-target":
                    operation = value.decode().rpartition(".")[2]
            body = self.rfile.read(length)
            arrived = time.monotonic()
            status, answer = self.server.engine.answer(operation, json.loads(body))
            text = json.dumps(answer, separators=(",", ":")).encode()
            head = f"HTTP/1.1 {status} -\r\nContent-Length: {len(text)}\r\n"
            kind = "Content-Type: application/x-amz-json-1.0\r\n\r\n"
            time.sleep(max(0.0, arrived + self.server.engine.delay - time.monotonic()))
            self.wfile.write((head + kind).encode() + text)


def main() -> None:
    """Serve until standard input ends, which happens however the parent ends."""
    server = Server(Engine())
    print(server.server_address[1], flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main()
