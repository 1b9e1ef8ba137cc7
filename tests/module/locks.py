"""Locks that tests write, and the packer on them."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from scripts import wheels
from scripts.wheels import Target
from tests.module.packages import tree
from tests.module.stacks import ROOT

ARM = Target("python3.13", "arm64")
INTEL = Target("python3.13", "x86_64")


def write_lock(directory: Path, *lines: str) -> Path:
    """Write a lock."""
    return tree(directory / "src", {"requirements.txt": "\n".join(lines)}) / "requirements.txt"


def render_hash(wheel: Path) -> str:
    """Render the option with a wheel's hash."""
    return f"--hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}"


def fetch(lock: Path, directory: Path, target: Target = ARM) -> list[str]:
    """Fetch a lock's wheels; their names."""
    return sorted(path.name for path in wheels.fetch(lock, directory, target).glob("*.whl"))


def run_packer(
    request: dict[str, Any], directory: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the packer as Terraform does, in a directory."""
    return subprocess.run(
        [sys.executable, "-I", str(ROOT / "scripts" / "pack.py"), "Packs orders."],
        env={**os.environ, "PACK": json.dumps(request)},
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
    )
