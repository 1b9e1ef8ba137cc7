"""The reports of `hammer` as one HTML page, which needs no script and no network."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from idempotent_lambda_toolkit.testing.reporting.markup import escape
from idempotent_lambda_toolkit.testing.reporting.report import Finding, Report
from idempotent_lambda_toolkit.testing.reporting.timeline import (
    COLORS,
    STYLE,
    WIDTH,
    draw_timeline,
)
from idempotent_lambda_toolkit.testing.reporting.wording import count

_CODE = re.compile(r"`([^`]+)`")
_LONGEST_WORD = 24
_STYLE = (
    """
:root { color-scheme: light dark; }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 68rem; margin: 0 auto; padding: 2rem 1rem 4rem; }
h1 { margin: 0; font-size: 1.75rem; line-height: 1.2; }
h2 { margin: 2.5rem 0 .75rem; font-size: 1.2rem; }
h3 { margin: 0; font-size: 1.05rem; overflow-wrap: anywhere; }
h4 { margin: 0; font-size: 1.05rem; color: var(--bad); }
h5 { margin: 1.25rem 0 .35rem; font-size: .8rem; letter-spacing: .05em; text-transform: uppercase;
  color: var(--muted); }
p { margin: .35rem 0; }
a { color: var(--link); }
code { font: .9em ui-monospace, SFMono-Regular, Menlo, Consolas, monospace;
  overflow-wrap: anywhere; }
.word { white-space: nowrap; }
.summary, .of { color: var(--muted); overflow-wrap: anywhere; }
.test { background: var(--card); border: 1px solid var(--line); border-radius: .6rem;
  padding: 1.1rem 1.25rem 1.25rem; margin: 0 0 1.25rem; }
.finding { border-top: 1px solid var(--line); margin-top: 1rem; padding-top: 1rem; display: grid;
  gap: .5rem 2rem; grid-template-columns: minmax(0, 1fr); }
.text { overflow-wrap: anywhere; }
ol { margin: 0; padding-left: 1.4rem; }
ol li { margin: .3rem 0; overflow-wrap: anywhere; }
ol li:last-child { font-weight: 600; }
.fix { border-left: 3px solid var(--good); padding: .1rem 0 .1rem .75rem; margin: 0; }
figure { margin: 0; min-width: 0; }
svg.timeline { display: block; width: 100%; max-width: """
    f"{WIDTH + 60}px"
    """; height: auto; }
figcaption { font-size: .8rem; color: var(--muted); margin-top: .5rem; }
.passed { list-style: none; padding: 0; margin: 0; }
.passed li { padding: .45rem 0; border-bottom: 1px solid var(--line); font-weight: 400;
  overflow-wrap: anywhere; }
.tick { color: var(--good); font-weight: 700; }
@media (min-width: 54rem) {
  .finding { grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); }
}
@media print {
  body { background: none; font-size: 11pt; }
  main { padding: 0; max-width: none; }
  .test { border: 0; border-top: 2px solid var(--line); border-radius: 0; padding: 1rem 0; }
  .finding > * { break-inside: avoid; }
}
"""
)


class Entry(NamedTuple):
    """A report, and the test that made it; empty if no test did."""

    test: str
    report: Report


def build_page(entries: Sequence[Entry]) -> str:
    """Build the page: the reports with findings first, each group in the given order."""
    failed = [entry for entry in entries if not entry.report.passed]
    passed = [entry for entry in entries if entry.report.passed]
    lines = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        "<title>hammer report</title>",
        f"<style>{COLORS}{_STYLE}{STYLE}</style>",
        "</head>",
        "<body><main>",
        "<h1>hammer report</h1>",
        f'<p class="summary">{_summarize(failed, passed)}</p>',
    ]
    if failed:
        lines.append("<h2>Findings</h2>")
        for place, entry in enumerate(failed, 1):
            lines += _write_test(entry, place)
    if passed:
        lines.append('<h2>Nothing wrong</h2>\n<ul class="passed">')
        lines += (_write_passed(entry) for entry in passed)
        lines.append("</ul>")
    return "\n".join([*lines, "</main></body>", "</html>", ""])


def _summarize(failed: Sequence[Entry], passed: Sequence[Entry]) -> str:
    if not failed and not passed:
        return "No test used hammer."
    findings = sum(len(entry.report.findings) for entry in failed)
    scenarios = sum(entry.report.scenarios for entry in (*failed, *passed))
    found = count(findings, "finding") if findings else "Nothing wrong"
    reports = count(len(failed) + len(passed), "report")
    return f"{found} in {count(scenarios, 'scenario')} of {reports}."


def _describe_run(report: Report) -> str:
    effects = ", ".join(f"<code>{escape(effect)}</code>" for effect in report.effects) or "none"
    return f"{count(report.scenarios, 'scenario')}, effects: {effects}"


def _write_passed(entry: Entry) -> str:
    name = escape(entry.test or entry.report.subject)
    of = f" of <code>{escape(entry.report.subject)}</code>" if entry.test else ""
    return (
        f'<li><span class="tick" aria-hidden="true">\N{CHECK MARK}</span> <strong>{name}</strong>'
        f'{of} <span class="of">({_describe_run(entry.report)})</span></li>'
    )


def _write_test(entry: Entry, place: int) -> Iterator[str]:
    report = entry.report
    yield f'<section class="test" aria-labelledby="test-{place}">'
    yield f'<h3 id="test-{place}">{escape(entry.test or report.subject)}</h3>'
    of = f"<code>{escape(report.subject)}</code>, " if entry.test else ""
    yield f'<p class="of">{of}{_describe_run(report)}</p>'
    for number, finding in enumerate(report.findings, 1):
        yield from _write_finding(finding, f"f{place}-{number}")
    yield "</section>"


def _write_finding(finding: Finding, prefix: str) -> Iterator[str]:
    yield f'<article class="finding" aria-labelledby="{prefix}">'
    yield f'<div><h4 id="{prefix}">{escape(finding.reason)}</h4>'
    yield f"<p>{_mark_code(finding.reason.meaning.capitalize())}.</p>"
    yield f'<p class="text of">{escape(finding.text)}</p>'
    yield "<h5>Shortest reproduction</h5>\n<ol>"
    yield from (f"<li>{_mark_code(sentence)}</li>" for sentence in finding.story)
    yield f'</ol>\n<h5>Fix</h5>\n<p class="fix">{_mark_code(finding.reason.fix)}</p></div>'
    yield f"<figure>{draw_timeline(finding, prefix=prefix)}"
    yield f"<figcaption>{_CAPTION}</figcaption></figure>"
    yield "</article>"


_CAPTION = (
    "Simulated time runs downwards. A bar is an invocation, or the state of a record: dashed while "
    "it is claimed, solid once it is completed."
)


def _mark_code(text: str) -> str:
    """Escape text, mark what is in backticks as code, and keep short keys on one line."""
    words = (
        f'<span class="word">{escape(word)}</span>'
        if "-" in word and len(word) <= _LONGEST_WORD
        else escape(word)
        for word in text.split(" ")
    )
    return _CODE.sub(r"<code>\1</code>", " ".join(words))
