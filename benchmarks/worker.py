"""One contender as a Lambda worker, in ``.venv-peers``. It reports when it is ready, then serves.

    → {"cpu_ms": 214.2, "at": 5113.2}
    {"event": an SQS event, "processor_ms": 20}
    → {"wall_ms": 26.1, "cpu_ms": 4.4, "runs": 10, "failures": 0, "at": …, "peak_mb": 61.5}

All lines are JSON. ``at`` is the monotonic clock, which the parent shares. The first ``cpu_ms``
counts from the start of the process.
"""

import importlib
import json
import os
import resource
import sys
import time
from pathlib import Path

from benchmarks.function import Workload

STATUS = Path("/proc/self/status")


def peak_mb() -> float:
    """Return the peak memory of this process, in MB of 2**20 bytes."""
    if STATUS.exists():
        # On Linux, ru_maxrss starts at the memory of the forking parent, so it cannot be used.
        (line,) = (each for each in STATUS.read_text().splitlines() if "VmHWM" in each)
        return int(line.split()[1]) / 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main(name: str) -> None:
    """Serve the named contender until standard input ends."""
    answers = os.fdopen(os.dup(1), "w")
    # Log lines go to the null device: they cost a write, but do not mix with answers.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    handle = importlib.import_module(f"benchmarks.contenders.{name}").make(name)
    ready = {"cpu_ms": 1000 * time.process_time(), "at": time.monotonic()}
    print(json.dumps(ready), file=answers, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        event = request["event"]
        Workload.seconds, Workload.runs = request["processor_ms"] / 1000, 0
        cpu, wall = time.process_time(), time.perf_counter()
        response = handle(event)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        answer = {
            "wall_ms": 1000 * wall,
            "cpu_ms": 1000 * cpu,
            "runs": Workload.runs,
            "failures": len((response or {}).get("batchItemFailures", ())),
            "at": time.monotonic(),
            "peak_mb": peak_mb(),
        }
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
