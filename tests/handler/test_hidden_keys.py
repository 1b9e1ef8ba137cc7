"""With hashed keys no output of the package shows one: no line, no error and no traceback."""

import json
import logging
import re
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from idempotent_lambda import errors, idempotent, redaction
from idempotent_lambda.keys import Key
from idempotent_lambda.protocol.steps import Outcome

from .events import key_rule, order
from .quoted_keys import (
    CALLED,
    CONSUMED,
    KEYS,
    Case,
    Lines,
    Till,
    call_in_progress,
    call_lost,
    call_mismatch,
    call_parked,
    call_refused,
    call_without_result,
)

# What is looked for, and where


def said_by(error: BaseException) -> Iterator[str]:
    """All that an error says, with those behind it that a traceback leaves out."""
    yield "".join(traceback.format_exception(error))
    yield from (str(error), repr(error), str(vars(error)))
    for behind in (error.__cause__, error.__context__):
        if behind is not None:
            yield from said_by(behind)


class Output:
    """Everything that gets out."""

    def __init__(self, capsys: Any, caplog: pytest.LogCaptureFixture) -> None:
        self._capsys, self._caplog = capsys, caplog
        caplog.set_level(0)

    def of(self, *error: BaseException) -> str:
        """What was written since the last time, and what some errors say."""
        for each in error:
            logging.getLogger().error("", exc_info=each)
        out, err = self._capsys.readouterr()
        text = "\n".join([out, err, self._caplog.text, *(say for e in error for say in said_by(e))])
        self._caplog.clear()
        return text


@pytest.fixture
def output(capsys: Any, caplog: pytest.LogCaptureFixture) -> Output:
    """What the test writes."""
    return Output(capsys, caplog)


def outcomes_in(text: str) -> set[str]:
    """The outcomes of the lines of messages."""
    return set(re.findall(r'"outcome":"(\w+)"', text))


def shown_in(text: str, fragments: tuple[str, ...]) -> list[str]:
    """Those fragments of a key that are to be seen."""
    return [each for each in fragments if each in text]


@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize("outcome", CONSUMED)
def test_messages(output: Output, outcome: Outcome, kind: str) -> None:
    """No output shows the key of a message, whatever becomes of it; its hash is there."""
    key, fragments = KEYS[kind]
    CONSUMED[outcome](key, hash_keys=True)
    text = output.of()
    assert outcome in outcomes_in(text)
    assert shown_in(text, fragments) == []
    if outcome is not Outcome.REJECTED:
        assert key_rule().for_value(key).show(hashed=True) in text


def test_every_outcome(output: Output) -> None:
    """The messages of these tests end in every way there is, and the package writes every line."""
    for consume in CONSUMED.values():
        consume("a", hash_keys=True)
    text = output.of()
    assert outcomes_in(text) == {*Outcome} == {*CONSUMED}
    events = set(re.findall(r'"event":"(\w+)"', text))
    assert events == {"message", "batch", "batch_calls_unavailable", "visibility_change_failed"}


@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize("outcome", [each for each in CONSUMED if each is not Outcome.REJECTED])
def test_messages_with_plain_keys(output: Output, outcome: Outcome, kind: str) -> None:
    """The same messages show their keys where that is the setting."""
    key, fragments = KEYS[kind]
    CONSUMED[outcome](key, hash_keys=False)
    assert shown_in(output.of(), fragments) != []


def error_of(till: Till, case: Case) -> BaseException:
    """What a call raises."""
    with pytest.raises(case.error) as caught:
        case.call(till)
    return caught.value


@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize("case", CALLED, ids=lambda each: each.call.__name__)
@pytest.mark.parametrize("colour", ["sync", "async"])
def test_calls(output: Output, colour: str, case: Case, kind: str) -> None:
    """No error of a decorated function shows the key, and neither does the log."""
    key, fragments = KEYS[kind]
    error = error_of(Till(key, colour, hash_keys=True), case)
    text = output.of(*[error] * (not case.users))
    assert '"event":"message"' in text
    assert shown_in(text, fragments) == []


@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize("case", CALLED, ids=lambda each: each.call.__name__)
@pytest.mark.parametrize("colour", ["sync", "async"])
def test_calls_with_plain_keys(output: Output, colour: str, case: Case, kind: str) -> None:
    """The same calls show their keys where that is the setting."""
    key, fragments = KEYS[kind]
    error = error_of(Till(key, colour, hash_keys=False), case)
    assert shown_in(output.of(error), fragments) != []


def test_every_error() -> None:
    """The calls of these tests raise every error that the decorator documents."""
    documented = {
        getattr(errors, name)
        for name in re.findall(r"`(\w+)`", str(idempotent.__doc__))
        if hasattr(errors, name)
    }
    assert len(documented) == 10
    raised = {each.error for each in CALLED}
    assert documented - {errors.StoreError} <= raised
    assert {*errors.StoreError.__subclasses__()} <= raised


@pytest.mark.parametrize(
    "call",
    [call_in_progress, call_parked, call_without_result, call_mismatch, call_lost, call_refused],
)
def test_one_form(output: Output, call: Callable[[Till], None]) -> None:
    """The error shows the key in the form of the log line, so that the two can be joined."""
    till = Till(KEYS["plain"][0], "sync", hash_keys=True)
    with pytest.raises(errors.IdempotencyError) as caught:
        call(till)
    line = json.loads(output.of().splitlines()[0])
    assert re.fullmatch("sha256:[0-9a-f]{64}", line["key"])
    assert line["key"] in str(caught.value)


