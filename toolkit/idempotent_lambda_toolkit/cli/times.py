"""Durations and times, as people write and read them."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from idempotent_lambda.clock import EpochMillis, Millis, SystemClock

_UNITS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_NAMES = (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1_000))


def now() -> EpochMillis:
    """The wall clock of this machine, in epoch milliseconds."""
    return SystemClock().now()


def duration(text: str) -> Millis:
    """Parse a duration such as `15m`, a number and one of s, m, h, d, into milliseconds.

    Raises:
        ValueError: the text is not a duration.
    """
    found = re.fullmatch(r"(\d+)([smhd])", text.strip())
    if found is None:
        raise ValueError(
            f"{text!r} is not a duration: write a number and s, m, h or d, such as 15m"
        )
    return Millis(int(found[1]) * _UNITS[found[2]])


def describe_span(span: int) -> str:
    """Describe a duration in milliseconds by its largest unit: `14 min`."""
    for name, size in _NAMES:
        if span >= size:
            return f"{span // size} {name}"
    return "less than 1 s"


def show(at: int) -> str:
    """Show a time, in epoch milliseconds: `2026-01-02 12:45:07 UTC`."""
    try:
        return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (ValueError, OverflowError, OSError):
        return f"{at} ms"  # a record that somebody has damaged


def moment(at: int, since: int) -> str:
    """Describe a time and its distance from ``since``, both in epoch milliseconds."""
    text = show(at)
    return (
        f"{text} ({describe_span(since - at)} ago)"
        if at <= since
        else f"{text} (in {describe_span(at - since)})"
    )


def skew_millis(answer: Mapping[str, Any], before: int, after: int) -> int | None:
    """Return this machine's clock minus AWS's, as far as one answer proves a difference.

    Args:
        answer: the answer to any call; its Date is in whole seconds.
        before: this machine's clock when the call began, in epoch milliseconds.
        after: the clock when the call ended.

    Returns:
        Milliseconds, positive if this clock is fast; 0 if it may be right; None without a Date.
    """
    date = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    if not date:
        return None
    second = int(parsedate_to_datetime(date).timestamp() * 1000)
    least, most = before - (second + 1000), after - second
    return least if least > 0 else min(most, 0)
