"""Builds a release from the commit that is checked out: ``make release-check``.

    python -m scripts.release

Writes ``build/release/``: wheel, sdist, the source archive that users of the module take, and
``SHA256SUMS``. The tests in tests/artefacts build and use the same files.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parents[1]
RELEASE: Final = ROOT / "build" / "release"
MODULE: Final = "terraform-aws-idempotent-lambda"


class Artefacts(NamedTuple):
    """The files of a release: the package, built and as source, and every file of the commit."""

    wheel: Path
    sdist: Path
    source: Path


def build(git: Path, destination: Path) -> Artefacts:
    """Build the files of a git directory's HEAD, and nothing else, in a destination.

    The same commit gives the same bytes.
    """
    shutil.rmtree(destination, ignore_errors=True)
    destination.mkdir(parents=True)
    run_git = partial(_run, "git", "--git-dir", str(git))
    package = run_git("show", "HEAD:handler/idempotent_lambda/__init__.py")
    (version,) = re.findall(r'__version__ = "(.+)"', package)
    source = destination / f"{MODULE}-{version}-source.tar.gz"
    gzip = ("-c", "tar.tar.gz.command=gzip -9 -n")
    run_git(*gzip, "archive", f"--prefix={MODULE}-{version}/", f"--output={source}", "HEAD")
    with tempfile.TemporaryDirectory() as directory:
        shutil.unpack_archive(source, directory, filter="data")
        # The wheel is built from the unpacked sdist.
        build = (sys.executable, "-m", "build", "--no-isolation", "--outdir", str(destination))
        _run(*build, f"{directory}/{MODULE}-{version}")
    (wheel,), (sdist,) = destination.glob("*.whl"), destination.glob("idempotent_lambda-*.tar.gz")
    return Artefacts(wheel, sdist, source)


def _run(*command: str) -> str:
    # The settings of this process must not change the build.
    own = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "GIT_"))}
    return subprocess.run(command, env=own, stdout=subprocess.PIPE, text=True, check=True).stdout


def main() -> None:
    """Build the release, if everything is committed."""
    if changed := _run("git", "-C", str(ROOT), "status", "--porcelain"):
        sys.exit(f"Commit these first, a release is built from a commit:\n{changed}")
    files = build(ROOT / ".git", RELEASE)
    sums = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}" for file in files]
    (RELEASE / "SHA256SUMS").write_text("\n".join([*sums, ""]), encoding="utf-8")
    print(*sums, f"They are in {RELEASE}.", sep="\n")


if __name__ == "__main__":
    main()
