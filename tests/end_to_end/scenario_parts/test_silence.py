"""The proxy's plan in a soak: chance, and owners that never hear of their completion."""

from typing import Any

from scripts.support.proxy import Call, Fault
from tests.end_to_end.scenarios.proxy_plans import ODDS, Silence


def call(record_id: str, owner: str, status: str = "completed") -> Call:
    """A claim or a completion, as far as the plan looks at it."""
    body: dict[str, Any] = {
        "TableName": "records",
        "Key": {"id": {"S": record_id}},
        "UpdateExpression": f"SET #status = :{status}",
        "ExpressionAttributeValues": {":owner": {"S": owner}},
    }
    return Call("UpdateItem", body)


def together(*owners: tuple[str, str], verb: str = "UPDATE") -> Call:
    """Completions of records by their owners, or another statement, in one call."""
    text = f'{verb} "records" SET "status" = ? WHERE "id" = ? AND ("owner" = ? AND "status" = ?)'
    statements = [
        {
            "Statement": text,
            "Parameters": [{"S": each} for each in ("COMPLETED", *owner, "IN_PROGRESS")],
        }
        for owner in owners
    ]
    return Call("BatchExecuteStatement", {"Statements": statements})


def silence() -> Silence:
    """A plan for two orders."""
    return Silence(1, table="records", lost=["lost"], unanswered=["unanswered"])


def test_the_first_owner_never_completes() -> None:
    """Every try of the first owner is in vain, and only its completions are."""
    plan = silence()
    assert {plan(call("lost", "first")) for _ in range(200)} == {Fault.LOST_REQUEST}
    assert {plan(call("unanswered", "first")) for _ in range(200)} == {Fault.LOST_RESPONSE}
    assert len(plan.owners) == 2
    assert None in {plan(call("lost", "first", "in_progress")) for _ in range(200)}


def test_who_completes_together_is_silenced_together() -> None:
    """A call that carries the completion of a silenced owner has no answer, whoever is in it."""
    plan = silence()
    struck = together(("other", "first"), ("lost", "first"))
    assert {plan(struck) for _ in range(200)} == {Fault.LOST_REQUEST}
    assert len(plan.owners) == 1
    for call in (
        together(("other", "first")),
        together(("lost", "second"), ("other", "first")),
        together(("lost", "first"), verb="DELETE"),
    ):
        assert None in {plan(call) for _ in range(200)}


def test_the_next_owner_completes() -> None:
    """An owner that takes over meets faults by chance alone."""
    plan = silence()
    plan(call("lost", "first"))
    assert None in {plan(call("lost", "second")) for _ in range(200)}
    assert len(plan.owners) == 1


def test_any_call_can_be_struck_by_chance() -> None:
    """Calls for other orders meet every fault of the odds now and then."""
    plan = silence()
    found = {plan(call("other", "first")) for _ in range(5000)}
    assert found == {None, *ODDS["UpdateItem"]}
    found = {plan(together(("other", "first"))) for _ in range(5000)}
    assert found == {None, *ODDS["BatchExecuteStatement"]}
    assert len(plan.owners) == 0


def test_calls_for_other_tables_are_left_alone() -> None:
    """Calls to the tables of side effects and faults get through, since the test counts those."""
    other = Call("UpdateItem", {"TableName": "faults", "UpdateExpression": "ADD times :less"})
    assert {silence()(other) for _ in range(1000)} == {None}
