# What the rows need and the quickstart does not have: queues, a stream, and functions under a restricted role. All
# names start with var.name, by which `make verify-clean` finds what is left.
locals {
  # The functions of functions/observe.py, with the seconds until their timeout.
  handlers = { control = 30, malformed = 10, postpone = 10, resume = 10, sleeper = 2 }

  # The seconds until a queue delivers a message again, and its largest message.
  queues = {
    malformed = { visibility = 10 }
    moved     = { visibility = 10 }
    postpone  = { visibility = 10 }
    sized     = { visibility = 1 }
  }
}

resource "aws_sqs_queue" "rows" {
  for_each                   = local.queues
  name                       = "${var.name}-${each.key}"
  visibility_timeout_seconds = each.value.visibility

  redrive_policy = contains(["moved", "sized"], each.key) ? jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letters[each.key].arn
    maxReceiveCount     = each.key == "moved" ? 3 : 1
  }) : null
}

resource "aws_sqs_queue" "dead_letters" {
  for_each         = toset(["moved", "sized"])
  name             = "${var.name}-${each.key}-dead-letters"
  max_message_size = each.key == "sized" ? 1024 : null
}

resource "aws_dynamodb_table" "rows" {
  for_each         = toset(["notes", "shared", "source"])
  name             = "${var.name}-${each.key}"
  billing_mode     = "PAY_PER_REQUEST"
  hash_key         = "id"
  stream_enabled   = each.key == "source"
  stream_view_type = each.key == "source" ? "KEYS_ONLY" : null
  range_key        = each.key == "source" ? "number" : null

  dynamic "attribute" {
    for_each = each.key == "source" ? { id = "S", number = "N" } : { id = "S" }
    content {
      name = attribute.key
      type = attribute.value
    }
  }
}

resource "aws_cloudwatch_log_group" "rows" {
  for_each          = local.handlers
  name              = "/aws/lambda/${var.name}-${each.key}"
  retention_in_days = 1
}

resource "aws_lambda_function" "rows" {
  for_each         = local.handlers
  function_name    = "${var.name}-${each.key}"
  role             = aws_iam_role.rows.arn
  handler          = "observe.${each.key}"
  runtime          = "python3.13"
  architectures    = ["arm64"]
  memory_size      = 256
  timeout          = each.value
  filename         = "${path.module}/observe.zip"
  source_code_hash = filebase64sha256("${path.module}/observe.zip")

  environment {
    variables = { NOTES_TABLE = aws_dynamodb_table.rows["notes"].name }
  }

  depends_on = [aws_cloudwatch_log_group.rows, aws_iam_role_policy.rows]
}

resource "aws_lambda_event_source_mapping" "queues" {
  for_each                           = toset(["malformed", "postpone"])
  event_source_arn                   = aws_sqs_queue.rows[each.key].arn
  function_name                      = aws_lambda_function.rows[each.key].arn
  batch_size                         = 10
  maximum_batching_window_in_seconds = 2
  function_response_types            = ["ReportBatchItemFailures"]
}

resource "aws_lambda_event_source_mapping" "stream" {
  event_source_arn                   = aws_dynamodb_table.rows["source"].stream_arn
  function_name                      = aws_lambda_function.rows["resume"].arn
  batch_size                         = 100
  starting_position                  = "TRIM_HORIZON"
  maximum_batching_window_in_seconds = 10
  maximum_retry_attempts             = 3
  function_response_types            = ["ReportBatchItemFailures"]
}

resource "aws_iam_role" "rows" {
  name = "${var.name}-rows"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "lambda.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy" "rows" {
  name = "rows"
  role = aws_iam_role.rows.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      # The condition that the module has on a shared table (iam.tf).
      {
        Effect = "Allow"
        Action = [
          "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem",
          "dynamodb:PartiQLInsert", "dynamodb:PartiQLUpdate", "dynamodb:PartiQLDelete",
        ]
        Resource = aws_dynamodb_table.rows["shared"].arn
        Condition = {
          "ForAllValues:StringLike" = { "dynamodb:LeadingKeys" = "mine#*" }
          Null                      = { "dynamodb:LeadingKeys" = "false" }
        }
      },
      { Effect = "Allow", Action = ["dynamodb:PutItem", "dynamodb:UpdateItem"], Resource = aws_dynamodb_table.rows["notes"].arn },
      {
        Effect   = "Allow"
        Action   = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"]
        Resource = "${aws_dynamodb_table.rows["source"].arn}/stream/*"
      },
      {
        Effect   = "Allow"
        Action   = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:ReceiveMessage"]
        Resource = [for queue in aws_sqs_queue.rows : queue.arn]
      },
      {
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = [for group in aws_cloudwatch_log_group.rows : "${group.arn}:*"]
      },
    ]
  })
}

output "functions" {
  description = "The names of the functions, by handler."
  value       = { for handler, function in aws_lambda_function.rows : handler => function.function_name }
}

output "queues" {
  description = "The URLs of the queues, by row; dead_letters has the queues to which they redrive."
  value       = { for row, queue in aws_sqs_queue.rows : row => queue.url }
}

output "dead_letters" {
  description = "The URLs of the dead-letter queues, by row."
  value       = { for row, queue in aws_sqs_queue.dead_letters : row => queue.url }
}

output "tables" {
  description = "The names of the tables."
  value       = { for name, table in aws_dynamodb_table.rows : name => table.name }
}

