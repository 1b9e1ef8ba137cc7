"""Makes thumbnails of the pictures that are uploaded to a bucket."""

import io
import logging
import os
from pathlib import PurePosixPath
from urllib.parse import unquote_plus

import boto3

from idempotent_lambda_toolkit.testing import events

from . import Case, Verdict, refused

logger = logging.getLogger(__name__)

s3 = boto3.client("s3", region_name=os.environ.get("AWS_REGION", "eu-central-1"))
TARGET = os.environ.get("THUMBNAIL_BUCKET", "thumbnails")
WIDTHS = [int(width) for width in os.environ.get("WIDTHS", "128,512").split(",")]
TYPES = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png"}


def resize(picture, width):
    """A placeholder for Pillow."""
    return picture[:width]


def process(message):
    record = message.body
    bucket = record["s3"]["bucket"]["name"]
    key = unquote_plus(record["s3"]["object"]["key"])
    suffix = PurePosixPath(key).suffix.lower()
    if suffix not in TYPES:
        logger.info(f"{key} is no picture, skipping it")
        return
    picture = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    for width in WIDTHS:
        target = f"{width}/{key}"
        s3.put_object(
            Bucket=TARGET, Key=target, Body=resize(picture, width), ContentType=TYPES[suffix]
        )
        logger.info(f"wrote s3://{TARGET}/{target}")


CASE = Case(
    handler=process,
    event=events.s3_in_sqs("uploads/tea+pot.png"),
    effects={"s3.put_object": {"token": "Key", "failure": refused("PutObject", "SlowDown")}},
    reads={"s3.get_object": lambda **_: {"Body": io.BytesIO(b"picture")}},
    options={"different": [events.s3_in_sqs("uploads/cup.JPG")]},
    verdict=Verdict(
        findings=frozenset(),
        because="A repetition writes the same objects again, and every error is raised.",
    ),
)