@pytest.fixture
def patterns(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The lengths of the patterns that are made of keys."""
    lengths: list[int] = []
    sub = redaction.re.sub

    def counting(pattern: str, *others: Any) -> str:
        lengths.append(len(pattern))
        return sub(pattern, *others)

    monkeypatch.setattr(redaction.re, "sub", counting)
    return lengths


class TestCalls:
    """Errors of a call for many keys, each of which may quote all of them."""

    @pytest.mark.parametrize("texts", [1, 200])
    def test_work(self, monkeypatch: pytest.MonkeyPatch, output: Output, texts: int) -> None:
        """One text is searched for every key, and of different ones only the codes are shown."""
        searched: list[str] = []
        hide_in = Key.hide_in
        monkeypatch.setattr(
            Key, "hide_in", lambda key, text: [searched.append(text), hide_in(key, text)][1]
        )
        harness = Lines("jane-0", hash_keys=True)
        every = " ".join(f"jane-{n}" for n in range(200))
        answers = [
            errors.StoreRefusedError("Code", f"{n % texts} {every}", maybe_written=False)
            for n in range(200)
        ]
        monkeypatch.setattr(harness.faulty, "claim", lambda *_: answers)
        harness.deliver(*(order(f"jane-{n}", f"m-{n}") for n in range(200)))
        lines = [json.loads(line) for line in output.of().splitlines() if "message_id" in line]
        said = {each["text"] for line in lines for each in line["errors"]}
        assert len(lines) == 200
        assert "jane" not in str(said)
        assert (said == {"Code"}) is (texts > 1)
        # For each key in the call, and in the line of its message.
        assert len(searched) <= 2 * 200


class TestHideIn:
    """The parts of a text that are replaced."""

    def test_composite(self) -> None:
        """Of an array its longer texts and numbers are replaced too, and nothing else."""
        key = key_rule().for_value(["acme", 12345, "eu", 7, True])
        shown = key.show(hashed=True)
        assert key.hide_in("acmes, 123456 in eu; True 7") == f"{shown}s, {shown}6 in eu; True 7"
        assert key.hide_in(f"<{key.text}>") == f"<{shown}>"

    def test_text_that_looks_like_an_array(self) -> None:
        """A text that only begins as an array, or is a deep one, is hidden as it is."""
        for text in ("[acme", "[" * 500, '["acme"]'):
            key = key_rule().for_value(text)
            assert key.hide_in(f"<{text}>") == f"<{key.show(hashed=True)}>"

    @pytest.mark.parametrize("text", ["\\jane", "\\", '"', "\n", "\\\n", "ü\\", "\0", "\u2028"])
    def test_quoted_again_and_again(self, text: str) -> None:
        """A text is found however often it was quoted, behind a backslash too."""
        key = key_rule().for_value(text + "jane")
        written = key.text
        for quote in (str, json.dumps, repr, ascii, json.dumps, repr):
            written = quote(written)
            assert "jane" not in key.hide_in(f"C:\\{written}")

    def test_case_of_an_escape(self) -> None:
        """Services may write hexadecimal digits in upper case."""
        assert "rg" not in key_rule().for_value("J\u00f6rg").hide_in(r"J\u00F6rg")

    @pytest.mark.parametrize(
        "key",
        ["ü" * 501, "ü" * 50, "\U0001f600" * 490, '"' * 60, ["ß" * 9 + str(n) for n in range(99)]],
    )
    def test_costly_keys(self, key: Any, patterns: list[int]) -> None:
        """Where a key with many escaped characters could be quoted, no pattern is made of it."""
        made = key_rule().for_value(key)
        hidden = f"not shown, as it may quote {made.show(hashed=True)}"
        parts = key if isinstance(key, list) else [made.text]
        texts = ["x" * 2000 + "\\", "\\" + json.dumps(parts), "x" * 600, "\\"]
        assert [made.hide_in(each) for each in texts] == [hidden, hidden, *texts[2:]]
        assert made.text not in made.hide_in(made.text)
        if isinstance(key, list):  # for which the text is too short, but not for each part
            assert made.hide_in("x" * 99 + "\\") == hidden
        assert max([0, *patterns]) < 1000

    def test_long_keys(self, patterns: list[int]) -> None:
        """A plain key is replaced up to 700 characters, and a text with a longer one not shown."""
        for length in (700, 1600, 2000, 9000):
            key = key_rule().for_value("x" * length)
            shown = key.show(hashed=True)
            for text in (f"<{key.text}>", f"<\\{key.text}>", f"<{key.record_id}>"):
                shows = length == 700 or (length > 2000 and "x" not in text)
                expected = text.replace(key.record_id, shown).replace(key.text, shown)
                assert key.hide_in(text) == (
                    expected if shows else f"not shown, as it may quote {shown}"
                )
        assert max(patterns) < 2000

    def test_a_key_of_ordinary_length(self) -> None:
        """A name in another script is replaced, and the rest of the text is shown."""
        key = key_rule().for_value("Ольга Петрова, Санкт-Петербург")
        shown = key.show(hashed=True)
        assert key.hide_in(f"no {key.text!a}") == f"no '{shown}'"
        assert key.hide_in(f"no {key.text}") == f"no {shown}"

    def test_before_it_is_cut(self, output: Output) -> None:
        """A key at the place where a text is cut is hidden first."""
        key, fragments = KEYS["plain"]
        Lines(key, hash_keys=True).raises(ValueError("x" * 990 + key)).send()
        assert shown_in(output.of(), ("jane", *fragments)) == []
