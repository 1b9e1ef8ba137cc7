"""Every expression with a function that the pages show, and every key that docs/logs.md shows."""

import hashlib
import inspect
import json
import re
import sys
from typing import Any

import pytest

from idempotent_lambda.calls.arguments import FunctionRule, hash_payload
from idempotent_lambda.errors import MissingKeyError
from idempotent_lambda.expressions import MAX_NFC
from idempotent_lambda.keys import KeyRule, compile_expression
from idempotent_lambda.sources.payload import decode_payload
from idempotent_lambda_toolkit.cli import records
from idempotent_lambda_toolkit.cli.shown_keys import unescape_text
from tests.handler.events import key_rule, record
from tests.handler.harness import ConsumerHarness

from .test_guides import KEY, ROOT, rows

SOURCES, LOGS, CLI = (
    (ROOT / "docs" / f"{name}.md").read_text() for name in ("sources", "logs", "cli")
)
FUNCTIONS = SOURCES.partition("\n### Functions\n")[2].partition("\n## ")[0]
SPELLING = KEY.partition("\n## Spelling\n")[2].partition("\n## ")[0]
EXPRESSION = re.compile(r"`([^`]*\bbody\b[^`]*)`")

SPELLINGS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "lower(body.order_id)": ({"order_id": "ORDER-1"}, {"order_id": "Order-1"}),
    "lower(body.uuid)": ({"uuid": "6F9619FF-8B86"}, {"uuid": "6f9619ff-8b86"}),
    "trim(body.order_id)": ({"order_id": "A-1 "}, {"order_id": "\tA-1"}),
    "nfc(body.name)": ({"name": "caf\u00e9"}, {"name": "cafe\u0301"}),
    "sha256(body.items)": ({"items": [{"a": 1, "b": 2}]}, {"items": [{"b": 2.0, "a": 1}]}),
    "sha256(body)": ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    "body.id && to_string(body.id)": ({"id": 8}, {"id": "8"}),
}
"""Two bodies of one operation, by the expression that joins them."""


def test_every_expression_is_here() -> None:
    """The pages show these expressions and no others."""
    shown = {found for part in (FUNCTIONS, SPELLING) for found in EXPRESSION.findall(part)}
    hashes = re.findall(r"`(sha256\([^`]+\))`", KEY)
    inputs = re.findall(r"`(\w+\(body[^`]*\))`", (ROOT / "docs" / "inputs.md").read_text())
    assert shown | set(hashes) | set(inputs) == set(SPELLINGS)


@pytest.mark.parametrize("expression", SPELLINGS)
def test_one_operation(expression: str) -> None:
    """Both bodies are one operation, and a message without the field is refused."""
    first, second = SPELLINGS[expression]
    harness = ConsumerHarness(key=expression)
    for number, body in enumerate((first, second)):
        assert harness.deliver(record(json.dumps(body), message_id=f"m-{number}")) == []
    assert len(harness.ran) == 1
    with pytest.raises(MissingKeyError):
        key_rule(expression=expression).for_document({"body": {}})


def test_table_of_functions() -> None:
    """The table has our functions, and what it says that they return."""
    names = [re.match(r"`(\w+)", cell) for cell, _, _ in rows(FUNCTIONS, "function")]
    assert [name and name[1] for name in names] == ["lower", "trim", "nfc", "sha256"]
    _, _, lowered = rows(FUNCTIONS, "function")[0]
    *spellings, expected = re.findall("`([^`]+)`", lowered)
    found = {compile_expression("lower(body)").search({"body": text}) for text in spellings}
    assert found == {expected}


def test_canonical_json() -> None:
    """The hash is the one that the page describes."""
    body = {"b": [1.0, 1e0, "1", 0.5], "a": {"\u00e9": None, "A": True}}
    canonical = '{"a":{"A":true,"\\u00e9":null},"b":[1,1,"1",0.5]}'
    found = compile_expression("sha256(body)").search({"body": body})
    assert found == hashlib.sha256(canonical.encode()).hexdigest()


