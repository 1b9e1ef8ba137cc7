"""The parts of a consumer, found by its function or given as options."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from idempotent_lambda import __version__
from idempotent_lambda.clock import Seconds
from idempotent_lambda.keys import KeyRule, check_namespace, compile_expression
from idempotent_lambda_toolkit.cli.exit_codes import AwsRefusedError, UsageError
from idempotent_lambda_toolkit.cli.options import Options

_CONFIG: dict[str, Any] = {
    "connect_timeout": 5,
    "read_timeout": 30,
    "retries": {"mode": "standard", "total_max_attempts": 4},
    "user_agent_extra": f"idempotent-lambda-cli/{__version__}",
}


class Deployment:
    """The parts of one consumer. Each is looked up when it is first needed.

    Every property may raise `NotFoundError`, `AwsRefusedError` or the SDK's errors.
    """

    def __init__(self, options: Options) -> None:
        self.options = options
        self._clients: dict[str, Any] = {}

    @cached_property
    def _session(self) -> Any:
        import boto3  # noqa: PLC0415  # --help does without it

        profile, region = self.options.profile, self.options.region
        return boto3.session.Session(profile_name=profile, region_name=region)

    def client(self, service: str) -> Any:
        """Return a client of the service, for the options that the AWS CLI has too."""
        from botocore.config import Config  # noqa: PLC0415  # --help does without it

        if service not in self._clients:
            endpoint = self.options.endpoint_url
            make: Any = self._session.client
            self._clients[service] = make(service, endpoint_url=endpoint, config=Config(**_CONFIG))
        return self._clients[service]

    @cached_property
    def function(self) -> Mapping[str, Any]:
        """The configuration of the function, as Lambda returns it; empty without ``--function``."""
        name = self.options.function
        if name is None:
            return {}
        found: Mapping[str, Any] = self.client("lambda").get_function_configuration(
            FunctionName=name
        )
        return found

    @cached_property
    def environment(self) -> Mapping[str, str]:
        """The environment of the function; empty without ``--function``.

        Raises:
            AwsRefusedError: it is encrypted with a key that the operator may not use.
        """
        environment = self.function.get("Environment") or {}
        if problem := environment.get("Error"):
            text = f"the function's environment cannot be read: {problem.get('Message')}"
            raise AwsRefusedError(f"{text}; ask for kms:Decrypt, or set --table and --namespace")
        found: Mapping[str, str] = environment.get("Variables") or {}
        return found

    @cached_property
    def table(self) -> str:
        """The name of the table of records."""
        return self._require(self.options.table, "IDEMPOTENCY_TABLE", "--table")

    @cached_property
    def namespace(self) -> str:
        """The namespace of the consumer's keys."""
        text = self._require(self.options.namespace, "IDEMPOTENCY_NAMESPACE", "--namespace")
        try:
            return check_namespace(text)
        except ValueError as error:
            raise UsageError(str(error)) from None

    @cached_property
    def key_rule(self) -> KeyRule | None:
        """The rule that gives messages their keys; None if it is not known."""
        if not self.function:
            return None
        expression = self.environment.get("IDEMPOTENCY_KEY") or None
        try:
            return KeyRule(
                self.namespace, expression, expression and compile_expression(expression)
            )
        except ValueError:
            return None  # doctor reports the problem

    @cached_property
    def unwrap(self) -> frozenset[str]:
        """The services whose wrappers the function removes; empty without ``--function``."""
        names = (name.strip() for name in self.environment.get("IDEMPOTENCY_UNWRAP", "").split(","))
        return frozenset(filter(None, names))

    @cached_property
    def retention(self) -> Seconds | None:
        """How long a completed record suppresses duplicates, in seconds; None if not known."""
        text = self.environment.get("IDEMPOTENCY_RETENTION_SECONDS", "")
        return Seconds(int(text)) if text.isdecimal() else None

    @cached_property
    def mappings(self) -> list[Mapping[str, Any]]:
        """The event source mappings of the function, as Lambda returns them."""
        if self.options.function is None:
            return []
        pages = self.client("lambda").get_paginator("list_event_source_mappings")
        asked = pages.paginate(FunctionName=self.options.function)
        return [mapping for page in asked for mapping in page["EventSourceMappings"]]

    @cached_property
    def queue_url(self) -> str | None:
        """The URL of the queue; None if there is no queue, or it is not known.

        Raises:
            UsageError: the function reads from several queues.
        """
        if self.options.queue_url:
            return self.options.queue_url
        # A function that reads its own dead-letter queue by mistake has one queue all the same.
        dead_letters = (self.dead_letter_queue_url or "").split("/")[-2:]
        arns = [
            each["EventSourceArn"]
            for each in self.mappings
            if each.get("EventSourceArn", "").split(":")[2:3] == ["sqs"]
        ]
        arns = [arn for arn in arns if arn.split(":")[-2:] != dead_letters] or arns
        if len(set(arns)) > 1:
            text = f"the function reads from several queues: {', '.join(sorted(set(arns)))}"
            raise UsageError(f"{text}; choose one with --queue-url")
        return self.find_url(arns[0]) if arns else None

    @cached_property
    def source_arns(self) -> frozenset[str]:
        """The ARNs of the consumer's queues; empty if they are not known."""
        if self.options.queue_url:
            answer = self.client("sqs").get_queue_attributes(
                QueueUrl=self.options.queue_url, AttributeNames=["QueueArn"]
            )
            return frozenset({str(answer["Attributes"]["QueueArn"])})
        return frozenset(
            each["EventSourceArn"]
            for each in self.mappings
            if each.get("EventSourceArn", "").split(":")[2:3] == ["sqs"]
        )

    @property
    def uses_deduplication_ids(self) -> bool:
        """Whether keys contain deduplication ids, which a message loses when it is sent again."""
        return "attributes.MessageDeduplicationId" in self.environment.get("IDEMPOTENCY_KEY", "")

    @cached_property
    def dead_letter_queue_url(self) -> str | None:
        """The URL of the dead-letter queue; None if it is not known."""
        given = self.options.dead_letter_queue_url
        return given or self.environment.get("IDEMPOTENCY_DEAD_LETTER_QUEUE_URL") or None

    @property
    def needed_queue_url(self) -> str:
        """The URL of the queue.

        Raises:
            UsageError: it is not known.
        """
        if self.queue_url is None:
            remedy = "if it has none, receive the message and invoke the function with its body"
            raise UsageError(f"no queue is known: set --function or --queue-url ({remedy})")
        return self.queue_url

    @property
    def needed_dead_letter_queue_url(self) -> str:
        """The URL of the dead-letter queue.

        Raises:
            UsageError: it is not known.
        """
        if self.dead_letter_queue_url is None:
            remedy = "set --function or --dead-letter-queue-url"
            raise UsageError(f"no dead-letter queue is known: {remedy}")
        return self.dead_letter_queue_url

    @property
    def log_group(self) -> str | None:
        """The name of the function's log group; None without ``--function``."""
        if not self.function:
            return None
        chosen = (self.function.get("LoggingConfig") or {}).get("LogGroup")
        return chosen or f"/aws/lambda/{self.function['FunctionName']}"

    def _require(self, given: str | None, name: str, option: str) -> str:
        found = given or self.environment.get(name)
        if found:
            return found
        if self.function:
            text = f"the function's environment has no {name}: choose a consumer's function, or set"
            raise UsageError(f"{text} {option}")
        raise UsageError(f"set --function, or {option}")

    def find_url(self, arn: str) -> str:
        """Return the URL of a queue, given its ARN."""
        account, name = arn.split(":")[-2:]
        found = self.client("sqs").get_queue_url(QueueName=name, QueueOwnerAWSAccountId=account)
        return str(found["QueueUrl"])
