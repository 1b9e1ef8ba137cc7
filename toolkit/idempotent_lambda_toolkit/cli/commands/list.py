"""The command `list`."""

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
    COMPLETED = "completed"

    @property
    def status(self) -> Status:
        """The status in the record."""
        return Status[self.name]


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
    limit: Annotated[int, typer.Option(min=1, help="Maximum number of records.")] = 1000,
) -> None:
    """List the records of the namespace. Reads the whole table."""
    deployment, output = get_parts(context)
    least = parse_duration(older_than)
    found: list[Record] = []
    cut = False
    with output.show_progress("reading the table", records.size(deployment)) as seen:
        for record in records.scan(deployment, status.status if status else None, seen):
            if times.now() - records.get_since(record) < least:
                continue
            if len(found) == limit:
                cut = True
                break
            found.append(record)
    found.sort(key=records.get_since)
    now = times.now()
    output.print_table(
        ("state", "since", "record", "reason"),
        [
            (
                records.state(each, now),
                times.moment(records.get_since(each), now),
                escape_text(each.id),
                each.reason or "",
            )
            for each in found
        ],
    )
    more = ", and more: raise --limit" if cut else ""
    output.print_lines(f"{len(found)} record{'' if len(found) == 1 else 's'}{more}")
    output.print_json(records=[records.plain(each, now) for each in found], more=cut)
