"""The inputs of the module, which take long to parse: tests share what was read."""

from functools import cache

from scripts.inputs import Variable, read_variables


@cache
def read_inputs() -> dict[str, Variable]:
    """Read the module's variables, by name, once in each process."""
    return {variable.name: variable for variable in read_variables()}
