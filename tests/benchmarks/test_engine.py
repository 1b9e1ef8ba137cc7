"""The stub engine answers as the emulator does, and counts what it is asked."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from benchmarks.engine import Engine, Server
from scripts.support.emulator import Emulator, new_account
from tests.benchmarks.conftest import RecordingEngine
from tests.waiting import connect_at_once

Client = Any
TABLE = "records"
ITEM = {"id": {"S": "a"}, "status": {"S": "IN_PROGRESS"}, "count": {"N": "3"}}


@pytest.fixture(params=["stub", pytest.param("emulator", marks=pytest.mark.emulator)])
def client(request: pytest.FixtureRequest) -> Iterator[Client]:
    """A client of an engine with the table "records", whose key is "id"."""
    endpoint: Emulator = request.getfixturevalue(request.param)
    client = endpoint.client("dynamodb", new_account())
    client.create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    yield client
    client.close()


def found(client: Client, key: str = "a") -> Any:
    """The item of a key, or None."""
    return client.get_item(TableName=TABLE, Key={"id": {"S": key}}).get("Item")


def execute(client: Client, *statements: tuple[str, list[Any]]) -> list[Any]:
    """The code of each statement's error; None where it succeeded."""
    requests = [
        {
            "Statement": text,
            "Parameters": [{"N": str(v)} if isinstance(v, int) else {"S": v} for v in values],
        }
        for text, values in statements
    ]
    answer = client.batch_execute_statement(Statements=requests)
    return [each.get("Error", {}).get("Code") for each in answer["Responses"]]


CONDITIONS = [
    ("attribute_not_exists(#id)", False),
    ("attribute_exists(#id)", True),
    ("#status = :held", True),
    ("#status = :other", False),
    ("#count <= :three AND #status = :held", True),
    ("#count < :three OR #absent <= :three", False),
    ("attribute_not_exists(#absent) AND (#count < :three OR #status = :held)", True),
    ("#status = :three", False),
]


