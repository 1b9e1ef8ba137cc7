"""What DynamoDB and IAM say about statements and transactions."""

from typing import Any

import pytest

from scripts.support.producer import invoke

from .conftest import Site

pytestmark = [pytest.mark.aws, pytest.mark.timeout(600)]

ALLOWED = "allowed"
OWN, OTHER = "mine#1", "theirs#1"


def try_calls(site: Site, calls: dict[str, Any]) -> dict[str, str]:
    """Make the calls under the restricted role; return how each ended."""
    answer = invoke(site.aws, site.outputs["functions"]["control"], {"calls": calls})
    assert answer.error is None, answer
    return dict(answer.payload)


def put(table: str, key: str) -> dict[str, Any]:
    """A write of one item."""
    return {"TableName": table, "Item": {"id": {"S": key}}}


def is_enforced(site: Site) -> bool:
    """Whether the role's condition works for single writes; a new role needs some seconds."""
    table = site.outputs["tables"]["shared"]
    calls = {key: {"method": "put_item", "arguments": put(table, key)} for key in (OWN, OTHER)}
    ended: dict[str, str] = {}

    def is_ready() -> bool:
        ended.update(try_calls(site, calls))
        return ended[OWN] == ALLOWED

    assert site.wait(is_ready, aws=60, emulator=60) is not None, ended
    enforced = "AccessDenied" in ended[OTHER]
    assert enforced or not site.is_aws, "the role may write keys of other namespaces"
    return enforced


def judge(site: Site, ended: dict[str, str], expected: dict[str, bool]) -> None:
    """Answer with how the calls ended, and whether IAM refused exactly the calls of other keys."""
    enforced = is_enforced(site)
    text = ", ".join(f"{name}: {how}" for name, how in ended.items())
    if not enforced:
        text += "; but a single write of another key is allowed, too, so no condition works here"
    right = all(
        how == ALLOWED if expected[name] else "AccessDenied" in how for name, how in ended.items()
    )
    site.answer(text, relied_on=right if enforced else None)


def test_leading_keys_of_partiql(site: Site) -> None:
    """Does `dynamodb:LeadingKeys` contain a key that a PartiQL statement passes as a parameter?"""
    table = site.outputs["tables"]["shared"]
    statements = {
        "INSERT": f"INSERT INTO \"{table}\" VALUE {{'id': ?}}",
        "UPDATE": f'UPDATE "{table}" SET n=1 WHERE id=?',  # noqa: S608
        "DELETE": f'DELETE FROM "{table}" WHERE id=?',  # noqa: S608
    }
    is_enforced(site)  # which also waits for the role
    ended: dict[str, str] = {}
    for verb, statement in statements.items():
        calls = {}
        for whose, key in (("own", "mine#parameter"), ("other", "theirs#parameter")):
            one = {"Statement": statement, "Parameters": [{"S": key}]}
            calls[f"{verb} {whose}"] = {
                "method": "batch_execute_statement",
                "arguments": {"Statements": [one]},
            }
        ended |= try_calls(site, calls)
    judge(site, ended, {name: name.endswith("own") for name in ended})


def test_leading_keys_of_transactions(site: Site) -> None:
    """Does `dynamodb:LeadingKeys` contain only the keys of the table, for a transaction on two?"""
    shared, notes = (site.outputs["tables"][name] for name in ("shared", "notes"))
    is_enforced(site)
    calls = {}
    for name, key in (("own and another table", OWN), ("other and another table", OTHER)):
        items = [{"Put": put(shared, key)}, {"Put": put(notes, "a note of no namespace")}]
        calls[name] = {
            "method": "transact_write_items",
            "arguments": {"TransactItems": items},
        }
    judge(site, try_calls(site, calls), {name: name.startswith("own") for name in calls})


def test_item_of_a_refused_insert(site: Site) -> None:
    """Does a refused `INSERT` in a batch return the item, with `ALL_OLD`?"""
    table = site.outputs["tables"]["shared"]
    item = {"id": {"S": "mine#refused"}, "owner": {"S": "the first"}}
    site.aws.dynamodb.put_item(TableName=table, Item=item)
    statement = {
        "Statement": f"INSERT INTO \"{table}\" VALUE {{'id': ?}}",
        "Parameters": [item["id"]],
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    answer = site.aws.dynamodb.batch_execute_statement(Statements=[statement])["Responses"][0]
    error = answer.get("Error", {})
    found = error.get("Item") or answer.get("Item")
    text = "with the item" if found == item else f"with {found}" if found else "without the item"
    site.answer(f"refused with {error.get('Code')}, {text}", relied_on=None)
    assert error.get("Code") == "DuplicateItem"
