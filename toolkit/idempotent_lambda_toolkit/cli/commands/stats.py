"""The command `stats`."""

import typer

from idempotent_lambda.clock import EpochMillis
from idempotent_lambda.protocol.record import Record
from idempotent_lambda_toolkit.cli import dead_letters, records, times
from idempotent_lambda_toolkit.cli.command import get_parts
from idempotent_lambda_toolkit.cli.shown_keys import escape_text


def stats(context: typer.Context) -> None:
    """Count the records by state, and the messages in both queues. Reads the whole table."""
    deployment, output = get_parts(context)
    now, counts = times.now(), dict[str, int]()
    oldest: dict[str, Record] = {}
    with output.show_progress("reading the table", records.size(deployment)) as seen:
        for record in records.scan(deployment, None, seen):
            state = records.state(record, now)
            counts[state] = counts.get(state, 0) + 1
            if state in {"in progress", "stale", "parked"}:
                first = oldest.setdefault(state, record)
                if records.get_since(record, now) < records.get_since(first, now):
                    oldest[state] = record
    urls = {
        "queue": deployment.queue_url,
        "dead-letter queue": deployment.dead_letter_queue_url,
    }
    depths = {name: dead_letters.depth(deployment, url) for name, url in urls.items() if url}
    output.print_table(
        ("records", "count", "oldest"),
        [
            (state, str(count), _describe_oldest(oldest.get(state), now))
            for state, count in sorted(counts.items())
        ],
    )
    for name, found in depths.items():
        reported = ", ".join(f"{count} {what.replace('_', ' ')}" for what, count in found.items())
        output.print_lines(f"{name}: about {reported}")
    output.print_json(
        records=counts,
        oldest={state: records.plain(each, now) for state, each in oldest.items()},
        **{name.replace("-", "_").replace(" ", "_"): found for name, found in depths.items()},
    )


def _describe_oldest(record: Record | None, now: EpochMillis) -> str:
    if record is None:
        return ""
    return f"{escape_text(record.id)}, {times.moment(records.get_since(record, now), now)}"
