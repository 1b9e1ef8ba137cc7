"""Reads a stream as AWS documents it for Lambda: the emulator takes any answer for success.

    reader = ShardReader(invoke=..., discard=..., batch_size=5, attempts=8)
    for shard in kinesis_shards(aws, "scans"):
        reader.read(shard)

The reader delivers a shard in order, one batch after the other. After a partial response it retries
from the lowest sequence number in the response. After an error, or a response with an unknown
number, it retries the whole batch. If a batch makes no progress, the reader splits it in two. It
discards records that make no progress in all attempts, and goes on with the shard.

https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html
https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
"""

import base64
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from scripts.support.observation import Aws

Record = dict[str, Any]
"""A stream's record as in Lambda's event."""

PAUSE_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardReader:
    """Reads a stream for a function."""

    invoke: Callable[[Sequence[Record]], Any]  # returns None if the invocation failed
    discard: Callable[[Sequence[Record]], None]
    batch_size: int
    attempts: int  # of a batch that makes no progress

    def read(self, shard: Sequence[Record]) -> None:
        """Deliver all records of a shard, in order."""
        for start in range(0, len(shard), self.batch_size):
            self._deliver(shard[start : start + self.batch_size])

    def _deliver(self, batch: Sequence[Record]) -> None:
        failed = 0
        while failed < self.attempts:
            done = _count_done(batch, self.invoke(batch))
            batch = batch[done:]
            if not batch:
                return
            if not done:
                failed += 1
                if len(batch) > 1:
                    self._deliver(batch[: len(batch) // 2])
                    self._deliver(batch[len(batch) // 2 :])
                    return
            time.sleep(PAUSE_SECONDS)
        self.discard(batch)


def _count_done(batch: Sequence[Record], response: Any) -> int:
    """Count the records, from the first on, that need no other delivery."""
    if response is None:
        return 0
    failures = (response or {}).get("batchItemFailures") or []
    ids = [sequence_number(record) for record in batch]
    named = [failure.get("itemIdentifier") for failure in failures]
    if not set(named) <= set(ids):
        return 0
    return min(map(ids.index, named), default=len(batch))


def sequence_number(record: Record) -> str:
    """Return the id by which a response names a record."""
    if "kinesis" in record:
        return str(record["kinesis"]["sequenceNumber"])
    return str(record["dynamodb"]["SequenceNumber"])


def kinesis_shards(aws: Aws, stream_name: str) -> Iterator[list[Record]]:
    """Read all records of each shard, in the event's shape.

    https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html
    """
    stream = aws.kinesis.describe_stream(StreamName=stream_name)["StreamDescription"]
    for shard in stream["Shards"]:
        iterator = aws.kinesis.get_shard_iterator(
            StreamName=stream_name, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        yield [
            {
                "kinesis": {
                    "kinesisSchemaVersion": "1.0",
                    "partitionKey": record["PartitionKey"],
                    "sequenceNumber": record["SequenceNumber"],
                    "data": base64.b64encode(record["Data"]).decode(),
                    "approximateArrivalTimestamp": record[
                        "ApproximateArrivalTimestamp"
                    ].timestamp(),
                },
                "eventSource": "aws:kinesis",
                "eventVersion": "1.0",
                "eventID": f"{shard['ShardId']}:{record['SequenceNumber']}",
                "eventName": "aws:kinesis:record",
                "eventSourceARN": stream["StreamARN"],
                "awsRegion": stream["StreamARN"].split(":")[3],
            }
            for record in _read(aws.kinesis, iterator)
        ]


def table_shards(aws: Aws, table_name: str) -> Iterator[list[Record]]:
    """Read all records of each shard of a table's stream, in the event's shape.

    https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
    """
    arn = aws.dynamodb.describe_table(TableName=table_name)["Table"]["LatestStreamArn"]
    for shard in aws.table_streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
        iterator = aws.table_streams.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        yield [_build_event(record, arn) for record in _read(aws.table_streams, iterator)]


def _build_event(record: Record, stream_arn: str) -> Record:
    created = record["dynamodb"]["ApproximateCreationDateTime"].timestamp()
    change = {**record["dynamodb"], "ApproximateCreationDateTime": created}
    return {**record, "dynamodb": change, "eventSourceARN": stream_arn}


def _read(client: Any, iterator: str) -> Iterator[Record]:
    """Read all records from an iterator on."""
    while True:
        answer = client.get_records(ShardIterator=iterator)
        if not answer["Records"]:
            return
        yield from answer["Records"]
        iterator = answer["NextShardIterator"]
