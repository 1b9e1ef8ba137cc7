"""What AWS's services report to CloudWatch, as far as alarms and dashboard use it.

CloudWatch takes an alarm on a metric that nobody reports, and on one with another dimension. Such
an alarm never starts. Nothing else notices it: no schema names the metrics of AWS, and the emulator
has none.
"""

from dataclasses import dataclass

from idempotent_lambda.metrics import DIMENSION, METRICS, NAMESPACE


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """The metrics of one namespace, each with its unit.

    Attributes:
        dimension: the only dimension of these metrics that the module uses.
        counts: metrics of what happens, whose sum counts.
        levels: metrics of a state or a time, whose maximum is the worst.
    """

    dimension: str
    counts: dict[str, str]
    levels: dict[str, str]

    def units(self) -> dict[str, str]:
        """Return the unit of each metric."""
        return self.counts | self.levels


SERVICES = {
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
    "AWS/SQS": Service(
        dimension="QueueName",
        counts={},
        levels={
            "ApproximateAgeOfOldestMessage": "Seconds",
            "ApproximateNumberOfMessagesNotVisible": "Count",
            "ApproximateNumberOfMessagesVisible": "Count",
        },
    ),
    # https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
    # https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-view.html for the dimension.
    # DestinationDeliveryFailures is also for the event source mappings of streams.
    "AWS/Lambda": Service(
        dimension="FunctionName",
        counts={
            "AsyncEventsReceived": "Count",
            "DeadLetterErrors": "Count",
            "DestinationDeliveryFailures": "Count",
            "Errors": "Count",
            "Invocations": "Count",
            "Throttles": "Count",
        },
        levels={"Duration": "Milliseconds", "IteratorAge": "Milliseconds"},
    ),
    # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/metrics-dimensions.html
    # ThrottledRequests is not here: it has a second dimension, Operation.
    "AWS/DynamoDB": Service(
        dimension="TableName",
        counts={
            "ConsumedReadCapacityUnits": "Count",
            "ConsumedWriteCapacityUnits": "Count",
            "ReadThrottleEvents": "Count",
            "WriteThrottleEvents": "Count",
        },
        levels={},
    ),
    # Not AWS's: what the package writes.
    NAMESPACE: Service(
        dimension=DIMENSION,
        counts={name: unit for name, unit in METRICS.items() if unit == "Count"},
        levels={name: unit for name, unit in METRICS.items() if unit != "Count"},
    ),
}
"""The metrics by namespace."""
