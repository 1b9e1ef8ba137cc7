"""Lambda's reading of a stream, as AWS documents it: the emulator takes any answer for success.

    reader = ShardReader(invoke=..., discard=..., batch_size=5, attempts=8)
    for shard in kinesis_shards(aws, "scans"):
        reader.read(shard)

What is modelled: a shard is read in order, one batch after the other; a partial response has the
batch delivered again from the lowest sequence number that it names; an error, or a response that
names what is not in the batch, has all of it delivered again; a batch that makes no progress is
split in two; what makes none in all attempts is discarded, and the shard goes on behind it.

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
"""A stream's record as it stands in Lambda's event."""

PAUSE_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardReader:
    """How a stream is read.

    Attributes:
        invoke: hands a batch to the function; what it returned, or None if it failed.
        discard: told of the records that were given up on.
        batch_size: records per invocation, at most.
        attempts: how often a batch that makes no progress is delivered.
    """

    invoke: Callable[[Sequence[Record]], Any]
    discard: Callable[[Sequence[Record]], None]
    batch_size: int
    attempts: int

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
    """How many records, from the first on, need not be delivered again."""
    if response is None:
        return 0
    failures = (response or {}).get("batchItemFailures") or []
    ids = [sequence_number(record) for record in batch]
    named = [failure.get("itemIdentifier") for failure in failures]
    if not set(named) <= set(ids):
        return 0
    return min((ids.index(each) for each in named), default=len(batch))


def sequence_number(record: Record) -> str:
    """The id by which a response names a record."""
    number: str = (
        record["kinesis"]["sequenceNumber"]
        if "kinesis" in record
        else record["dynamodb"]["SequenceNumber"]
    )
    return number


def kinesis_shards(aws: Aws, stream_name: str) -> Iterator[list[Record]]:
    """All records of each shard, in the event's shape.

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
    """All records of each shard of a table's stream, in the event's shape.

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
    """All records from an iterator on."""
    while True:
        answer = client.get_records(ShardIterator=iterator)
        if not answer["Records"]:
            return
        yield from answer["Records"]
        iterator = answer["NextShardIterator"]
