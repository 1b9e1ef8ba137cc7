"""A result that reports failures to Lambda is not a completion."""

import contextlib
from collections import UserDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, NamedTuple
from unittest.mock import MagicMock, Mock

import pytest

from idempotent_lambda import errors
from idempotent_lambda.sources.response import find_failures
from idempotent_lambda_toolkit.testing import ManualClock
from tests.contracts.conftest import InMemory

from .shop import Shop
from .test_results import Monster

FAILED = {"batchItemFailures": [{"itemIdentifier": "m2"}]}


@pytest.mark.parametrize("results", ["store", "discard"])
def test_a_batch_that_reported_failures_is_not_replayed(shop: Shop, results: str) -> None:
    """A result that reports failures is returned as it is, and the next call runs again."""
    answers: list[Any] = [FAILED, {"batchItemFailures": []}]
    charge = shop.function(lambda *_: answers[len(shop.ran) - 1], results=results)
    assert charge("a") is FAILED
    assert shop.record() is None
    assert charge("a") is answers[1]
    assert charge("a") == (answers[1] if results == "store" else None)
    assert len(shop.ran) == 2
    assert shop.outcomes() == ["failed", "completed", "duplicate"]
    (error,) = shop.log()[0]["errors"]
    assert error["type"] == "BatchFailedError"
    assert "m2" in error["text"]
    assert "batchItemFailures" in error["text"]


class Response(dict[str, Any]):
    """A dict whose own methods raise."""

    def get(self, *_: Any) -> Any:
        raise AssertionError

    __getitem__ = __contains__ = __iter__ = __len__ = __bool__ = get  # type: ignore[assignment]


class Failures(list[Any]):
    """A list that calls itself empty."""

    def __len__(self) -> int:
        return 0

    def __bool__(self) -> bool:
        return False


REPORTS: dict[str, Any] = {
    "one": FAILED,
    "two": {"batchItemFailures": [{"itemIdentifier": "m1"}, {"itemIdentifier": "m2"}]},
    "in a tuple": {"batchItemFailures": ({"itemIdentifier": "m1"},)},
    "besides other fields": {**FAILED, "statusCode": 200},
    "of a subclass": Response(FAILED),
    "in a subclass of list": {"batchItemFailures": Failures([{"itemIdentifier": "m1"}])},
    "without an id": {"batchItemFailures": [{}]},
    "with an empty id": {"batchItemFailures": [{"itemIdentifier": ""}]},
    "with null": {"batchItemFailures": [{"itemIdentifier": None}]},
    "with a number": {"batchItemFailures": [{"itemIdentifier": 5}]},
    "with another name": {"batchItemFailures": [{"messageId": "m1"}]},
    "of ids only": {"batchItemFailures": ["m1"]},
    "of nothing": {"batchItemFailures": [None]},
    "of a monster": {"batchItemFailures": [Monster(RuntimeError())]},
    "not in a list": {"batchItemFailures": {"itemIdentifier": "m1"}},
    "a text": {"batchItemFailures": "m1"},
    "a number": {"batchItemFailures": 1},
    "a monster": {"batchItemFailures": Monster(RuntimeError())},
    "a lone surrogate": {"batchItemFailures": [{"itemIdentifier": "\ud800"}]},
    "very many": {"batchItemFailures": [{"itemIdentifier": f"m{n}"} for n in range(10_000)]},
}  # fmt: skip


@pytest.mark.parametrize("name", REPORTS)
@pytest.mark.parametrize("changes", [{}, {"observe_only": True}, {"hash_keys": True}])
def test_reported_failures(clock: ManualClock, name: str, changes: Any) -> None:
    """Lambda delivers a batch again for all of these, so none of them is a completion."""
    value = REPORTS[name]
    shop = Shop(InMemory(), "sync", clock)
    charge = shop.function(lambda *_: value, **changes)
    assert charge("a") is charge("a") is value
    assert shop.record() is None
    assert shop.outcomes() == ["failed"] * 2
    assert [len(line["errors"]) for line in shop.log()] == [1, 1]


class Name(str):
    """A name that raises when it is compared."""

    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        raise RuntimeError


