# Overrides the quickstart's module block: the source as another repository would write it, the wrapper in
# front of its code, and short times, so that redeliveries come soon.
module "orders" {
  source = "MODULE_SOURCE"

  processor   = "call_faults.target"
  idempotency = { key = "body.order_id", lease_margin_seconds = 1 }
  # A kill costs all its batch-mates a receive, and two messages that kill come in the same batch.
  queue = { max_receive_count = 12, maximum_concurrency = 3 }

  function = {
    timeout_seconds = 5

    environment = {
      TARGET                    = "orders.process"
      AWS_ENDPOINT_URL_DYNAMODB = var.dynamodb_url
      FAULTS_TABLE              = aws_dynamodb_table.faults.name
      LEDGER_TABLE              = aws_dynamodb_table.ledger.name
    }

    # The queue is named by pattern: its ARN comes from the module that gets these statements.
    policy_statements = [
      { actions = ["dynamodb:PutItem"], resources = [aws_dynamodb_table.ledger.arn] },
      { actions = ["dynamodb:BatchGetItem", "dynamodb:UpdateItem"], resources = [aws_dynamodb_table.faults.arn] },
      { actions = ["sqs:ChangeMessageVisibility", "sqs:GetQueueUrl"], resources = ["arn:*:sqs:*:*:${var.name}"] },
    ]
  }
}
