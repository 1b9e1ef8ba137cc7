"""The command `list`."""

import heapq
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated

import typer

from idempotent_lambda.protocol.record import Record, Status
from idempotent_lambda_toolkit.cli import records, times
from idempotent_lambda_toolkit.cli.command import (
    get_parts,
    parse_duration,
)
from idempotent_lambda_toolkit.cli.shown_keys import escape_text


class StatusFilter(StrEnum):
    """The values of ``list --status``."""

    PARKED = "parked"
    IN_PROGRESS = "in-progress"
    STALE = "stale"
    COMPLETED = "completed"

    @property
    def status(self) -> Status:
        """The status in the record."""
        return Status.IN_PROGRESS if self is StatusFilter.STALE else Status[self.name]


def list_(
    context: typer.Context,
    *,
    status: Annotated[
        StatusFilter | None, typer.Option(help="Only records of this status.")
    ] = None,
    older_than: Annotated[
        str | None,
        typer.Option(
            metavar="15m", help="Only records in their state for at least this long; s, m, h or d."
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option(min=1, help="Maximum number of records: the oldest ones.")
    ] = 1000,
) -> None:
    """List the records of the namespace, the oldest first. Reads the whole table."""
    deployment, output = get_parts(context)
    least = parse_duration(older_than)
    now, count = times.now(), 0
    with output.show_progress("reading the table", records.size(deployment)) as seen:

        def select() -> Iterator[Record]:
            nonlocal count
            for record in records.scan(deployment, status.status if status else None, seen):
                if status is StatusFilter.STALE and records.state(record, now) != "stale":
                    continue
                if now - records.get_since(record, now) >= least:
                    count += 1
                    yield record

        # Of a large table, only the oldest records are ever in memory.
        found = heapq.nsmallest(limit, select(), key=lambda each: records.get_since(each, now))
    output.print_table(
        ("state", "since", "record", "reason"),
        [
            (
                records.state(each, now),
                times.moment(records.get_since(each, now), now),
                escape_text(each.id),
                each.reason or "",
            )
            for each in found
        ],
    )
    more = count - len(found)
    text = f", and {more} younger: raise --limit" if more else ""
    output.print_lines(f"{len(found)} record{'' if len(found) == 1 else 's'}{text}")
    output.print_json(
        records=[records.plain(each, now) for each in found], more=more > 0, total=count
    )