COMPLETE: list[Any] = [
    {}, {"batchItemFailures": []}, {"batchItemFailures": None}, {"batchItemFailures": ()},
    {"batchitemfailures": [1]}, {"result": FAILED}, [FAILED], "batchItemFailures", None,
]  # fmt: skip


def test_no_failures(memory: Shop) -> None:
    """An empty or missing list is a success, as Lambda reads it, and only the result counts."""
    # https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
    for number, value in enumerate(COMPLETE):
        charge = memory.function(lambda *_, value=value: value, results="discard")
        assert charge(f"k-{number}") is value
        assert memory.status(f"k-{number}") == "COMPLETED"
    odd = {Name("batchItemFailures"): [1]}
    assert memory.function(lambda *_: odd, results="discard")("odd") is odd
    assert memory.status("odd") == "COMPLETED"


class Named(NamedTuple):
    """A response as a named tuple."""

    batchItemFailures: Any  # noqa: N815  # the field's name


@dataclass
class Model:
    """A response as a model."""

    batchItemFailures: Any  # noqa: N815


@dataclass(slots=True)
class Slotted:
    """A response in slots."""

    batchItemFailures: Any  # noqa: N815


class Dumped:
    """A response that Lambda writes as its ``_asdict`` says."""

    def __init__(self, failures: Any) -> None:
        self.failures = failures

    def _asdict(self) -> Any:
        return {"batchItemFailures": self.failures}


class Wrapped(Mapping[str, Any]):
    """A response as Powertools wraps events."""

    def __init__(self, failures: Any) -> None:
        self._data = {"batchItemFailures": failures}

    def __getitem__(self, name: str) -> Any:
        raise AssertionError

    __iter__ = __len__ = __getitem__  # type: ignore[assignment]


OBJECTS: dict[str, Callable[[Any], Any]] = {
    "a named tuple": Named,
    "a dataclass": Model,
    "slots": Slotted,
    "with _asdict": Dumped,
    "UserDict": lambda failures: UserDict(batchItemFailures=failures),
    "a wrapper": Wrapped,
    "a namespace": lambda failures: SimpleNamespace(batchItemFailures=failures),
}


@pytest.mark.parametrize("results", ["store", "discard"])
@pytest.mark.parametrize("form", OBJECTS)
def test_failures_in_an_object(memory: Shop, form: str, results: str) -> None:
    """Failures are seen in whatever form a response has; an empty list is none."""
    failed, fine = (OBJECTS[form](failures) for failures in (FAILED["batchItemFailures"], []))
    answers = [failed, fine]
    charge = memory.function(lambda *_: answers.pop(0), results=results)
    assert charge("a") is failed
    assert memory.record() is None
    with contextlib.suppress(errors.InvalidResultError):  # such a result may be no JSON
        charge("a")
    assert memory.status() == "COMPLETED"
    assert find_failures(failed)


def test_mocks_report_no_failures() -> None:
    """A mock answers every question, but says nothing."""
    for mock in (MagicMock(), Mock(), MagicMock(spec=Model(1)), MagicMock(name="x")):
        mock.batchItemFailures.append(1)
        assert find_failures(mock) is None


@pytest.mark.parametrize("maybe_written", [False, True])
def test_a_release_without_an_answer(shop: Shop, maybe_written: bool) -> None:
    """If the claim cannot be released, the caller still gets the failures."""
    error = errors.StoreUnavailableError("Timeout", "no answer", maybe_written=maybe_written)
    shop.store.faults["release"] = error
    assert shop.function(lambda *_: FAILED)("a") is FAILED
    assert shop.outcomes() == ["failed"]
    types = [each["type"] for each in shop.log()[0]["errors"]]
    assert types == ["BatchFailedError", "StoreUnavailableError"]


def test_failures_after_the_lease(shop: Shop) -> None:
    """A call that reports failures too late releases no claim of another call."""

    def too_late(*_: Any) -> Any:
        shop.seed_record("a", lease=10_000)
        return FAILED

    assert shop.function(too_late)("a") is FAILED
    assert shop.status() == "IN_PROGRESS"


def test_failures_that_are_raised(memory: Shop) -> None:
    """A `BatchFailedError` that the function raises itself reaches the caller."""
    error = errors.BatchFailedError(("m1",))
    with pytest.raises(errors.BatchFailedError) as caught:
        memory.function(error)("a")
    assert caught.value is error
