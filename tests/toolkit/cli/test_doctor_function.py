"""What `doctor` knows and does not know of the function itself."""

import json
from typing import Any

import pytest

from idempotent_lambda.sources.event import read_event
from idempotent_lambda_toolkit.cli.doctor import gather_function, read_log
from idempotent_lambda_toolkit.cli.doctor.checks import CHECKS, NEEDED
from idempotent_lambda_toolkit.cli.doctor.inventory import ENTRY_POINT
from idempotent_lambda_toolkit.cli.doctor.key_roots import find_foreign_part
from idempotent_lambda_toolkit.cli.exit_codes import ExitCode

from .answers import Answers
from .conftest import Run
from .stacks import STACKS, build_alias, build_standard, create_function
from .test_planted import answer_invocation, write_log

pytestmark = pytest.mark.slow

FAILED_START = "INIT_REPORT Init Duration: 83.58 ms\tPhase: init\tStatus: error"

SUCCESS = {"status": "success", "metrics": {"initDurationMs": 9.8}}


@pytest.mark.parametrize(
    ("operation", "what", "arguments"),
    [
        ("DescribeLogGroups", "log class", ()),
        ("FilterLogEvents", "log", ()),
        ("GetPolicy", "sources", ()),
        ("ListFunctions", "other functions", ()),
        ("GetAlias", "versions", ()),
        ("Invoke", "invocation", ("--invoke",)),
    ],
)
def test_each_permission_is_optional(
    operation: str, what: str, arguments: tuple[str, ...], run: Run, answers: Answers
) -> None:
    """A denied call makes its checks unknown, and the command ends with a code for that."""
    stack = build_alias(answers)
    answers.deny(operation)
    ended = run("doctor", "--json", *arguments, function=stack.function)
    assert (ended.code, ended.answer["findings"]) == (ExitCode.COULD_NOT_CHECK, [])
    assert ended.answer["not_checked"].keys() == {what}
    blind = {name for name, needed in NEEDED.items() if what in needed}
    assert set(ended.answer["checked"]) == CHECKS.keys() - blind


class TestInvoke:
    """The invocation with an empty batch."""

    def test_only_with_the_flag(self, run: Run, answers: Answers) -> None:
        """The function is invoked if the flag asks for it, with an event without a message."""
        stack = build_standard(answers)
        calls = answer_invocation(stack, {"batchItemFailures": []})
        assert run("doctor").code == ExitCode.OK
        assert calls == []
        assert run("doctor", "--invoke").code == ExitCode.OK
        assert calls == [{"FunctionName": "orders", "Payload": b'{"Records": []}'}]

    def test_the_event_has_no_message(self) -> None:
        """The entry point finds nothing to claim or to run in the event."""
        assert read_event(json.loads(gather_function.EMPTY_BATCH)) == ()

    def test_never_another_handler(self, run: Run, answers: Answers) -> None:
        """Nobody knows what a handler of the user's does with an empty batch."""
        stack = STACKS["decorated"](answers)
        calls = answer_invocation(stack, None)
        ended = run("doctor", "--invoke", "--json")
        assert (ended.code, calls) == (ExitCode.COULD_NOT_CHECK, [])
        assert "orders.handler" in ended.answer["not_checked"]["invocation"]

    def test_an_answer_that_is_not_json(self, run: Run, answers: Answers) -> None:
        """An error is shown even if it is not the object that runtimes write."""
        answer_invocation(build_standard(answers), "killed", FunctionError="Unhandled")
        (found,) = run("doctor", "--invoke", "--json").answer["findings"]
        assert "killed" in found["value"]


def test_the_last_failed_start(run: Run, answers: Answers) -> None:
    """The reason is of the last failed start; an earlier error in its stream is another matter."""
    stack = build_standard(answers)
    late = "INIT_REPORT Init Duration: 9999.79 ms\tPhase: init\tStatus: timeout"
    name = f"2026/11/30/[$LATEST]{'0' * 32}"
    write_log(stack, "[ERROR] BatchFailedError: messages failed", late, stream=name, seconds=1)
    write_log(stack, "[ERROR] ValueError: early", FAILED_START)
    (found,) = run("doctor", "--json").answer["findings"]
    assert "2 failed starts ended with timeout" in found["value"]


