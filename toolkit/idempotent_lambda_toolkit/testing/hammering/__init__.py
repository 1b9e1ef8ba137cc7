"""`hammer`: the scenarios of code under test, their judgement and the report."""
