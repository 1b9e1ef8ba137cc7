"""Two texts are one operation, or two, on every transport that can carry them."""

import json
from pathlib import Path
from typing import Any

import pytest

from .transports import TRANSPORTS, LoggingHarness, Transport, name_failures

PAIRS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "cases" / "pairs.json").read_text()
)


def can_carry(transport: Transport, texts: list[str]) -> bool:
    """Whether a transport can carry both texts."""
    are_objects = all(text.lstrip("\ufeff \t\r\n").startswith("{") for text in texts)
    return are_objects or not (transport.is_decoded or transport.has_detail)


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{pair['kind']}: {pair['name']}")
def test_pair(pair: dict[str, Any]) -> None:
    """On every transport, the second text runs unless it is the operation of the first."""
    carriers = [each for each in TRANSPORTS.items() if can_carry(each[1], pair["texts"])]
    assert carriers
    for name, transport in carriers:
        with name_failures(name):
            check_pair(transport, pair)


def check_pair(transport: Transport, pair: dict[str, Any]) -> None:
    """One transport carries both texts."""
    key = transport.adapt_key(pair["key"])
    harness = LoggingHarness(key=key, unwrap=transport.unwrap)
    for number, text in enumerate(pair["texts"], 1):
        assert harness.invoke(transport.carry(text, number))
    second = "duplicate" if pair["one_operation"] else "completed"
    assert [line["outcome"] for line in harness.lines] == ["completed", second]
    assert len(harness.messages) == len(harness.memory.records) == 2 - pair["one_operation"]
