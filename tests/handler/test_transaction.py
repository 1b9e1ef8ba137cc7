"""The writes that a processor may commit with its message's completion, and refused ones."""

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from boto3.dynamodb.conditions import Attr
from boto3.dynamodb.types import Binary
from hypothesis import given
from hypothesis import strategies as st

from idempotent_lambda.errors import IdempotencyError, TransactionError
from idempotent_lambda.store.transaction import MAX_ACTIONS, MAX_BYTES, Transaction
from tests.waiting import SECONDS

from .conftest import Lab

ARN = "arn:aws:dynamodb:eu-central-1:123456789012:table/orders"
SET = {"UpdateExpression": "SET a = :a", "ExpressionAttributeValues": {":a": 1}}
EXISTS = {"ConditionExpression": "attribute_exists(id)"}

Call = tuple[str, str, Mapping[str, Any], Mapping[str, Any]]


def put(item: Mapping[str, Any], table: str = "orders", **options: Any) -> Call:
    """Ask for a put."""
    return ("put", table, item, options)


def update(key: Mapping[str, Any], table: str = "orders", **options: Any) -> Call:
    """Ask for an update."""
    return ("update", table, key, SET | options)


def delete(key: Mapping[str, Any], table: str = "orders", **options: Any) -> Call:
    """Ask for a delete."""
    return ("delete", table, key, options)


def check(key: Mapping[str, Any], table: str = "orders", **options: Any) -> Call:
    """Ask for a check."""
    return ("check", table, key, EXISTS | options)


def call(transaction: Transaction, asked: Call) -> None:
    """Do what was asked for."""
    method, table, item, options = asked
    getattr(transaction, method)(table, item, **options)


def refused(*calls: Call) -> str:
    """The text of the error that the last call raises; the others raise none, and stay."""
    transaction = Transaction()
    for each in calls[:-1]:
        call(transaction, each)
    with pytest.raises(TransactionError) as caught:
        call(transaction, calls[-1])
    assert isinstance(caught.value, IdempotencyError)
    assert len(transaction.close()) == len(calls) - 1
    return str(caught.value)


def entries(*calls: Call) -> tuple[Mapping[str, Any], ...]:
    """What comes of calls that are all taken."""
    transaction = Transaction()
    for each in calls:
        call(transaction, each)
    return transaction.close()


class TestEntries:
    """The actions, in the form that TransactWriteItems takes."""

    def test_every_kind(self) -> None:
        """Each method becomes its action with its options, in the order of the calls."""
        names = {"#a": "amount"}
        assert entries(
            put({"id": "a", "amount": Decimal("1.50")}, **EXISTS),
            update({"id": "b"}, **EXISTS, ExpressionAttributeNames=names),
            delete({"id": "c"}, table="carts"),
            check({"id": "d"}, ExpressionAttributeValues={":none": None}),
        ) == (
            {
                "Put": {
                    "TableName": "orders",
                    "Item": {"id": {"S": "a"}, "amount": {"N": "1.50"}},
                    "ConditionExpression": "attribute_exists(id)",
                }
            },
            {
                "Update": {
                    "TableName": "orders",
                    "Key": {"id": {"S": "b"}},
                    "UpdateExpression": "SET a = :a",
                    "ConditionExpression": "attribute_exists(id)",
                    "ExpressionAttributeNames": {"#a": "amount"},
                    "ExpressionAttributeValues": {":a": {"N": "1"}},
                }
            },
            {"Delete": {"TableName": "carts", "Key": {"id": {"S": "c"}}}},
            {
                "ConditionCheck": {
                    "TableName": "orders",
                    "Key": {"id": {"S": "d"}},
                    "ConditionExpression": "attribute_exists(id)",
                    "ExpressionAttributeValues": {":none": {"NULL": True}},
                }
            },
        )

    def test_nothing(self) -> None:
        """A processor that writes nothing has an empty transaction."""
        assert entries() == ()

    def test_table_by_arn(self) -> None:
        """A table given by its ARN is asked for by its ARN."""
        assert entries(delete({"id": "a"}, table=ARN))[0]["Delete"]["TableName"] == ARN

    def test_what_changes_later(self) -> None:
        """A processor that goes on to change what it gave does not change what is written."""
        item: dict[str, Any] = {"id": "a", "lines": ["x"]}
        names = {"#a": "a"}
        transaction = Transaction()
        transaction.put("orders", item, **EXISTS, ExpressionAttributeNames=names)
        item["lines"].append("y")
        item["more"] = 1
        names["#b"] = "b"
        written = transaction.close()[0]["Put"]
        assert written["Item"] == {"id": {"S": "a"}, "lines": {"L": [{"S": "x"}]}}
        assert written["ExpressionAttributeNames"] == {"#a": "a"}


