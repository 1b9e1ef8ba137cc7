module "timelines" {
  # checkov:skip=CKV_AWS_28:The module turns recovery on by default, but checkov does not see the default of an optional attribute.
  source = "../.."

  name      = var.name
  code      = { source_dir = "${path.module}/src" }
  processor = "timelines.process"

  streams = {
    scans = {
      source                  = "kinesis"
      arn                     = aws_kinesis_stream.scans.arn
      failure_destination_arn = aws_sqs_queue.given_up.arn
    }
    parcels = {
      source                  = "dynamodb"
      arn                     = aws_dynamodb_table.parcels.stream_arn
      failure_destination_arn = aws_sqs_queue.given_up.arn
    }
  }

  function = {
    environment       = { TIMELINES_TABLE = aws_dynamodb_table.timelines.name }
    policy_statements = [{ actions = ["dynamodb:UpdateItem"], resources = [aws_dynamodb_table.timelines.arn] }]
  }
}

# Where scanners put what they scan, by parcel.
resource "aws_kinesis_stream" "scans" {
  name            = "${var.name}-scans"
  shard_count     = 2
  encryption_type = "KMS"
  kms_key_id      = "alias/aws/kinesis"
}

# The parcels as they are now. Its stream tells what they were before.
resource "aws_dynamodb_table" "parcels" {
  # checkov:skip=CKV_AWS_119:DynamoDB encrypts this table with a key that AWS owns, and examples/complete uses a customer managed key.
  name             = "${var.name}-parcels"
  billing_mode     = "PAY_PER_REQUEST"
  hash_key         = "parcel_id"
  stream_enabled   = true
  stream_view_type = "NEW_IMAGE"

  attribute {
    name = "parcel_id"
    type = "S"
  }

  point_in_time_recovery {
    enabled = true
  }
}

# Told which records of which stream Lambda gave up on.
resource "aws_sqs_queue" "given_up" {
  name                    = "${var.name}-given-up"
  sqs_managed_sse_enabled = true
}

# One item per parcel: where it was scanned and what state it was in, in order.
resource "aws_dynamodb_table" "timelines" {
  # checkov:skip=CKV_AWS_119:DynamoDB encrypts this table with a key that AWS owns, and examples/complete uses a customer managed key.
  name         = "${var.name}-timelines"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "parcel_id"

  attribute {
    name = "parcel_id"
    type = "S"
  }

  point_in_time_recovery {
    enabled = true
  }
}
