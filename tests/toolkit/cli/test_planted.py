"""`doctor` on six healthy stacks, and on stacks with one misconfiguration of the function each.

A plant changes the stack in moto. Where moto cannot hold the state, it changes the answer of AWS
to the documented shape.
"""

import io
import json
import time
import uuid
from collections.abc import Mapping
from typing import Any

import pytest

from idempotent_lambda_toolkit.cli.doctor.checks import CHECKS, TOPICS
from idempotent_lambda_toolkit.cli.doctor.findings import Severity
from idempotent_lambda_toolkit.cli.exit_codes import ExitCode

from .answers import Answers, Ask
from .changes import add_stream
from .conftest import REGION, Run
from .stacks import (
    ACCOUNT,
    STACKS,
    Plant,
    Planter,
    Stack,
    create_function,
)

pytestmark = pytest.mark.slow

FAILURE, WARNING, NOTE = Severity
plant = Planter()


@plant("settings", FAILURE, says="IDEMPOTENCY_MODE")
def unknown_mode(stack: Stack) -> None:
    """A setting has a value that the function refuses."""
    stack.change_variables(IDEMPOTENCY_MODE="enforced")


@plant("settings", FAILURE, on="FIFO", says="body..order_id")
def wrong_key_syntax(stack: Stack) -> None:
    """The key expression is not JMESPath; the log has the failed start, too."""
    stack.change_variables(IDEMPOTENCY_KEY="body..order_id")
    write_log(stack, "INIT_REPORT Init Duration: 98.1 ms\tPhase: init\tStatus: error")


@plant("runtime", FAILURE, on="decorated", says="python3.9")
def old_runtime(stack: Stack) -> None:
    """The runtime is older than the package's syntax."""
    stack.change_function(Runtime="python3.9")


@plant("time-to-start", FAILURE, on="alias")
def no_time_to_start(stack: Stack) -> None:
    """A start needs more time than the function has."""
    stack.answers.add("GetFunctionConfiguration", Timeout=1)


@plant("unknown-variables", WARNING, says="rename it to IDEMPOTENCY_LOG_KEYS")
def misspelled_optional_variable(stack: Stack) -> None:
    """A variable with a default is misspelled, so its value has no effect."""
    stack.change_variables(IDEMPOTENCY_LOG_KEY="hashed")


@plant(
    "unknown-variables", FAILURE, on="no queue", says="rename it to IDEMPOTENCY_RETENTION_SECONDS"
)
def misspelled_required_variable(stack: Stack) -> None:
    """A variable without a default is misspelled, so the function does not start."""
    kept = stack.consumer.variables()["IDEMPOTENCY_RETENTION_SECONDS"]
    stack.change_variables(IDEMPOTENCY_RETENTION_SECONDS=None, IDEMPOTENCY_RETENTION_SECOND=kept)


@plant("unknown-variables", WARNING, on="decorated", says="remove it")
def unknown_variable(stack: Stack) -> None:
    """A variable has the prefix of the package, which does not read it."""
    stack.change_variables(IDEMPOTENCY_PURPOSE="orders")


@plant("handler", FAILURE, says="orders.handler")
def foreign_handler(stack: Stack) -> None:
    """The handler is the user's, so nothing calls the processor."""
    stack.change_function(Handler="orders.handler")


@plant("handler", FAILURE, on="no queue", says="such as")
def processor_without_module(stack: Stack) -> None:
    """The processor has no module."""
    stack.change_variables(IDEMPOTENCY_PROCESSOR="process")


@plant("key-root", FAILURE, says="no message of sqs has detail.order_id")
def key_of_another_source(stack: Stack) -> None:
    """The key begins with a field that a message of a queue does not have."""
    stack.change_variables(IDEMPOTENCY_KEY="detail.order_id")


@plant("key-root", FAILURE, on="no queue", says="no message of dynamodb has body.order_id")
def key_in_the_body_of_a_change(stack: Stack) -> None:
    """The body of a change is its record: it has no field that a producer chose."""
    arn = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/carts/stream/2026"
    add_stream(stack, EventSourceArn=arn)


@plant("key-root", FAILURE, on="no queue", says="no message of events has detail")
def key_of_an_event_without_its_body(stack: Stack) -> None:
    """An event of EventBridge is the body, so its detail is in the body, too."""
    allow_service(stack, "events.amazonaws.com")
    stack.change_variables(IDEMPOTENCY_KEY="[detail.order_id, body.id]")


