"""What a scenario deploys: the example, with what the demo needs changed.

The example's own files are copied and terraform's override files change what the demo needs
changed: where the module comes from (a git repository, as in anybody's stack), short times, the
wrapper that breaks things. They may add resources of their own, such as a table of faults.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from scripts.demo.scenario import Scenario
from scripts.support.emulator import ROOT
from scripts.support.source import repository

EXAMPLES: Final = ROOT / "examples"
HERE: Final = Path(__file__).parent
WRAPPERS: Final = HERE / "wrapper"
CONFIGURATION: Final = HERE / "terraform"

RECORD: Final = Path("handler", "idempotent_lambda", "protocol", "record.py")
BEFORE: Final = re.compile(r"^(?=IS_FREE = )", re.MULTILINE)
SABOTAGE: Final = """\
# Sabotaged by the demo: of "completed and expired" only "completed" is left, of "in progress and
# stale" only "in progress". Any record may be claimed again.
IS_EXPIRED = And(IS_EXPIRED.parts[:1])
IS_STALE = And(IS_STALE.parts[:1])

"""

# Run on the sabotaged copy. A completed record that is kept for ever must look free in it; also to
# a claim that is refused because there is a record, as one of a batch is, and then reads it.
PROOF: Final = """
import sys
from idempotent_lambda.protocol.judgement import judge_existing
from idempotent_lambda.protocol.record import Record, Status
from idempotent_lambda.protocol.requests import ClaimRequest
record = Record(id="1", status=Status.COMPLETED, owner="a", expires_at=2**40, created_at=0)
claim = ClaimRequest(
    record_id="1", owner="b", now=1, retention=1, lease_expires_at=2, takeover=False
)
sys.exit(judge_existing(record, claim) is not None)
"""


class SabotageError(Exception):
    """What DEMO_BREAK should break was not found, so that the demo would prove nothing."""


def write(directory: Path, scenario: Scenario, *, break_claim: bool) -> Path:
    """Write the root module into ``directory``, its module source beside it; where it is.

    Raises:
        SabotageError: The claim can't be broken as asked.
        SourceError: git is missing or failed.
    """
    source = repository(directory / "module.git")
    if break_claim:
        source = _sabotage(directory)
    stack = directory / "stack"
    shutil.copytree(
        EXAMPLES / scenario.name,
        stack,
        ignore=shutil.ignore_patterns(".*", "__pycache__", "*.tfstate*"),
    )
    shutil.copy(WRAPPERS / f"{scenario.wrapper}.py", stack / "src")
    of_the_wrapper = CONFIGURATION.glob(f"{scenario.wrapper}.tf")
    for file in (*of_the_wrapper, *(CONFIGURATION / scenario.name).glob("*.tf")):
        text = file.read_text(encoding="utf-8").replace("MODULE_SOURCE", source)
        (stack / file.name).write_text(text, encoding="utf-8")
    scenario.prepare(stack)
    return stack


def _sabotage(directory: Path) -> str:
    copy = directory / "sabotaged"
    subprocess.run(["git", "clone", "--quiet", directory / "module.git", copy], check=True)
    claims = copy / RECORD
    text = claims.read_text(encoding="utf-8")
    claims.write_text(BEFORE.sub(SABOTAGE, text), encoding="utf-8")
    proof = subprocess.run(
        [sys.executable, "-c", PROOF],
        cwd=copy / "handler",
        capture_output=True,
        text=True,
        check=False,
    )
    if proof.returncode != 0:
        said = (proof.stderr.strip().splitlines() or ["a completed record is still not free"])[-1]
        raise SabotageError(
            f"DEMO_BREAK=claim did not break {RECORD} ({said}): "
            f"adapt scripts/demo/{Path(__file__).name} to the condition as it is now"
        )
    return repository(directory / "sabotaged.git", copy)
