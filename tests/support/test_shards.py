"""The reader of streams does what AWS documents of Lambda's."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from idempotent_lambda.sources.event import read_event
from idempotent_lambda.sources.source import Source
from scripts.support import shards
from scripts.support.emulator import Emulator
from scripts.support.observation import Aws
from scripts.support.shards import (
    Record,
    ShardReader,
    kinesis_shards,
    sequence_number,
    table_shards,
)


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here has to wait for anything."""
    monkeypatch.setattr(shards, "PAUSE_SECONDS", 0)


def records(number: int) -> list[Record]:
    """Records of a shard, from 1 on."""
    return [{"kinesis": {"sequenceNumber": str(each)}} for each in range(1, number + 1)]


class Function:
    """A function that fails each record as often as `fails` says, and keeps what was delivered."""

    def __init__(self, *, fails: dict[str, int] | None = None, answer: Any = None) -> None:
        self.fails, self.answer = fails or {}, answer
        self.batches: list[list[str]] = []
        self.done: list[str] = []
        self.discarded: list[str] = []

    def invoke(self, batch: Sequence[Record]) -> Any:
        numbers = [sequence_number(record) for record in batch]
        self.batches.append(numbers)
        for number in numbers:
            if self.fails.get(number, 0):
                self.fails[number] -= 1
                if self.answer is not None:
                    return self.answer
                return {"batchItemFailures": [{"itemIdentifier": number}]}
            self.done.append(number)
        return {"batchItemFailures": []}

    def read(self, number: int) -> "Function":
        """Have so many records delivered, four at a time."""

        def discard(batch: Sequence[Record]) -> None:
            self.discarded += [sequence_number(record) for record in batch]

        reader = ShardReader(invoke=self.invoke, discard=discard, batch_size=4, attempts=3)
        reader.read(records(number))
        return self


def test_a_shard_is_read_in_order() -> None:
    """Batches come one after the other, each in order."""
    function = Function().read(6)
    assert function.batches == [["1", "2", "3", "4"], ["5", "6"]]


def test_a_partial_response_is_where_it_goes_on() -> None:
    """After a partial response the batch comes again from the record that it names."""
    function = Function(fails={"3": 1}).read(4)
    assert function.batches == [["1", "2", "3", "4"], ["3", "4"]]
    assert function.done == ["1", "2", "3", "4"]


def test_the_lowest_of_several_counts() -> None:
    """If a response names several records, the first of them is the checkpoint."""
    failures = [{"itemIdentifier": "4"}, {"itemIdentifier": "2"}]
    function = Function(fails={"2": 1}, answer={"batchItemFailures": failures}).read(4)
    assert function.batches[1] == ["2", "3", "4"]


@pytest.mark.parametrize(
    "answer",
    [{"batchItemFailures": [{"itemIdentifier": "9"}]}, {"batchItemFailures": [{"id": "2"}]}],
    ids=["not in the batch", "wrong name"],
)
def test_a_wrong_response_has_all_delivered_again(answer: Any) -> None:
    """A response that names nothing of the batch is a failure of all of it."""
    function = Function(fails={"2": 1}, answer=answer).read(4)
    assert function.batches == [["1", "2", "3", "4"], ["1", "2"], ["3", "4"]]


def test_a_batch_without_progress_is_split() -> None:
    """A batch whose first record fails is split, so that the record ends alone."""
    function = Function(fails={"1": 2}).read(4)
    assert function.batches == [["1", "2", "3", "4"], ["1", "2"], ["1"], ["2"], ["3", "4"]]


def test_what_always_fails_is_discarded_alone() -> None:
    """After all attempts one record is given up on, and those around it are not."""
    function = Function(fails={"2": 100}).read(6)
    assert function.discarded == ["2"]
    assert function.done == ["1", "3", "4", "5", "6"]
    assert function.batches.count(["2"]) == 3


@pytest.mark.emulator
def test_records_have_the_shape_of_lambdas_events(emulator: Emulator, account: str) -> None:
    """The package takes what is read of either stream for records of their shard, in order."""
    aws = Aws.of(emulator, account)
    aws.kinesis.create_stream(StreamName="scans", ShardCount=1)
    aws.kinesis.get_waiter("stream_exists").wait(StreamName="scans")
    for number in (1, 2):
        data = json.dumps({"number": number}).encode()
        aws.kinesis.put_record(StreamName="scans", PartitionKey="key", Data=data)
    aws.dynamodb.create_table(
        TableName="parcels",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )
    for number in ("1", "2"):
        aws.dynamodb.put_item(TableName="parcels", Item={"id": {"S": number}})

    (scans,) = kinesis_shards(aws, "scans")
    (changes,) = table_shards(aws, "parcels")
    kinesis = read_event({"Records": json.loads(json.dumps(scans))})
    tables = read_event({"Records": json.loads(json.dumps(changes))})
    assert [each.body for each in kinesis] == [{"number": 1}, {"number": 2}]
    images = [each.body["dynamodb"]["NewImage"] for each in tables]
    assert images == [{"id": {"S": "1"}}, {"id": {"S": "2"}}]
    for deliveries, source in ((kinesis, Source.KINESIS), (tables, Source.DYNAMODB)):
        assert {each.source for each in deliveries} == {source}
        assert len({each.group for each in deliveries}) == 1
        assert None not in {each.group for each in deliveries}
