"""The proxy's plan in a scenario: which calls it refuses, and which it takes for too early."""

from typing import Any

import pytest

from scripts.support.proxy import Call, Fault
from tests.end_to_end.scenarios.proxy_plans import Watch

UPDATE = 'UPDATE "records" SET "status" = ? WHERE "id" = ? AND "owner" = ?'


class Site:
    """A site whose tables all have these rows."""

    def __init__(self, *rows: dict[str, Any]) -> None:
        self.rows = list(rows)
        self.outputs = {"records_table_name": "records"}

    def read(self, _: str) -> list[dict[str, Any]]:
        return self.rows


def watch(*rows: dict[str, Any]) -> Watch:
    """A watch over two operations, the second behind the first."""
    return Watch(
        Site(*rows),  # type: ignore[arg-type]
        effects_table="effects",
        records_before={"operation-2": "operation-1"},
        seed=1,
    )


def completion(record_id: str, *, together: bool) -> Call:
    """The call that completes a record, alone or as the last of several."""
    if together:
        parameters = [{"S": "COMPLETED"}, {"S": record_id}, {"S": "owner"}]
        statement = {"Statement": UPDATE, "Parameters": parameters}
        return Call("BatchExecuteStatement", {"Statements": [statement]})
    return Call(
        "UpdateItem",
        {
            "TableName": "records",
            "Key": {"id": {"S": record_id}},
            "UpdateExpression": "SET #status = :completed, #completed_at = :now_millis",
            "ExpressionAttributeValues": {":owner": {"S": "owner"}},
        },
    )


def claim(record_id: str) -> Call:
    """The call that claims a record."""
    return Call(
        "UpdateItem",
        {
            "TableName": "records",
            "Key": {"id": {"S": record_id}},
            "UpdateExpression": "SET #status = :in_progress REMOVE #completed_at",
        },
    )


EFFECT = Call("UpdateItem", {"TableName": "effects", "Values": [{"S": "operation-2"}]})


@pytest.mark.parametrize("together", [False, True])
def test_each_completion_is_refused_at_most_once(together: bool) -> None:
    """About half of all completions are refused, and none that was refused before."""
    watching = watch()
    calls = [completion(f"space#{number}", together=together) for number in range(100)]
    refused = [call for call in calls if watching(call)]
    assert 20 < len(refused) == len(watching.throttled) < 80
    assert [watching(call) for call in refused] == [None] * len(refused)


def test_a_part_of_many_is_refused_as_such() -> None:
    """One alone is refused as a call, one of many inside the call that succeeds."""
    watching = watch()
    for together, fault in ((False, Fault.THROTTLE), (True, Fault.PART_THROTTLED)):
        calls = [completion(f"{together}#{number}", together=together) for number in range(50)]
        assert {watching(call) for call in calls} == {None, fault}


def test_a_call_that_also_writes_something_else_is_left_alone() -> None:
    """Only the last of many is refused, so all of them have to be completions."""
    watching = watch()
    (done,) = completion("space#1", together=True).body["Statements"]
    mixed = Call("BatchExecuteStatement", {"Statements": [done, {"Statement": "DELETE"}]})
    assert {watching(mixed) for _ in range(50)} == {None}


def test_claims_are_left_alone() -> None:
    """Only completions are refused, although a claim names their attribute, too."""
    watching = watch()
    assert {watching(claim(f"space#{number}")) for number in range(50)} == {None}
    assert watching.throttled == set()


@pytest.mark.parametrize(
    ("record", "status", "early"),
    [
        ("space#other", "COMPLETED", ["operation-2"]),
        ("space#operation-1", "IN_PROGRESS", ["operation-2"]),
        ("space#operation-1", "COMPLETED", []),
    ],
    ids=["no record", "in progress", "completed"],
)
def test_an_effect_before_its_predecessors_completion_is_early(
    record: str, status: str, early: list[str]
) -> None:
    """An effect may begin only when the record of the operation before it is completed."""
    watching = watch({"id": record, "status": status})
    assert watching(EFFECT) is None
    assert watching.early == early
