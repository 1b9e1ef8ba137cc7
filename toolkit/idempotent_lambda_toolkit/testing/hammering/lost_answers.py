"""Side effects that were repeated in the invocation in which their answer was lost."""

from collections import Counter
from collections.abc import Mapping

from idempotent_lambda_toolkit.testing.hammering.invocation import (
    DoneEffect,
    Identity,
    Invocation,
)
from idempotent_lambda_toolkit.testing.hammering.scenario import Scenario, count_effects


def find_doubtful(identity: Identity, scenario: Scenario) -> Invocation | None:
    """Return the invocation that lost the answer of a side effect."""
    return next((each for each in scenario.invocations if identity in each.lost), None)


def list_repetitions(
    identity: Identity, scenario: Scenario, expected: int, requests: Mapping[str, int]
) -> list[DoneEffect]:
    """Return the runs of a side effect in that invocation, if the code itself repeated it.

    A batch may have two messages of one key. If the first one fails, the second one runs, and that
    is no repetition by the code. The code repeats a side effect in one run, or it begins more runs.

    Args:
        identity: the side effect whose answer was lost.
        scenario: the scenario.
        expected: how often it happens in a delivery without faults.
        requests: how often each key is requested in a delivery without faults.
    """
    doubtful = find_doubtful(identity, scenario)
    done = [each for each in scenario.done if each[:2] == (doubtful, identity)]
    if doubtful is None or count_effects(done)[identity] <= expected:
        return []
    runs = [[each for each in done if each.run is run] for run in {each.run for each in done}]
    within = any(count_effects(each)[identity] > expected for each in runs)
    more = Counter(doubtful.asked)[identity.key or ""] > requests.get(identity.key or "", 0)
    return done if within or more else []
