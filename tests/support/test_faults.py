"""The faults that can be planned are those that the deployed wrapper takes."""

import ast

from scripts.support.faults import ATTACK, What, list_untaken


def test_the_wrapper_knows_every_fault() -> None:
    """The kinds that can be planned are those that the wrapper acts on."""
    known = {
        node.value.value
        for node in ast.walk(ast.parse((ATTACK / "call_faults.py").read_text()))
        if isinstance(node, ast.MatchValue) and isinstance(node.value, ast.Constant)
    }
    assert known == set(What.__args__)


def test_a_fault_that_did_not_happen_is_named() -> None:
    """A fault that is left, or that happened too rarely, is named."""
    assert list_untaken([{"id": "rare", "times": 1}, {"id": "done", "times": 0}]) == ["rare"]
