"""Makes the repository the source of a module, as another repository would use it.

source = repository(temporary_directory)   # "git::file:///...//?ref=HEAD"
"""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]


class SourceError(Exception):
    """The copy can't be made; the text says why."""


def repository(destination: Path, root: Path = ROOT) -> str:
    """Commit the files of ``root`` as they are to a new repository; return its module source.

    ``?ref=HEAD`` of the repository itself would miss uncommitted work, and an unpacked archive is
    not a repository. So a new git directory commits every file that .gitignore does not exclude.
    """
    destination = destination.resolve()
    _git("init", "--quiet", "--bare", str(destination))
    concurrent = ("--git-dir", str(destination), "--work-tree", str(root))
    _git(*concurrent, "add", "--", str(root))
    _git(*concurrent, "commit", "--quiet", "--message", "The working tree as it is", cwd=root)
    return f"git::file://{destination}//?ref=HEAD"


def _git(*arguments: str, cwd: Path | None = None) -> None:
    if shutil.which("git") is None:
        raise SourceError("git is not on the PATH; install it: the module is fetched through it")
    # The developer's git settings stay out: hooks, signing, the GIT_DIR of a calling hook.
    names = {"PATH", "HOME", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT"}
    own = {name: value for name, value in os.environ.items() if name in names}
    done = subprocess.run(
        ["git", "-c", "user.name=lab", "-c", "user.email=lab@localhost", *arguments],
        cwd=cwd,
        env=own | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise SourceError(f"git {arguments[0]} failed: {done.stdout.strip()}")
