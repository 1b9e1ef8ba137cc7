"""The record ids in a file: JSON, such as the output of ``list --json``.

A key may contain line ends, and its producer chooses them. So lines of plain text are no ids: one
key could name the record of another.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from idempotent_lambda_toolkit.cli.exit_codes import UsageError

_WAYS = "give the output of list --json, or of jq without -r, such as jq '.records[].id'"


def read_ids(path: str) -> list[str]:
    """Return the record ids in a file, each once and in order; ``-`` is the standard input.

    Each JSON value is an id, a record (an object with ``id``), an array of these, or the object
    that ``list --json`` prints.

    Raises:
        UsageError: the file cannot be read, or holds something else.
    """
    try:
        text = sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise UsageError(f"--from-file: {error}") from None
    found = [each for value in _read_values(text) for each in _find_ids(value)]
    if not found:
        raise UsageError(f"--from-file has no record ids: {_WAYS}")
    return list(dict.fromkeys(found))


def _read_values(text: str) -> Iterator[Any]:
    decoder, place = json.JSONDecoder(), 0
    while rest := text[place:].lstrip():
        place = len(text) - len(rest)
        try:
            value, place = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            raise UsageError(f"--from-file is not JSON after {place} characters: {_WAYS}") from None
        yield value


def _find_ids(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case {"id": str(record_id)}:
            yield record_id
        case {"records": list(values)} | list(values):
            for part in values:
                yield from _find_ids(part)
        case _:
            raise UsageError(f"--from-file has a value without a record id: {_WAYS}")
