"""`hammer`: the scenarios of code under test, and their judgement."""
