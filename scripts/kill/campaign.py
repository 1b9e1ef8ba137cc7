"""Plays rounds: delivers a batch, kills its worker, and delivers again until all is done."""

import contextlib
import json
import multiprocessing
import os
import random
import signal
import time
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

from idempotent_lambda.clients import new_client
from idempotent_lambda.queues import SqsQueues
from idempotent_lambda.sources.copy_mark import TOKEN_ATTRIBUTE, CopyMark
from idempotent_lambda_toolkit.testing import events
from scripts.kill.account import MARKED, PARKED, Account, Journal, Run
from scripts.kill.plan import Round
from scripts.kill.worker import Worker
from scripts.support.emulator import Emulator, new_account

MOST_DELIVERIES: Final = 40
BASE_SECONDS: Final = 0.005
MOST_READS: Final = 100

FORK: Final = multiprocessing.get_context("fork")
"""This process has imported everything and has no threads, so a worker starts in milliseconds."""

ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Workers block these: a terminal sends Ctrl-C to every process, and the campaign ends workers."""


class WorkerError(Exception):
    """A worker failed; the text says why."""


class Stage:
    """Plays rounds in an account of the emulator."""

    def __init__(self, emulator: Emulator) -> None:
        account_id = new_account()
        os.environ |= emulator.environment(account_id)
        self._dynamodb = emulator.client("dynamodb", account_id)
        self._sqs = emulator.client("sqs", account_id)
        self._dead_letter_queue_url = self._sqs.create_queue(QueueName="dead-letters")["QueueUrl"]
        # Parts of the workers: made before the fork, and used only after it.
        self._client = new_client()
        unobserved: Any = None  # no message is in progress, so there is nothing to report
        self._queues = SqsQueues(self._dead_letter_queue_url, unobserved)
        _ = self._queues._client  # noqa: SLF001  # makes it
        # Seconds per message, from the last batch of each kind that was not killed.
        self._seconds: dict[object, float] = defaultdict(lambda: 0.001)

    def play(self, planned: Round) -> Account:
        """Deliver until nothing waits; check each delivery."""
        for table in (planned.name, planned.counters):
            self._dynamodb.create_table(
                TableName=table,
                KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST",
            )
        chance = random.Random(planned.name)  # noqa: S311  # guards nothing
        account = Account(planned=planned)
        waiting: list[Any] = events.sqs(*({"id": key} for key in planned.keys))["Records"]
        copies: set[Run] = set()
        parked: list[Any] = []
        while waiting and account.deliveries < MOST_DELIVERIES:
            said = self._deliver(planned, waiting, account.deliveries)
            killed = not said["answer"]
            # The records come first: reading them waits for calls that were under way.
            records = self._read_records(planned.name, killed=killed)
            found = self._take_copies()
            copies |= {_read_run(record) for record in found}
            parked += found
            ids = {record["messageId"] for record in waiting}
            failed = ids if killed else ids.intersection(*said["answer"])
            done = [record for record in waiting if record["messageId"] not in failed]
            again = [record for record in waiting if record["messageId"] in failed]
            waiting = events.redelivered({"Records": again})["Records"]
            if not waiting:
                # An operator redrives the copies once nothing else waits.
                waiting, parked = parked, []
            if planned.shuffled:
                chance.shuffle(waiting)
            account.add(
                said,
                acknowledged=set(map(_read_key, done)),
                left=set(map(_read_key, waiting)),
                records=records,
                copies=copies,
                counters={
                    item["id"]["S"]: int(item["n"]["N"]) for item in self._scan(planned.counters)
                },
            )
        for table in (planned.name, planned.counters):
            self._dynamodb.delete_table(TableName=table)
        return account

    def _deliver(self, planned: Round, records: Sequence[Any], number: int) -> Journal:
        """Have a worker process the batch, and kill it at the planned moment."""
        moment, kind = planned.moments.get(number), (planned.mode, planned.slow, number == 0)
        expected = BASE_SECONDS + len(records) * self._seconds[kind]
        reader, writer = FORK.Pipe(duplex=False)
        worker = Worker(planned=planned, number=number, pipe=writer)
        arguments = self._client, self._queues, {"Records": records}
        process = FORK.Process(target=worker.consume, args=arguments)
        said: dict[str, list[tuple[str, ...]]] = defaultdict(list)
        began, ends = time.monotonic(), None
        signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
        process.start()
        writer.close()
        try:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
            with contextlib.suppress(EOFError, OSError):  # a kill may cut the last write off
                while True:
                    if ends and (
                        time.monotonic() >= ends or not reader.poll(ends - time.monotonic())
                    ):
                        process.kill()
                        ends = None
                    what, *words = reader.recv()
                    said[what].append(tuple(words))
                    if moment and what == "moment":
                        ends = time.monotonic() + expected * moment.share
        finally:
            process.kill()
            process.join()
            reader.close()
        if process.exitcode not in (0, -signal.SIGKILL):
            raise WorkerError(f"a worker ended with {process.exitcode}; its output says why")
        if said["answer"]:
            took = max(0.0, time.monotonic() - began - BASE_SECONDS)
            self._seconds[kind] = took / len(records)
        return said

    def _read_records(self, table: str, *, killed: bool) -> dict[Run, str]:
        """Read the state of each record; after a kill, wait until the last call is over."""
        items, before = self._scan(table), None
        for _ in range(MOST_READS):
            if not killed or items == before:
                break
            time.sleep(0.01)
            items, before = self._scan(table), items
        else:
            raise WorkerError(f"{table} still changes after its worker was killed")
        states = {}
        for item in items:
            status = item["status"]["S"]
            marked = status == PARKED and "dead_lettered_at" in item
            run = Run(item["id"]["S"].partition("#")[2], item["owner"]["S"])
            states[run] = MARKED if marked else status
        return states

    def _take_copies(self) -> list[Any]:
        """Empty the dead-letter queue, as an operator's redrive does."""
        url, taken = self._dead_letter_queue_url, []
        while found := self._sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        ).get("Messages"):
            for copy in found:
                self._sqs.delete_message(QueueUrl=url, ReceiptHandle=copy["ReceiptHandle"])
                mark = copy["MessageAttributes"][TOKEN_ATTRIBUTE]["StringValue"]
                attributes = {TOKEN_ATTRIBUTE: mark}
                taken += events.sqs(copy["Body"], message_attributes=attributes)["Records"]
        return taken

    def _scan(self, table: str) -> list[Any]:
        pages = self._dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
        return [item for page in pages for item in page["Items"]]


def _read_key(record: Any) -> str:
    key: str = json.loads(record["body"])["id"]
    return key


def _read_run(copy: Any) -> Run:
    mark = copy["messageAttributes"][TOKEN_ATTRIBUTE]["stringValue"]
    return Run(_read_key(copy), CopyMark.parse(mark).token)
