"""An operator's decision about parked and stale records, one or several."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from idempotent_lambda.clock import Seconds
from idempotent_lambda.protocol.record import Record, Status
from idempotent_lambda_toolkit.cli import changes, decisions, records, stopping, times
from idempotent_lambda_toolkit.cli.aws_errors import get_sdk_errors, translate_error
from idempotent_lambda_toolkit.cli.command import describe_message, report_change
from idempotent_lambda_toolkit.cli.decisions import Copies
from idempotent_lambda_toolkit.cli.deployment import Deployment
from idempotent_lambda_toolkit.cli.exit_codes import (
    CommandError,
    PartlyDoneError,
    RefusedError,
    UsageError,
)
from idempotent_lambda_toolkit.cli.outlook import describe_outlook
from idempotent_lambda_toolkit.cli.output import Output
from idempotent_lambda_toolkit.cli.records import RecordSelector
from idempotent_lambda_toolkit.cli.shown_keys import escape_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What an operator decides about records.

    Attributes:
        completed: whether the side effect happened, or must never happen; otherwise the key runs.
        retention: how long duplicates are suppressed from now on.
        result: the result that later calls get, as JSON; None for no result.
        no_result: whether later calls of a decorated function may get no result.
    """

    completed: bool
    retention: Seconds
    result: str | None = None
    no_result: bool = False


def resolve_one(
    deployment: Deployment,
    output: Output,
    selector: RecordSelector,
    decision: Decision,
    *,
    dry_run: bool,
    yes: bool,
) -> None:
    """Show a record and its messages, and carry out the decision if the operator agrees."""
    record = _find(deployment, selector, decision)
    now = times.now()
    outlook = describe_outlook(deployment, record)
    output.print_lines(*records.explain_id(selector, record))
    output.print_lines(*records.describe(record, now, outlook))
    with output.show_progress("reading the dead-letter queue", None) as seen:
        copies = decisions.find_copies(
            deployment, record, until_found=not decision.completed, seen=seen
        )
    for message in (*copies.unlocking, *copies.others):
        output.print_lines(f"in the dead-letter queue: {describe_message(message, record, now)}")
    output.print_lines(copies.snapshot.describe())
    plan = _describe_plan(record, copies, completed=decision.completed)
    output.print_lines(f"to do: {plan}")
    before = records.plain(record, now)
    if dry_run:
        output.print_json(before=before, dead_letters=copies.plain(), dry_run=True)
        return
    output.confirm(f"Resolve {records.show_key(record.id)}?", yes=yes)
    done = _carry_out(deployment, output, record, decision)
    output.print_json(before=before, **done, dry_run=False)


def resolve_each(
    deployment: Deployment,
    output: Output,
    selectors: list[RecordSelector],
    decision: Decision,
    *,
    dry_run: bool,
    yes: bool,
) -> None:
    """Show several records, and carry out the decision on each; continue after a failure.

    Raises:
        CommandError: none of them can be resolved.
        PartlyDoneError: some of them are left.
    """
    now, chosen, failed = times.now(), dict[str, Record](), dict[str, CommandError]()
    for selector in selectors:
        try:
            record = _find(deployment, selector, decision, looks=dry_run)
        except CommandError as error:
            failed[str(selector)] = error
        else:
            chosen[escape_text(record.id)] = record
    _report_failures(output, failed)
    if not chosen:
        raise _build_error("none of these records can be resolved", failed)
    output.print_table(
        ("state", "since", "record", "reason"),
        [
            (
                records.state(record, now),
                times.moment(records.get_since(record, now), now),
                shown,
                record.reason or "",
            )
            for shown, record in chosen.items()
        ],
    )
    what = "mark them COMPLETED" if decision.completed else "let them run"
    if dry_run:
        output.print_lines(f"{len(chosen)} would be resolved: {what}")
        before = [records.plain(record, now) for record in chosen.values()]
        output.print_json(before=before, failed=_list_failures(failed), dry_run=True)
        return
    output.confirm(f"Resolve {len(chosen)} records: {what}?", yes=yes)
    done = _carry_out_each(deployment, output, chosen, decision, failed)
    output.print_lines(f"{len(done)} of {len(chosen) + len(failed.keys() - chosen)} resolved")
    if failed:
        text = f"left: {', '.join(failed)}; the reason of each is above"
        if done:
            raise PartlyDoneError(text, resolved=done, failed=_list_failures(failed))
        raise _build_error(text, failed)
    output.print_json(resolved=done, failed=[], dry_run=False)


