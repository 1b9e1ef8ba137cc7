"""Runs an emulator in the background, for a shell to work with.

    python -m scripts.emulator start    # make emulator: in the background, ready when this returns
    python -m scripts.emulator stop     # make emulator-stop: everything in it is gone

A shell reads ``build/emulator/env``: endpoint, region and fake credentials, the programs ``aws``
and ``idempotent-lambda``, and the mirror of terraform's providers, if there is one. The emulator
reads from a named pipe while it runs, so a file that is left behind never looks like a running one.
"""

import argparse
import fcntl
import os
import shlex
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from scripts.support.emulator import EmulatorError, launch
from scripts.support.terraform import TerraformError, cli_config

ROOT: Final = Path(__file__).resolve().parents[1]
STOP_SECONDS: Final = 15.0
PIPE: Final = "stop"
SHELL: Final = "env"
ACCOUNT: Final = "123456789012"
# These would send an AWS client elsewhere, or go along with the credentials.
UNSET: Final = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_CA_BUNDLE")


def start(directory: Path) -> bool:
    """Start the emulator of a directory; return False if it runs already."""
    config = cli_config()
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two at once would start two
        if send(directory, b""):
            if (directory / SHELL).exists():
                return False
            stop(directory)  # whoever started it was interrupted
        (directory / SHELL).unlink(missing_ok=True)
        pipe = directory / PIPE
        pipe.unlink(missing_ok=True)
        os.mkfifo(pipe)
        # Opened also for writing: there is always a writer, so the pipe never closes by itself.
        with pipe.open("r+b", buffering=0) as lifeline:
            emulator, _ = launch(lifeline)
        _write_programs(directory / "bin")
        text = render_shell(emulator.environment(ACCOUNT), directory / "bin", config)
        part = directory / f"{SHELL}.part"
        part.write_text(text)
        part.replace(directory / SHELL)
    return True


def stop(directory: Path) -> bool:
    """Stop the emulator and remove its data; return False if none runs."""
    if not send(directory, b"stop"):
        return False
    deadline = time.monotonic() + STOP_SECONDS
    while send(directory, b""):
        if time.monotonic() > deadline:
            raise EmulatorError("the emulator does not end")
        time.sleep(0.05)
    (directory / SHELL).unlink(missing_ok=True)
    return True


def send(directory: Path, message: bytes) -> bool:
    """Send a message to the emulator of a directory; return False if none runs."""
    try:
        pipe = os.open(directory / PIPE, os.O_WRONLY | os.O_NONBLOCK)
        with os.fdopen(pipe, "wb", buffering=0) as writer:
            writer.write(message)
    except OSError:  # nobody reads from it, or there is none
        return False
    return True


def _write_programs(programs: Path) -> None:
    """Write a directory with ``aws`` and ``idempotent-lambda`` and nothing else."""
    programs.mkdir(exist_ok=True)
    aws = Path(sys.executable).with_name("aws")
    halves = f"PYTHONPATH={ROOT / 'handler'}:{ROOT / 'toolkit'}"
    operator = ["env", halves, sys.executable, "-P", "-m", "idempotent_lambda_toolkit.cli"]
    for name, command in {
        # Version 1 sends the calls of SQS to AWS, whatever AWS_ENDPOINT_URL says.
        "aws": f'{shlex.quote(str(aws))} --endpoint-url "$AWS_ENDPOINT_URL"',
        "idempotent-lambda": shlex.join(operator),
    }.items():
        program = programs / name
        program.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
        program.chmod(0o755)


def render_shell(variables: Mapping[str, str], programs: Path, config: Path | None) -> str:
    """Render the lines for a shell to read; ``config`` is what `cli_config` decided."""
    exports = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    path = f'export PATH={shlex.quote(str(programs))}:"$PATH"'
    # If the shell names a file that exists, terraform uses it, as `cli_config` does. A missing file
    # would hide the user's configuration from terraform.
    name = "TF_CLI_CONFIG_FILE"
    otherwise = f"export {name}={shlex.quote(str(config))}" if config else f"unset {name}"
    providers = f'[ -f "${{{name}-}}" ] || {otherwise}'
    return "\n".join([f"unset {' '.join(UNSET)}", *exports, path, providers, ""])


def main(arguments: list[str]) -> int:
    """Start or stop; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m scripts.emulator")
    parser.add_argument("command", choices=["start", "stop"])
    parser.add_argument("directory", nargs="?", type=Path, default=ROOT / "build" / "emulator")
    given = parser.parse_args(arguments)
    try:
        if given.command == "start":
            started = start(given.directory)
            print("The emulator is running." if started else "The emulator runs already.")
            print(f"A shell uses it after:  . {shlex.quote(str(given.directory / SHELL))}")
            print("It and all that is in it ends with:  make emulator-stop")
        else:
            print("The emulator has ended." if stop(given.directory) else "No emulator runs.")
    except (EmulatorError, TerraformError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
