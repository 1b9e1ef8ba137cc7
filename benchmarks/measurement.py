"""Runs the cases: contenders in turn, round after round, so that noise strikes all alike."""

import statistics
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final

from benchmarks.cases import CONTENDERS, Case
from benchmarks.fleet import Place, answer, request
from benchmarks.samples import summary
from tests.handler import events

WARM_UPS: Final = 3
"""Batches before the measured ones; the last says how many fit the time."""

ROUNDS: Final = 10
"""In each, every contender measures the same number of batches, at least one."""

STARTS: Final = ("boto3_client", *CONTENDERS)


def _ids(count: int) -> list[str]:
    return [str(uuid.uuid4()) for _ in range(count)]


def _event(fresh: Sequence[str], old: Sequence[str], receive_count: int) -> dict[str, Any]:
    """A batch with the messages of both kinds spread over it."""
    counts = dict.fromkeys(fresh, 1) | dict.fromkeys(old, receive_count)
    mixed = [each for pair in zip(fresh, old, strict=False) for each in pair]
    rest = (*fresh[len(old) :], *old[len(fresh) :])
    return events.event(*(_record(each, counts[each]) for each in (*mixed, *rest)))


def _record(message_id: str, receive_count: int) -> dict[str, Any]:
    record = events.order(message_id, message_id)
    return record | {
        "attributes": record["attributes"] | {"ApproximateReceiveCount": str(receive_count)}
    }


class _Run:
    """One contender in one case."""

    def __init__(self, name: str, case: Case, place: Place, rounds: int) -> None:
        self.name, self._case, self._place = name, case, place
        self._old = _ids(case.batch * case.duplicates // 100)
        self.answers: list[dict[str, Any]] = []
        if self._old:
            place.deliver(name, _event(self._old, (), 1), 0)
        for _ in range(WARM_UPS):
            warm = self._batch()
        # At least one in every round, however slow.
        fitting = int(1000 * case.seconds / warm["wall_ms"])
        self.each = max(1, min(case.samples, fitting) // rounds)

    def _batch(self) -> dict[str, Any]:
        fresh = _ids(self._case.batch - len(self._old))
        event = _event(fresh, self._old, self._case.receive_count)
        before = self._calls()
        answer = self._place.deliver(self.name, event, self._case.processor_ms)
        answer["calls"] = self._calls() - before
        if answer["failures"] or answer["runs"] != len(fresh):
            raise RuntimeError(
                f"{self.name}, {self._case.name}: {answer['runs']} runs and {answer['failures']} "
                f"failures in a batch with {len(fresh)} new messages"
            )
        return answer

    def _calls(self) -> int:
        """How many the stub has counted; none where it is the emulator."""
        if self._case.engine_ms is None:
            return 0
        return sum(self._place.ask("GetCounters")[self.name]["calls"].values())

    def round(self) -> None:
        """Measure this round's share."""
        self.answers += [self._batch() for _ in range(self.each)]


def measured(case: Case, place: Place, rounds: int = ROUNDS) -> dict[str, dict[str, Any]]:
    """The figures of every contender in a case.

    Returns:
        By contender: how many batches, their wall time, their CPU time per message, and, where the
        stub counts them, calls and units per batch.
    """
    counted = case.engine_ms is not None
    if counted:
        place.ask("SetDelay", milliseconds=case.engine_ms)
    runs = [_Run(name, case, place, rounds) for name in CONTENDERS]
    before = place.ask("GetCounters") if counted else {}
    for _ in range(rounds):
        for run in runs:
            run.round()
    after = place.ask("GetCounters") if counted else {}
    figures = {}
    for run in runs:
        batches = len(run.answers)
        figures[run.name] = {
            "n": batches,
            **summary("ms", [each["wall_ms"] for each in run.answers], run.each),
            "cpu_ms_per_message": round(
                statistics.median(each["cpu_ms"] for each in run.answers) / case.batch, 3
            ),
            "peak_mb": round(run.answers[-1]["peak_mb"], 1),
            **(_units(before[run.name], after[run.name], batches) if counted else {}),
        }
        if counted:
            # As of the times, the median: where the machine stands still, a flusher does not wait.
            calls = statistics.median(each["calls"] for each in run.answers)
            figures[run.name]["round_trips"] = int(calls)
    return figures


def _units(before: Mapping[str, Any], after: Mapping[str, Any], batches: int) -> dict[str, Any]:
    calls = {
        name: (count - before["calls"].get(name, 0)) / batches
        for name, count in after["calls"].items()
    }
    return {
        "calls": " + ".join(f"{count:g} {name}" for name, count in calls.items() if count),
        **{
            name: round((after[name] - before[name]) / batches, 2)
            for name in ("write_units", "read_units")
        },
    }


def cold_starts(place: Place, samples: int) -> dict[str, dict[str, Any]]:
    """What a fresh process needs, in CPU and wall time, until it is ready and has answered.

    Returns:
        By contender; the first start of each is not counted, as it may still compile.
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