@pytest.mark.emulator
class TestEngine:
    """A real engine takes the entries as they are."""

    def test_all_are_done(self, backend: Lab) -> None:
        """Every kind of action takes effect in one call."""
        for name in ("changed", "gone", "there"):
            backend.client.put_item(TableName=backend.table, Item={"id": {"S": name}})
        taken = entries(
            put(
                {"id": "new", "tags": {"x", "y"}, "raw": b"\x00\xff", "deep": {"n": [1, None]}},
                backend.table,
            ),
            update({"id": "changed"}, backend.table),
            delete({"id": "gone"}, backend.table, **EXISTS),
            check({"id": "there"}, backend.table),
        )
        backend.client.transact_write_items(TransactItems=list(taken))
        new = backend.item("new")
        assert new is not None
        assert sorted(new.pop("tags")["SS"]) == ["x", "y"]
        assert new == {
            "id": {"S": "new"},
            "raw": {"B": b"\x00\xff"},
            "deep": {"M": {"n": {"L": [{"N": "1"}, {"NULL": True}]}}},
        }
        assert backend.item("changed") == {"id": {"S": "changed"}, "a": {"N": "1"}}
        assert backend.item("gone") is None

    def test_none_is_done(self, backend: Lab) -> None:
        """A check that fails undoes every other action."""
        taken = entries(put({"id": "new"}, backend.table), check({"id": "there"}, backend.table))
        with pytest.raises(backend.client.exceptions.TransactionCanceledException):
            backend.client.transact_write_items(TransactItems=list(taken))
        assert backend.item("new") is None

    def test_the_most_actions(self, backend: Lab) -> None:
        """As many actions as a transaction takes still leave room for the record's own."""
        record = {"Put": {"TableName": backend.table, "Item": {"id": {"S": "record"}}}}
        calls = (put({"id": str(number)}, backend.table) for number in range(MAX_ACTIONS))
        backend.client.transact_write_items(TransactItems=[record, *entries(*calls)])
        assert backend.item("record") is not None
        assert backend.item(str(MAX_ACTIONS - 1)) is not None


class TestOptions:
    """DynamoDB's own parameter names, and no others."""

    @pytest.mark.parametrize("method", [put, update, delete, check])
    @pytest.mark.parametrize(
        "option",
        ["ReturnValues", "ReturnValuesOnConditionCheckFailure", "Item", "Key", "TableName", "ttl"],
    )
    def test_unknown(self, method: Callable[..., Call], option: str) -> None:
        """An unknown option is named, with the known ones."""
        text = refused(method({"id": "a"}, **{option: "x"}))
        assert f"{option} is not an option" in text
        assert "ConditionExpression, ExpressionAttributeNames, ExpressionAttributeValues" in text

    @pytest.mark.parametrize("method", [put, delete, check])
    def test_an_update_of_what_is_none(self, method: Callable[..., Call]) -> None:
        """An update expression is taken by an update alone."""
        text = refused(method({"id": "a"}, UpdateExpression="SET a = b"))
        assert "UpdateExpression is not an option" in text

    @pytest.mark.parametrize(
        ("method", "required"),
        [("update", "UpdateExpression"), ("check", "ConditionExpression")],
    )
    def test_missing(self, method: str, required: str) -> None:
        """An update must say what to change, and a check what to hold."""
        assert f"{required} is required" in refused((method, "orders", {"id": "a"}, {}))

    @pytest.mark.parametrize(
        ("asked", "part"),
        [
            (put({"id": "a"}, ConditionExpression=Attr("id").not_exists()), "ConditionExpression"),
            (put({"id": "a"}, ConditionExpression=None), "ConditionExpression"),
            (update({"id": "a"}, UpdateExpression=""), "UpdateExpression"),
            (put({"id": "a"}, ExpressionAttributeNames={}), "ExpressionAttributeNames"),
            (put({"id": "a"}, ExpressionAttributeValues=[1]), "ExpressionAttributeValues"),
            (put([("id", "a")]), "Item"),
            (put({}), "Item"),
            (delete({}), "Key"),
            (delete("a"), "Key"),
            (delete({"id": "a"}, table=None), "TableName"),
            (delete({"id": "a"}, table=""), "TableName"),
        ],
    )
    def test_of_another_type(self, asked: Call, part: str) -> None:
        """A parameter that is of the wrong type, or empty, is named."""
        assert f"{part} must be a " in refused(asked)


