module "deposits" {
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

# One item per account. Nothing but the balance tells what was deposited: it has to be right.
resource "aws_dynamodb_table" "balances" {
  name         = "${var.name}-balances"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "account_id"

  attribute {
    name = "account_id"
    type = "S"
  }
}
