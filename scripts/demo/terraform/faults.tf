# What the wrapper is told to do to which order: one row is one fault, taken once. Per stack.
resource "aws_dynamodb_table" "faults" {
  for_each = toset(["ours", "naive"])

  name         = "${var.name}-${each.key}-faults"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "order_id"

  attribute {
    name = "order_id"
    type = "S"
  }
}

locals {
  ledgers = {
    ours  = aws_dynamodb_table.ledger
    naive = aws_dynamodb_table.naive_ledger
  }

  # Of orders.py: PutItem. The rest is the wrapper's. The protected queue is named by pattern: its ARN
  # comes from the module that gets these statements.
  wrapper_statements = {
    for stack, ledger in local.ledgers : stack => [
      { actions = ["dynamodb:PutItem", "dynamodb:Scan", "dynamodb:UpdateItem"], resources = [ledger.arn] },
      { actions = ["dynamodb:DeleteItem"], resources = [aws_dynamodb_table.faults[stack].arn] },
      { actions = ["sqs:ChangeMessageVisibility", "sqs:GetQueueUrl"], resources = ["arn:*:sqs:*:*:${stack == "ours" ? var.name : "${var.name}-naive"}"] },
    ]
  }
}

output "ours" {
  description = "The protected stack."
  value = {
    dead_letter_queue_url = module.orders.dead_letter_queue.url
    faults_table          = aws_dynamodb_table.faults["ours"].name
    function_name         = module.orders.function.name
    ledger_table          = aws_dynamodb_table.ledger.name
    log_group_name        = module.orders.function.log_group_name
    queue_arn             = module.orders.queue.arn
    queue_url             = module.orders.queue.url
  }
}

output "naive" {
  description = "The unprotected stack."
  value = {
    dead_letter_queue_url = aws_sqs_queue.naive_dead_letters.url
    faults_table          = aws_dynamodb_table.faults["naive"].name
    function_name         = aws_lambda_function.naive.function_name
    ledger_table          = aws_dynamodb_table.naive_ledger.name
    log_group_name        = aws_cloudwatch_log_group.naive.name
    queue_arn             = aws_sqs_queue.naive.arn
    queue_url             = aws_sqs_queue.naive.url
  }
}
