"""The operator's command `idempotent-lambda`: records, parked keys, and checks.

It looks at them, settles what is parked, and checks a deployed stack: docs/cli.md
says what each command does. It needs the extra ``[cli]``.
"""

import sys

from idempotent_lambda_toolkit.cli.exit_codes import ExitCode

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> None:
    """Run the command and end the process.

    Args:
        arguments: those of the command line; None for the process's own.

    Raises:
        SystemExit: always; its code is one of `exit_codes.ExitCode`.
    """
    try:
        from idempotent_lambda_toolkit.cli.app import run  # noqa: PLC0415  # the extra may be missing
    except ModuleNotFoundError as error:
        if str(error.name).split(".")[0] not in {"boto3", "botocore", "jmespath", "rich", "typer"}:
            raise
        remedy = "install it from your clone: pip install './terraform-aws-idempotent-lambda[cli]'"
        sys.stderr.write(f"idempotent-lambda needs {error.name}; {remedy}\n")
        raise SystemExit(ExitCode.USAGE) from None
    run(arguments)
