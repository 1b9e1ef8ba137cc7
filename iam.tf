locals {
  # 1. The streams, and the destinations of records that Lambda gives up on. With a registered consumer of a Kinesis
  # stream, Lambda reads from the consumer and describes the stream, so the role needs both ARNs.
  kinesis_arns         = [for stream in var.streams : stream.arn if stream.source == "kinesis"]
  kinesis_stream_arns  = [for arn in local.kinesis_arns : split("/consumer/", arn)[0]]
  dynamodb_stream_arns = [for stream in var.streams : stream.arn if stream.source == "dynamodb"]
  failure_arns         = values(var.streams)[*].failure_destination_arn
  failure_queue_arns   = distinct([for arn in local.failure_arns : arn if strcontains(arn, ":sqs:")])
  failure_topic_arns   = distinct([for arn in local.failure_arns : arn if strcontains(arn, ":sns:")])
  failure_bucket_arns  = distinct([for arn in local.failure_arns : arn if strcontains(arn, ":s3:")])

  # 2. In a table that several consumers share, the role uses only the records of its namespace. In IAM, $, * and ? have
  # a special meaning, so the namespace needs escapes:
  # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
  # With ForAllValues alone, a request that names no key would pass. The condition Null rejects it.
  shares_table      = !local.creates_table || var.table.shared
  namespace_pattern = replace(replace(replace(local.namespace, "$", "$${$}"), "*", "$${*}"), "?", "$${?}")
  own_records = !local.shares_table ? {} : {
    Condition = {
      "ForAllValues:StringLike" = { "dynamodb:LeadingKeys" = "${local.namespace_pattern}#*" }
      Null                      = { "dynamodb:LeadingKeys" = "false" }
    }
  }

  # 3. The actions that the mappings and the package call, and no others; tests compare them with the calls. Nothing
  # here depends on var.function, so that you can create an existing function after the policy of its role.
  consumer_statements = concat(
    local.has_queue ? [
      {
        Sid      = "ReceiveMessages"
        Effect   = "Allow"
        Action   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
        Resource = local.queue_arn
      },
      # The package hides a message in progress until the lease of its claim is over.
      {
        Sid      = "ChangeMessageVisibility"
        Effect   = "Allow"
        Action   = ["sqs:ChangeMessageVisibility"]
        Resource = local.queue_arn
      },
    ] : [],
    [
      # The package sends copies of parked messages. Lambda sends asynchronous events that it gives up on.
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
      # Several records in one call. If a role lacks these actions, the package makes a call for each record.
      merge({
        Sid    = "ClaimAndSettleTogether"
        Effect = "Allow"
        Action = [
          "dynamodb:BatchGetItem",
          "dynamodb:PartiQLInsert",
          "dynamodb:PartiQLUpdate",
          "dynamodb:PartiQLDelete",
        ]
        Resource = local.table_arn
      }, local.own_records),
    ],
    local.key_statements,
    # https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSLambdaKinesisExecutionRole.html
    length(local.kinesis_arns) > 0 ? [{
      Sid    = "ReadKinesisStreams"
      Effect = "Allow"
      Action = [
        "kinesis:DescribeStream",
        "kinesis:DescribeStreamSummary",
        "kinesis:GetRecords",
        "kinesis:GetShardIterator",
        "kinesis:ListShards",
        "kinesis:ListStreams",
        "kinesis:SubscribeToShard",
      ]
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
    # As in a queue's policy, the ARN of a bucket does not say whose it is.
    # https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
    length(local.failure_bucket_arns) > 0 ? [{
      Sid       = "StoreInFailureDestination"
      Effect    = "Allow"
      Action    = ["s3:ListBucket", "s3:PutObject"]
      Resource  = flatten([for arn in local.failure_bucket_arns : [arn, "${arn}/*"]])
      Condition = { StringEquals = { "aws:ResourceAccount" = local.arn_parts.account } }
    }] : [],
  )

  # 4. The actions that Lambda itself calls with the role of a function that the module creates. function_arns
  # matches the function with its versions and aliases.
  function_arn = join(":", [
    "arn", local.arn_parts.partition, "lambda", local.arn_parts.region, local.arn_parts.account,
    "function", local.function_name,
  ])
  function_arns = [local.function_arn, "${local.function_arn}:*"]
  runtime_statements = [for statement in concat(
    [{
      Sid      = "WriteLogs"
      Effect   = "Allow"
      Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
      Resource = try("${aws_cloudwatch_log_group.function[0].arn}:*", "")
    }],
    # Lambda's own grant is for the role that the function had when its key was set, and ends with that role.
    local.function_key_arn == null ? [] : [{
      Sid       = "DecryptEnvironment"
      Effect    = "Allow"
      Action    = ["kms:Decrypt"]
      Resource  = local.function_key_arn
      Condition = { ArnLike = { "kms:EncryptionContext:aws:lambda:FunctionArn" = local.function_arns } }
    }],
    # These actions of X-Ray take no resource.
    var.function.tracing ? [{
      Sid      = "SendTraces"
      Effect   = "Allow"
      Action   = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"]
      Resource = "*"
    }] : [],
    # Lambda needs these actions on every resource. AWS advises you to deny them to the function's code:
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
        Condition = { ArnLike = { "lambda:SourceFunctionArn" = local.function_arns } }
      },
    ] : statement if var.function.vpc != null],
  ) : statement if local.creates_function]
  network_reads = ["ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"]
  network_writes = [
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:UnassignPrivateIpAddresses",
  ]

  # 5. The name of the policy in an existing role. Several consumers may share the role, also consumers of the same name
  # in several Regions or with other queues, and each needs a policy. IAM takes 128 characters; this has up to 110.
  existing_role_policy_name = join("-", [
    "idempotent-lambda",
    try(split(":", var.function.existing.arn)[3], ""),
    var.name,
    substr(sha256(jsonencode([local.function_name, local.queue_name, local.dead_letter_queue_name])), 0, 8),
  ])

  managed_policies = {
    for name in local.knows_function ? nonsensitive(keys(var.function.role.managed_policy_arns)) : [] :
    name => var.function.role.managed_policy_arns[name]
  }

  # 6. The actions of your code.
  processor_statements = [
    for statement in var.function.policy_statements : merge(
      { Effect = statement.effect, Action = statement.actions, Resource = statement.resources },
      statement.sid == null ? {} : { Sid = statement.sid },
      length(statement.conditions) == 0 ? {} : { Condition = statement.conditions },
    )
  ]
}

