# Overrides the example's module block: the source as another repository would write it, the wrapper in
# front of its code, and short times, so that redeliveries come soon: just long enough for a worker that
# starts on a busy machine, and to ask once more for a completion.
module "timelines" {
  source = "MODULE_SOURCE"

  processor   = "call_faults.target"
  idempotency = { lease_margin_seconds = 1 }

  function = {
    timeout_seconds = 5

    environment = {
      TARGET                    = "timelines.process"
      AWS_ENDPOINT_URL_DYNAMODB = var.dynamodb_url
      FAULTS_TABLE              = aws_dynamodb_table.faults.name
      TIMELINES_TABLE           = aws_dynamodb_table.timelines.name
    }

    policy_statements = [
      { actions = ["dynamodb:UpdateItem"], resources = [aws_dynamodb_table.timelines.arn] },
      { actions = ["dynamodb:BatchGetItem", "dynamodb:UpdateItem"], resources = [aws_dynamodb_table.faults.arn] },
    ]
  }
}
