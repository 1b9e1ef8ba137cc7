# Overrides the example's module block: the source as another repository would write it, the wrapper in
# front of its code, and short times, so that redeliveries come soon: just long enough for a worker that
# starts on a busy machine, and to ask once more for a completion.
module "charges" {
  source = "MODULE_SOURCE"

  idempotency = { lease_margin_seconds = 1 }

  function = {
    timeout_seconds = 16
    handler         = "call_faults.target"

    environment = {
      TARGET                    = "orders.handler"
      AWS_ENDPOINT_URL_DYNAMODB = var.dynamodb_url
      FAULTS_TABLE              = aws_dynamodb_table.faults.name
      LEDGER_TABLE              = aws_dynamodb_table.ledger.name
    }

    policy_statements = [
      { actions = ["dynamodb:PutItem"], resources = [aws_dynamodb_table.ledger.arn] },
      { actions = ["dynamodb:BatchGetItem", "dynamodb:UpdateItem"], resources = [aws_dynamodb_table.faults.arn] },
    ]
  }
}
