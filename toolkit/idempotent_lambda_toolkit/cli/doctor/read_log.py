"""Reads the log of a function for starts that failed, and for invocations that Lambda ended."""

import json
import re
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from idempotent_lambda_toolkit.cli import times
from idempotent_lambda_toolkit.cli.deployment import Deployment
from idempotent_lambda_toolkit.cli.doctor.function_facts import FailedStarts
from idempotent_lambda_toolkit.cli.exit_codes import NotFoundError

WINDOW_MILLIS = 3 * 3_600_000
MAX_PAGES = 20
"""The most pages of the log that are read. A page has up to 1 MB."""

MAX_REASON_CHARACTERS = 500
TIMEOUT = "timeout"

_PROBLEMS = '?INIT_REPORT ?initReport ?errorType ?"Error Type:" ?timeout ?"[ERROR]"'
_STARTS = '?"Init Duration:" ?initDurationMs ?acknowledged'
"""https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html"""

_TEXT_INIT = re.compile(r"INIT_REPORT .*?Status: (error|timeout)(?:\s+Error Type: (\S+))?")
_TEXT_REPORT = re.compile(r"REPORT RequestId: .*?Status: (error|timeout)(?:\s+Error Type: (\S+))?")
_TEXT_STARTED = re.compile(r"REPORT RequestId: .*Init Duration: ")
_TEXT_ERROR = re.compile(r"\[ERROR\] ([\w.]+: .*)")
"""The lines of Lambda and of its Python runtime in text format.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html"""


class Log(NamedTuple):
    """What the log shows.

    Attributes:
        failed_starts: the starts that failed; None if none did.
        ended: the error types with which Lambda ended invocations, with their number.
        is_whole: whether all lines of the time were read.
    """

    failed_starts: FailedStarts | None
    ended: Mapping[str, int]
    is_whole: bool


def read_log(deployment: Deployment) -> Log:
    """Read the lines of the last three hours, since the last change of the function.

    Raises:
        NotFoundError: the function has no log group.
        ClientError, BotoCoreError: the log cannot be read.
    """
    begin = max(times.now() - WINDOW_MILLIS, _last_change(deployment.function))
    events, is_whole = _find_lines(deployment, _PROBLEMS, begin)
    failed: list[tuple[int, str]] = []
    ended: Counter[str] = Counter()
    errors: dict[str, str] = {}
    for event in events:
        stream, message = event.get("logStreamName", ""), event["message"]
        if text := _find_error(message):
            errors[stream] = text
        if problem := _find_problem(message, "initReport", _TEXT_INIT):
            error = None if problem == TIMEOUT else errors.pop(stream, None)
            failed.append((event["timestamp"], error or problem))
        elif problem := _find_problem(message, "report", _TEXT_REPORT):
            ended[problem] += 1
    if not failed:
        return Log(None, ended, is_whole)
    last, reason = max(failed)
    started, _ = _find_lines(deployment, _STARTS, last + 1)
    recovered = any(_is_start(event["message"]) for event in started)
    reason = reason[:MAX_REASON_CHARACTERS]
    return Log(FailedStarts(reason=reason, count=len(failed), recovered=recovered), ended, is_whole)


def _last_change(function: Mapping[str, Any]) -> int:
    """Return when the function was last changed, in epoch milliseconds; 0 if it is not known."""
    try:
        return int(datetime.fromisoformat(function.get("LastModified", "")).timestamp() * 1000)
    except ValueError:
        return 0


def _find_lines(
    deployment: Deployment, pattern: str, begin: int
) -> tuple[list[Mapping[str, Any]], bool]:
    """Return the lines of this version, oldest first, and whether these are all.

    The name of a log stream has the version, and in a log group with a name of the user's also the
    function: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-loggroups.html
    """
    name, version = deployment.function["FunctionName"], deployment.function["Version"]
    in_stream = f"[{version}]"
    if deployment.log_group != f"/aws/lambda/{name}":
        in_stream = name + in_stream
    pages = deployment.client("logs").get_paginator("filter_log_events")
    asked = pages.paginate(
        logGroupName=deployment.log_group, startTime=begin, filterPattern=pattern
    )
    try:
        found = list(islice(asked, MAX_PAGES))
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        text = f"there is no log group {deployment.log_group}"
        reason = "the function has not run yet, or its role may not write the log"
        raise NotFoundError(f"{text}: {reason}; --invoke tries a start") from None
    events = [
        event
        for page in found
        for event in page["events"]
        if in_stream in event.get("logStreamName", "")
    ]
    return events, not (found and found[-1].get("nextToken"))


def _find_problem(message: str, kind: str, text: re.Pattern[str]) -> str | None:
    """Return the error type of a platform line; None for any other line.

    https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html
    """
    line = _parse(message)
    if line is None:
        found = text.match(message)
        return (found[2] or found[1]) if found else None
    record = line.get("record")
    if line.get("type") != f"platform.{kind}" or not isinstance(record, dict):
        return None
    status = record.get("status")
    return str(record.get("errorType") or status) if status in {"error", "timeout"} else None


def _find_error(message: str) -> str | None:
    """Return an error as the Python runtime writes it, with its type; None for any other line."""
    line = _parse(message)
    if line is None:
        found = _TEXT_ERROR.match(message.replace("\r", "\n"))
        return found[1] if found else None
    if "errorType" in line and "errorMessage" in line:
        return f"{line['errorType']}: {line['errorMessage']}"
    return None


def _is_start(message: str) -> bool:
    """Whether a line shows that the function has started: a message, or a report with its start.

    At the system log level WARN, there are no reports without an error:
    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
    """
    line = _parse(message)
    if line is None:
        return bool(_TEXT_STARTED.match(message)) and "Status:" not in message
    if line.get("event") == "message":
        return True
    record = line.get("record")
    if line.get("type") != "platform.report" or not isinstance(record, dict):
        return False
    metrics: Any = record.get("metrics") or {}
    return record.get("status") == "success" and "initDurationMs" in metrics


def _parse(message: str) -> dict[str, Any] | None:
    try:
        found = json.loads(message)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def describe_types(types: Mapping[str, int]) -> str:
    """Say how often each error type occurred."""
    return ", ".join(f"{name} ({count})" for name, count in sorted(types.items()))
