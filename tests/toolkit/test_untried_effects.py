"""The `hammer` function reports a declared side effect that the code never tries."""

from typing import Any

import pytest

from idempotent_lambda_toolkit.testing import Effects, HammerError, Reason, events, hammer

pytestmark = pytest.mark.slow

ORDER = events.sqs({"order_id": "ORDER-1"})
OTHER = events.sqs({"order_id": "ORDER-2"})
KEY = "body.order_id"


def test_a_side_effect_that_never_happens() -> None:
    """The finding names the side effect, once for all recorders of its name."""
    effects = Effects()
    charge = effects.of("charge")
    effects.of("mail")
    effects.of("mail")
    report = hammer(lambda message: charge(message.body), ORDER, effects=effects, key=KEY)
    (finding,) = report.findings
    assert (finding.reason, finding.effect) == (Reason.NEVER_HAPPENS, "mail")
    assert finding.text == f"effect 'mail' was tried in none of {report.scenarios} scenarios"


def test_side_effects_that_happen_sometimes() -> None:
    """A recorder is not missed if it has the name of another, or if a failure or event needs it."""
    effects = Effects()
    first, _, alert, ship = map(effects.of, ("charge", "charge", "alert", "ship"))

    def process(message: Any) -> None:
        if message.key.endswith("2"):
            ship(message.body)
        try:
            first(message.body)
        except Exception:
            alert(message.key)
            raise

    orders = {"different": [OTHER], "key": KEY}
    report = hammer(process, ORDER, effects=effects, **orders)  # type: ignore[arg-type]  # any
    assert [each.reason for each in report.findings] in ([], [Reason.REPEATS_ON_RETRY]), report


def test_a_recorder_that_the_code_makes() -> None:
    """A recorder that is made while hammer runs is no declaration, not even for the next run."""
    effects = Effects()
    charge = effects.of("charge")

    def process(message: Any) -> None:
        effects.of("void")
        charge(message.body)

    for _ in range(2):
        assert hammer(
            process, ORDER, effects=effects, key=KEY, fresh=lambda: effects.of("mail")
        ).passed


def test_nothing_happens_at_all() -> None:
    """If no side effect happens, hammer cannot judge."""
    effects = Effects()
    effects.of("charge")
    with pytest.raises(HammerError, match="no side effect was seen"):
        hammer(lambda _: None, ORDER, effects=effects, key=KEY)


def test_a_finding_that_ends_the_run() -> None:
    """After a finding that makes the other scenarios meaningless, nothing is missed."""
    effects = Effects()
    charge = effects.of("charge")
    effects.of("mail")
    report = hammer(lambda message: charge(message.body), ORDER, effects=effects, key="body.id")
    assert [each.reason for each in report.findings] == [Reason.NO_KEY]