def _carry_out_each(
    deployment: Deployment,
    output: Output,
    chosen: Mapping[str, Record],
    decision: Decision,
    failed: dict[str, CommandError],
) -> list[dict[str, Any]]:
    """Carry out the decision on each record; add those that fail to ``failed``.

    Raises:
        CommandError: a signal has stopped the command.
    """
    done: list[dict[str, Any]] = []
    for shown, record in chosen.items():
        before_change = {"before": records.plain(record, times.now())}
        try:
            stopping.check()
            done.append(before_change | _carry_out(deployment, output, record, decision))
        except stopping.StopSignal:
            text = (
                f"{len(done)} of {len(chosen)} records resolved; run the command again for the rest"
            )
            details = {"resolved": done, "failed": _list_failures(failed)}
            raise stopping.build_error(text, **details) from None
        except get_sdk_errors(CommandError) as error:
            known = error if isinstance(error, CommandError) else translate_error(error)
            failed[shown] = known or PartlyDoneError(str(error))
            _report_failures(output, {shown: failed[shown]})
    return done


def _build_error(text: str, failed: Mapping[str, CommandError]) -> CommandError:
    """Return the error for records of which none is resolved: the reason that all have."""
    types = {type(error) for error in failed.values()}
    error_type = types.pop() if len(types) == 1 else RefusedError
    if PartlyDoneError in types:
        error_type = PartlyDoneError
    return error_type(text, resolved=[], failed=_list_failures(failed))


def _find(
    deployment: Deployment, selector: RecordSelector, decision: Decision, *, looks: bool = False
) -> Record:
    """Read a record, and continue only if the decision can be carried out on it.

    Args:
        deployment: the consumer.
        selector: the name of the record.
        decision: the decision.
        looks: whether to look for the copy that a retry needs, as the retry itself does.

    Raises:
        UsageError, NotFoundError, RefusedError: see `records.require`, or the decision cannot.
    """
    record = records.require(deployment, selector)
    _require_decidable(deployment, record, decision)
    if looks and not decision.completed:
        copies = decisions.find_copies(deployment, record, until_found=True)
        if problem := decisions.explain_kept(record, copies):
            raise RefusedError(problem, dead_letters=copies.plain())
    return record


def _require_decidable(deployment: Deployment, record: Record, decision: Decision) -> None:
    if not decision.completed:
        outlook = describe_outlook(deployment, record)
        if outlook is not None and not record.unlocked_by:
            text = f"the record is stale, so there is nothing to retry: {outlook}"
            if "parks it" in outlook:
                text += ", and then --retry lets it run"
            raise RefusedError(text, record=records.plain(record, times.now()))
        changes.require_parked(record)
        return
    changes.require_resolvable(record)
    is_call = records.is_decorated(record.id)
    shown = records.show_key(record.id)
    if decision.result is not None and not is_call:
        raise UsageError(f"'{shown}' is the key of a message, which has no result: omit --result")
    if is_call and decision.result is None and not decision.no_result:
        text = f"'{shown}' is a decorated call, and later calls get its result"
        remedy = "add --result JSON; or --no-result, and they raise ResultUnavailableError"
        raise UsageError(f'{text}: {remedy} (with results="discard", they get None)')


def _carry_out(
    deployment: Deployment, output: Output, record: Record, decision: Decision
) -> dict[str, Any]:
    """Carry out the decision on one record, and report it; return the fields for ``--json``."""
    if not decision.completed:
        after, moved = decisions.retry(deployment, record)
        report_change(output, record, after)
        output.print_lines(*(f"message {each.id}: sent back to the queue" for each in moved))
        if not moved:
            remedy = "send it again, or repeat the call"
            output.print_lines(f"no message with this key was found: {remedy}")
        return {
            "after": records.plain(after, times.now()),
            "moved": [each.plain() for each in moved],
        }
    done = decisions.complete(deployment, record, decision.retention, decision.result)
    report_change(output, record, done.record)
    output.print_lines(
        *(f"message {each.id}: deleted from the dead-letter queue" for each in done.deleted),
        *(
            f"message {each.id}: stays in the dead-letter queue: {why}"
            for each, why in done.remaining
        ),
    )
    if done.unseen and deployment.dead_letter_queue_url is not None:
        output.print_lines(f"copies may remain in the dead-letter queue: {done.unseen}")
    return {"after": records.plain(done.record, times.now()), **done.plain()}


def _report_failures(output: Output, failed: Mapping[str, CommandError]) -> None:
    output.print_lines(*(f"{shown}: not resolved: {error}" for shown, error in failed.items()))


def _list_failures(failed: Mapping[str, CommandError]) -> list[dict[str, Any]]:
    return [
        {"record": shown, "error": str(error), "exit": error.exit.name.lower()}
        for shown, error in failed.items()
    ]


def _describe_plan(record: Record, copies: Copies, *, completed: bool) -> str:
    if completed:
        text = "mark the record COMPLETED, then delete its messages from the dead-letter queue"
        if record.status == Status.IN_PROGRESS:
            text += "; if its owner still runs, it loses its lease and changes nothing"
        later = (
            "; the copy in the queue is then a duplicate" if records.is_given_back(record) else ""
        )
        return text + later
    if copies.unlocking:
        return "send the copy back to the queue; its token lets it claim the parked record"
    if problem := decisions.explain_kept(record, copies):
        return f"nothing: {problem}"
    if copies.others:
        return "delete the record, then send its messages back to the queue"
    return "delete the record; no message with its key was found: send it again, or repeat the call"
