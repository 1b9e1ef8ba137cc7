"""The floor: only the SDK calls that claiming and completing a batch needs.

It does not check the owner, handle errors or log. A test counts its lines, and compares its
statements with this package's.
"""

import os
import time
from collections.abc import Callable
from typing import Any

from benchmarks.function import process
from idempotent_lambda.clients import new_client

INSERT = """INSERT INTO "{}" VALUE {{'id': ?, 'status': ?, 'owner': ?, 'created_at': ?, \
'expires_at': ?, 'lease_expires_at': ?, 'attempts': ?}}"""
UPDATE = """UPDATE "{}" SET "status" = ? SET "completed_at" = ? SET "expires_at" = ? \
REMOVE "lease_expires_at" REMOVE "attempts" WHERE "id" = ? AND ("owner" = ? AND "status" = ?)"""


def make(table: str) -> Callable[[Any], Any]:
    """Make the handler, with this package's client."""
    client = new_client()

    def call(statement: str, rows: list[list[Any]]) -> list[Any]:
        typed = [[{"N" if isinstance(v, int) else "S": str(v)} for v in row] for row in rows]
        calls: Any = [{"Statement": statement.format(table), "Parameters": row} for row in typed]
        return client.batch_execute_statement(Statements=calls)["Responses"] if rows else []

    def handler(event: Any) -> None:
        for start in range(0, len(event["Records"]), 25):
            records = event["Records"][start : start + 25]
            now, owner = time.time_ns() // 1_000_000, os.urandom(16).hex()
            ids = ["orders#" + record["messageId"] for record in records]
            lease, expiry = now + 35_000, now // 1000 + 1_900_800
            rows = [[each, "IN_PROGRESS", owner, now, expiry, lease, 1] for each in ids]
            answers = call(INSERT, rows)
            fresh = [n for n, answer in enumerate(answers) if "Error" not in answer]
            for n in fresh:
                process(records[n])
            done = ["COMPLETED", time.time_ns() // 1_000_000, expiry]
            call(UPDATE, [[*done, ids[n], owner, "IN_PROGRESS"] for n in fresh])

    return handler
