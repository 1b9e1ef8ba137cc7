"""Styles of writing to a table, with lookups and logs."""

import json
import logging
from contextvars import ContextVar
from functools import lru_cache
from uuid import NAMESPACE_URL, uuid4, uuid5

import boto3
from botocore.exceptions import ClientError

from idempotent_lambda_toolkit.testing import events
from tests.toolkit.styles import Style

from . import BODY, KEY, ONCE, ORDER, OTHER

entries = boto3.resource("dynamodb", region_name="eu-central-1").Table("entries")
order_id = ContextVar("order_id", default="")


class JsonFormatter(logging.Formatter):
    def format(self, record):
        fields = {
            "level": record.levelname,
            "order_id": order_id.get(),
            "text": record.getMessage(),
        }
        return json.dumps(fields)


logger = logging.getLogger(__name__)
stream = logging.StreamHandler()
stream.setFormatter(JsonFormatter())
logger.handlers = [stream]


def charge(order, tax=0, token=None):
    """A placeholder for a call to the payment provider."""


@lru_cache(maxsize=128)
def look_up_tax(country):
    return {"DE": 19, "FR": 20}[country]


def cache_lookups(message):
    charge(message.body, tax=look_up_tax(message.body["country"]))


def log_fields(message):
    reset = order_id.set(message.body["order_id"])
    try:
        logger.warning("charging in run %s", uuid4())
        charge(message.body)
    except Exception:
        logger.exception("not charged")
        raise
    finally:
        order_id.reset(reset)


def derive_a_uuid(message):
    charge(message.body, token=str(uuid5(NAMESPACE_URL, message.idempotency_token)))


def write_in_a_transaction(message, transaction):
    transaction.put("orders", {"order_id": message.body["order_id"], "state": "placed"})


def put_once(message):
    try:
        entries.put_item(
            Item={"order_id": message.body["order_id"], "cents": message.body["amount_cents"]},
            ConditionExpression="attribute_not_exists(order_id)",
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        logger.warning("an earlier run has written it")


rows: dict[str, object] = {}


def put_item(*, Item, ConditionExpression):  # noqa: N803  # as boto3 calls them
    """Put an item as a table does that has this condition."""
    assert ConditionExpression == "attribute_not_exists(order_id)"
    if Item["order_id"] in rows:
        raise ClientError({"Error": {"Code": "ConditionalCheckFailedException"}}, "PutItem")
    rows[Item["order_id"]] = Item


CHARGES = {"charge": {}}
STYLES = {
    "cache lookups": Style(
        handler=cache_lookups,
        event=ORDER,
        effects=CHARGES,
        options={**KEY, "different": [events.sqs(BODY | {"order_id": "ORDER-3", "country": "FR"})]},
    ),
    "log fields": Style(handler=log_fields, event=ORDER, effects=CHARGES, options=KEY),
    "derive a UUID": Style(
        handler=derive_a_uuid, event=ORDER, effects={"charge": {"token": "token"}}, options=ONCE
    ),
    "write in a transaction": Style(
        handler=write_in_a_transaction, event=events.fifo(BODY, OTHER), effects={}, options=ONCE
    ),
    "put once": Style(
        handler=put_once,
        event=ORDER,
        effects={
            "entries.put_item": {
                "function": put_item,
                "failure": ClientError({"Error": {"Code": "ThrottlingException"}}, "PutItem"),
            }
        },
        options={**ONCE, "fresh": rows.clear},
    ),
}
