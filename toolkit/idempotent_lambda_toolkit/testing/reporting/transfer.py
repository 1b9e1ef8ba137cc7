"""Reports as text, to carry them from one process to another."""

import json
from dataclasses import asdict
from typing import Any

from idempotent_lambda_toolkit.testing.hammering.reasons import Reason
from idempotent_lambda_toolkit.testing.hammering.recording import Kind, Moment
from idempotent_lambda_toolkit.testing.reporting.report import Finding, Report


def dump_report(report: Report) -> str:
    """Return a report as JSON."""
    return json.dumps(asdict(report))


def load_report(text: str) -> Report:
    """Return the report that `dump_report` has made this JSON of."""
    report = json.loads(text)
    return Report(
        subject=report["subject"],
        effects=tuple(report["effects"]),
        scenarios=report["scenarios"],
        findings=tuple(_load_finding(finding) for finding in report["findings"]),
    )


def _load_finding(finding: dict[str, Any]) -> Finding:
    moments = (Moment(*values) for values in finding["timeline"])
    return Finding(
        reason=Reason(finding["reason"]),
        effect=finding["effect"],
        text=finding["text"],
        steps=tuple(finding["steps"]),
        story=tuple(finding["story"]),
        timeline=tuple(moment._replace(kind=Kind(moment.kind)) for moment in moments),
    )
