"""The whole demo, as ``make demo`` runs it, and the same with the claim broken."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from scripts.support.source import repository

ROOT = Path(__file__).resolve().parents[2]

pytestmark = [
    pytest.mark.emulator,
    pytest.mark.terraform,
    pytest.mark.slow,
    pytest.mark.timeout(600),
]

RECORD = Path("handler", "idempotent_lambda", "protocol", "record.py")
SABOTAGE = """\
# Of "completed and expired" only "completed" is left, of "in progress and stale" the first half.
# Any record may be claimed again.
IS_EXPIRED = And(IS_EXPIRED.parts[:1])
IS_STALE = And(IS_STALE.parts[:1])

"""

# Run on the sabotaged copy. A completed record that is kept for ever must look free in it; also to
# a claim that is refused because there is a record, as one of a batch is, and then reads it.
CHECK = """
from idempotent_lambda.protocol.judgement import judge_existing
from idempotent_lambda.protocol.record import Record, Status
from idempotent_lambda.protocol.claims import ClaimRequest
record = Record(id="1", status=Status.COMPLETED, owner="a", expires_at=2**40, created_at=0)
claim = ClaimRequest(
    record_id="1", owner="b", now=1, retention=1, lease_expires_at=2, takeover=False
)
print(judge_existing(record, claim))
"""


def run_demo(output: Path, root: Path = ROOT) -> tuple[int, str, dict[str, Any]]:
    """Run the demo to its end; return its exit code, what it printed, and its report."""
    run = subprocess.run(
        [sys.executable, "-m", "scripts.demo", "--output", str(output)],
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    report = output / "report.json"
    assert report.exists(), run.stdout
    return run.returncode, run.stdout, json.loads(report.read_text())


def test_every_order_takes_effect_once(tmp_path: Path) -> None:
    """Attacked in every way, no order is lost or charged twice; without protection many are."""
    code, said, report = run_demo(tmp_path)
    assert code == 0, said
    ours = report["ours"]
    assert ours["sent"] >= 200
    assert ours["lost"] == ours["charged_twice"] == 0
    assert ours["dead_lettered"] == ours["poison"] > 0
    once = ours["charged_once"] + ours["interrupted_repeats"]
    assert once == ours["unique"] - ours["poison"]
    assert ours["interrupted_repeats"] <= report["kills_after_charge"] > 0
    assert report["naive"]["charged_twice"] > 0
    assert report["second_plan_empty"] is True
    assert report["left_after_destroy"] == 0


@pytest.mark.proof
def test_a_broken_claim_is_noticed(tmp_path: Path) -> None:
    """With the claim broken, orders are charged twice, and the demo fails and says so."""
    repository(tmp_path / "module.git")
    copy = tmp_path / "copy"
    subprocess.run(["git", "clone", "--quiet", tmp_path / "module.git", copy], check=True)
    environment = copy / ".venv-emulator"
    environment.unlink(missing_ok=True)  # git copies it where it is a link
    environment.symlink_to(ROOT / ".venv-emulator")
    text = (copy / RECORD).read_text()
    broken = re.sub(r"^(?=IS_FREE = )", SABOTAGE, text, flags=re.MULTILINE)
    (copy / RECORD).write_text(broken)
    checked = subprocess.run(
        [sys.executable, "-c", CHECK],
        cwd=copy / "handler",
        env={**os.environ, "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert checked.stdout == "None\n", "the claim is not broken: adapt the sabotage"
    code, said, report = run_demo(tmp_path / "output", copy)
    assert code == 1
    assert report["ours"]["charged_twice"] > 0
    assert "charged twice although no owner was killed after the charge" in said
