# What no role of the shop may do, whatever else it may do.
resource "aws_iam_policy" "guard_rails" {
  name_prefix = "${var.name}-guard-rails-"
  description = "What no role of ${var.name} may do."
  tags        = local.tags

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "KeepData"
        Effect   = "Deny"
        Action   = ["dynamodb:DeleteTable", "kms:ScheduleKeyDeletion", "sqs:DeleteQueue"]
        Resource = "*"
      },
    ]
  })
}

# The permissions boundary: the function's role never gets more permissions than these.
resource "aws_iam_policy" "boundary" {
  name_prefix = "${var.name}-boundary-"
  description = "The most that functions of ${var.name} may do."
  tags        = local.tags

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "Data"
        Effect = "Allow"
        Action = [
          "dynamodb:BatchGetItem",
          "dynamodb:DeleteItem",
          "dynamodb:DescribeStream",
          "dynamodb:GetRecords",
          "dynamodb:GetShardIterator",
          "dynamodb:ListStreams",
          "dynamodb:PartiQLDelete",
          "dynamodb:PartiQLInsert",
          "dynamodb:PartiQLUpdate",
          "dynamodb:PutItem",
          "dynamodb:UpdateItem",
        ]
        Resource = "${local.arn_prefixes.dynamodb}:table/${var.name}-*"
      },
      {
        Sid    = "Messages"
        Effect = "Allow"
        Action = [
          "sqs:ChangeMessageVisibility",
          "sqs:DeleteMessage",
          "sqs:GetQueueAttributes",
          "sqs:ReceiveMessage",
          "sqs:SendMessage",
        ]
        Resource = "${local.arn_prefixes.sqs}:${var.name}*"
      },
      {
        Sid      = "Key"
        Effect   = "Allow"
        Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource = aws_kms_key.shop.arn
      },
      {
        Sid      = "Logs"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = "${local.arn_prefixes.logs}:log-group:/aws/lambda/${var.name}-*"
      },
      # Traces have no ARN, nor have network interfaces before Lambda creates them.
      {
        Sid    = "TracesAndNetwork"
        Effect = "Allow"
        Action = [
          "ec2:AssignPrivateIpAddresses",
          "ec2:CreateNetworkInterface",
          "ec2:DeleteNetworkInterface",
          "ec2:DescribeNetworkInterfaces",
          "ec2:DescribeSubnets",
          "ec2:UnassignPrivateIpAddresses",
          "xray:PutTelemetryRecords",
          "xray:PutTraceSegments",
        ]
        Resource = "*"
      },
    ]
  })
}
