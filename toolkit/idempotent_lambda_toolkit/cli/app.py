"""The command line: the options of every command, and the way to each command."""

import sys
from itertools import islice
from typing import Annotated

import typer

from idempotent_lambda_toolkit.cli.command import Command
from idempotent_lambda_toolkit.cli.commands import (
    discard,
    doctor,
    forget,
    inspect,
    redrive,
    resolve,
    stats,
)
from idempotent_lambda_toolkit.cli.commands import (
    list as list_,
)
from idempotent_lambda_toolkit.cli.deployment import Options, translate_error
from idempotent_lambda_toolkit.cli.exit_codes import (
    MEANING,
    CommandError,
    ExitCode,
)
from idempotent_lambda_toolkit.cli.output import Output

WITH_VALUE = (
    "--function", "--table", "--namespace", "--queue-url", "--dead-letter-queue-url",
    "--profile", "--region", "--endpoint-url",
)  # fmt: skip
FLAGS = ("--json",)
"""The options of every command. As in the AWS CLI, they may come before or after its name."""

OWN_WITH_VALUE = ("--key", "--message-id", "--record-id", "--decorated", "--except", "--group")
"""The options of some commands whose value may look like an option."""

_CODES = "  ".join(f"{code.value}: {MEANING[code]}." for code in ExitCode)

app = typer.Typer(
    name="idempotent-lambda",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(epilog=f"Exit codes: {_CODES}")
def every_command(
    context: typer.Context,
    *,
    function: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The Lambda function; its configuration names table and queues.",
        ),
    ] = None,
    table: Annotated[str | None, typer.Option(help="The table of records.")] = None,
    namespace: Annotated[str | None, typer.Option(help="The namespace of the keys.")] = None,
    queue_url: Annotated[str | None, typer.Option(help="The URL of the queue.")] = None,
    dead_letter_queue_url: Annotated[
        str | None, typer.Option(help="The URL of its dead-letter queue.")
    ] = None,
    profile: Annotated[str | None, typer.Option(help="As in the AWS CLI.")] = None,
    region: Annotated[str | None, typer.Option(help="As in the AWS CLI.")] = None,
    endpoint_url: Annotated[str | None, typer.Option(help="As in the AWS CLI.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object on standard output.")
    ] = False,
) -> None:
    """Inspect the records of an idempotent consumer, settle parked keys, and check its stack.

    These options may come before or after the name of a command.
    """
    options = Options(
        function=function,
        table=table,
        namespace=namespace,
        queue_url=queue_url,
        dead_letter_queue_url=dead_letter_queue_url,
        profile=profile,
        region=region,
        endpoint_url=endpoint_url,
    )
    context.obj = Command(options, Output(as_json=as_json))


for _name, _function in (
    ("inspect", inspect.inspect),
    ("list", list_.list_),
    ("stats", stats.stats),
    ("forget", forget.forget),
    ("resolve", resolve.resolve),
    ("redrive", redrive.redrive),
    ("discard", discard.discard),
    ("doctor", doctor.doctor),
):
    app.command(_name)(_function)


def run(arguments: list[str] | None = None) -> None:
    """Run the command line; see `idempotent_lambda_toolkit.cli.main`."""
    given = hoist_options(sys.argv[1:] if arguments is None else arguments)
    try:
        app(args=given, prog_name="idempotent-lambda")
    except Exception as error:
        failure = error if isinstance(error, CommandError) else translate_error(error)
        if failure is None:
            raise
        Output(as_json="--json" in given).print_error(failure)
        raise SystemExit(failure.exit) from None


def hoist_options(arguments: list[str]) -> list[str]:
    """Move the options that every command takes to the front of the arguments."""
    front: list[str] = []
    rest: list[str] = []
    left = iter(arguments)
    for each in left:
        if each == "--":
            rest += [each, *left]
        elif each in WITH_VALUE:
            front += [each, *islice(left, 1)]
        elif each in OWN_WITH_VALUE:
            rest += [each, *islice(left, 1)]
        elif each in FLAGS or each.split("=", 1)[0] in WITH_VALUE:
            front.append(each)
        else:
            rest.append(each)
    return front + rest