class TestValues:
    """Plain values for which DynamoDB has a type."""

    SECRET = "4111-1111"

    @pytest.mark.parametrize(
        "value",
        [
            1.5,
            {"deep": [{"price": 1.5}]},
            float("nan"),
            Decimal("NaN"),
            Decimal("Infinity"),
            10**38 + 1,
            Decimal("1e400"),
            datetime(2025, 1, 1, tzinfo=UTC),
            Ellipsis,
            "\ud83d",
            {"\ud83d": 1},
            {("a", "b"): 1},
        ],
        ids=str,
    )
    def test_no_type(self, value: object) -> None:
        """A value that DynamoDB cannot hold is refused by its attribute's name, with the remedy."""
        text = refused(put({"id": "a", "sum": value}))
        assert text.startswith("Put on table 'orders': Item 'sum' cannot be written (")
        assert "Decimal" in text

    def test_expression_values(self) -> None:
        """The same holds for the values of expressions."""
        text = refused(update({"id": "a"}, ExpressionAttributeValues={":a": 1.5}))
        assert "ExpressionAttributeValues ':a' cannot be written" in text

    def test_names_that_are_no_text(self) -> None:
        """A name for an expression that is not text is refused."""
        names = {"#a": Attr("a")}
        assert "Put on table 'orders'" in refused(put({"id": "a"}, ExpressionAttributeNames=names))

    def test_values_stay_secret(self) -> None:
        """Values of the message do not get into an error, and so not into a log."""

        class Card:
            def __repr__(self) -> str:
                return TestValues.SECRET

        assert self.SECRET not in refused(put({"id": "a", "card": Card()}))
        assert self.SECRET not in refused(put({"id": "a", "card": [self.SECRET, "\ud83d"]}))
        assert self.SECRET not in refused(put({"id": self.SECRET}), delete({"id": self.SECRET}))


class TestSameItem:
    """One action for each item, which DynamoDB asks for."""

    @pytest.mark.parametrize(
        ("first", "second"),
        [
            (update({"id": "a"}), delete({"id": "a"})),
            (check({"id": "a"}), update({"id": "a"})),
            (delete({"id": "a", "at": 1}), check({"at": 1, "id": "a"})),
            (put({"id": "a", "x": 1}), update({"id": "a"})),
            (update({"id": "a"}), put({"id": "a", "x": 1})),
            (put({"id": "a", "x": 1}), put({"id": "a", "x": 1})),
            (put({"id": "a", "x": 1}), put({"id": "a", "y": 1})),
            (delete({"id": 1}), put({"id": Decimal("1.0")})),
            (delete({"id": Binary(b"a")}), delete({"id": bytearray(b"a")})),
            (delete({"id": "a"}), delete({"id": "a"}, table=ARN)),
        ],
    )
    def test_twice(self, first: Call, second: Call) -> None:
        """Two actions that must be for one item are refused, even among others."""
        text = refused(put({"id": "z"}), first, delete({"id": "y"}, table="carts"), second)
        assert "an earlier action is for this item" in text

    @pytest.mark.parametrize(
        ("first", "second"),
        [
            (update({"id": "a"}), update({"id": "b"})),
            (update({"id": "a"}), update({"id": "a"}, table="carts")),
            (update({"id": "a", "at": 1}), update({"id": "a", "at": 2})),
            (put({"id": "a", "at": 1, "x": 1}), update({"id": "a", "at": 2})),
            (put({"id": "a", "x": 1}), put({"id": "b", "x": 1})),
            (delete({"id": "1"}), delete({"id": 1})),
            (delete({"id": "a"}), delete({"key": "a"})),
        ],
    )
    def test_two_items(self, first: Call, second: Call) -> None:
        """Two actions that may be for different items are both taken."""
        assert len(entries(first, second)) == 2

    KEYS = st.fixed_dictionaries({"id": st.sampled_from("ab"), "at": st.sampled_from([1, 2])})
    REST = st.dictionaries(st.sampled_from("xyz"), st.sampled_from([1, True, "1", None]))

    @given(KEYS, REST, st.none() | REST, KEYS)
    def test_never_wrong(
        self,
        key: dict[str, Any],
        rest: dict[str, Any],
        other_rest: dict[str, Any] | None,
        other_key: dict[str, Any],
    ) -> None:
        """No two items are taken for one, and no item for two if one of its actions has the key."""
        second = delete(other_key) if other_rest is None else put(other_rest | other_key)
        transaction = Transaction()
        call(transaction, put(rest | key))
        try:
            call(transaction, second)
        except TransactionError:
            assert key == other_key
        else:
            assert other_rest is not None or key != other_key


