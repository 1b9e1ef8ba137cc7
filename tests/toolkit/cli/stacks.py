"""Six healthy stacks in moto, and the form of a misconfiguration that breaks one of them."""

import io
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from idempotent_lambda_toolkit.cli.doctor.findings import Severity

from .answers import Answers, Ask
from .conftest import REGION, TABLE, Consumer, Run, document, made

ACCOUNT = "123456789012"
FUNCTION_ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:orders"


@dataclass
class Stack:
    """A stack that is as the module makes it.

    Attributes:
        function: the name that the command gets.
    """

    consumer: Consumer
    answers: Answers
    function: str = "orders"

    def client(self, service: str) -> Any:
        """Return a client of moto."""
        return self.consumer.client(service)

    @property
    def mapping(self) -> dict[str, Any]:
        """The mapping of the queue."""
        (found,) = self.client("lambda").list_event_source_mappings()["EventSourceMappings"]
        mapping: dict[str, Any] = found
        return mapping

    def change_mapping(self, **settings: Any) -> None:
        """Change settings of the mapping."""
        self.client("lambda").update_event_source_mapping(UUID=self.mapping["UUID"], **settings)

    def change_function(self, **settings: Any) -> None:
        """Change settings of the function."""
        self.client("lambda").update_function_configuration(FunctionName="orders", **settings)

    def change_variables(self, **changes: str | None) -> None:
        """Change variables of the function's environment; None removes one."""
        whole = {**self.consumer.variables(), **changes}
        kept = {name: value for name, value in whole.items() if value is not None}
        self.change_function(Environment={"Variables": kept})


def build_standard(answers: Answers, *, fifo: bool = False) -> Stack:
    """A consumer of a standard queue."""
    stack = Stack(made(fifo=fifo), answers)
    stack.client("logs").create_log_group(logGroupName="/aws/lambda/orders")
    stack.change_mapping(Enabled=True)
    return stack


def build_fifo(answers: Answers) -> Stack:
    """A consumer of a FIFO queue."""
    return build_standard(answers, fifo=True)


@contextmanager
def edit_policy(stack: Stack) -> Iterator[list[dict[str, Any]]]:
    """Put the statements of the role's policy back as the block leaves them."""
    iam, policy = stack.client("iam"), {"RoleName": "orders", "PolicyName": "idempotent-lambda"}
    statements = iam.get_role_policy(**policy)["PolicyDocument"]["Statement"]
    yield statements
    iam.put_role_policy(**policy, PolicyDocument=document(*statements))


def allow_keys_of(stack: Stack, namespace: str) -> None:
    """Let the role use the records of one namespace only."""
    with edit_policy(stack) as statements:
        keys = {"dynamodb:LeadingKeys": [f"{namespace}#*"]}
        statements[0]["Condition"] = {"ForAllValues:StringLike": keys}


def build_shared_table(answers: Answers) -> Stack:
    """A consumer whose role may use the keys of its namespace only, and another consumer."""
    stack = build_standard(answers)
    allow_keys_of(stack, "orders")
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda"}}
    stack.client("iam").create_role(RoleName="refunds", AssumeRolePolicyDocument=document(trust))
    create_function(stack, "refunds", IDEMPOTENCY_TABLE=TABLE, IDEMPOTENCY_NAMESPACE="refunds")
    return stack


def build_alias(answers: Answers) -> Stack:
    """A consumer whose mapping invokes the alias ``live``."""
    stack = build_standard(answers)
    client = stack.client("lambda")
    version = client.publish_version(FunctionName="orders")["Version"]
    client.create_alias(FunctionName="orders", Name="live", FunctionVersion=version)
    move_mapping(answers, f"{FUNCTION_ARN}:live")
    return Stack(stack.consumer, answers, "orders:live")


def build_without_queue(answers: Answers) -> Stack:
    """A consumer of events that services such as S3 or SNS send to the function."""
    stack = build_standard(answers)
    stack.client("lambda").delete_event_source_mapping(UUID=stack.mapping["UUID"])
    return stack


def build_decorated(answers: Answers) -> Stack:
    """A function of the user's with decorated functions, which nothing invokes yet."""
    stack = build_without_queue(answers)
    stack.change_function(Handler="orders.handler")
    stack.change_variables(
        IDEMPOTENCY_PROCESSOR=None,
        IDEMPOTENCY_KEY=None,
        IDEMPOTENCY_DEAD_LETTER_QUEUE_URL=None,
        IDEMPOTENCY_MAX_RECEIVE_COUNT=None,
    )
    return stack


STACKS: Final[Mapping[str, Callable[[Answers], Stack]]] = {
    "standard": build_standard,
    "FIFO": build_fifo,
    "shared table": build_shared_table,
    "alias": build_alias,
    "no queue": build_without_queue,
    "decorated": build_decorated,
}


def create_function(stack: Stack, name: str, **variables: str) -> None:
    """Create another function in the account."""
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("orders.py", "")
    stack.client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.13",
        Handler="idempotent_lambda.entrypoint.handler",
        Role=f"arn:aws:iam::{ACCOUNT}:role/orders",
        Code={"ZipFile": package.getvalue()},
        Environment={"Variables": variables},
    )


def move_mapping(answers: Answers, function_arn: str) -> None:
    """Have the mapping invoke a qualifier, which moto forgets: it keeps the version.

    https://docs.aws.amazon.com/lambda/latest/api/API_ListEventSourceMappings.html
    """

    def list_mappings(ask: Ask, call: Mapping[str, Any]) -> Any:
        asked = call.get("FunctionName")
        answer = ask({name: value for name, value in call.items() if name != "FunctionName"})
        moved = [{**found, "FunctionArn": function_arn} for found in answer["EventSourceMappings"]]
        is_meant = asked is None or function_arn.endswith(f":function:{asked}")
        return {**answer, "EventSourceMappings": moved if is_meant else []}

    answers.replace("ListEventSourceMappings", list_mappings)


@dataclass(frozen=True)
class Plant:
    """A misconfiguration, and the finding that names it.

    Attributes:
        break_stack: changes a healthy stack, or an answer about it.
        finding: the name of the check.
        stack: the name of the healthy stack.
        arguments: further arguments of ``doctor``.
        says: a text that the value, the rule or the remedy of the finding has.
    """

    break_stack: Callable[[Stack], None]
    finding: str
    severity: Severity
    stack: str = "standard"
    arguments: tuple[str, ...] = ()
    says: str = ""

    def __str__(self) -> str:
        return self.break_stack.__name__

    def diagnose(self, run: Run, answers: Answers) -> list[dict[str, str]]:
        """Return what ``doctor`` finds on the healthy stack with this misconfiguration."""
        stack = STACKS[self.stack](answers)
        self.break_stack(stack)
        ended = run("doctor", "--json", *self.arguments, function=stack.function)
        found: list[dict[str, str]] = ended.answer["findings"]
        return found


@dataclass(frozen=True)
class Planter:
    """Collects the plants of a module: ``@plant("ttl", Severity.FAILURE)`` above each function."""

    plants: list[Plant] = field(default_factory=list)

    def __call__(
        self,
        finding: str,
        severity: Severity,
        *,
        on: str = "standard",
        arguments: tuple[str, ...] = (),
        says: str = "",
    ) -> Callable[[Callable[[Stack], None]], Callable[[Stack], None]]:
        """Return a decorator of the function that breaks the stack."""

        def register(break_stack: Callable[[Stack], None]) -> Callable[[Stack], None]:
            self.plants.append(Plant(break_stack, finding, severity, on, arguments, says))
            return break_stack

        return register
