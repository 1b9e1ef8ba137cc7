"""The command line: the options of every command, and the way to each command.

A command's module is imported when the command runs, or when its own help is asked for.
"""

import builtins
import sys
import traceback
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from io import TextIOWrapper
from typing import Annotated, Any, cast

import typer
from typer.core import TyperCommand, TyperGroup

from idempotent_lambda import __version__
from idempotent_lambda_toolkit.cli.aws_errors import list_request_ids, translate_error
from idempotent_lambda_toolkit.cli.exit_codes import (
    MEANING,
    CommandError,
    ExitCode,
    UnexpectedError,
    UsageError,
)
from idempotent_lambda_toolkit.cli.options import Options
from idempotent_lambda_toolkit.cli.output import Output
from idempotent_lambda_toolkit.cli.stopping import StopSignal

NAME = "idempotent-lambda"

COMMANDS: Mapping[str, str] = {
    "inspect": "Describe the record of a key, its messages in the dead-letter queue, and its log.",
    "history": "Show the log lines of a key or a message in order of time, and then its record.",
    "list": "List the records of the namespace, the oldest first. Reads the whole table.",
    "stats": "Count the records by state, and the messages in both queues.",
    "forget": "Delete the completed or parked record of a key, so that its next delivery runs.",
    "resolve": "Mark parked or stale records as completed, or retry parked ones.",
    "redrive": "Send the messages of the dead-letter queue back to the queue.",
    "discard": "Delete a message from the dead-letter queue. It is gone, and never runs.",
    "doctor": "Check the deployed stack: settings, function, table, queues, mappings, permissions.",
}
"""Each command with its line of ``--help``; ``commands`` has a module of the same name."""

_TYPER: dict[str, Any] = {
    "add_completion": False,
    "pretty_exceptions_enable": False,
    # Plain text: rich takes longer to import than the rest of --help.
    "rich_markup_mode": None,
    "context_settings": {"help_option_names": ["-h", "--help"], "max_content_width": 100},
}

ClickUsageError: Any = typer.BadParameter.__base__
"""The usage error of click, which some versions of typer contain and others depend on."""


def print_version(asked: bool) -> None:  # noqa: FBT001  # called by typer
    """Print the version and end, if that is asked for."""
    if asked:
        sys.stdout.write(f"{NAME} {__version__}\n")
        raise typer.Exit


_CODES = "  ".join(f"{code.value}: {MEANING[code]}." for code in ExitCode)

app = typer.Typer(name=NAME, **_TYPER)


@app.callback(epilog=f"Exit codes: {_CODES}")
def every_command(
    context: typer.Context,
    *,
    function: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            envvar="IDEMPOTENT_LAMBDA_FUNCTION",
            help="The Lambda function; its configuration names table and queues.",
        ),
    ] = None,
    table: Annotated[str | None, typer.Option(metavar="NAME", help="The table of records.")] = None,
    namespace: Annotated[
        str | None, typer.Option(metavar="TEXT", help="The namespace of the keys.")
    ] = None,
    queue_url: Annotated[
        str | None, typer.Option(metavar="URL", help="The URL of the queue.")
    ] = None,
    dead_letter_queue_url: Annotated[
        str | None, typer.Option(metavar="URL", help="The URL of its dead-letter queue.")
    ] = None,
    profile: Annotated[str | None, typer.Option(metavar="NAME", help="As in the AWS CLI.")] = None,
    region: Annotated[
        str | None, typer.Option(metavar="NAME", envvar="AWS_REGION", help="As in the AWS CLI.")
    ] = None,
    endpoint_url: Annotated[
        str | None, typer.Option(metavar="URL", help="As in the AWS CLI.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object on standard output.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback and the request ids of an error.")
    ] = False,
    version: Annotated[  # noqa: ARG001  # read by its callback
        bool,
        typer.Option("--version", is_eager=True, callback=print_version, help="Show the version."),
    ] = False,
) -> None:
    """Inspect the records of an idempotent consumer, resolve them, and check its deployment.

    These options, but for --version, may come before or after the name of a command.
    """
    context.obj = Options(
        function=function,
        table=table,
        namespace=namespace,
        queue_url=queue_url,
        dead_letter_queue_url=dead_letter_queue_url,
        profile=profile,
        region=region,
        endpoint_url=endpoint_url,
        as_json=as_json,
        debug=debug,
    )


