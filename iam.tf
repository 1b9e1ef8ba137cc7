locals {
  # 1. The streams, and the destinations of the records that Lambda discards. Lambda reads from a registered consumer
  # of a Kinesis stream, and describes the stream itself.
  kinesis_arns         = [for stream in var.streams : stream.arn if stream.source == "kinesis"]
  kinesis_stream_arns  = [for arn in local.kinesis_arns : split("/consumer/", arn)[0]]
  dynamodb_stream_arns = [for stream in var.streams : stream.arn if stream.source == "dynamodb"]
  failure_queue_arns   = distinct([for stream in var.streams : stream.failure_destination_arn if strcontains(stream.failure_destination_arn, ":sqs:")])
  failure_topic_arns   = distinct([for stream in var.streams : stream.failure_destination_arn if strcontains(stream.failure_destination_arn, ":sns:")])

  # 2. On a table that others use too, only the records of our namespace. IAM has its own way to write
  # characters that would be patterns: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
  # Null: with ForAllValues alone, a request that names no key would pass.
  shares_table = !local.creates_table || var.table.shared
  own_records = !local.shares_table ? {} : {
    Condition = {
      "ForAllValues:StringLike" = { "dynamodb:LeadingKeys" = "${replace(replace(replace(local.namespace, "$", "$${$}"), "*", "$${*}"), "?", "$${?}")}#*" }
      Null                      = { "dynamodb:LeadingKeys" = "false" }
    }
  }

  # 3. Keys of the user's that encrypt what the role reads and writes, through these services only.
  dead_letter_key_arn = local.uses_existing_queue ? var.queue.existing.kms_key_arn : var.kms_key_arn
  key_arns = distinct([for arn in concat(
    [local.creates_table ? var.kms_key_arn : var.table.existing.kms_key_arn, local.dead_letter_key_arn],
    [for stream in var.streams : stream.kms_key_arn],
  ) : arn if arn != null])
  dns_suffix   = local.arn_parts.partition == "aws-cn" ? "amazonaws.com.cn" : "amazonaws.com"
  key_services = concat(["dynamodb", "sqs"], length(local.kinesis_arns) > 0 ? ["kinesis"] : [])

  # 4. Exactly what the mappings and the package call; tests compare it with the calls made. Nothing here
  # depends on var.function, so that an existing function may be created after its role's policy.
  consumer_statements = concat(
    local.has_queue ? [
      {
        Sid      = "ReceiveMessages"
        Effect   = "Allow"
        Action   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
        Resource = local.queue_arn
      },
      # A message whose claim another worker holds is hidden until that claim's lease is over.
      {
        Sid      = "ChangeMessageVisibility"
        Effect   = "Allow"
        Action   = ["sqs:ChangeMessageVisibility"]
        Resource = local.queue_arn
      },
    ] : [],
    [
      # Copies of parked messages, and events of asynchronous invocations that Lambda gives up on.
      {
        Sid      = "SendToDeadLetterQueue"
        Effect   = "Allow"
        Action   = ["sqs:SendMessage"]
        Resource = local.dead_letter_queue_arn
      },
      merge({
        Sid      = "ClaimAndSettle"
        Effect   = "Allow"
        Action   = ["dynamodb:UpdateItem", "dynamodb:DeleteItem"]
        Resource = local.table_arn
      }, local.own_records),
      # Many in one call. A role that lacks these has the package make a call for each.
      merge({
        Sid      = "ClaimAndSettleTogether"
        Effect   = "Allow"
        Action   = ["dynamodb:BatchGetItem", "dynamodb:PartiQLInsert", "dynamodb:PartiQLUpdate", "dynamodb:PartiQLDelete"]
        Resource = local.table_arn
      }, local.own_records),
    ],
    # docs/security.md names the sources.
    length(local.key_arns) > 0 ? [{
      Sid       = "ReadWithKeys"
      Effect    = "Allow"
      Action    = ["kms:Decrypt"]
      Resource  = local.key_arns
      Condition = { StringEquals = { "kms:ViaService" = [for service in local.key_services : "${service}.${local.arn_parts.region}.${local.dns_suffix}"] } }
    }] : [],
    local.dead_letter_key_arn == null ? [] : [{
      Sid       = "EncryptDeadLetters"
      Effect    = "Allow"
      Action    = ["kms:GenerateDataKey"]
      Resource  = local.dead_letter_key_arn
      Condition = { StringEquals = { "kms:ViaService" = ["sqs.${local.arn_parts.region}.${local.dns_suffix}"] } }
    }],
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
      Sid      = "SendToFailureDestination"
      Effect   = "Allow"
      Action   = ["sqs:SendMessage"]
      Resource = local.failure_queue_arns
    }] : [],
    length(local.failure_topic_arns) > 0 ? [{
      Sid      = "PublishToFailureDestination"
      Effect   = "Allow"
      Action   = ["sns:Publish"]
      Resource = local.failure_topic_arns
    }] : [],
  )

  # 5. What Lambda itself needs of the role of a function created here.
  function_arn = "arn:${local.arn_parts.partition}:lambda:${local.arn_parts.region}:${local.arn_parts.account}:function:${local.function_name}"
  runtime_statements = [for statement in concat(
    [{
      Sid      = "WriteLogs"
      Effect   = "Allow"
      Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
      Resource = try("${aws_cloudwatch_log_group.function[0].arn}:*", "")
    }],
    # Lambda's own grant names this role as it was when the key was set, and ends with it.
    var.kms_key_arn == null ? [] : [{
      Sid       = "DecryptEnvironment"
      Effect    = "Allow"
      Action    = ["kms:Decrypt"]
      Resource  = var.kms_key_arn
      Condition = { ArnLike = { "kms:EncryptionContext:aws:lambda:FunctionArn" = [local.function_arn, "${local.function_arn}:*"] } }
    }],
    # X-Ray has no resources to scope these to.
    var.function.tracing ? [{
      Sid      = "SendTraces"
      Effect   = "Allow"
      Action   = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"]
      Resource = "*"
    }] : [],
    # Lambda asks for them on every resource, and advises to keep them from the function's code:
    # https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html
    [for statement in [
      {
        Sid      = "AttachToVpc"
        Effect   = "Allow"
        Action   = concat(local.network_reads, local.network_writes)
        Resource = "*"
      },
      {
        Sid       = "DenyVpcActionsToCode"
        Effect    = "Deny"
        Action    = concat(local.network_reads, local.network_writes, ["ec2:DetachNetworkInterface"])
        Resource  = "*"
        Condition = { ArnLike = { "lambda:SourceFunctionArn" = [local.function_arn, "${local.function_arn}:*"] } }
      },
    ] : statement if var.function.vpc != null],
  ) : statement if local.creates_function]
  network_reads  = ["ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"]
  network_writes = ["ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface", "ec2:UnassignPrivateIpAddresses"]

  processor_statements = [
    for statement in var.function.policy_statements : merge(
      { Effect = "Allow", Action = statement.actions, Resource = statement.resources },
      statement.sid == null ? {} : { Sid = statement.sid },
      length(statement.conditions) == 0 ? {} : { Condition = statement.conditions },
    )
  ]
}

resource "aws_iam_role" "function" {
  count = local.creates_function ? 1 : 0

  # A prefix: role names are global, and the same stack may stand in several regions. IAM's limit is 38.
  name_prefix          = "${substr(local.function_name, 0, 37)}-"
  description          = "What the function ${local.function_name} may do."
  permissions_boundary = var.function.permissions_boundary_arn

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

# An existing role gets it too, in addition to its own policies.
resource "aws_iam_role_policy" "function" {
  count = local.creates_function || local.uses_existing_role ? 1 : 0

  name = local.creates_function ? "idempotent-lambda" : "idempotent-lambda-${var.name}"
  role = local.creates_function ? aws_iam_role.function[0].id : var.function.existing.role.name

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = concat(local.consumer_statements, local.runtime_statements)
  })
}

# A policy of its own, so that the sids of the user's statements never meet the module's.
resource "aws_iam_role_policy" "processor" {
  count = length(var.function.policy_statements) > 0 ? 1 : 0

  name = "processor"
  role = aws_iam_role.function[0].id

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = local.processor_statements
  })
}
