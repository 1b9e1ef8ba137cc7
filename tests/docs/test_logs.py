"""The page of logs shows the lines that the package writes."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.logs import sections
from idempotent_lambda.observer import CLAIM_RESULTS
from idempotent_lambda.protocol.steps import Outcome
from idempotent_lambda.settings import LOG_RULE
from scripts.pages import render
from tests.handler.events import key_rule
from tests.handler.quoted_keys import CONSUMED

PAGE = (Path(__file__).parents[2] / "docs" / "logs.md").read_text()
LINE, *SAMPLES = map(json.loads, re.findall(r"```json\n(.*?)\n```", PAGE))
BY_OUTCOME = {sample["outcome"]: sample for sample in SAMPLES} | {"completed": {}}
VARYING = {
    "timestamp", "key", "message_id", "request_id", "trace_id", "claim_ms", "run_ms", "settle_ms",
}  # fmt: skip
"""Fields whose values are the reader's; a time may only be null or a number."""

Read = Callable[[Outcome], dict[str, Any]]


@pytest.fixture
def read(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Read:
    """The first line of a message that ends so, and that shares its end with no other."""
    monkeypatch.setenv("_X_AMZN_TRACE_ID", f"Root={LINE['trace_id']};Parent=53995c3f42cd8ad8")

    def read(outcome: Outcome) -> dict[str, Any]:
        CONSUMED[outcome]("ORDER-1", hash_keys=False)
        written = capsys.readouterr().out.splitlines()
        lines = [json.loads(line) for line in written if line.startswith("{")]
        found = (line for line in lines if line.get("outcome") == outcome and not line["coalesced"])
        return next(found)

    return read


def shape(line: dict[str, Any]) -> dict[str, Any]:
    """What the page shows of a line: the types of errors, and whether there is a time."""
    shown = {name: value is None if name in VARYING else value for name, value in line.items()}
    errors = [(error["type"], list(error)) for error in line["errors"]]
    return {name: value for name, value in shown.items() if name != "errors"} | {"errors": errors}


@pytest.mark.parametrize("outcome", list(Outcome))
def test_samples(read: Read, outcome: Outcome) -> None:
    """Every outcome has a sample, and with the fields of the first line it is what is written."""
    line = read(outcome)
    assert list(line) == list(LINE)
    assert shape(line) == shape(LINE | BY_OUTCOME[outcome.value])


def test_samples_are_short(read: Read) -> None:
    """A sample repeats nothing of the first line but its outcome."""
    for sample in SAMPLES:
        same = [name for name in sample if shape(LINE | sample)[name] == shape(LINE)[name]]
        assert same == []
    assert len(SAMPLES) == len(set(map(str, SAMPLES))) == len(Outcome) - 1
    assert read(Outcome.COMPLETED)["outcome"] == LINE["outcome"] == "completed"


def list_rows(section: str) -> list[list[str]]:
    """The rows of the first table below a heading, without its headers."""
    table = PAGE.partition(f"\n## {section}\n")[2].partition("|---")[2].partition("\n\n")[0]
    rows = table.splitlines()[1:]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows]


def test_every_field() -> None:
    """The table has every field of a line, in its order, and every first answer to a claim."""
    rows = list_rows("A line")
    assert [row[0].strip("`") for row in rows] == list(LINE)
    (answers,) = (row[2] for row in rows if row[0] == "`claim_result`")
    assert set(re.findall(r"`(\w+)`", answers)) == set(CLAIM_RESULTS.values())


def test_levels(read: Read) -> None:
    """The table of levels names the outcomes of each."""
    levels = {outcome.value: read(outcome)["level"] for outcome in Outcome}
    for row in list_rows("Levels")[:2]:
        named = set(re.findall(r"`(\w+)`", row[1].partition(";")[0]))
        assert {name for name, level in levels.items() if level == row[0].strip("`")} == named
    assert set(levels.values()) == {"INFO", "WARN", "ERROR"}


@pytest.mark.parametrize("key", ["ORDER-1", ["acme", "ORDER-1"]])
def test_hashed_keys(key: Any) -> None:
    """The command prints the hash that the log shows, and the query asks for the first of them."""
    made = key_rule().for_value(key)
    (command,) = (
        line for line in PAGE.splitlines() if line.startswith(f"printf '%s' '{made.record_id}'")
    )
    printed = subprocess.run(
        ["sh", "-c", command], capture_output=True, text=True, check=True
    ).stdout
    shown = made.show(hashed=True)
    assert shown == f"sha256:{printed.split()[0]}"
    assert (f'key = "{shown}"' in PAGE) is (key == "ORDER-1")
    assert (
        f"key = {json.dumps(key, separators=(',', ':'))}".replace("= [", "= '[").removesuffix("]")
        in PAGE
    )


def test_costs() -> None:
    """The table of costs is what the package writes now, measured again."""
    assert render(PAGE, sections()) == PAGE


def test_the_log_modes() -> None:
    """The page names each value of the input, and the largest sample."""
    values = [row[0].split(",")[0].strip("`") for row in list_rows("Fewer lines")]
    assert values == ["all", "problems", "sampled:N"]
    assert all(re.fullmatch(LOG_RULE, value.replace("N", "1000000")) for value in values)
    assert not re.fullmatch(LOG_RULE, "sampled:1000001")
