"""The exit codes of the command, and the errors that lead to them."""

from collections.abc import Mapping
from enum import IntEnum
from typing import Any, ClassVar


class ExitCode(IntEnum):
    """The exit codes; docs/cli.md has the same table."""

    OK = 0
    FOUND = 1
    USAGE = 2
    NOT_FOUND = 3
    REFUSED = 4
    AWS = 5
    PARTLY = 6
    COULD_NOT_CHECK = 7
    DECLINED = 8
    UNEXPECTED = 9
    INTERRUPTED = 130
    TERMINATED = 143


MEANING: Mapping[ExitCode, str] = {
    ExitCode.OK: "done, or nothing to do",
    ExitCode.FOUND: "doctor found problems",
    ExitCode.USAGE: "wrong or missing arguments; nothing was done",
    ExitCode.NOT_FOUND: "no such record, function, table or queue, or no message matches",
    ExitCode.REFUSED: "nothing was done: the record's state forbids it, or it has changed",
    ExitCode.AWS: "AWS refused or did not answer",
    ExitCode.PARTLY: "done in part; run it again",
    ExitCode.COULD_NOT_CHECK: "doctor found no problem, but could not check everything",
    ExitCode.DECLINED: "you said no, so nothing was done",
    ExitCode.UNEXPECTED: "an error of the command itself; --debug shows where",
    ExitCode.INTERRUPTED: "stopped by Ctrl-C; the output says what was done",
    ExitCode.TERMINATED: "stopped by SIGTERM; the output says what was done",
}


class CommandError(Exception):
    """A command cannot do its work. The text names the reason and the remedy.

    Attributes:
        exit: the exit code.
        details: fields that ``--json`` adds to the text.
    """

    exit: ClassVar[ExitCode]

    def __init__(self, text: str, **details: Any) -> None:
        super().__init__(text)
        self.details = details


class UsageError(CommandError):
    """Arguments are wrong or missing."""

    exit = ExitCode.USAGE


class NotFoundError(CommandError):
    """A record, function, table or queue does not exist, or no message matches."""

    exit = ExitCode.NOT_FOUND


class RefusedError(CommandError):
    """The record's state forbids the change, or the record has changed."""

    exit = ExitCode.REFUSED


class AwsRefusedError(CommandError):
    """AWS denied a call, or did not answer."""

    exit = ExitCode.AWS


class PartlyDoneError(CommandError):
    """The first steps are done, but a later one failed. Repeating the first ones is safe."""

    exit = ExitCode.PARTLY


class DeclinedError(CommandError):
    """The operator said no."""

    exit = ExitCode.DECLINED


class UnexpectedError(CommandError):
    """An error that the command does not know."""

    exit = ExitCode.UNEXPECTED