@plant("state", FAILURE, says="subnets")
def failed_function(stack: Stack) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html."""
    reason = "The function's subnets were deleted"
    stack.answers.add("GetFunctionConfiguration", State="Failed", StateReason=reason)


@plant("state", WARNING, on="decorated", says="invoke it once")
def inactive_function(stack: Stack) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html."""
    stack.answers.add("GetFunctionConfiguration", State="Inactive", StateReasonCode="Idle")


@plant("state", WARNING, on="FIFO", says="Creating")
def pending_function(stack: Stack) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html."""
    reason = "Creating the function"
    stack.answers.add("GetFunctionConfiguration", State="Pending", StateReason=reason)


@plant("last-update", FAILURE, on="shared table", says="image")
def failed_update(stack: Stack) -> None:
    """https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionConfiguration.html."""
    stack.answers.add(
        "GetFunctionConfiguration",
        LastUpdateStatus="Failed",
        LastUpdateStatusReason="The image is not accessible",
    )


@plant(
    "start", FAILURE, says="the last of 1 failed starts ended with InvalidProcessorError: processor"
)
def processor_that_does_not_exist(stack: Stack) -> None:
    """The processor cannot be imported, as the Python runtime logs it in text format."""
    error = (
        "[ERROR] InvalidProcessorError: processor 'orders.process': 'orders' has no such function"
    )
    write_log(
        stack,
        f"{error}\rTraceback (most recent call last):\r",
        "INIT_REPORT Init Duration: 83.58 ms\tPhase: init\tStatus: error"
        "\tError Type: Runtime.Unknown",
    )


@plant("start", FAILURE, on="alias", says="Runtime.ImportModuleError: Unable to import")
def module_that_does_not_exist(stack: Stack) -> None:
    """The handler cannot be imported, in JSON; Lambda tries the start again with the invocation.

    https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html
    """
    error = {
        "timestamp": "2026-11-30T10:00:00Z",
        "level": "ERROR",
        "errorMessage": "Unable to import module 'idempotent_lambda.entrypoint'",
        "errorType": "Runtime.ImportModuleError",
        "requestId": "",
        "stackTrace": [],
    }
    ended = {"status": "error", "errorType": "Runtime.ImportModuleError"}
    write_log(
        stack,
        error,
        {"type": "platform.initReport", "record": {"phase": "init", **ended}},
        {"type": "platform.report", "record": {"requestId": "1", "metrics": {}, **ended}},
        version="1",
    )


@plant("start", WARNING, says="the last of 2 failed starts ended with timeout")
def starts_that_time_out(stack: Stack) -> None:
    """Some starts take longer than Lambda gives them; a later one succeeded."""
    late = "INIT_REPORT Init Duration: 9999.79 ms\tPhase: init\tStatus: timeout"
    write_log(stack, late, late)
    fine = "REPORT RequestId: 2\tDuration: 3.1 ms\tMax Memory Used: 90 MB\tInit Duration: 9.8 ms"
    write_log(stack, fine, seconds=1)


@plant("recent-errors", WARNING, says="Runtime.OutOfMemory (2), timeout (1)")
def too_little_memory(stack: Stack) -> None:
    """Lambda ends invocations because memory or time is over."""
    report = "REPORT RequestId: 1\tDuration: 10935.70 ms\tMax Memory Used: 128 MB"
    memory = f"{report}\tStatus: error\tError Type: Runtime.OutOfMemory"
    write_log(stack, memory, memory, f"{report}\tStatus: timeout")


@plant("start", FAILURE, arguments=("--invoke",), says="InvalidProcessorError: processor 'orders")
def start_that_fails_when_asked_for(stack: Stack) -> None:
    """https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html."""
    error = {"errorType": "InvalidProcessorError", "errorMessage": "processor 'orders.process'"}
    answer_invocation(stack, error, FunctionError="Unhandled")


@plant("qualifier", FAILURE, on="alias", says="--function NAME:live")
def latest_instead_of_the_alias(stack: Stack) -> None:
    """The version that nothing invokes is looked at."""
    stack.function = "orders"


@plant("qualifier", FAILURE, says="$LATEST")
def alias_instead_of_latest(stack: Stack) -> None:
    """The alias is looked at, and the mapping invokes the function without one."""
    add_alias(stack)
    stack.function = "orders:live"


@plant("versions", FAILURE, on="alias", says="IDEMPOTENCY_NAMESPACE")
def versions_with_other_records(stack: Stack) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html."""
    stack.change_variables(IDEMPOTENCY_NAMESPACE="orders-2")
    version = stack.client("lambda").publish_version(FunctionName="orders")["Version"]
    stack.answers.add("GetAlias", RoutingConfig={"AdditionalVersionWeights": {version: 0.1}})