class TestLog:
    """The lines of the log that count."""

    @pytest.mark.parametrize(
        ("version", "seconds", "is_found"),
        [("$LATEST", 1, True), ("2", 1, False), ("$LATEST", -60, False)],
    )
    def test_lines_of_this_code(
        self, version: str, seconds: int, is_found: bool, run: Run, answers: Answers
    ) -> None:
        """Only lines of this version since its last change count."""
        stack = build_standard(answers)
        write_log(stack, FAILED_START, version=version, seconds=seconds)
        found = [each["name"] for each in run("doctor", "--json").answer["findings"]]
        assert found == (["start"] if is_found else [])

    @pytest.mark.parametrize(
        ("line", "severity"),
        [
            ({"event": "message", "acknowledged": False}, "warning"),
            ({"type": "platform.report", "record": SUCCESS}, "warning"),
            ({"type": "platform.report", "record": SUCCESS | {"status": "error"}}, "failure"),
            ({"type": "platform.start", "record": SUCCESS}, "failure"),
            ({"event": "other", "acknowledged": True}, "failure"),
            ("REPORT RequestId: 1\tDuration: 3 ms\tInit Duration: 9 ms", "warning"),
            ("REPORT RequestId: 1\tInit Duration: 9 ms\tStatus: timeout", "failure"),
            ("REPORT RequestId: 1\tDuration: 3 ms", "failure"),
        ],
    )
    def test_a_later_start(self, line: Any, severity: str, run: Run, answers: Answers) -> None:
        """A start that failed weighs less if a later line shows that another one succeeded."""
        stack = build_standard(answers)
        write_log(stack, FAILED_START, seconds=1)
        write_log(stack, line, seconds=2)
        (found,) = run("doctor", "--json").answer["findings"]
        assert (found["name"], found["severity"]) == ("start", severity)

    @pytest.mark.parametrize(("stream", "count"), [("orders", 1), ("refunds", 0)])
    def test_a_log_group_of_several_functions(
        self, stream: str, count: int, run: Run, answers: Answers
    ) -> None:
        """In a log group that functions share, the stream names the function."""
        stack = build_standard(answers)
        answers.add("GetFunctionConfiguration", LoggingConfig={"LogGroup": "/shared"})
        stack.client("logs").create_log_group(logGroupName="/shared")
        name = f"2026/11/30/{stream}[$LATEST]{'0' * 32}"
        write_log(stack, FAILED_START, group="/shared", stream=name, seconds=1)
        assert len(run("doctor", "--json").answer["findings"]) == count

    def test_no_log_group(self, run: Run, answers: Answers) -> None:
        """Of a function without a log group, no start was seen, so doctor does not pass it."""
        stack = build_standard(answers)
        stack.client("logs").delete_log_group(logGroupName="/aws/lambda/orders")
        ended = run("doctor", "--json")
        assert ended.code == ExitCode.COULD_NOT_CHECK
        assert "there is no log group /aws/lambda/orders" in ended.answer["not_checked"]["log"]
        assert {"start", "recent-errors"}.isdisjoint(ended.answer["checked"])

    def test_a_long_log(self, run: Run, answers: Answers) -> None:
        """A log that is too long to read is said to be read in part."""
        build_standard(answers)
        answers.replace(
            "FilterLogEvents", lambda _ask, call: {"events": [], "nextToken": more(call)}
        )
        ended = run("doctor", "--json")
        assert ended.code == ExitCode.COULD_NOT_CHECK
        assert "only the first part" in ended.answer["not_checked"]["log"]

    def test_a_line_of_the_user_is_not_a_platform_line(self, run: Run, answers: Answers) -> None:
        """A message that quotes such a line, or is other JSON, proves nothing."""
        stack = build_standard(answers)
        quoted = {"type": "order", "record": {"status": "error"}}
        write_log(stack, f"we saw: {FAILED_START}", quoted, {"type": "platform.initReport"})
        assert run("doctor", "--json").answer["findings"] == []


def more(call: Any) -> str:
    """Return a token that no call had."""
    return f"{call.get('nextToken', '')}+"


class TestQualifiers:
    """Versions and aliases."""

    @pytest.mark.parametrize(
        ("text", "qualifier"),
        [
            ("orders", "$LATEST"),
            ("orders:live", "live"),
            ("orders:3", "3"),
            ("123456789012:function:orders:live", "live"),
            ("arn:aws:lambda:eu-central-1:123456789012:function:orders", "$LATEST"),
            ("arn:aws:lambda:eu-central-1:123456789012:function:orders:orders", "orders"),
        ],
    )
    def test_the_qualifier(self, text: str, qualifier: str) -> None:
        """Each form of a function's name has its qualifier at the end."""
        assert gather_function._find_qualifier("orders", text) == qualifier

    def test_the_other_version_is_not_checked(self, run: Run, answers: Answers) -> None:
        """The second version of an alias is named, because only a part of it was compared."""
        stack = build_alias(answers)
        version = stack.client("lambda").publish_version(FunctionName="orders")["Version"]
        answers.add("GetAlias", RoutingConfig={"AdditionalVersionWeights": {version: 0.05}})
        ended = run("doctor", "--json", function="orders:live")
        (said,) = ended.answer["not_checked"]
        assert said == f"version {version}, which gets 5% of the invocations of live"

    def test_a_name_that_begins_like_this_one(self, run: Run, answers: Answers) -> None:
        """A mapping of orders-2 is not a mapping of orders."""
        stack = STACKS["no queue"](answers)
        other = "arn:aws:lambda:eu-central-1:123456789012:function:orders-2:live"
        mapping = {"UUID": "1", "FunctionArn": other, "EventSourceArn": ""}
        answers.replace(
            "ListEventSourceMappings",
            lambda _ask, call: {"EventSourceMappings": [] if "FunctionName" in call else [mapping]},
        )
        assert run("doctor", "--json", function=stack.function).answer["findings"] == []


