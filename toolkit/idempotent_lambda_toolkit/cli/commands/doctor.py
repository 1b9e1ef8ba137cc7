"""The command `doctor`."""

from typing import Annotated

import typer

from idempotent_lambda_toolkit.cli.command import get_parts
from idempotent_lambda_toolkit.cli.doctor.findings import Severity
from idempotent_lambda_toolkit.cli.exit_codes import ExitCode, UsageError

Invoke = Annotated[
    bool,
    typer.Option(
        "--invoke",
        help="Also invoke the function with an empty batch, which shows whether it starts. "
        "Only the package's entry point is invoked; your processor is imported, and not called.",
    ),
]


def doctor(context: typer.Context, *, invoke: Invoke = False) -> None:
    """Check the deployed stack: settings, function, table, queues, mappings, permissions."""
    # --help does without the checks and the SDK.
    from idempotent_lambda_toolkit.cli.doctor.checks import (  # noqa: PLC0415
        list_checked,
        list_findings,
    )
    from idempotent_lambda_toolkit.cli.doctor.gather import gather  # noqa: PLC0415

    deployment, output = get_parts(context)
    if deployment.options.function is None:
        raise UsageError("doctor checks a function: set --function NAME")
    known = gather(deployment, invoke=invoke)
    findings = list_findings(known)
    for finding in findings:
        output.print_lines(
            f"{finding.severity}: {finding.name}: {finding.value}",
            f"    rule: {finding.rule}",
            f"    remedy: {finding.remedy}",
        )
    problems = {each.name for each in findings if each.severity is not Severity.NOTE}
    checked = list_checked(known)
    clean = [topic for topic, names in checked.items() if problems.isdisjoint(names)]
    if clean:
        name = deployment.options.function
        output.print_lines(f"{name}: no problem found in: {', '.join(clean)}")
    for what, why in known.unknown.items():
        output.print_lines(f"not checked: {what} ({why})")
    output.print_json(
        findings=[each.plain() for each in findings],
        checked=[name for names in checked.values() for name in names],
        not_checked=dict(known.unknown),
    )
    if problems:
        raise typer.Exit(ExitCode.FOUND)
    if known.unknown:
        raise typer.Exit(ExitCode.COULD_NOT_CHECK)
