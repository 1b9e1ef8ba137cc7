"""The proxy's plan in a scenario: what it refuses, and what it takes for too early."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from rich.console import Console

from scripts.demo.inject import PlannedFault, Watch, count_faults
from scripts.demo.progress import Progress
from scripts.demo.scenario import Site
from scripts.support.proxy import Call, Fault, Proxy

UPDATE = 'UPDATE "records" SET "status" = ? WHERE "id" = ?'


@dataclass
class Table:
    """Answers scans with these items."""

    items: list[dict[str, Any]] = field(default_factory=list)

    def scan(self, **_: object) -> dict[str, Any]:
        """All of them, whatever is asked."""
        return {"Items": self.items}

    def get_paginator(self, _: str) -> "Table":
        """Itself, which has one page."""
        return self

    def paginate(self, **_: object) -> list[dict[str, Any]]:
        """The page."""
        return [self.scan()]


def site(table: Table) -> Site:
    """A site whose DynamoDB answers so."""

    class Aws:
        dynamodb = table

    aws: Any = Aws()
    return Site(
        aws=aws,
        evidence=None,  # type: ignore[arg-type]  # nothing is written
        outputs={"records_table_name": "records", "faults_table_name": "faults"},
        progress=Progress(Console()),
        proxy=Proxy(endpoint=""),
    )


def watch(*items: dict[str, Any]) -> Watch:
    """A watch over two operations, the second behind the first."""
    return Watch(
        site(Table(list(items))),
        effects_table="effects",
        records_before={"operation-2": "operation-1"},
        seed=1,
    )


def completion(record_id: str, *, together: bool) -> Call:
    """The call that completes a record, alone or as the last of several."""
    if together:
        parameters = [{"S": "COMPLETED"}, {"N": "1"}, {"S": record_id}, {"S": "owner"}]
        statement = {"Statement": UPDATE, "Parameters": parameters}
        return Call("BatchExecuteStatement", {"Statements": [statement]})
    return Call(
        "UpdateItem",
        {
            "TableName": "records",
            "Key": {"id": {"S": record_id}},
            "UpdateExpression": "SET #status = :completed, #completed_at = :now_millis",
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


def test_claims_are_left_alone() -> None:
    """Only completions are refused, although a claim names their attribute, too."""
    watching = watch()
    assert {watching(claim(f"space#{number}")) for number in range(50)} == {None}
    assert watching.idle() == ["no completion was throttled"]


@pytest.mark.parametrize(
    ("items", "early"),
    [
        ([], ["operation-2"]),
        ([{"status": {"S": "IN_PROGRESS"}}], ["operation-2"]),
        ([{"status": {"S": "COMPLETED"}}], []),
    ],
    ids=["no record", "in progress", "completed"],
)
def test_an_effect_before_its_predecessors_completion_is_early(
    items: list[dict[str, Any]], early: list[str]
) -> None:
    """An effect may begin only when the record of the operation before it is completed."""
    watching = watch(*items)
    assert watching(EFFECT) is None
    assert watching.early == early


def test_a_mishap_that_did_not_happen_is_said() -> None:
    """What is left of a fault is named; what happened is counted by kind."""
    faults = [
        PlannedFault(operation="a", what="raise", when="before", times=3),
        PlannedFault(operation="b", what="kill", when="after"),
    ]
    rows = [{"id": {"S": "a"}, "times": {"N": "1"}}, {"id": {"S": "b"}, "times": {"N": "0"}}]
    kinds, missing = count_faults(site(Table(rows)), faults)
    assert kinds == {"raise before": 2, "kill after": 1}
    assert missing == ["a fault never happened: raise before the effect of a"]
