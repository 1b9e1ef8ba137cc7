"""``make verify-emulator``, whole and killed, and ``make verify-clean`` after it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.support import observation
from tests.verify import __main__ as command
from tests.verify import target as targets
from tests.verify.leftovers import list_leftovers
from tests.verify.report import ROWS, SUITE
from tests.verify.target import TargetError, find_emulator, stop_emulator
from tests.waiting import eventually

pytestmark = [
    pytest.mark.emulator,
    pytest.mark.terraform,
    pytest.mark.slow,
    pytest.mark.extended,
    pytest.mark.timeout(1500),
]
ROOT = Path(__file__).parents[2]


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Path]:
    """A folder for what is built, whose emulator ends with the test."""
    yield tmp_path
    stop_emulator(tmp_path)


def start(build: Path) -> subprocess.Popen[str]:
    """Start a run in that folder."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.verify", "emulator", "--build", str(build)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": ".:handler:toolkit"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_every_row_has_an_answer(build: Path) -> None:
    """A run answers each row, says how long its parts took, and leaves nothing."""
    with start(build) as process:
        said = process.communicate()[0]
    assert process.returncode == 0, said
    written = json.loads((build / "aws.json").read_text())
    assert [row["name"] for row in written["rows"]] == [*ROWS, SUITE]
    assert all(row["answer"] and row["question"] for row in written["rows"])
    assert {row["target"] for row in written["rows"]} == {"emulator"}
    assert written["seconds"].keys() == {"creating", "the rows", "removing"}
    assert (build / "aws.md").read_text().count(" | emulator |") == len(written["rows"])
    assert command.list_runs(build) == []
    assert f"nothing is left of {written['run']}" in said


@pytest.mark.parametrize("moment", ["-queue", "-contract-"])
def test_killed(
    build: Path,
    moment: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """After a SIGKILL while it creates, or while it asks, the clean-up leaves nothing."""
    with start(build) as process:
        eventually(lambda: bool(command.list_runs(build)), "the run has begun")
        aws = find_emulator(build).make_clients()
        deadline = time.monotonic() + 1200
        while not any(
            moment in each.name or moment == f"-{each.kind}" for each in list_leftovers(aws)
        ):
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.5)
        created = Counter(
            each.kind for each in list_leftovers(aws) if "-contract-" not in each.name
        )
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert (created == command.CREATED) is (moment == "-contract-"), created
    found: list[str] = []

    def stop(build: Path) -> None:
        found.extend(observation.resources(aws))
        stop_emulator(build)

    monkeypatch.setattr(targets, "stop_emulator", stop)
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    assert command.main(["clean", "--build", str(build)]) == 0
    assert found == []
    assert "nothing is left" in capsys.readouterr().out
    assert command.list_runs(build) == []


def test_interrupted(build: Path) -> None:
    """After Ctrl-C while it creates, the run itself leaves nothing, and its emulator ends."""
    with start(build) as process:
        eventually(lambda: bool(command.list_runs(build)), "the run has begun")
        aws = find_emulator(build).make_clients()
        eventually(
            lambda: any(each.kind == "queue" for each in list_leftovers(aws)), "it creates a queue"
        )
        process.send_signal(signal.SIGINT)
        said = process.communicate()[0]
    assert process.returncode == 128 + signal.SIGINT, said
    assert "nothing is left of" in said
    assert command.list_runs(build) == []
    with pytest.raises(TargetError, match="does not run"):
        find_emulator(build)
