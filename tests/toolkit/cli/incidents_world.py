"""A deployed consumer in moto that really runs: the package, its table, its queues and its log."""

import contextlib
import importlib
import io
import json
import os
import shlex
import subprocess
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import botocore.loaders
import botocore.session
import pytest
from awscli.clidriver import create_clidriver
from botocore.client import BaseClient
from botocore.response import StreamingBody

from idempotent_lambda_toolkit.testing import events

from .conftest import TABLE, Consumer, Ended, Run, arn_of
from .incidents_page import OURS, Step
from .incidents_queries import run_query

LOG_GROUP = "/aws/lambda/orders"
LOG_STREAM = "2026/11/30/[$LATEST]0123456789abcdef"
ENTRY_POINT = "idempotent_lambda.entrypoint"
PLACES = {"BUCKET": "reports", "KEY": "aws/lambda/report", "/dev/stdout": "answer.json"}
"""Where the tests put what a command of the page names in general."""


LOGGED = {"IDEMPOTENCY_LOG": "problems", "IDEMPOTENCY_METRICS": "on"}
"""The runbook must do with the fewest lines that the log can have. An alarm needs metrics."""


class Context(NamedTuple):
    """Lambda's context of an invocation."""

    aws_request_id: str
    remaining: int

    def get_remaining_time_in_millis(self) -> int:
        """The time until Lambda ends the invocation."""
        return self.remaining


class KilledError(BaseException):
    """The process is gone."""


