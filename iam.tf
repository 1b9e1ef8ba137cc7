locals {
  # Exactly what the mapping, the package and the runtime call; tests compare it with the calls made.
  role_statements = concat(
    [
      {
        Sid      = "ReceiveMessages"
        Effect   = "Allow"
        Action   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
        Resource = local.queue_arn
      },
      {
        Sid      = "ClaimAndSettle"
        Effect   = "Allow"
        Action   = ["dynamodb:UpdateItem", "dynamodb:DeleteItem"]
        Resource = aws_dynamodb_table.records.arn
      },
      # Many in one call. A role that lacks these has the package make a call for each.
      {
        Sid      = "ClaimAndSettleTogether"
        Effect   = "Allow"
        Action   = ["dynamodb:BatchGetItem", "dynamodb:PartiQLInsert", "dynamodb:PartiQLUpdate", "dynamodb:PartiQLDelete"]
        Resource = aws_dynamodb_table.records.arn
      },
      {
        Sid      = "WriteLogs"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = "${aws_cloudwatch_log_group.function.arn}:*"
      },
    ],
    # X-Ray has no resources to scope these to.
    var.function.tracing ? [{
      Sid      = "SendTraces"
      Effect   = "Allow"
      Action   = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"]
      Resource = "*"
    }] : [],
  )

  processor_statements = [
    for statement in var.function.policy_statements : merge(
      { Effect = "Allow", Action = statement.actions, Resource = statement.resources },
      statement.sid == null ? {} : { Sid = statement.sid },
    )
  ]
}

resource "aws_iam_role" "function" {
  # A prefix: role names are global, and the same stack may stand in several regions. IAM's limit is 38.
  name_prefix = "${substr(var.name, 0, 37)}-"
  description = "What the function ${var.name} may do."

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "lambda.amazonaws.com" }
    }]
  })

  tags = var.tags
}

resource "aws_iam_role_policy" "function" {
  name = "idempotent-lambda"
  role = aws_iam_role.function.id

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = local.role_statements
  })
}

# A policy of its own, so that the sids of the user's statements never meet the module's.
resource "aws_iam_role_policy" "processor" {
  count = length(var.function.policy_statements) > 0 ? 1 : 0

  name = "processor"
  role = aws_iam_role.function.id

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = local.processor_statements
  })
}
