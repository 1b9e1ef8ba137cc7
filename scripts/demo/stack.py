"""What the demo deploys: the quickstart, changed by Terraform override files.

The example's own files are copied. The added files change the source of the module (a git
repository, as in any stack) and the times, put a wrapper in front of the code that breaks things,
and add the unprotected stack.
"""

import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Final

from scripts.support.source import repository
from scripts.support.stack import EXAMPLES, write_stack

HERE: Final = Path(__file__).parent
WRAPPER: Final = HERE / "wrapper" / "faults.py"
UNPROTECTED: Final = HERE / "wrapper" / "naive.py"

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


def write(directory: Path, *, break_claim: bool) -> Path:
    """Write the root module into ``directory``, with its module source; return its path.

    Raises:
        SabotageError: The claim can't be broken as asked.
        SourceError: git is missing or failed.
    """
    source = repository(directory / "module.git")
    if break_claim:
        source = _sabotage(directory)
    tf = (HERE / "terraform").glob("*.tf")
    stack = write_stack(directory, EXAMPLES / "quickstart", source, code=[WRAPPER], tf=tf)
    # The unprotected function: the same code and wrapper, without the package.
    with zipfile.ZipFile(stack / "naive.zip", "w") as package:
        for file in (*sorted((stack / "src").glob("*.py")), UNPROTECTED):
            package.write(file, file.name)
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
