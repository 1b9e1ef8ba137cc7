module "deposits" {
  # checkov:skip=CKV_AWS_28:Recovery is on by default, but checkov does not see the default of an optional attribute.
  source = "../.."

  name        = var.name
  code        = { source_dir = "${path.module}/src" }
  processor   = "balances.process"
  idempotency = { key = "body.deposit_id" }

  function = {
    environment       = { BALANCES_TABLE = aws_dynamodb_table.balances.name }
    policy_statements = [{ actions = ["dynamodb:UpdateItem"], resources = [aws_dynamodb_table.balances.arn] }]
  }
}

# One item per account. Only the balance shows what was deposited, so no deposit may count twice.
resource "aws_dynamodb_table" "balances" {
  # checkov:skip=CKV_AWS_119:AWS owns the key that encrypts this table. examples/complete uses a customer managed key.
  name         = "${var.name}-balances"
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
