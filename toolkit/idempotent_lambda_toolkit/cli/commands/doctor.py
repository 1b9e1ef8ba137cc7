"""The command `doctor`."""

import typer

from idempotent_lambda_toolkit.cli.command import (
    get_parts,
)
from idempotent_lambda_toolkit.cli.doctor.findings import Severity
from idempotent_lambda_toolkit.cli.exit_codes import ExitCode, UsageError


def doctor(context: typer.Context) -> None:
    """Check the deployed stack: settings, table, queues, mapping, permissions, clock."""
    # --help does without the checks and the SDK.
    from idempotent_lambda_toolkit.cli.doctor.checks import list_findings  # noqa: PLC0415
    from idempotent_lambda_toolkit.cli.doctor.gather import gather  # noqa: PLC0415

    deployment, output = get_parts(context)
    if deployment.options.function is None:
        raise UsageError("doctor checks a function: set --function NAME")
    known = gather(deployment)
    findings = list_findings(known)
    for finding in findings:
        output.print_lines(
            f"{finding.severity}: {finding.name}: {finding.value}",
            f"    rule: {finding.rule}",
            f"    remedy: {finding.remedy}",
        )
    for what, why in known.unknown.items():
        output.print_lines(f"could not check: {what}: {why}")
    healthy = all(each.severity is Severity.NOTE for each in findings)
    if healthy:
        found = "no problem found by the checks that could run" if known.unknown else "healthy"
        output.print_lines(f"{deployment.options.function}: {found}")
    output.print_json(
        healthy=None if healthy and known.unknown else healthy,
        findings=[each.plain() for each in findings],
        unknown=dict(known.unknown),
    )
    if not healthy:
        raise typer.Exit(ExitCode.FOUND)