class World:
    """The consumer `orders` and what surrounds it, with the parts that Lambda and SQS play.

    Attributes:
        process: the code of the processor, which a test replaces: "deploys".
        effects: how often the side effect of each order has happened.
        places: what the words in capitals of a command mean here.
        denied: operations of AWS that the function's role may not use, with the error's text.
        remaining: the milliseconds that an invocation has.
    """

    def __init__(
        self, consumer: Consumer, run: Run, patch: pytest.MonkeyPatch, capsys: Any
    ) -> None:
        self.consumer, self.run, self._patch, self._capsys = consumer, run, patch, capsys
        self.process: Callable[[Any], Any] = self.charge
        self.effects: Counter[str] = Counter()
        # moto cannot run statements with parameters, so the package makes single calls.
        self.denied: dict[str, str] = {"BatchExecuteStatement": "AccessDeniedException: no PartiQL"}
        self.remaining = 30_000
        self.places = dict(PLACES)
        self._killed = False
        self._handler: Any = None
        self._invocations = 0
        module = ModuleType("orders")
        vars(module)["process"] = self.run_processor
        patch.setitem(sys.modules, "orders", module)
        make = BaseClient._make_api_call

        def call(client: Any, operation: str, parameters: Any) -> Any:
            return self._call(make, client, operation, parameters)

        patch.setattr(BaseClient, "_make_api_call", call)
        patch.setenv("AWS_LAMBDA_FUNCTION_NAME", "orders")
        self.configure(**LOGGED)
        self.logs = consumer.client("logs")
        self.logs.create_log_group(logGroupName=LOG_GROUP)
        self.logs.create_log_stream(logGroupName=LOG_GROUP, logStreamName=LOG_STREAM)

    # What the processor does.

    def run_processor(self, message: Any) -> None:
        """The function that the settings name, whatever is deployed."""
        self.process(message)

    def charge(self, message: Any) -> None:
        """The side effect: it counts."""
        self.effects[message.key] += 1

    def fail(self, error: Exception) -> Callable[[Any], Any]:
        """Code that raises."""

        def process(message: Any) -> None:
            del message
            raise error

        return process

    def die(self, message: Any) -> None:
        """Code that Lambda kills before its side effect."""
        del message
        self._killed = True
        raise KilledError

    # What Lambda does.

    def configure(self, **changes: str) -> None:
        """Change variables of the function; the next invocation starts a process with them."""
        self.consumer.client("lambda").update_function_configuration(
            FunctionName="orders", Environment={"Variables": self.consumer.variables() | changes}
        )
        self._handler = None

    def start(self) -> None:
        """Start a process."""
        for name in [name for name in os.environ if name.startswith("IDEMPOTENCY_")]:
            self._patch.delenv(name)
        for name, value in self.consumer.variables().items():
            self._patch.setenv(name, value)
        self._patch.delitem(sys.modules, ENTRY_POINT, raising=False)
        self._handler = importlib.import_module(ENTRY_POINT).handler

    def invoke(self, event: Any) -> Any:
        """Invoke the function; None if it did not answer."""
        self._invocations += 1
        request_id = f"00000000-0000-4000-8000-{self._invocations:012}"
        output, self._killed, answer = io.StringIO(), False, None
        status = "success"
        began = time.monotonic()
        with contextlib.redirect_stdout(output):
            try:
                if self._handler is None:
                    self._initialize()
                answer = self._handler(event, Context(request_id, self.remaining))
            except KilledError:
                pass
            except Exception as error:  # noqa: BLE001  # as the runtime does
                status = "error"
                output.write(json.dumps(describe_failure(error, request_id)) + "\n")
        if self._killed:
            # What the dead process would have said and answered does not exist.
            output, answer, status, self._handler = io.StringIO(), None, "timeout", None
        self.write(*output.getvalue().splitlines())
        # https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html#platform-report
        metrics = {"durationMs": round((time.monotonic() - began) * 1000, 2), "memorySizeMB": 128}
        record = {"requestId": request_id, "status": status, "metrics": metrics}
        record |= {"errorType": "Sandbox.Timedout"} if status == "timeout" else {}
        self.write(json.dumps({"type": "platform.report", "record": record}))
        return answer

    def _initialize(self) -> None:
        try:
            self.start()
        except Exception as error:
            self.write(json.dumps(describe_failure(error, "")))
            # https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html#platform-initReport
            record = {"initializationType": "on-demand", "phase": "init", "status": "error"}
            record["errorType"] = "Runtime.ExitError"
            self.write(json.dumps({"type": "platform.initReport", "record": record}))
            raise

    def write(self, *lines: str) -> None:
        """Write lines into the function's log."""
        found = [{"timestamp": int(time.time() * 1000), "message": line} for line in lines]
        if found:
            self.logs.put_log_events(
                logGroupName=LOG_GROUP, logStreamName=LOG_STREAM, logEvents=found
            )

    def lines(self) -> list[dict[str, Any]]:
        """The lines of the log, as Logs Insights sees them."""
        found = self.logs.filter_log_events(logGroupName=LOG_GROUP)["events"]
        return [{"@timestamp": line["timestamp"]} | json.loads(line["message"]) for line in found]

    def _call(self, make: Any, client: Any, operation: str, parameters: Any) -> Any:
        if operation == "Invoke":  # which moto runs in Docker
            answer = json.dumps(self.invoke(json.loads(parameters["Payload"]))).encode()
            parsed = {"StatusCode": 200, "Payload": StreamingBody(io.BytesIO(answer), len(answer))}
            details = {"http_response": None, "model": None, "context": {}}
            client.meta.events.emit("after-call.lambda.Invoke", parsed=parsed, **details)
            return parsed
        if client.meta.config.user_agent.startswith("idempotent-lambda/"):  # the function
            if self._killed:
                raise KilledError
            if text := self.denied.get(operation):
                code, _, message = text.partition(": ")
                raise client.exceptions.ClientError(
                    {"Error": {"Code": code, "Message": message}}, operation
                )
        return make(client, operation, parameters)

    # What SQS and the mapping do.

    def send(self, order: Any = "ORDER-1", **attributes: Any) -> str:
        """The producer sends an order, or a whole body; the id of the message."""
        body = {"order_id": order} if isinstance(order, str) else order
        sent = self.consumer.client("sqs").send_message(
            QueueUrl=self.consumer.queue_url, MessageBody=json.dumps(body), **attributes
        )
        return str(sent["MessageId"])

    def deliver(self) -> bool:
        """Deliver the next message of the queue; whether there was one."""
        sqs, url = self.consumer.client("sqs"), self.consumer.queue_url
        found = sqs.receive_message(
            QueueUrl=url, AttributeNames=["All"], MessageAttributeNames=["All"]
        ).get("Messages", ())
        for message in found:
            answer = self.invoke({"Records": [self._make_record(message)]})
            receipt = {"QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"]}
            if answer == {"batchItemFailures": []}:
                sqs.delete_message(**receipt)
            else:  # the visibility timeout passes
                sqs.change_message_visibility(**receipt, VisibilityTimeout=0)
        return bool(found)

    def drain(self) -> None:
        """Deliver until the queue is empty."""
        for _ in range(30):
            if not self.deliver():
                return
        raise AssertionError("the queue does not become empty")

    def end_leases(self) -> None:
        """Let the time pass until each lease has been over for a minute."""
        table = self.consumer.client("dynamodb")
        for item in table.scan(TableName=TABLE)["Items"]:
            if item["status"]["S"] == "IN_PROGRESS":
                over = {":over": {"N": str(int(time.time() * 1000) - 60_000)}}
                table.update_item(
                    TableName=TABLE,
                    Key={"id": item["id"]},
                    UpdateExpression="SET lease_expires_at = :over",
                    ExpressionAttributeValues=over,
                )

    def _make_record(self, message: Mapping[str, Any]) -> dict[str, Any]:
        record: dict[str, Any] = events.sqs(message["Body"])["Records"][0]
        sent = message.get("MessageAttributes", {})
        return record | {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "attributes": message["Attributes"],
            "messageAttributes": {
                name: {"stringValue": value["StringValue"], "dataType": value["DataType"]}
                for name, value in sent.items()
            },
            "eventSourceARN": arn_of(self.consumer.client("sqs"), self.consumer.queue_url),
        }

    # What the operator does.

    def follow(self, step: Step) -> Ended:
        """Run a command or a query of the page; whoever is asked agrees."""
        if step.is_query:
            found = run_query(step.text, self.lines())
            return Ended(0, "\n".join(json.dumps(row) for row in found), "")
        command = step.text
        if not command.startswith("aws "):
            assert command.startswith(OURS)
            words = [self.places.get(word, word) for word in shlex.split(command)[1:]]
            return self.run(*words, *(["--yes"] if step.changes else []), function=None)
        for name, value in self.places.items():
            command = command.replace(name, value)
        command, _, filtered = command.partition(" | ")
        self._capsys.readouterr()
        with pytest.MonkeyPatch.context() as patch:
            # The tests' clients share one loader, which does not know the data of the AWS CLI.
            patch.setattr(botocore.session, "create_loader", botocore.loaders.create_loader)
            code = create_clidriver().main(shlex.split(command)[1:])
        ended = Ended(code, *self._capsys.readouterr())
        if Path("answer.json").exists():
            ended = Ended(code, Path("answer.json").read_text(encoding="utf-8"), ended.err)
        if filtered:
            subprocess.run(["sh", "-c", filtered], input=ended.out.encode(), check=True)
        return ended

    # What must be so at the end.

    def describe(self) -> dict[str, Any]:
        """The side effects that happened, the status of each record, and what the queues hold."""
        table = self.consumer.client("dynamodb").scan(TableName=TABLE)["Items"]
        urls = (self.consumer.queue_url, self.consumer.dead_letter_queue_url)
        return {
            "effects": dict(self.effects),
            "records": {item["id"]["S"]: item["status"]["S"] for item in table},
            "messages": [message for url in urls for message in self.consumer.messages(url)],
        }


def describe_failure(error: Exception, request_id: str) -> dict[str, Any]:
    """The line of Lambda's runtime about an exception, as its ``make_error`` builds it.

    https://github.com/aws/aws-lambda-python-runtime-interface-client/blob/main/awslambdaric/bootstrap.py
    """
    return {
        "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "level": "ERROR",
        "errorMessage": str(error),
        "errorType": type(error).__name__,
        "requestId": request_id,
        "stackTrace": traceback.format_tb(error.__traceback__),
    }