class TestLimits:
    """DynamoDB's limits, less what the record needs."""

    def test_the_hundredth_action(self) -> None:
        """One action more than the most is refused, and the others stay."""
        calls = [put({"id": number}) for number in range(MAX_ACTIONS + 1)]
        assert MAX_ACTIONS == 99
        assert "over 99 actions" in refused(*calls)

    @pytest.mark.parametrize(
        ("unit", "size"), [("x", 1), ("é", 2), ("☃", 3), (b"xxx", 4)], ids=["1", "2", "3", "raw"]
    )
    def test_over_four_megabytes(self, unit: Any, size: int) -> None:
        """All actions together are refused once they are over the limit, and not long before."""
        each = MAX_BYTES // 4 // size
        calls = [put({"id": number, "text": unit * each}) for number in range(4)]
        assert f"over {MAX_BYTES} bytes" in refused(*calls)
        less = (each * size - 1000) // size
        assert len(entries(*(put({"id": n, "text": unit * less}) for n in range(4)))) == 4

    def test_the_records_share(self) -> None:
        """The limit leaves the record more than its key can take."""
        assert 4 * 1024 * 1024 - MAX_BYTES > 2 * 2048

    def test_what_is_refused_takes_no_room(self) -> None:
        """A processor may go on with something smaller after an action that was too large."""
        transaction = Transaction()
        with pytest.raises(TransactionError):
            transaction.put("orders", {"id": "a", "text": "x" * MAX_BYTES})
        transaction.put("orders", {"id": "a"})
        assert len(transaction.close()) == 1


class Slow(str):
    """A text that takes its time to compare, and signals when that has begun."""

    __slots__ = ()
    compared = threading.Event()

    def __eq__(self, other: object) -> bool:
        self.compared.set()
        time.sleep(0.05)
        return super().__eq__(other)

    __hash__ = str.__hash__


class TestClosed:
    """Calls that come too late."""

    @pytest.mark.parametrize("late", [put, update, delete, check])
    def test_after_the_processor(self, late: Callable[..., Call]) -> None:
        """A transaction that is kept past its processor's return refuses what would be lost."""
        transaction = Transaction()
        call(transaction, put({"id": "a"}))
        taken = transaction.close()
        with pytest.raises(TransactionError, match="the processor has returned"):
            call(transaction, late({"id": "b"}))
        assert transaction.close() == taken
        assert len(taken) == 1

    def test_threads(self) -> None:
        """Threads that share a transaction cannot get past its rules together."""
        transaction = Transaction()
        call(transaction, put({"id": "z"}))

        def is_taken(_: int) -> bool:
            try:
                call(transaction, put({"id": Slow("a")}))
            except TransactionError:
                return False
            return True

        with ThreadPoolExecutor(4) as threads:
            assert sum(threads.map(is_taken, range(4))) == 1

    def test_a_thread_that_is_late(self) -> None:
        """An action that is asked for while the transaction is closed is taken or refused."""
        transaction = Transaction()
        call(transaction, put({"id": "z"}))
        Slow.compared.clear()
        with ThreadPoolExecutor(1) as threads:
            late = threads.submit(call, transaction, put({"id": Slow("a")}))
            assert Slow.compared.wait(SECONDS)
            taken = transaction.close()
        assert len(taken) == (1 if late.exception() else 2)
