"""The time that the code under test sees: it goes on by itself, and jumps when a scenario says so.

time-machine replaces the wall clock for all code, also for `from time import time`. The other
functions are replaced here, wherever a module holds a reference to them.
"""

import datetime as dt
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any
from zoneinfo import ZoneInfo

import time_machine

from idempotent_lambda.clock import EpochMillis, Millis
from idempotent_lambda_toolkit.testing.clock import ManualClock
from idempotent_lambda_toolkit.testing.hammering.subject import HammerError

real_sleep, real_monotonic = time.sleep, time.monotonic

_REAL = {
    name: getattr(time, name)
    for name in ("sleep", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns")
}

_KEEP_REAL_TIME = (
    "_pytest",
    "execnet",
    "idempotent_lambda_toolkit",
    "pluggy",
    "pytest",
    "subprocess",
    "time_machine",
    "xdist",
)
"""The packages that run and measure the tests; `pytest` includes its plugins."""

_NANOS_PER_MILLI = 1_000_000

_PAUSE = Millis(3600 * 1000)
"""The simulated time between two scenarios."""

_Sleep = Callable[[float], object]


class SimulatedTime:
    """The simulated time of one call of `hammer`."""

    def __init__(self, sleep: _Sleep) -> None:
        self.ahead = Millis(0)
        self.sleep = sleep
        self._travel = time_machine.travel(0, tick=True)
        self._traveller: Any = None

    def begin(self, now: EpochMillis) -> "ScenarioClock":
        """Set the wall clock, and return a clock that agrees with all others from now on."""
        # Pauses of the code, such as a rate limit, do not reach into the next scenario.
        self.ahead = Millis(self.ahead + _PAUSE)
        self.set_wall_clock(now)
        return ScenarioClock(self, now)

    def set_wall_clock(self, now: EpochMillis) -> None:
        """Set the wall clock of the code."""
        moment = dt.datetime.fromtimestamp(now / 1000, ZoneInfo("UTC"))  # as on Lambda
        self._traveller.move_to(moment)

    def advance(self, duration: Millis) -> None:
        """Move the clocks of the code forward."""
        self.ahead = Millis(self.ahead + duration)
        self._traveller.shift(duration / 1000)

    @contextmanager
    def apply(self) -> Iterator[None]:
        """Let all code see this time.

        Raises:
            HammerError: freezegun has stopped the time.
        """
        try:
            self._traveller = self._travel.start()
        except RuntimeError as error:
            raise HammerError(
                "freezegun holds the time, which hammer must move: call hammer outside of"
                " freeze_time; the wall clock begins when the event was sent"
            ) from error
        _running.append(self)
        before = {name: getattr(time, name) for name in _REAL}
        try:
            _replace({id(_REAL[name]): found for name, found in _SIMULATED.items()})
            vars(time).update(_SIMULATED)
            yield
        finally:
            # Also in modules that were imported meanwhile.
            _replace({id(_SIMULATED[name]): found for name, found in _REAL.items()})
            vars(time).update(before)
            _running.remove(self)
            self._travel.stop()


_running: list[SimulatedTime] = []
"""The simulated time that all code sees is the last; without one, time is real."""


class ScenarioClock(ManualClock):
    """The clock of the package in a scenario, which moves the clocks of the code as well."""

    def __init__(self, simulated: SimulatedTime, now: EpochMillis) -> None:
        super().__init__(now)
        self._simulated, self._began = simulated, now

    def restart_wall_clock(self) -> None:
        """Set the wall clock of the code, and of nothing else, to the beginning of the scenario."""
        self._simulated.set_wall_clock(self._began)

    def advance(self, duration: Millis) -> None:
        """Move all clocks forward."""
        super().advance(duration)
        self._simulated.advance(duration)

    def follow(self, duration: Millis) -> None:
        """Move only the clock of the package, because this time has really passed."""
        super().advance(duration)


def _get_ahead() -> int:
    """Return by how many nanoseconds the simulated time is ahead."""
    return _running[-1].ahead * _NANOS_PER_MILLI if _running else 0


def _sleep(seconds: float, /) -> None:
    # A child process needs real time.
    child = sys._getframe(1).f_globals.get("__name__") == "subprocess"  # noqa: SLF001
    (_running[-1].sleep if _running and not child else real_sleep)(seconds)


def _monotonic() -> float:
    return float(_REAL["monotonic"]() + _get_ahead() / 1e9)


def _monotonic_ns() -> int:
    return int(_REAL["monotonic_ns"]() + _get_ahead())


def _perf_counter() -> float:
    return float(_REAL["perf_counter"]() + _get_ahead() / 1e9)


def _perf_counter_ns() -> int:
    return int(_REAL["perf_counter_ns"]() + _get_ahead())


_SIMULATED: dict[str, Callable[..., Any]] = {
    "sleep": _sleep,
    "monotonic": _monotonic,
    "monotonic_ns": _monotonic_ns,
    "perf_counter": _perf_counter,
    "perf_counter_ns": _perf_counter_ns,
}


def _replace(replacements: Mapping[int, Callable[..., Any]]) -> None:
    """Replace functions, given by identity, in all modules that do not run the tests.

    The standard library is no exception: `queue` and `threading` compute their ends with it.
    """
    for name, module in [*sys.modules.items()]:
        if name.startswith(_KEEP_REAL_TIME) or not isinstance(module, ModuleType):
            continue
        names = vars(module)
        for place, value in [*names.items()]:
            if id(value) in replacements:
                names[place] = replacements[id(value)]