def test_numbers() -> None:
    """Numbers are equal, and differ, as the page says; the payload of a call differs by text."""

    def compare(expression: str, one: str, other: str) -> bool:
        first, second = (
            compile_expression(expression).search({"body": [json.loads(text)]})
            for text in (one, other)
        )
        return bool(first == second)

    assert "`9007199254740993.0` equals `9007199254740992`" in FUNCTIONS
    assert compare("sha256(body)", "9007199254740993.0", "9007199254740992")
    assert not compare("sha256(body)", "9007199254740993", "9007199254740992")
    assert compare("sha256(body)", "1e22", "1" + "0" * 22)
    for digits in ("1" + "0" * 23, str(int(1e23))):
        assert not compare("sha256(body)", "1e23", digits)


def test_numbers_in_a_payload() -> None:
    """The payloads 1 and 1.0 differ, unless `sha256` joins them."""

    def charge(amount: float) -> float:
        return amount

    for payload, count in (("amount", 2), ("sha256(amount)", 1)):
        rule = FunctionRule("charge", "amount", payload, stores_results=True, lease_seconds=30)
        calls = [inspect.signature(charge).bind(amount) for amount in (1, 1.0)]
        assert len({hash_payload(rule, call) for call in calls}) == count


def test_trim() -> None:
    """`trim` removes what `str.strip` removes."""
    for number in range(sys.maxunicode + 1):
        text = chr(number)
        if number % 1000 == 0 or text.isspace() or number < 256:
            found = compile_expression("trim(body.a)").search({"body": {"a": f"{text}A{text}"}})
            assert found == f"{text}A{text}".strip()


def test_longest_text() -> None:
    """`nfc` takes as many characters as the page says."""
    assert f"text of at most {MAX_NFC:,} characters" in FUNCTIONS


@pytest.mark.parametrize(
    ("text", "is_decoded"),
    [('\ufeff \n{"a":1}', True), (' \ufeff{"a":1}', False), ('\ufeff\ufeff{"a":1}', False)],
)
def test_byte_order_mark(text: str, is_decoded: bool) -> None:
    """A byte-order mark comes before the blanks, as the page says."""
    assert (decode_payload(text).body == {"a": 1}) == is_decoded


def test_text_of_null() -> None:
    """`to_string` without the check of the field is refused, as the page says."""
    with pytest.raises(ValueError, match="finds a key even in an empty message"):
        compile_expression("to_string(body.id)")


def test_type_error() -> None:
    """A value that a function cannot take is an error with both names."""
    with pytest.raises(MissingKeyError, match=r"lower\(\) takes string or null, and gets number"):
        key_rule(expression="lower(body.id)").for_document({"body": {"id": 7}})


KEYS = {
    "`é` as one character": "\u00e9",
    "`e` and U+0301": "e\u0301",
    "`A-1` and a blank": "A-1 ",
    "`C:\\A-1`": "C:\\A-1",
    "a text that begins with `[`, as an array does": "[A-1]",
    "a text that begins with `sha256:`, as a hash does": "sha256:4f53",
    "a text or a number that begins with `-`, as an option does": -1,
}
"""The keys that docs/logs.md describes."""


def test_scripts() -> None:
    """Letters of two scripts that look the same are shown as they are, as the page says."""
    assert "\u0410" in LOGS
    assert {KeyRule("orders").for_value(text).show(hashed=False) for text in ("A", "\u0410")} == {
        "A",
        "\u0410",
    }


def test_shown_keys() -> None:
    """The log shows each key as the page says."""
    table = {key: shown.strip("`") for key, shown in rows(LOGS.partition("### Keys")[2], "key")}
    rule = KeyRule("orders")
    assert table == {name: rule.for_value(KEYS[name]).show(hashed=False) for name in table}
    assert set(table) == set(KEYS)


def test_key_of_the_command() -> None:
    """The command reads the key that its page gives as an example."""
    (shown,) = re.findall(r"\(`'(\S+)'` ends with a blank\)", CLI)
    assert unescape_text(shown) == "A-1 "
    assert records.ids("orders", shown) == ["orders#A-1 "]
    (shown,) = re.findall(r"`'(\S+)'` is the key -1", CLI)
    assert records.ids("orders", shown) == ["orders#-1", "orders##-1"]
