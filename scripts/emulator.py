"""An emulator that stays until it is stopped, for a shell to work with.

    python -m scripts.emulator start    # make emulator: in the background, ready when this returns
    python -m scripts.emulator stop     # make emulator-stop: everything in it is gone

``build/emulator/env`` is for a shell to read: endpoint, region and credentials of nobody, the
programs ``aws`` and ``idempotent-lambda``, and the mirror of terraform's providers, if one is in
use. ``serve``, which ``start`` runs, is the process that stays. It holds a lock for as long as it
lives: neither a process id that another process has by now nor a file that was left behind is ever
taken for a running emulator.
"""

import argparse
import contextlib
import fcntl
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from scripts.support.emulator import STOP_SECONDS, EmulatorError, running
from scripts.support.terraform import TerraformError, cli_config

ROOT: Final = Path(__file__).resolve().parents[1]
ACCOUNT: Final = "123456789012"
# What would lead an AWS client elsewhere, or be sent along with the credentials.
UNSET: Final = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_CA_BUNDLE")
OPERATOR: Final = """\
import sys
from idempotent_lambda_toolkit.cli import main
sys.argv[0] = "idempotent-lambda"
sys.exit(main())
"""


class Kept:
    """The emulator of a directory, if one runs there.

    Attributes:
        directory: Where its files are.
        shell: What a shell reads to use it.
    """

    def __init__(self, directory: Path = ROOT / "build" / "emulator") -> None:
        self.directory = directory
        self.shell = directory / "env"
        self._lock = directory / "lock"
        self._output = directory / "output.log"
        self._server: subprocess.Popen[bytes] | None = None

    def start(self) -> bool:
        """Start it; False if it runs already.

        Raises:
            EmulatorError: It did not become ready; the text says what it printed.
        """
        if self._is_running():
            return False
        self.directory.mkdir(parents=True, exist_ok=True)
        self.shell.unlink(missing_ok=True)
        self._lock.touch()
        with self._output.open("w") as output:
            server = self._server = subprocess.Popen(
                [sys.executable, "-m", "scripts.emulator", "serve", str(self.directory)],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                # Neither Ctrl-C nor the end of the terminal stops it.
                start_new_session=True,
            )
        # It writes that file when the emulator answers, or ends.
        while not self.shell.exists():
            if server.poll() is not None:
                said = self._output.read_text().strip()
                raise EmulatorError(f"the emulator did not start; it said:\n{said}")
            time.sleep(0.05)
        return True

    def stop(self) -> bool:
        """Stop it with all that is in it; False if none runs.

        Raises:
            EmulatorError: It did not end.
        """
        if not self._is_running():
            return False
        pid = int(self._lock.read_text())
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + 2 * STOP_SECONDS
        while self._is_running():
            if time.monotonic() > deadline:
                raise EmulatorError(f"process {pid} does not end")
            time.sleep(0.05)
        if self._server:
            self._server.wait()
        self.shell.unlink(missing_ok=True)
        return True

    def serve(self) -> None:
        """Run it until SIGTERM.

        Raises:
            EmulatorError: It did not become ready, or another one runs.
            TerraformError: TF_PLUGIN_MIRROR names no mirror.
        """
        config = cli_config()
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        with self._lock.open("r+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise EmulatorError("another one runs") from None
            lock.truncate()
            lock.write(str(os.getpid()))
            lock.flush()
            with running() as emulator:
                variables = emulator.environment(ACCOUNT)
                text = render_shell(variables, self._write_programs(), config)
                written = self.directory / "env.new"
                written.write_text(text)
                written.replace(self.shell)
                while True:
                    signal.pause()

    def _is_running(self) -> bool:
        with contextlib.suppress(FileNotFoundError), self._lock.open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def _write_programs(self) -> Path:
        """Write a directory with ``aws`` and ``idempotent-lambda`` and nothing else."""
        programs = self.directory / "bin"
        programs.mkdir(exist_ok=True)
        environment = Path(sys.executable).parent
        halves = f"PYTHONPATH={ROOT / 'handler'}:{ROOT / 'toolkit'}"
        operator = ["env", halves, str(environment / "python"), "-P", "-c", OPERATOR]
        for name, command in {
            # Version 1 sends the calls of SQS to AWS, whatever AWS_ENDPOINT_URL says.
            "aws": f'{shlex.quote(str(environment / "aws"))} --endpoint-url "$AWS_ENDPOINT_URL"',
            "idempotent-lambda": shlex.join(operator),
        }.items():
            program = programs / name
            program.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
            program.chmod(0o755)
        return programs


def render_shell(variables: Mapping[str, str], programs: Path, config: Path | None) -> str:
    """The lines for a shell to read.

    Args:
        variables: What AWS clients need.
        programs: The directory to find first on the PATH.
        config: What `cli_config` of `scripts.support.terraform` decided.
    """
    exports = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    path = f'export PATH={shlex.quote(str(programs))}:"$PATH"'
    # A configuration that the shell has already decides, as it does for `cli_config`. One that is
    # missing would hide the user's own from terraform.
    name = "TF_CLI_CONFIG_FILE"
    otherwise = f"export {name}={shlex.quote(str(config))}" if config else f"unset {name}"
    providers = f'[ -f "${{{name}-}}" ] || {otherwise}'
    return "\n".join([f"unset {' '.join(UNSET)}", *exports, path, providers, ""])


def main(arguments: list[str]) -> int:
    """Start, stop or serve; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m scripts.emulator")
    parser.add_argument("command", choices=["start", "stop", "serve"])
    parser.add_argument("directory", nargs="?", type=Path)
    given = parser.parse_args(arguments)
    kept = Kept(given.directory) if given.directory else Kept()
    try:
        if given.command == "start":
            print("The emulator is running." if kept.start() else "The emulator runs already.")
            print(f"A shell uses it after:  . {shlex.quote(str(kept.shell))}")
            print("It and all that is in it ends with:  make emulator-stop")
        elif given.command == "stop":
            print("The emulator has ended." if kept.stop() else "No emulator runs.")
        else:
            kept.serve()
    except (EmulatorError, TerraformError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
