"""The wheel that users install is built and tested as it is."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from scripts.release import Artefacts

ROOT = Path(__file__).parents[2]


@pytest.fixture
def wheel(artefacts: Artefacts) -> Path:
    """The built wheel."""
    return artefacts.wheel


def test_contents(wheel: Path) -> None:
    """The wheel holds both packages, typed, with the licence, and nothing else."""
    names = set(zipfile.ZipFile(wheel).namelist())
    sources = {
        path.relative_to(ROOT / half).as_posix()
        for half in ("handler", "toolkit")
        for path in (ROOT / half).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {"idempotent_lambda/py.typed", "idempotent_lambda_toolkit/py.typed"} <= sources
    metadata = {name for name in names if ".dist-info/" in name}
    assert names - metadata == sources
    assert {Path(name).name for name in metadata} == {
        *("METADATA", "WHEEL", "RECORD", "LICENSE"),
        "entry_points.txt",
    }


def test_installed(wheel: Path, tmp_path: Path) -> None:
    """Installed into an empty directory, both packages import from there."""
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"),
            *("--disable-pip-version-check", "--target", str(tmp_path), str(wheel)),
        ],
        check=True,
    )
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "import idempotent_lambda.pipeline.consumer, idempotent_lambda.store.dynamodb\n"
        "import idempotent_lambda_toolkit.testing as testing\n"
        "print(idempotent_lambda.pipeline.consumer.__file__, testing.__file__, sep='\\n')"
    )
    shown = subprocess.run(
        [sys.executable, "-I", "-c", code], check=True, capture_output=True, text=True
    ).stdout.split()
    assert [Path(each).relative_to(tmp_path).parts[0] for each in shown] == [
        *("idempotent_lambda", "idempotent_lambda_toolkit")
    ]
