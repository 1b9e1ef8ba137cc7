"""``make simulate``: explore everything, kill every mutant, and write the report.

Exits 1 if a promise is broken, a mutant survives or a known-bad protocol passes.
"""

import json
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path

from . import counter
from .explorer import Findings, Scenario, explore
from .mutants import KNOWN_BAD, REDUNDANT, mutants
from .scenarios import FULL, hunting_grounds
from .world import Protocol

RUNS = 10_000
"""Of the counter."""

REPORT = Path(__file__).parents[2] / "build" / "simulation.json"


def hunt(name: str) -> Findings | None:
    """What finds a mutant or a known-bad protocol out; None if nothing does."""
    protocol = {**dict(mutants()), **KNOWN_BAD}[name]
    found = (explore(scenario, protocol) for scenario in hunting_grounds(name))
    return next((findings for findings in found if findings.violation), None)


def verify(scenario: Scenario) -> Findings:
    """What production does in a scenario."""
    return explore(scenario, Protocol())


def main() -> int:
    """Run all of it on all cores; return the exit code."""
    began = time.monotonic()
    names = [name for name, _ in mutants()]
    with ProcessPoolExecutor() as pool:
        # All begun before the first is waited for, so that no core idles.
        results = pool.map(verify, FULL), pool.map(hunt, names), pool.map(hunt, KNOWN_BAD)
        counted = pool.map(counter.runs, [range(at, RUNS, 20) for at in range(20)])
        verified, hunted, bad = (
            dict(zip(asked, found, strict=True))
            for asked, found in zip((FULL, names, KNOWN_BAD), results, strict=True)
        )
        tallies, stories = zip(*counted, strict=True)
    counts, wrong = sum(tallies, Counter()), [story for each in stories for story in each]
    for scenario, findings in verified.items():
        print(f"{findings.states:>8} states  {scenario.name}: {findings.violation or 'holds'}")
        for line in findings.story:
            print(f"            {line}")
    for name, flagged in bad.items():
        print(f"known bad: {name}")
        for line in flagged.story if flagged else ("NOT FLAGGED",):
            print(f"            {line}")
    for story in wrong:
        print(f"counter: {story}")
    survivors = [name for name, killed in hunted.items() if killed is None]
    violations = [each.violation for each in verified.values() if each.violation]
    report = {
        "states": sum(each.states for each in verified.values()),
        "frontier": sum(each.frontier for each in verified.values()),
        "violations": len(violations),
        "mutants": len(hunted),
        "killed": len(hunted) - len(survivors),
        "bad_protocols_flagged": sum(each is not None for each in bad.values()),
        "counter": {"runs": RUNS, "wrong": len(wrong), "happened": dict(sorted(counts.items()))},
        "bounds": {
            scenario.name: {
                "deliveries": scenario.deliveries,
                "retention_seconds": scenario.terms.retention,
                "concurrency": scenario.terms.concurrency,
                "parks": scenario.terms.claim.park_interrupted,
                "waits": scenario.terms.claim.wait_for_lease,
                "transactional": scenario.terms.transactional,
                "window": scenario.terms.window,
                "quick": scenario.terms.quick,
                "parked": scenario.terms.parked,
                "stated": scenario.terms.stated,
                "company": scenario.terms.company,
                "faults": scenario.budget._asdict(),
                "states": findings.states,
            }
            for scenario, findings in verified.items()
        },
        "survivors": survivors,
        "redundant_clauses": [" ".join(each) for each in sorted(REDUNDANT)],
        "mutant_stories": {name: asdict(each)["story"] for name, each in hunted.items() if each},
        "bad_protocol_stories": {name: asdict(each)["story"] for name, each in bad.items() if each},
        "seconds": round(time.monotonic() - began, 1),
    }
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(
        f"{report['states']} states, {report['violations']} violations; "
        f"{report['killed']} of {report['mutants']} mutants killed; "
        f"{report['bad_protocols_flagged']} of {len(KNOWN_BAD)} bad protocols flagged; "
        f"the counter exact in {RUNS - len(wrong)} of {RUNS} runs; {report['seconds']} s"
    )
    unsound = violations or survivors or None in bad.values() or report["frontier"] or wrong
    return 1 if unsound else 0


if __name__ == "__main__":
    sys.exit(main())
