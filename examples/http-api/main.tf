module "payments" {
  # checkov:skip=CKV_AWS_28:Recovery is on by default, but checkov does not see the default of an optional attribute.
  source = "../.."

  name  = var.name
  code  = { source_dir = "${path.module}/src" }
  queue = null # clients invoke the function directly

  function = {
    handler           = "payments.handler"
    environment       = { LEDGER_TABLE = aws_dynamodb_table.ledger.name }
    policy_statements = [{ actions = ["dynamodb:PutItem"], resources = [aws_dynamodb_table.ledger.arn] }]
  }
}

# Callers need the permissions lambda:InvokeFunctionUrl and lambda:InvokeFunction. The caller's id is part of each key.
resource "aws_lambda_function_url" "payments" {
  function_name      = module.payments.function.name
  authorization_type = "AWS_IAM"
}

# This table takes the place of a card processor. Each charge adds a row, so you see if an order is charged twice.
resource "aws_dynamodb_table" "ledger" {
  # checkov:skip=CKV_AWS_119:AWS owns the key that encrypts this table. examples/complete uses a customer managed key.
  # checkov:skip=CKV_AWS_28:This table replaces a real service in the example, so it holds nothing to recover.
  name         = "${var.name}-ledger"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "charge_id"

  attribute {
    name = "charge_id"
    type = "S"
  }
}
