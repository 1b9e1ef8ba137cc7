module "timelines" {
  # checkov:skip=CKV_AWS_28:Recovery is on by default, but checkov does not see the default of an optional attribute.
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

# The scans of parcels. The parcel is the partition key.
resource "aws_kinesis_stream" "scans" {
  name            = "${var.name}-scans"
  shard_count     = 2
  encryption_type = "KMS"
  kms_key_id      = "alias/aws/kinesis"
}

# The parcels in their present state. The stream of the table has each change.
resource "aws_dynamodb_table" "parcels" {
  # checkov:skip=CKV_AWS_119:AWS owns the key that encrypts this table. examples/complete uses a customer managed key.
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

# Gets a report for the records that Lambda gives up on.
resource "aws_sqs_queue" "given_up" {
  name                    = "${var.name}-given-up"
  sqs_managed_sse_enabled = true
}

# One item per parcel: the places where it was scanned and the states that it had, in order.
resource "aws_dynamodb_table" "timelines" {
  # checkov:skip=CKV_AWS_119:AWS owns the key that encrypts this table. examples/complete uses a customer managed key.
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
