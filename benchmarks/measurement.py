"""Runs the cases: contenders in turn, round after round, so that noise affects all equally."""

import contextlib
import statistics
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from benchmarks.cases import CONTENDERS, Case
from benchmarks.comparison import order_sides
from benchmarks.fleet import Location, answer, request
from benchmarks.samples import summary
from tests.handler import events

ROUNDS: Final = 10
"""In each round, a contender measures the same number of batches, at least one."""

UNITS: Final = ("write_units", "read_units")

STARTS: Final = ("boto3_client", *CONTENDERS)


def _ids(count: int) -> list[str]:
    return [str(uuid.uuid4()) for _ in range(count)]


def _event(fresh: Sequence[str], old: Sequence[str], receive_count: int) -> dict[str, Any]:
    """Return a batch in which fresh and old messages alternate."""
    counts = dict.fromkeys(fresh, 1) | dict.fromkeys(old, receive_count)
    mixed = [each for pair in zip(fresh, old, strict=False) for each in pair]
    rest = (*fresh[len(old) :], *old[len(fresh) :])
    return events.event(*(_record(each, counts[each]) for each in (*mixed, *rest)))


def _record(message_id: str, receive_count: int) -> dict[str, Any]:
    record = events.order(message_id, message_id)
    return record | {
        "attributes": record["attributes"] | {"ApproximateReceiveCount": str(receive_count)}
    }


class Run:
    """One contender in one case, at one location.

    Attributes:
        each: the number of batches of a round that fit the time limit.
        answers: the answers of its worker, each with the counts of the stub.
    """

    def __init__(self, name: str, case: Case, place: Location, rounds: int) -> None:
        self.name, self._case, self._place = name, case, place
        self._old = _ids(case.batch * case.duplicates // 100)
        self.answers: list[dict[str, Any]] = []
        if self._old:
            place.deliver(name, _event(self._old, (), 1), 0)
        for _ in range(case.warm_ups):
            warm = self._batch()
        # At least one in every round, even if it is slow.
        fitting = int(1000 * case.seconds / warm["wall_ms"])
        self.each = max(1, min(case.samples, fitting) // rounds)

    def _batch(self) -> dict[str, Any]:
        fresh = _ids(self._case.batch - len(self._old))
        event = _event(fresh, self._old, self._case.receive_count)
        before = self._counters()
        answer = self._place.deliver(self.name, event, self._case.processor_ms)
        answer["counted"] = _difference(before, self._counters())
        complete = not answer["failures"] and answer["runs"] == len(fresh)
        if not (complete or self._case.reports_failures):
            raise RuntimeError(
                f"{self.name}, {self._case.name}: {answer['runs']} runs and {answer['failures']} "
                f"failures in a batch with {len(fresh)} new messages"
            )
        return answer

    def _counters(self) -> dict[str, Any]:
        """Return the counts of the stub; nothing from the emulator."""
        if not self._case.is_counted:
            return {}
        counters: dict[str, Any] = self._place.ask("GetCounters")[self.name]
        return counters

    def measure(self) -> None:
        """Measure one batch."""
        self.answers.append(self._batch())

    def figures(self, per_round: int) -> dict[str, Any]:
        """Return the number of batches, their times, and the counts of the stub per batch."""
        counted = [each["counted"] for each in self.answers if each["counted"]]
        # The mean, because a median would hide occasional failures.
        failed = statistics.fmean(each["failures"] for each in self.answers)
        return {
            "n": len(self.answers),
            **summary("ms", [each["wall_ms"] for each in self.answers], per_round),
            "cpu_ms_per_message": round(
                statistics.median(each["cpu_ms"] for each in self.answers) / self._case.batch, 4
            ),
            "peak_mb": round(self.answers[-1]["peak_mb"], 1),
            **(_units(counted) if counted else {}),
            **({"failed": round(failed, 2)} if self._case.reports_failures else {}),
        }


def measured(case: Case, place: Location, rounds: int = ROUNDS) -> dict[str, dict[str, Any]]:
    """Measure every contender in a case.

    Returns:
        For each contender: the number of batches, their wall time, their CPU time per message and,
        if the stub counts them, calls and units per batch.
    """
    if case.is_counted:
        place.ask("SetDelay", milliseconds=case.engine_ms)
    rounds = min(rounds, case.samples)
    runs = [Run(name, case, place, rounds) for name in case.contenders]
    for _ in range(rounds):
        for run in runs:
            for _ in range(run.each):
                run.measure()
    return {run.name: run.figures(run.each) for run in runs}


def measure_pairs(
    case: Case, places: Mapping[str, Location], rounds: int
) -> Iterator[dict[str, dict[str, Any]]]:
    """Measure two versions of this package in a case; yield the figures of each round.

    In each round, both get a fresh worker, and then one batch each in turn.

    Args:
        case: the case; its samples and seconds are for all rounds of one version.
        places: the location of each version, by side; on the same stub, which counts one batch at
            a time.
        rounds: the number of rounds.
    """
    for number in range(rounds):
        with contextlib.ExitStack() as stack:
            runs = {}
            for side in order_sides(number, 0):
                place = stack.enter_context(places[side].working(["ours"]))
                if case.is_counted:
                    place.ask("SetDelay", milliseconds=case.engine_ms)
                runs[side] = Run("ours", case, place, rounds)
            batches = min(run.each for run in runs.values())
            for batch in range(batches):
                for side in order_sides(number, batch):
                    runs[side].measure()
            yield {side: run.figures(batches) for side, run in runs.items()}


def _difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Return the counts between two answers of the stub."""
    if not after:
        return {}
    calls = Counter(after["calls"])
    calls.subtract(before["calls"])
    return {"calls": calls, **{unit: after[unit] - before[unit] for unit in UNITS}}


def _units(counted: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return calls and units per batch."""
    calls: Counter[str] = Counter()
    for each in counted:
        calls.update(each["calls"])
    each_calls = {name: count / len(counted) for name, count in calls.items()}
    return {
        "calls": " + ".join(f"{count:g} {name}" for name, count in each_calls.items() if count),
        **{unit: round(sum(each[unit] for each in counted) / len(counted), 2) for unit in UNITS},
        # The median, as for times: if the machine pauses, a flusher does not wait.
        "round_trips": int(statistics.median(sum(each["calls"].values()) for each in counted)),
    }


def cold_starts(place: Location, samples: int) -> dict[str, dict[str, Any]]:
    """Measure the CPU and wall time of a fresh process until it is ready and has answered.

    Returns:
        The figures of each contender, without its first start, which may still compile.
    """
    kinds = ("ready_cpu", "ready_wall", "answered_cpu", "answered_wall")
    found: dict[str, list[tuple[float, ...]]] = {name: [] for name in STARTS}
    for _ in range(samples + 1):
        for name in STARTS:
            began = time.monotonic()
            with place.started(name) as process:
                request(process, {"event": _event(_ids(1), (), 1), "processor_ms": 0})
                ready, answered = answer(process), answer(process)
            found[name].append(
                (
                    ready["cpu_ms"],
                    1000 * (ready["at"] - began),
                    ready["cpu_ms"] + answered["cpu_ms"],
                    1000 * (answered["at"] - began),
                )
            )
    return {
        name: {"n": samples}
        | {
            figure: value
            for kind, values in zip(kinds, zip(*starts[1:], strict=True), strict=True)
            for figure, value in summary(f"{kind}_ms", values, 1).items()
            if figure.startswith(("p50", "q"))
        }
        for name, starts in found.items()
    }
