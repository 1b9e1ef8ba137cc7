# Overrides the example's module block: the source as another repository would write it, the wrapper in
# front of its code, and short times, so that redeliveries come soon: just long enough for a worker that
# starts on a busy machine, and to ask once more for a completion.
module "deposits" {
  source = "MODULE_SOURCE"

  processor   = "call_faults.target"
  idempotency = { key = "body.deposit_id", lease_margin_seconds = 1 }
  queue       = { batch_size = 5, maximum_concurrency = 3, max_receive_count = 20 }

  function = {
    timeout_seconds = 5

    environment = {
      TARGET                    = "balances.process"
      AWS_ENDPOINT_URL_DYNAMODB = var.dynamodb_url
      FAULTS_TABLE              = aws_dynamodb_table.faults.name
      BALANCES_TABLE            = aws_dynamodb_table.balances.name
    }

    policy_statements = [
      { actions = ["dynamodb:UpdateItem"], resources = [aws_dynamodb_table.balances.arn] },
      { actions = ["dynamodb:BatchGetItem", "dynamodb:UpdateItem"], resources = [aws_dynamodb_table.faults.arn] },
    ]
  }
}