class TestOtherFunctions:
    """The other functions of the account."""

    @pytest.mark.parametrize("change", ["IDEMPOTENCY_TABLE", "IDEMPOTENCY_NAMESPACE", None])
    def test_both_must_be_equal(self, change: str | None, run: Run, answers: Answers) -> None:
        """Another function with another table, or another namespace, shares no record."""
        stack = build_standard(answers)
        variables = stack.consumer.variables()
        create_function(stack, "orders-2", **(variables | ({change: "other"} if change else {})))
        found = [each["name"] for each in run("doctor", "--json").answer["findings"]]
        assert found == ([] if change else ["namespace"])

    def test_variables_that_nobody_may_read(self, run: Run, answers: Answers) -> None:
        """A function whose variables are encrypted with another key was not compared.

        https://docs.aws.amazon.com/lambda/latest/api/API_EnvironmentError.html
        """
        build_standard(answers)
        error = {"ErrorCode": "AccessDeniedException", "Message": "kms:Decrypt"}
        other = {"FunctionName": "secret", "Environment": {"Error": error}}
        answers.add("ListFunctions", Functions=[other])
        ended = run("doctor", "--json")
        assert (ended.code, ended.answer["findings"]) == (ExitCode.COULD_NOT_CHECK, [])
        assert "secret" in ended.answer["not_checked"]["other functions"]

    def test_a_large_account(
        self, run: Run, answers: Answers, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An account with more functions than are read is said to be read in part."""
        build_standard(answers)
        monkeypatch.setattr(gather_function, "MAX_PAGES", 3)
        answers.replace(
            "ListFunctions",
            lambda _ask, call: {"Functions": [], "NextMarker": f"{call.get('Marker', '')}+"},
        )
        assert "other functions" in run("doctor", "--json").answer["not_checked"]


def test_a_wrapper_calls_the_entry_point(run: Run, answers: Answers) -> None:
    """A handler of an agent is right if a variable names the entry point for it."""
    stack = build_standard(answers)
    stack.change_function(Handler="datadog_lambda.handler.handler")
    stack.change_variables(DD_LAMBDA_HANDLER=ENTRY_POINT)
    assert run("doctor", "--json").answer["findings"] == []


def test_the_own_command_of_an_image(run: Run, answers: Answers) -> None:
    """An image without a command in the configuration may have any handler."""
    build_standard(answers)
    answers.add("GetFunctionConfiguration", Handler="", Runtime=None, PackageType="Image")
    ended = run("doctor", "--json")
    assert (ended.code, ended.answer["findings"]) == (ExitCode.COULD_NOT_CHECK, [])
    assert ended.answer["not_checked"].keys() == {"handler"}


@pytest.mark.parametrize(
    ("expression", "source", "foreign"),
    [
        ("body.order_id", "sqs", None),
        ("messageId", "sqs", None),
        ("eventID", "sqs", "eventID"),
        ("detail.id || body.id", "sqs", None),
        ("[detail.id, body.id]", "sqs", "detail.id"),
        ("[detail.id, body.id]", "events", "detail.id"),
        ("body.detail.id", "events", None),
        ("@.body.id", "sqs", None),
        ("*.id | [0]", "sqs", None),
        ("body.*.id | [0]", "s3", None),
        ("join('-', [detail.a, detail.b])", "sqs", "detail.a, detail.b"),
        ("lower(body.id)", "kinesis", None),
        ("body.items[?kind == 'a'].id | [0]", "sqs", None),
        ("items[?body == 'a'].id | [0]", "sqs", "items.id"),
        ("body.dynamodb.Keys.id.S", "dynamodb", None),
        ("body.Keys.id.S", "dynamodb", "body.Keys"),
        ("body.s3.object.key", "s3", None),
        ("s3.object.key", "sqs", "s3.object"),
        ("max_by(body.items, &id).id", "sqs", None),
        ("'a'", "sqs", None),
    ],
)
def test_the_roots_of_a_key(expression: str, source: str, foreign: str | None) -> None:
    """A path is foreign if no message of the source has its first fields."""
    assert find_foreign_part(expression, source) == foreign


def test_error_types() -> None:
    """Error types are listed by name, with their number."""
    assert read_log.describe_types({"timeout": 2, "Runtime.ExitError": 1}) == (
        "Runtime.ExitError (1), timeout (2)"
    )
