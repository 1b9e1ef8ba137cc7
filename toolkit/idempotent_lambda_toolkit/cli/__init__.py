"""The operator's command `idempotent-lambda`: records, parked keys, and checks.

The command shows records, settles parked keys, and checks a deployed stack. docs/cli.md
describes each command. It needs the extra ``[cli]``.
"""

import sys
from importlib.util import find_spec

from idempotent_lambda_toolkit.cli import stopping
from idempotent_lambda_toolkit.cli.exit_codes import ExitCode

__all__ = ["main"]

NEEDED = ("boto3", "jmespath", "rich", "typer")
"""The packages of the extra."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command and end the process.

    Args:
        arguments: command-line arguments; None for the arguments of the process.

    Raises:
        SystemExit: always; its code is an `exit_codes.ExitCode`.
    """
    try:
        # Before the imports: they take a moment, in which Ctrl-C would print a traceback.
        with stopping.watch(ends_process=arguments is None):
            _run(arguments)
    except stopping.StopSignal:
        stopping.end_process(as_json="--json" in (sys.argv if arguments is None else arguments))


def _run(arguments: list[str] | None) -> None:
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        remedy = "install it from your clone: pip install './terraform-aws-idempotent-lambda[cli]'"
        sys.stderr.write(f"idempotent-lambda needs {', '.join(missing)}; {remedy}\n")
        raise SystemExit(ExitCode.USAGE)
    from idempotent_lambda_toolkit.cli.app import run  # noqa: PLC0415  # the extra may be missing

    run(arguments)