class CommonOptionsCommand(TyperCommand):
    """A command that also takes the options of every command, after its name."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments; refuse an option that is given twice, of which one would be lost."""
        order: list[Any] = self.make_parser(ctx).parse_args(args=[*args])[2]
        for option, count in Counter(order).items():
            if count > 1 and option.param_type_name == "option" and not option.multiple:
                raise ClickUsageError(f"{option.opts[0]} is given {count} times; give it once", ctx)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run the command with the options before and after its name; those after it win."""
        from idempotent_lambda_toolkit.cli.command import Command  # noqa: PLC0415  # not for help

        names = [option.name for option in list_common_options(ctx.parent.command)]
        values = {name: ctx.params.pop(name) for name in names}
        given = {
            name: value
            for name, value in values.items()
            if ctx.get_parameter_source(name).name == "COMMANDLINE"
        }
        options = replace(ctx.obj, **given)
        ctx.obj = Command(options)
        try:
            return super().invoke(ctx)
        except (typer.Exit, typer.Abort):
            raise
        except Exception as error:  # noqa: BLE001  # the edge: each error has its exit code
            raise SystemExit(report_error(error, options)) from None


class LazyCommand(TyperCommand):
    """A command whose module is imported when the command is chosen."""

    def make_context(self, info_name: Any, args: Any, parent: Any = None, **extra: Any) -> Any:
        """Make the context of the command in the module."""
        command: Any = load_command(str(self.name))
        command.params += list_common_options(parent.command)
        return command.make_context(info_name, args, parent=parent, **extra)


def load_command(name: str) -> TyperCommand:
    """Import a command."""
    module = import_module(f"idempotent_lambda_toolkit.cli.commands.{name}")
    function = getattr(module, f"{name}_" if hasattr(builtins, name) else name)
    single = typer.Typer(**_TYPER)
    single.command(name, cls=CommonOptionsCommand)(function)
    return cast("TyperCommand", typer.main.get_command(single))


def list_common_options(group: Any) -> list[Any]:
    """Return the options that every command takes."""
    return [option for option in group.params if option.name != "version"]


def build_group() -> TyperGroup:
    """Return the command line with all its commands."""
    group = cast("TyperGroup", typer.main.get_command(app))
    for name, summary in COMMANDS.items():
        group.add_command(LazyCommand(name, short_help=summary))
    return group


def run(arguments: list[str] | None = None) -> None:
    """Run the command line; see `idempotent_lambda_toolkit.cli.main`."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # such as → in an encoding without it
    given = list(sys.argv[1:] if arguments is None else arguments)
    # The options are not known yet if they cannot be read.
    flags = given[: given.index("--")] if "--" in given else given
    options = Options(as_json="--json" in flags, debug="--debug" in flags)
    try:
        _require_text(given)
        code = build_group()(args=given or ["--help"], prog_name=NAME, standalone_mode=False)
    except typer.Abort:  # Ctrl-C; newer versions of typer return the code
        raise SystemExit(ExitCode.INTERRUPTED) from None
    except Exception as error:  # noqa: BLE001  # the edge: each error has its exit code
        if isinstance(error.__cause__, StopSignal):
            # Python 3.11 puts what `__set_name__` raises into a RuntimeError.
            raise error.__cause__ from None
        raise SystemExit(report_error(error, options)) from None
    if not given:
        raise SystemExit(ExitCode.USAGE)
    raise SystemExit(code if isinstance(code, int) else ExitCode.OK)


def report_error(error: Exception, options: Options) -> ExitCode:
    """Print why the command failed, and return its exit code."""
    output, failure = Output(as_json=options.as_json), _explain(error)
    if options.debug:
        _print_traceback(output, error)
    output.print_error(failure)
    return failure.exit


def _require_text(arguments: Sequence[str]) -> None:
    for argument in arguments:
        try:
            argument.encode()
        except UnicodeEncodeError:
            text = f"{argument!r} is not text"
            raise UsageError(f"{text}: write it in the encoding of your terminal") from None


def _explain(error: Exception) -> CommandError:
    if isinstance(error, CommandError):
        return error
    if isinstance(error, ClickUsageError):
        command: Any = error
        where = command.ctx.command_path if command.ctx else NAME
        return UsageError(f"{command.format_message().rstrip('.')}; see {where} --help")
    text = f"unexpected error: {type(error).__name__}: {error}"
    return translate_error(error) or UnexpectedError(
        f"{text}; run the command again with --debug, and report what it shows"
    )


def _print_traceback(output: Output, error: BaseException) -> None:
    current: BaseException | None = error
    while current is not None:
        # The errors of the command hide the SDK's error that they explain.
        current.__suppress_context__ = current.__cause__ is not None
        current = current.__cause__ or current.__context__
    for part in traceback.format_exception(error):
        # The last part has the error's text, whose line breaks a producer may have written.
        is_frame = part.startswith((" ", "\n", "Traceback"))
        output.print_notes(*(part.splitlines() if is_frame else [part.rstrip()]))
    output.print_notes(*list_request_ids(error))
