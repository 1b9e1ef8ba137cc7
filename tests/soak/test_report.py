"""The soak's figures and its verdict."""

import json
from pathlib import Path
from typing import Any

import pytest

from scripts.soak.account import Evidence
from scripts.soak.report import Report
from scripts.support.proxy import Fault

SENT = [
    {"order_id": "a", "message_id": "1", "duplicate": False},
    {"order_id": "a", "message_id": "2", "duplicate": True},
    {"order_id": "b", "message_id": "3", "duplicate": False, "poison": True, "dead_lettered": True},
]
EFFECT = {
    "order_id": "a",
    "message_id": "1",
    "receive_count": 1,
    "began_at": 0,
    "lease_ends_at": 5000,
    "end": "kill",
    "process": "killed",
}
LATER = EFFECT | {"began_at": 6000, "end": "", "process": "alive"}
FAULTS = [
    {"fault_id": f"order-{n}", "fault": fault, "struck": True, "struck_in": "killed"}
    for n, fault in enumerate(
        ("kill_soon", "timeout_after_effect", "raise_after_effect", "overlap")
    )
]


def report(**changes: Any) -> Report:
    """A report of a soak in which all went well, or of one that differs in something."""
    evidence = Evidence(
        sent=[{"poison": False, "dead_lettered": False, **row} for row in SENT],
        effects=changes.pop("effects", [EFFECT, LATER]),
        deliveries=[
            {"message_id": "1", "receive_count": 2, "outcome": "completed", "coalesced": False},
            {"message_id": "2", "receive_count": 2, "outcome": "completed", "coalesced": True},
        ],
        faults=changes.pop("faults", FAULTS),
    )
    values: dict[str, Any] = {
        "seed": 7,
        "evidence": evidence,
        "proxy": dict.fromkeys(Fault, 2),
        "silenced": 1,
        "backlog": 0,
        "seconds": 12.3,
    }
    return Report(**values | changes)


def test_the_figures_are_written(tmp_path: Path) -> None:
    """soak.json holds what was sent, what came of it, and the injectors' own counts."""
    report().write(tmp_path)
    figures = json.loads((tmp_path / "soak.json").read_text())
    assert figures.pop("injected") == {
        "kills": 1,
        "timeouts": 1,
        "exceptions": 1,
        "overlaps": 1,
        "producer_duplicates": 1,
        "silenced_completions": 1,
        **dict.fromkeys(("lost_responses", "lost_requests", "resets", "throttles"), 2),
        **dict.fromkeys(("errors_500", "slow", "hangs"), 2),
        **dict.fromkeys(("throttled_parts", "errors_500_of_parts", "lost_parts"), 2),
        "short_answers": 2,
    }
    assert figures == {
        "seed": 7,
        "messages": 3,
        "unique": 2,
        "poison": 1,
        "lost": 0,
        "repeated": 0,
        "interrupted_repeats": 1,
        "unconfirmed_repeats": 0,
        "raised_repeats": 0,
        "early_repeats": 0,
        "dead_lettered": 1,
        "backlog": 0,
        "outcomes": {"coalesced": 1, "completed": 1},
        "seconds": 12,
    }
    assert report().problems() == []


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"effects": []}, "1 lost: a"),
        (
            {"effects": [EFFECT | {"end": "", "process": "alive"}, LATER]},
            "1 repeated for no reason that P5 knows: a",
        ),
        ({"effects": [EFFECT, EFFECT]}, "1 repeated while an owner's lease was live: a"),
        ({"effects": [EFFECT, EFFECT | {"order_id": "b"}]}, "1 poison, but took effect: b"),
        ({"backlog": 4}, "4 messages were still in the queue"),
        (
            {"faults": [*FAULTS, {"fault_id": "a", "fault": "overlap", "struck": False}]},
            "a fault never struck: overlap of a",
        ),
        ({"proxy": {}}, "no lost_responses were injected"),
    ],
)
def test_a_broken_promise_is_a_line(changes: dict[str, Any], problem: str) -> None:
    """Whatever went wrong, or was never tried, is named."""
    assert problem in report(**changes).problems()
