"""Cases are chosen by name."""

import pytest

from benchmarks.__main__ import main
from benchmarks.cases import BASE, CASES, HUGE, LARGE, REPEATED, UnknownCaseError, choose_cases


@pytest.mark.parametrize(
    ("text", "cases"),
    [
        ("base", (BASE,)),
        ("batch of 100", (LARGE,)),
        ("batch-of-100", (LARGE,)),
        ("batch of 100, base", (LARGE, BASE)),
        ("batch-of-100 base", (LARGE, BASE)),
        (" base,base , 100 % duplicates ", (BASE, REPEATED)),
    ],
)
def test_choose_cases(text: str, cases: object) -> None:
    """Names and slugs are found between commas or spaces, in their order, and each once."""
    assert choose_cases(text) == cases


@pytest.mark.parametrize("case", [*CASES, *HUGE], ids=lambda case: case.slug)
def test_every_case_has_names_of_its_own(case: object) -> None:
    """A case is found by its name and by its slug, and no other case has them."""
    assert choose_cases(case.name) == choose_cases(case.slug) == (case,)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("base, bese basis", "unknown case bese, basis; the cases are base, 0-ms-per-call, "),
        (" , ", "no case is named; the cases are base, 0-ms-per-call, "),
    ],
)
def test_unknown_cases(text: str, problem: str) -> None:
    """The error names every unknown case, and lists the names there are."""
    with pytest.raises(UnknownCaseError) as raised:
        choose_cases(text)
    assert str(raised.value).startswith(problem)
    assert str(raised.value).endswith(HUGE[-1].slug)


def test_large_batches_are_measured_on_request_only() -> None:
    """A run without a name measures no batch of thousands."""
    assert not set(CASES) & set(HUGE)


@pytest.mark.parametrize("argument", ["--case=bese", "--base=no-such-commit", "--base=-h"])
def test_usage_errors(argument: str, capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown case or commit ends with 2 and one line, before anything is measured."""
    assert main([argument]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert len(printed.err.splitlines()) == 1
