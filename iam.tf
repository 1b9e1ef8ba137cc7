locals {
  # 1. The streams, and what is told of their discarded records. Of a registered consumer of a Kinesis
  # stream Lambda reads, and describes the stream itself.
  kinesis_arns         = [for stream in var.streams : stream.arn if stream.source == "kinesis"]
  kinesis_stream_arns  = [for arn in local.kinesis_arns : split("/consumer/", arn)[0]]
  dynamodb_stream_arns = [for stream in var.streams : stream.arn if stream.source == "dynamodb"]
  failure_queue_arns   = distinct([for stream in var.streams : stream.failure_destination_arn if strcontains(stream.failure_destination_arn, ":sqs:")])
  failure_topic_arns   = distinct([for stream in var.streams : stream.failure_destination_arn if strcontains(stream.failure_destination_arn, ":sns:")])

  # 2. Exactly what the mappings, the package and the runtime call; tests compare it with the calls made.
  role_statements = concat(
    [
      {
        Sid      = "ReceiveMessages"
        Effect   = "Allow"
        Action   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
        Resource = local.queue_arn
      },
      # A message whose claim another worker holds is hidden until that claim's lease is over.
      {
        Sid      = "HideBusyMessages"
        Effect   = "Allow"
        Action   = ["sqs:ChangeMessageVisibility"]
        Resource = local.queue_arn
      },
      # Copies of parked messages, and events of asynchronous invocations that Lambda gives up on.
      {
        Sid      = "SetMessagesAside"
        Effect   = "Allow"
        Action   = ["sqs:SendMessage"]
        Resource = local.dead_letter_queue_arn
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
    # https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSLambdaKinesisExecutionRole.html
    length(local.kinesis_arns) > 0 ? [{
      Sid      = "ReadKinesisStreams"
      Effect   = "Allow"
      Action   = ["kinesis:DescribeStream", "kinesis:DescribeStreamSummary", "kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards", "kinesis:ListStreams", "kinesis:SubscribeToShard"]
      Resource = distinct(concat(local.kinesis_stream_arns, local.kinesis_arns))
    }] : [],
    # https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSLambdaDynamoDBExecutionRole.html
    length(local.dynamodb_stream_arns) > 0 ? [{
      Sid      = "ReadDynamoDBStreams"
      Effect   = "Allow"
      Action   = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"]
      Resource = local.dynamodb_stream_arns
    }] : [],
    length(local.failure_queue_arns) > 0 ? [{
      Sid      = "TellQueuesOfDiscardedRecords"
      Effect   = "Allow"
      Action   = ["sqs:SendMessage"]
      Resource = local.failure_queue_arns
    }] : [],
    length(local.failure_topic_arns) > 0 ? [{
      Sid      = "TellTopicsOfDiscardedRecords"
      Effect   = "Allow"
      Action   = ["sns:Publish"]
      Resource = local.failure_topic_arns
    }] : [],
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