@plant("namespace", FAILURE, on="shared table", says="payments")
def namespace_of_another_consumer(stack: Stack) -> None:
    """Another function has this function's table and namespace."""
    variables = stack.consumer.variables()
    create_function(stack, "payments", **variables)


@plant("log-level", WARNING, on="no queue")
def only_fatal_lines(stack: Stack) -> None:
    """https://docs.aws.amazon.com/lambda/latest/api/API_LoggingConfig.html."""
    config = {"LogFormat": "JSON", "ApplicationLogLevel": "FATAL"}
    stack.answers.add("GetFunctionConfiguration", LoggingConfig=config)


@plant("key-root", FAILURE, says="wrapped.MessageId")
def key_of_a_wrapper_that_stays(stack: Stack) -> None:
    """https://docs.aws.amazon.com/sns/latest/dg/sns-large-payload-raw-message-delivery.html."""
    stack.change_variables(IDEMPOTENCY_KEY="wrapped.MessageId")


@plant("key-root", FAILURE, says="attributes.MessageDeduplicationId")
def key_of_a_fifo_queue(stack: Stack) -> None:
    """Only messages of a FIFO queue have a deduplication id."""
    stack.change_variables(IDEMPOTENCY_KEY="attributes.MessageDeduplicationId")


@plant("log-class", FAILURE, on="FIFO")
def log_class_without_metrics(stack: Stack) -> None:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CloudWatch_Logs_Log_Classes.html."""
    stack.change_variables(IDEMPOTENCY_METRICS="by_decorated_name")
    group = {"logGroupName": "/aws/lambda/orders", "logGroupClass": "INFREQUENT_ACCESS"}
    stack.answers.add("DescribeLogGroups", logGroups=[group])


def write_log(
    stack: Stack,
    *lines: str | dict[str, Any],
    version: str = "$LATEST",
    seconds: int = 0,
    group: str = "/aws/lambda/orders",
    stream: str = "",
) -> None:
    """Write lines into the log of a version, as Lambda does."""
    logs, moment = stack.client("logs"), int(time.time() + seconds) * 1000 + 999
    name = stream or f"2026/11/30/[{version}]{uuid.uuid4().hex}"
    logs.create_log_stream(logGroupName=group, logStreamName=name)
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    events = [{"timestamp": moment, "message": text} for text in texts]
    logs.put_log_events(logGroupName=group, logStreamName=name, logEvents=events)


def add_alias(stack: Stack) -> None:
    """Add an alias that no mapping invokes."""
    client = stack.client("lambda")
    version = client.publish_version(FunctionName="orders")["Version"]
    client.create_alias(FunctionName="orders", Name="live", FunctionVersion=version)


def allow_service(stack: Stack, service: str) -> None:
    """Allow a service to invoke the function."""
    stack.client("lambda").add_permission(
        FunctionName="orders",
        StatementId="service",
        Action="lambda:InvokeFunction",
        Principal=service,
    )


def answer_invocation(stack: Stack, payload: Any, **fields: Any) -> list[Mapping[str, Any]]:
    """Answer invocations, which moto would run in Docker; return the calls."""
    calls: list[Mapping[str, Any]] = []

    def invoke(_ask: Ask, call: Mapping[str, Any]) -> Any:
        calls.append(call)
        return {"StatusCode": 200, "Payload": io.BytesIO(json.dumps(payload).encode()), **fields}

    stack.answers.replace("Invoke", invoke)
    return calls


@pytest.mark.parametrize("name", STACKS)
def test_nothing_is_found_on_a_healthy_stack(name: str, run: Run, answers: Answers) -> None:
    """On each of the six stacks, every check of what it has runs and finds nothing."""
    stack = STACKS[name](answers)
    ended = run("doctor", "--json", function=stack.function)
    assert (ended.answer["findings"], ended.answer["not_checked"]) == ([], {})
    without_mapping = name in {"no queue", "decorated"}
    absent = {*TOPICS["queues"], *TOPICS["mappings"]} if without_mapping else set()
    assert {*CHECKS} - {*ended.answer["checked"]} == absent
    assert ended.code == ExitCode.OK


@pytest.mark.parametrize("planted", plant.plants, ids=str)
def test_each_plant_is_the_only_finding(planted: Plant, run: Run, answers: Answers) -> None:
    """A misconfiguration is found by name, as bad as it is, and nothing else is."""
    found = planted.diagnose(run, answers)
    assert [(each["name"], each["severity"]) for each in found] == [
        (planted.finding, planted.severity)
    ]
    assert planted.says in " ".join(found[0].values())
