module "movements" {
  # checkov:skip=CKV_AWS_28:Recovery is on by default, but checkov does not see the default of an optional attribute.
  source = "../.."

  name        = var.name
  code        = { source_dir = "${path.module}/src" }
  processor   = "accounts.process"
  idempotency = { key = "body.movement_id" }
  queue       = { fifo = true }

  function = {
    environment       = { ACCOUNTS_TABLE = aws_dynamodb_table.accounts.name }
    policy_statements = [{ actions = ["dynamodb:UpdateItem"], resources = [aws_dynamodb_table.accounts.arn] }]
  }
}

# One item per account: its balance, and its movements in the order in which they were booked.
resource "aws_dynamodb_table" "accounts" {
  # checkov:skip=CKV_AWS_119:AWS owns the key that encrypts this table. examples/complete uses a customer managed key.
  name         = "${var.name}-accounts"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "account_id"

  attribute {
    name = "account_id"
    type = "S"
  }

  point_in_time_recovery {
    enabled = true
  }
}
