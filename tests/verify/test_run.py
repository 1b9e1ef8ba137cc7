"""A run removes what it has made, whatever happens, and keeps the answers that it has got."""

import json
import time
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from scripts.support.progress import Progress
from scripts.support.terraform import TerraformError
from tests.verify import run as module
from tests.verify.leftovers import Leftover
from tests.verify.run import Run, RunError, carry_out
from tests.verify.target import Target

REMOVE = module.remove
TARGET = Target(name="aws", account="111122223333", region="eu-north-1", environment={})
SITE = {"versions": {"Terraform": "1.11.4"}}
JUNIT = """\
<testsuite><testcase classname="tests.verify.rows.test_tables" name="test_traffic" time="1">
<failure message="arn:aws:sts::111122223333:assumed-role/me may not"/></testcase>
<testcase classname="tests.verify.rows.test_queues" name="test_redrive" time="1">
<properties><property name="question" value="?"/><property name="answer" value="kept"/>
<property name="relied_on" value="yes"/></properties></testcase></testsuite>
"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run whose creation takes no time, and whose pytest answers one row."""
    begun = Run.begin(TARGET, tmp_path)

    def answer(run: Run, *_: Any) -> bool:
        run.results.mkdir(parents=True)
        (run.results / f"{run.name}.xml").write_text(JUNIT)
        return True

    monkeypatch.setattr(module, "_create", lambda *_: SITE)
    monkeypatch.setattr(module, "_run_tests", answer)
    monkeypatch.setattr(module, "remove", lambda *_: [])
    return begun


def fail(error: BaseException) -> Callable[..., Any]:
    """A function that always raises."""

    def raise_it(*_: Any) -> Any:
        raise error

    return raise_it


def start(run: Run) -> list[str]:
    """Carry out a run that says nothing."""
    return carry_out(run, Progress(Console(file=StringIO())))


def read_answer(run: Run) -> str:
    """Read the row from what the run has written."""
    return str(json.loads((run.build / "aws.json").read_text())["rows"][0]["answer"])


@pytest.mark.parametrize("step", ["_create", "_run_tests"])
@pytest.mark.parametrize("error", [TerraformError("no"), SystemExit(130), KeyError("a fault")])
def test_a_failed_step(
    run: Run, monkeypatch: pytest.MonkeyPatch, step: str, error: BaseException
) -> None:
    """After an error, a signal or a fault of the command, the run removes what there is."""
    removed: list[str] = []
    monkeypatch.setattr(module, step, fail(error))
    monkeypatch.setattr(module, "remove", lambda run, _: removed.append(run.name) or [])
    with pytest.raises(type(error)):
        start(run)
    assert removed == [run.name]


def test_a_failed_removal(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the removal fails, the answers are written, and the journal stays for the next one."""
    monkeypatch.setattr(module, "remove", fail(RunError("too long")))
    with pytest.raises(RunError):
        start(run)
    assert read_answer(run) == "kept"
    assert (run.folder / module.JOURNAL).exists()


@pytest.mark.parametrize("error", [TerraformError("no"), None])
def test_a_destruction_that_fails_or_hangs(
    run: Run, monkeypatch: pytest.MonkeyPatch, error: Exception | None
) -> None:
    """What terraform does not destroy, also because it hangs, is deleted by name."""
    swept: list[str] = []

    def destroy(*_: Any) -> None:
        if error:
            raise error
        time.sleep(60)

    terraform = SimpleNamespace(destroy=destroy)
    monkeypatch.setattr(module, "remove", REMOVE)
    monkeypatch.setattr(module, "DESTROY_SECONDS", 0.1)
    monkeypatch.setattr(Run, "make_terraform", lambda *_: terraform)
    monkeypatch.setattr(module, "sweep", lambda run, _: swept.append(run.name) or [])
    (run.folder / "stack").mkdir()
    (run.folder / "stack" / "terraform.tfstate").touch()
    start(run)
    assert swept == [run.name]
    assert not run.folder.exists()


def test_what_is_left_is_a_problem(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A resource that can't be deleted is one of the problems, and each row without an answer."""
    leftover = Leftover("table", f"{run.name}-notes", "")
    monkeypatch.setattr(module, "remove", lambda *_: [leftover])
    problems = start(run)
    assert problems[-1] == f"table {run.name}-notes is left"
    assert not any(problem.startswith("redrive") for problem in problems)
    assert any(problem.startswith("traffic: no answer") for problem in problems)


def test_the_account_is_not_in_the_results(run: Run) -> None:
    """An error that names the account does so in no file that one pastes."""
    problems = start(run)
    assert "traffic: no answer: arn:aws:sts::(account):assumed-role/me may not" in problems
    for name in ("aws.json", "aws.md"):
        assert TARGET.account not in (run.build / name).read_text()


@pytest.mark.parametrize(("seconds", "is_whole"), [(60.0, True), (0.0, False)])
def test_the_time_of_the_tests_is_limited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, *, is_whole: bool
) -> None:
    """It is known whether pytest came to all tests before the deadline."""
    monkeypatch.setattr(module, "PYTEST", ["-c", "import time; time.sleep(1)"])
    begun = Run.begin(TARGET, tmp_path)
    ended = module._run_tests(
        begun, SITE, time.monotonic() + seconds, Progress(Console(file=StringIO()))
    )
    assert ended is is_whole


def test_the_journal_says_where(run: Run) -> None:
    """The journal has account and Region before anything is created, and no key."""
    written = json.loads((run.folder / module.JOURNAL).read_text())
    assert written == {"target": "aws", "account": "111122223333", "region": "eu-north-1"}
