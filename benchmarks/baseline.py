"""Unpacks the package as of a commit, for a comparison with the working tree (``BASE=``)."""

import io
import subprocess
import tarfile
from pathlib import Path
from typing import Final

PACKAGE: Final = "handler"


class UnknownBaseError(Exception):
    """The package as of that commit is not available; the text names the reason."""


def unpack_package(repository: Path, commit: str, destination: Path) -> str:
    """Write the package as of a commit to ``destination/handler``; return the full hash.

    Raises:
        UnknownBaseError: the repository has no such commit, or the commit has no package.
    """
    full = _run_git(repository, "rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}")
    if not full:
        raise UnknownBaseError(f"{commit} is not a commit of this repository")
    full_hash = full.decode().strip()
    archive = _run_git(repository, "archive", "--format=tar", full_hash, "--", PACKAGE)
    if not archive:
        raise UnknownBaseError(f"commit {commit} has no directory {PACKAGE}")
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(destination, filter="data")
    return full_hash


def _run_git(repository: Path, *arguments: str) -> bytes:
    """Return the output of git; nothing if it fails."""
    command = ["git", "-C", str(repository), *arguments]
    done = subprocess.run(command, capture_output=True, check=False)
    return done.stdout if done.returncode == 0 else b""
