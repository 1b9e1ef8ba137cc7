"""A user's test file with annotations; `make lint` checks it with mypy --strict.

An ignored error shows that a wrong use is refused: mypy reports an ignore that ignores nothing.
"""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from idempotent_lambda import Message
from idempotent_lambda_toolkit.testing import Effects, Hammer, Report, events

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
ORDER = events.sqs({"order_id": "ORDER-1"})


class Payments:
    """A receiver."""

    def charge(self, order_id: str, token: str) -> None:
        """The test replaces it."""


def process(message: Message) -> None:
    """Charge an order."""
    Payments().charge(message.body["order_id"], message.idempotency_token)


def accept(**parameters: Any) -> dict[str, Any]:
    """Answer as the service."""
    return {"Item": parameters}


@pytest.fixture
def hammer(monkeypatch: pytest.MonkeyPatch) -> Hammer:
    """The plugin's fixture, which these tests load without an installation."""
    return Hammer(monkeypatch)


def test_the_fixture(hammer: Hammer) -> None:
    """Every option has its type."""
    hammer.effect(f"{__name__}.Payments.charge", name="charge", token="token", shared=True)
    report: Report = hammer(
        process,
        ORDER,
        key="body.order_id",
        different=[events.sqs({"order_id": "ORDER-2"})],
        exactly_once=True,
        retries=True,
        timeout_seconds=20,
        fresh=lambda: None,
    )
    names: tuple[str, ...] = report.effects
    assert names == ("charge",)


def test_operations(hammer: Hammer) -> None:
    """An operation has the same options."""
    hammer.aws("s3.PutObject", accept, token=lambda **parameters: parameters["Key"], shared=True)
    hammer.aws("sqs.SendMessage", name="send", failure=ConnectionError("away"))


def test_wrong_types(hammer: Hammer) -> None:
    """An unknown option and a wrong type are refused."""
    with pytest.raises(TypeError):
        hammer(process, ORDER, keys="body.order_id")  # type: ignore[call-arg]
    with pytest.raises(AttributeError):
        hammer.effect(5)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        Effects().of("charge", tokens="token")  # type: ignore[call-arg]


def test_mypy_checks_this_file() -> None:
    """The checks of this repository run mypy over this file, and it is strict."""
    mypy = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]
    assert mypy["strict"]
    assert Path(__file__).relative_to(ROOT).as_posix() in mypy["files"]
