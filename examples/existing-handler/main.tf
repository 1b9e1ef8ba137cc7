module "charges" {
  # checkov:skip=CKV_AWS_28:Recovery is on by default, but checkov does not see the default of an optional attribute.
  source = "../.."

  name = var.name
  code = { source_dir = "${path.module}/src" }

  # EventBridge invokes the function directly. Events that fail until the end of Lambda's retries go to the dead-letter
  # queue.
  queue            = null
  allowed_triggers = { orders = { service = "events", source_arn = aws_cloudwatch_event_rule.orders.arn } }

  function = {
    handler           = "orders.handler"
    environment       = { LEDGER_TABLE = aws_dynamodb_table.ledger.name }
    policy_statements = [{ actions = ["dynamodb:PutItem"], resources = [aws_dynamodb_table.ledger.arn] }]
  }
}

resource "aws_cloudwatch_event_rule" "orders" {
  name = "${var.name}-orders"

  event_pattern = jsonencode({
    source      = ["shop"]
    detail-type = ["order placed"]
  })
}

resource "aws_cloudwatch_event_target" "orders" {
  rule = aws_cloudwatch_event_rule.orders.name
  arn  = module.charges.function.target_arn
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
