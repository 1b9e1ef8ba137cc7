# The unprotected stack: queue, dead-letter queue, function and ledger like the quickstart's, no module.
resource "aws_sqs_queue" "naive" {
  name                       = "${var.name}-naive"
  visibility_timeout_seconds = 30

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.naive_dead_letters.arn
    maxReceiveCount     = 12
  })
}

resource "aws_sqs_queue" "naive_dead_letters" {
  name = "${var.name}-naive-dead-letters"
}

resource "aws_dynamodb_table" "naive_ledger" {
  name         = "${var.name}-naive-ledger"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "charge_id"

  attribute {
    name = "charge_id"
    type = "S"
  }
}

resource "aws_dynamodb_table" "naive_faults" {
  name         = "${var.name}-naive-faults"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "id"

  attribute {
    name = "id"
    type = "S"
  }
}

resource "aws_cloudwatch_log_group" "naive" {
  name              = "/aws/lambda/${var.name}-naive"
  retention_in_days = 1
}

resource "aws_lambda_function" "naive" {
  function_name    = "${var.name}-naive"
  role             = aws_iam_role.naive.arn
  handler          = "naive.handler"
  runtime          = "python3.13"
  architectures    = ["arm64"]
  timeout          = 5
  filename         = "${path.module}/naive.zip"
  source_code_hash = filebase64sha256("${path.module}/naive.zip")

  environment {
    variables = {
      TARGET       = "orders.process"
      FAULTS_TABLE = aws_dynamodb_table.naive_faults.name
      LEDGER_TABLE = aws_dynamodb_table.naive_ledger.name
    }
  }

  depends_on = [aws_cloudwatch_log_group.naive, aws_iam_role_policy.naive]
}

resource "aws_lambda_event_source_mapping" "naive" {
  event_source_arn        = aws_sqs_queue.naive.arn
  function_name           = aws_lambda_function.naive.arn
  batch_size              = 10
  function_response_types = ["ReportBatchItemFailures"]

  scaling_config {
    maximum_concurrency = 3
  }
}

resource "aws_iam_role" "naive" {
  name_prefix = "${var.name}-naive-"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "lambda.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy" "naive" {
  name = "naive"
  role = aws_iam_role.naive.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Effect = "Allow", Action = ["dynamodb:PutItem"], Resource = [aws_dynamodb_table.naive_ledger.arn] },
      { Effect = "Allow", Action = ["dynamodb:BatchGetItem", "dynamodb:UpdateItem"], Resource = [aws_dynamodb_table.naive_faults.arn] },
      { Effect = "Allow", Action = ["sqs:ChangeMessageVisibility", "sqs:GetQueueUrl"], Resource = [aws_sqs_queue.naive.arn] },
      { Effect = "Allow", Action = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"], Resource = [aws_sqs_queue.naive.arn] },
      { Effect = "Allow", Action = ["logs:CreateLogStream", "logs:PutLogEvents"], Resource = ["${aws_cloudwatch_log_group.naive.arn}:*"] },
    ]
  })
}

output "naive" {
  description = "The unprotected stack, with the names of the example's own outputs."
  value = {
    dead_letter_queue_url = aws_sqs_queue.naive_dead_letters.url
    faults_table_name     = aws_dynamodb_table.naive_faults.name
    ledger_table_name     = aws_dynamodb_table.naive_ledger.name
    log_group_name        = aws_cloudwatch_log_group.naive.name
    queue_url             = aws_sqs_queue.naive.url
  }
}
