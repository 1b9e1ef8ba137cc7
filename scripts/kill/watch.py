"""Says when the moment of the kill has come: wraps the consumer's parts, and changes nothing."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any

from scripts.kill.plan import CALLS, Event, Moment


class Watch:
    """Says once that the moment of the kill has come."""

    def __init__(self, moment: Moment | None, say: Callable[[], None]) -> None:
        self._moment, self._say = moment, say
        self._counts = {event: count(1) for event in Event}

    def note(self, event: Event) -> None:
        """Count an event, or a call that is about to be made; threads may call at the same time."""
        number = next(self._counts[event])
        if self._moment and (event, number) == (self._moment.event, self._moment.number):
            self._say()


@dataclass(frozen=True, slots=True)
class Watched:
    """A store, or queues, whose calls are noted and passed on."""

    inner: Any
    watch: Watch

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.inner, name)
        if name not in CALLS:
            return method

        def call(*arguments: Any) -> Any:
            self.watch.note(Event(name))
            return method(*arguments)

        return call
