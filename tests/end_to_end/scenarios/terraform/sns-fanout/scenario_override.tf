# Overrides the example's module blocks: the source as another repository would write it, the wrapper in
# front of its code, and short times, so that redeliveries come soon: just long enough for a worker that
# starts on a busy machine, and to ask once more for a completion.
module "billing" {
  source = "MODULE_SOURCE"

  processor   = "call_faults.target"
  idempotency = { key = "body.order_id", lease_margin_seconds = 1 }
  queue       = { max_receive_count = 10, allowed_senders = [{ service = "sns", source_arn = aws_sns_topic.orders.arn }] }

  function = {
    timeout_seconds = 5

    environment = {
      TARGET                    = "billing.process"
      AWS_ENDPOINT_URL_DYNAMODB = var.dynamodb_url
      FAULTS_TABLE              = aws_dynamodb_table.faults.name
      WORK_TABLE                = aws_dynamodb_table.work.name
    }

    policy_statements = [
      { actions = ["dynamodb:PutItem"], resources = [aws_dynamodb_table.work.arn] },
      { actions = ["dynamodb:BatchGetItem", "dynamodb:UpdateItem"], resources = [aws_dynamodb_table.faults.arn] },
    ]
  }
}

module "shipping" {
  source = "MODULE_SOURCE"

  processor   = "call_faults.target"
  idempotency = { key = "body.order_id", lease_margin_seconds = 1 }
  queue       = { max_receive_count = 10, allowed_senders = [{ service = "sns", source_arn = aws_sns_topic.orders.arn }] }

  function = {
    timeout_seconds = 5

    environment = {
      TARGET                    = "shipping.process"
      AWS_ENDPOINT_URL_DYNAMODB = var.dynamodb_url
      FAULTS_TABLE              = aws_dynamodb_table.faults.name
      WORK_TABLE                = aws_dynamodb_table.work.name
    }

    policy_statements = [
      { actions = ["dynamodb:PutItem"], resources = [aws_dynamodb_table.work.arn] },
      { actions = ["dynamodb:BatchGetItem", "dynamodb:UpdateItem"], resources = [aws_dynamodb_table.faults.arn] },
    ]
  }
}