@pytest.mark.parametrize(("condition", "contains"), CONDITIONS)
def test_conditions(client: Client, condition: str, contains: bool) -> None:
    """A write goes through if its condition holds, and is refused with the item if not."""
    client.put_item(TableName=TABLE, Item=ITEM)
    values = {":held": {"S": "IN_PROGRESS"}, ":other": {"S": "x"}, ":three": {"N": "3"}}
    names = {f"#{name}": name for name in ("id", "status", "count", "absent")}
    request = {
        "TableName": TABLE,
        "Key": {"id": {"S": "a"}},
        "ConditionExpression": condition,
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    used = {name: each for name, each in names.items() if name in condition}
    given = {name: each for name, each in values.items() if name in condition}
    request |= {"ExpressionAttributeNames": used} if used else {}
    request |= {"ExpressionAttributeValues": given} if given else {}
    if contains:
        client.delete_item(**request)
        assert found(client) is None
    else:
        with pytest.raises(client.exceptions.ConditionalCheckFailedException) as refusal:
            client.delete_item(**request)
        assert refusal.value.response["Item"] == found(client) == ITEM


def test_update(client: Client) -> None:
    """An update sets, counts, keeps what exists, removes, and makes the item if there is none."""
    request = {
        "TableName": TABLE,
        "Key": {"id": {"S": "a"}},
        "UpdateExpression": "SET #s = :s, made = if_not_exists(made, :one), "
        "tries = if_not_exists(tries, :zero) + :one REMOVE gone, lost",
        "ExpressionAttributeNames": {"#s": "status"},
        "ReturnValues": "ALL_OLD",
    }
    values = {":zero": {"N": "0"}, ":one": {"N": "1"}}
    first = client.update_item(
        **request, ExpressionAttributeValues={**values, ":s": {"S": "first"}}
    )
    assert "Attributes" not in first
    made = found(client)
    second = client.update_item(
        **request, ExpressionAttributeValues={**values, ":s": {"S": "second"}}
    )
    assert second["Attributes"] == made
    assert found(client) == {
        "id": {"S": "a"},
        "status": {"S": "second"},
        "made": {"N": "1"},
        "tries": {"N": "2"},
    }


def test_statements(client: Client) -> None:
    """PartiQL statements are judged one by one within a call."""
    insert = "INSERT INTO \"records\" VALUE {'id': ?, 'owner': ?, 'lease': ?}"
    update = (
        'UPDATE "records" SET "status" = ? SET "at" = ? REMOVE "lease" '
        'WHERE "id" = ? AND ("owner" = ?)'
    )
    delete = 'DELETE FROM "records" WHERE "id" = ? AND ("owner" = ?)'
    assert execute(client, (insert, ["a", "me", 1]), (insert, ["b", "me", 1])) == [None, None]
    assert execute(client, (insert, ["a", "you", 2]), (insert, ["c", "you", 2])) == [
        "DuplicateItem",
        None,
    ]
    assert execute(
        client,
        (update, ["done", 5, "a", "me"]),
        (update, ["done", 5, "b", "you"]),
        (update, ["done", 5, "d", "me"]),
    ) == [None, "ConditionalCheckFailed", "ConditionalCheckFailed"]
    assert found(client) == {
        "id": {"S": "a"},
        "owner": {"S": "me"},
        "status": {"S": "done"},
        "at": {"N": "5"},
    }
    assert execute(client, (delete, ["c", "me"]), (delete, ["b", "me"]), (delete, ["d", "me"])) == [
        "ConditionalCheckFailed",
        None,
        None,
    ]
    assert [found(client, key) is None for key in "bcd"] == [True, False, True]


def test_batch_get(client: Client) -> None:
    """A batch of reads answers with the items that exist."""
    client.put_item(TableName=TABLE, Item=ITEM)
    wanted = {"Keys": [{"id": {"S": "a"}}, {"id": {"S": "b"}}], "ConsistentRead": True}
    answer = client.batch_get_item(RequestItems={TABLE: wanted})
    assert (answer["Responses"], answer["UnprocessedKeys"]) == ({TABLE: [ITEM]}, {})


def test_too_many_statements(client: Client) -> None:
    """More than 25 statements in a call are refused."""
    statement = ("INSERT INTO \"records\" VALUE {'id': ?}", ["a"])
    with pytest.raises(ClientError):
        execute(client, *[statement] * 26)


@pytest.mark.parametrize("client", ["stub"], indirect=True)
def test_counters(client: Client, engine: RecordingEngine) -> None:
    """Calls, write units and read units are counted by table, failed conditions included."""
    item = {"id": {"S": "a"}}
    client.put_item(TableName=TABLE, Item=item)
    with pytest.raises(client.exceptions.ConditionalCheckFailedException):
        client.put_item(TableName=TABLE, Item=item, ConditionExpression="attribute_not_exists(id)")
    insert = "INSERT INTO \"records\" VALUE {'id': ?}"
    execute(client, (insert, ["a"]), (insert, ["b"]), (insert, ["c"]))
    client.get_item(TableName=TABLE, Key=item)
    client.batch_get_item(RequestItems={TABLE: {"Keys": [item], "ConsistentRead": True}})
    counted = engine.answer("GetCounters", {})[1][TABLE]
    assert counted == {
        "calls": {"PutItem": 2, "BatchExecuteStatement": 1, "GetItem": 1, "BatchGetItem": 1},
        "write_units": 5,
        "read_units": 1.5,
    }


@pytest.mark.parametrize("client", ["stub"], indirect=True)
def test_delay(client: Client, engine: RecordingEngine) -> None:
    """A call takes at least as long as was set."""
    engine.answer("SetDelay", {"milliseconds": 30})
    began = time.monotonic()
    client.get_item(TableName=TABLE, Key={"id": {"S": "a"}})
    assert time.monotonic() - began >= 0.03


@pytest.mark.parametrize("client", ["stub"], indirect=True)
@pytest.mark.parametrize("text", ["SELECT * FROM t", "UPDATE t"])
def test_unknown_statement(client: Client, text: str) -> None:
    """A statement of another kind is refused, not guessed at."""
    with pytest.raises(ClientError, match="not understood"):
        execute(client, (text, ["a"]))


def test_a_fleet_connects_at_once() -> None:
    """Connections wait in a queue until they are accepted, and none of 200 is refused."""
    with Server(Engine()) as server:
        connect_at_once(("127.0.0.1", server.server_address[1]), 200)
