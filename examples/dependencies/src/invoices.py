"""Writes the invoice of an order as a page. Called twice, it writes two."""

import os
import uuid
from pathlib import Path
from typing import Any

import boto3
from jinja2 import Environment, FileSystemLoader
from shop.prices import total

invoices = boto3.client("dynamodb")
pages = Environment(loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True)


def process(message: Any) -> None:
    order = message.body
    invoices.put_item(
        TableName=os.environ["INVOICES_TABLE"],
        Item={
            "invoice_id": {"S": str(uuid.uuid4())},
            "order_id": {"S": order["order_id"]},
            "page": {"S": render(order)},
        },
    )


def render(order: dict[str, Any]) -> str:
    return pages.get_template("invoice.html").render(order=order, total=total(order["lines"]))
