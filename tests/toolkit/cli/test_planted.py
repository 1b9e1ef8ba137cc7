"""`doctor` on six healthy stacks, and on stacks with one misconfiguration of the function each.

A plant changes the stack in moto. Where moto cannot hold the state, it changes the answer of AWS
to the documented shape.
"""

import pytest

from idempotent_lambda_toolkit.cli.doctor.findings import Severity
from idempotent_lambda_toolkit.cli.exit_codes import ExitCode

from .answers import Answers
from .conftest import Run
from .stacks import STACKS, Plant, Planter, Stack

FAILURE, WARNING, NOTE = Severity
plant = Planter()


@plant("settings", FAILURE, says="IDEMPOTENCY_MODE")
def unknown_mode(stack: Stack) -> None:
    """A setting has a value that the function refuses."""
    stack.change_variables(IDEMPOTENCY_MODE="enforced")


@plant("runtime", FAILURE, on="decorated", says="python3.9")
def old_runtime(stack: Stack) -> None:
    """The runtime is older than the package's syntax."""
    stack.change_function(Runtime="python3.9")


@plant("time-to-start", FAILURE, on="alias")
def no_time_to_start(stack: Stack) -> None:
    """A start needs more time than the function has."""
    stack.answers.add("GetFunctionConfiguration", Timeout=1)


@pytest.mark.parametrize("name", STACKS)
def test_nothing_is_found_on_a_healthy_stack(name: str, run: Run, answers: Answers) -> None:
    """On each of the six stacks, every check runs and finds nothing."""
    stack = STACKS[name](answers)
    ended = run("doctor", "--json", function=stack.function)
    assert (ended.answer["findings"], ended.answer["unknown"]) == ([], {})
    assert ended.code == ExitCode.OK


@pytest.mark.parametrize("planted", plant.plants, ids=str)
def test_each_plant_is_the_only_finding(planted: Plant, run: Run, answers: Answers) -> None:
    """A misconfiguration is found by name, as bad as it is, and nothing else is."""
    found = planted.diagnose(run, answers)
    assert [(each["name"], each["severity"]) for each in found] == [
        (planted.finding, planted.severity)
    ]
    assert planted.says in " ".join(found[0].values())