resource "aws_iam_role" "function" {
  count = local.creates_function ? 1 : 0

  # By default a prefix, because role names are global and you may deploy the same stack in several Regions. IAM takes
  # 38 characters.
  name                 = var.function.role.name
  name_prefix          = var.function.role.name == null ? "${substr(local.function_name, 0, 37)}-" : null
  path                 = var.function.role.path
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

  tags = local.function_tags
}

# An existing role also gets this policy, in addition to its own.
resource "aws_iam_role_policy" "function" {
  count = local.creates_function || local.uses_existing_role ? 1 : 0

  name = local.creates_function ? "idempotent-lambda" : local.existing_role_policy_name
  role = local.creates_function ? aws_iam_role.function[0].id : var.function.existing.role.name

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = concat(local.consumer_statements, local.runtime_statements)
  })

  depends_on = [terraform_data.location]
}

# A separate policy, so that the sids of your statements never clash with the module's.
resource "aws_iam_role_policy" "processor" {
  count = (
    # The number of function.policy_statements must be known when Terraform plans. Name the resources in it without a
    # condition or a loop that depends on them; the ARNs in it may be unknown.
    nonsensitive(length(var.function.policy_statements)) > 0 ? 1 : 0
  )

  name = "processor"
  role = aws_iam_role.function[0].id

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = local.processor_statements
  })

  # IAM counts all inline policies of a role together, without white space.
  # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
  lifecycle {
    precondition {
      condition = local.role_characters <= 10240
      error_message = nonsensitive(join("", [for part in [
        "function.policy_statements and the module's own statements have at least ", local.role_characters,
        " characters in all; IAM takes 10240 in the inline policies of a role. Shorten them, or use ",
        "function.role.managed_policy_arns, which do not count.",
      ] : issensitive(part) ? "(sensitive)" : part]))
    }
  }
}

# Each policy has a name of yours, so that another policy in the map leaves the others attached.
resource "aws_iam_role_policy_attachment" "managed" {
  for_each = {
    # The names in function.role.managed_policy_arns must be known when Terraform plans. Use constants for them.
    for name, arn in local.managed_policies : name => arn
  }

  role       = aws_iam_role.function[0].name
  policy_arn = each.value
}
