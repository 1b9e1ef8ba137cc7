# The existing parts, in the stack that uses them.

resource "aws_sqs_queue" "fed" {
  name                       = "orders-of-old"
  message_retention_seconds  = 86400
  visibility_timeout_seconds = 200
  sqs_managed_sse_enabled    = true

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.fed_dead_letters.arn
    maxReceiveCount     = 4
  })
}

resource "aws_sqs_queue" "fed_dead_letters" {
  name                      = "orders-of-old-dead-letters"
  message_retention_seconds = 604800
  sqs_managed_sse_enabled   = true
}

# A function that gets its settings from the module whose mapping invokes it: each in the other's module.
resource "aws_lambda_function" "worker" {
  function_name    = "a-worker"
  role             = aws_iam_role.worker.arn
  filename         = "${path.module}/function.zip"
  source_code_hash = filebase64sha256("${path.module}/function.zip")
  handler          = "idempotent_lambda.entrypoint.handler"
  runtime          = "python3.13"
  timeout          = local.timeout

  environment {
    variables = merge(module.worker.environment, { CONSUMER = "worker", EFFECTS_TABLE = aws_dynamodb_table.effects.name })
  }

  logging_config {
    log_format = "JSON"
    log_group  = aws_cloudwatch_log_group.worker.name
  }
}

resource "aws_iam_role" "worker" {
  name               = "a-worker"
  assume_role_policy = local.by_lambda
}

resource "aws_iam_role_policy" "worker" {
  name   = "effects"
  role   = aws_iam_role.worker.id
  policy = local.effects
}

resource "aws_cloudwatch_log_group" "worker" {
  name = "/of/a-worker"
}

# The same, but the module does not know its role: the stack attaches the policy that it needs.
resource "aws_lambda_function" "unattached" {
  function_name    = "an-unattached"
  role             = aws_iam_role.unattached.arn
  filename         = "${path.module}/function.zip"
  source_code_hash = filebase64sha256("${path.module}/function.zip")
  handler          = "idempotent_lambda.entrypoint.handler"
  runtime          = "python3.13"
  timeout          = local.timeout

  environment {
    variables = merge(module.unattached.environment, { CONSUMER = "unattached", EFFECTS_TABLE = aws_dynamodb_table.effects.name })
  }

  logging_config {
    log_format = "JSON"
    log_group  = aws_cloudwatch_log_group.unattached.name
  }

  # The module's mapping waits for the function, and Lambda refuses it until the role may read.
  depends_on = [aws_iam_role_policy.unattached]
}

resource "aws_iam_role" "unattached" {
  name               = "an-unattached"
  assume_role_policy = local.by_lambda
}

resource "aws_iam_role_policy" "unattached" {
  for_each = { effects = local.effects, idempotency = module.unattached.policy }

  name   = each.key
  role   = aws_iam_role.unattached.id
  policy = each.value
}

resource "aws_cloudwatch_log_group" "unattached" {
  name = "/of/an-unattached"
}

locals {
  by_lambda = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }]
  })
  effects = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Effect = "Allow", Action = "dynamodb:PutItem", Resource = aws_dynamodb_table.effects.arn },
      { Effect = "Allow", Action = ["logs:CreateLogStream", "logs:PutLogEvents"], Resource = "*" },
    ]
  })
}
