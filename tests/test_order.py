"""The order in which several workers run the tests."""

from typing import Any

import pytest

from tests.conftest import WAITING_WORKERS, dealt


class Item:
    """A placeholder for a test; the scenarios have a longer timeout."""

    def __init__(self, number: int) -> None:
        self.is_scenario = number % 300 == 7

    def get_closest_marker(self, name: str) -> bool:
        return self.is_scenario and name == "timeout"


@pytest.mark.parametrize("workers", [4, 5, 8])
def test_scenarios_come_first(workers: int) -> None:
    """No test is lost, and the shares of the first workers begin with the scenarios."""
    items: Any = [Item(number) for number in range(4317)]
    order: Any = dealt(items, workers)
    assert len(order) == len(items)
    assert set(order) == set(items)
    starts = [len(items) * worker // workers for worker in range(workers)]
    begins = [order[start].is_scenario for start in starts]
    assert begins == [worker < WAITING_WORKERS for worker in range(workers)]


def test_only_scenarios() -> None:
    """More scenarios than a worker's share are dealt whole."""
    items: Any = [Item(number) for number in [7] * 5]
    assert sorted(map(id, dealt(items, 4))) == sorted(map(id, items))
