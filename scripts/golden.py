"""Keeps the state that this version's quickstart leaves, for the upgrade tests of later versions.

    python -m scripts.golden

Applies the quickstart on the emulator and writes ``tests/module/golden/v<version>/state.json``. Run
it once per release: a golden state is never changed afterwards.
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Final

from scripts.support.emulator import REGION, EmulatorError, running
from scripts.support.source import SourceError, repository
from scripts.support.terraform import Terraform, TerraformError, environment, interruptible

ROOT: Final = Path(__file__).resolve().parents[1]
ACCOUNT: Final = "123456789012"
MODULE_SOURCE: Final = 'module "orders" {{\n  source = {source}\n}}\n'


def main() -> int:
    """Apply, and write the state; return the exit code."""
    try:
        with interruptible():
            destination = _destination()
            text = _state()
    except (EmulatorError, SourceError, TerraformError) as error:
        print(error, file=sys.stderr)
        return 1
    destination.parent.mkdir(parents=True, exist_ok=True)
    destination.write_text(text, encoding="utf-8")
    print(f"wrote {destination.relative_to(ROOT)}")
    return 0


def _destination() -> Path:
    version = (ROOT / "handler/idempotent_lambda/__init__.py").read_text(encoding="utf-8")
    major, minor, _ = version.partition('__version__ = "')[2].partition('"')[0].split(".")
    return ROOT / "tests" / "module" / "golden" / f"v{major}.{minor}" / "state.json"


def _state() -> str:
    with running() as emulator, tempfile.TemporaryDirectory() as directory:
        stack = Path(directory) / "quickstart"
        shutil.copytree(
            ROOT / "examples" / "quickstart", stack, ignore=shutil.ignore_patterns(".terraform*")
        )
        source = json.dumps(repository(Path(directory) / "module.git"))
        (stack / "source_override.tf").write_text(MODULE_SOURCE.format(source=source))
        terraform = Terraform(
            directory=stack,
            environment=environment(emulator.environment(ACCOUNT)),
            report=print,
        )
        terraform.init()
        terraform.apply()
        text = (stack / "terraform.tfstate").read_text(encoding="utf-8")
        # As AWS would have answered: the emulator's port is nobody's business.
        return text.replace(emulator.endpoint, f"https://sqs.{REGION}.amazonaws.com")


if __name__ == "__main__":
    sys.exit(main())
