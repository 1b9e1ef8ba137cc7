# What concerns all parts: the role, the key, tags and outputs.

mock_provider "aws" {
  source = "./tests/mocks"
}

override_resource {
  override_during = plan
  target          = aws_sqs_queue.source
  values = {
    arn = "arn:aws:sqs:eu-central-1:123456789012:orders"
    url = "https://sqs.eu-central-1.amazonaws.com/123456789012/orders"
  }
}

override_resource {
  override_during = plan
  target          = aws_sqs_queue.dead_letter
  values = {
    arn = "arn:aws:sqs:eu-central-1:123456789012:orders-dead-letters"
    url = "https://sqs.eu-central-1.amazonaws.com/123456789012/orders-dead-letters"
  }
}

variables {
  name      = "orders"
  code      = { source_dir = "examples/quickstart/src" }
  processor = "orders.process"
}

run "the_role_may_do_exactly_what_is_used" {
  command = plan

  assert {
    condition = jsondecode(aws_iam_role_policy.function[0].policy) == {
      Version = "2012-10-17"
      Statement = [
        {
          Sid      = "ReceiveMessages"
          Effect   = "Allow"
          Action   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
          Resource = "arn:aws:sqs:eu-central-1:123456789012:orders"
        },
        {
          Sid      = "ChangeMessageVisibility"
          Effect   = "Allow"
          Action   = ["sqs:ChangeMessageVisibility"]
          Resource = "arn:aws:sqs:eu-central-1:123456789012:orders"
        },
        {
          Sid      = "SendToDeadLetterQueue"
          Effect   = "Allow"
          Action   = ["sqs:SendMessage"]
          Resource = "arn:aws:sqs:eu-central-1:123456789012:orders-dead-letters"
        },
        {
          Sid      = "ClaimAndSettle"
          Effect   = "Allow"
          Action   = ["dynamodb:UpdateItem", "dynamodb:DeleteItem"]
          Resource = "arn:aws:dynamodb:eu-central-1:123456789012:table/orders-idempotency"
        },
        {
          Sid      = "ClaimAndSettleTogether"
          Effect   = "Allow"
          Action   = ["dynamodb:BatchGetItem", "dynamodb:PartiQLInsert", "dynamodb:PartiQLUpdate", "dynamodb:PartiQLDelete"]
          Resource = "arn:aws:dynamodb:eu-central-1:123456789012:table/orders-idempotency"
        },
        {
          Sid      = "WriteLogs"
          Effect   = "Allow"
          Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
          Resource = "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/orders:*"
        },
        {
          Sid      = "SendTraces"
          Effect   = "Allow"
          Action   = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"]
          Resource = "*"
        },
      ]
    }
    error_message = "The role's policy names exactly the actions used, on exactly the module's resources."
  }

  assert {
    condition     = length(aws_iam_role_policy.processor) == 0
    error_message = "Without statements of the user there is no second policy."
  }

  assert {
    condition = jsondecode(aws_iam_role.function[0].assume_role_policy).Statement == [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "lambda.amazonaws.com" }
    }]
    error_message = "Only Lambda takes the role."
  }
}

run "a_key_of_the_users_encrypts_everything" {
  command = plan

  variables {
    kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/1"
    queue       = { filters = [jsonencode({ body = { kind = ["buy"] } })] }
    streams = {
      clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed", filters = [jsonencode({ data = { kind = ["buy"] } })], kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/2", metrics = true }
      views  = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/views", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed" }
    }
  }

  assert {
    condition = alltrue([
      for key in [
        aws_cloudwatch_log_group.function[0].kms_key_id,
        one(aws_dynamodb_table.records[0].server_side_encryption).kms_key_arn,
        aws_lambda_event_source_mapping.queue[0].kms_key_arn,
        aws_lambda_event_source_mapping.stream["clicks"].kms_key_arn,
        aws_lambda_function.consumer[0].kms_key_arn,
        aws_sqs_queue.dead_letter[0].kms_master_key_id,
        aws_sqs_queue.source[0].kms_master_key_id,
      ] : key == "arn:aws:kms:eu-central-1:123456789012:key/1"
    ])
    error_message = "Table, both queues, log group, environment and filters."
  }

  assert {
    condition     = aws_lambda_event_source_mapping.stream["views"].kms_key_arn == null && one(one(aws_lambda_event_source_mapping.stream["clicks"].metrics_config).metrics) == "EventCount" && length(aws_lambda_event_source_mapping.stream["views"].metrics_config) == 0
    error_message = "A mapping without filters has nothing to encrypt."
  }

  assert {
    condition     = aws_sqs_queue.source[0].sqs_managed_sse_enabled != true && aws_sqs_queue.dead_letter[0].sqs_managed_sse_enabled != true
    error_message = "SQS's own encryption gives way."
  }

  assert {
    condition = jsonencode([for statement in jsondecode(aws_iam_role_policy.function[0].policy).Statement : statement if strcontains(jsonencode(statement.Action), "kms:")]) == jsonencode([
      {
        Action    = ["kms:Decrypt"]
        Condition = { StringLike = { "kms:ViaService" = ["dynamodb.eu-central-1.*", "sqs.eu-central-1.*"] } }
        Effect    = "Allow"
        Resource  = ["arn:aws:kms:eu-central-1:123456789012:key/1"]
        Sid       = "ReadWithKeysDynamodbSqs"
      },
      {
        Action    = ["kms:Decrypt"]
        Condition = { StringLike = { "kms:ViaService" = ["kinesis.eu-central-1.*"] } }
        Effect    = "Allow"
        Resource  = ["arn:aws:kms:eu-central-1:123456789012:key/2"]
        Sid       = "ReadWithKeysKinesis"
      },
      {
        Action    = ["kms:GenerateDataKey"]
        Condition = { StringLike = { "kms:ViaService" = ["sqs.eu-central-1.*"] } }
        Effect    = "Allow"
        Resource  = "arn:aws:kms:eu-central-1:123456789012:key/1"
        Sid       = "EncryptDeadLetters"
      },
      {
        Action    = ["kms:Decrypt"]
        Condition = { ArnLike = { "kms:EncryptionContext:aws:lambda:FunctionArn" = ["arn:aws:lambda:eu-central-1:123456789012:function:orders", "arn:aws:lambda:eu-central-1:123456789012:function:orders:*"] } }
        Effect    = "Allow"
        Resource  = "arn:aws:kms:eu-central-1:123456789012:key/1"
        Sid       = "DecryptEnvironment"
      },
    ])
    error_message = "The role uses each key through its services only, and the function's environment's."
  }
}

run "tags_are_on_everything_that_takes_them" {
  command = plan

  variables {
    streams = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed" } }
    tags    = { team = "payments", stage = "test" }
  }

  assert {
    condition = alltrue([
      for tags in [
        aws_cloudwatch_log_group.function[0].tags,
        aws_dynamodb_table.records[0].tags,
        aws_iam_role.function[0].tags,
        aws_lambda_event_source_mapping.queue[0].tags,
        aws_lambda_event_source_mapping.stream["clicks"].tags,
        aws_lambda_function.consumer[0].tags,
        aws_sqs_queue.dead_letter[0].tags,
        aws_sqs_queue.source[0].tags,
      ] : tags == tomap({ stage = "test", team = "payments" })
    ])
    error_message = "Each has both."
  }
}

run "the_outputs_are_whole" {
  command = plan

  assert {
    condition = output.queue == {
      arn  = "arn:aws:sqs:eu-central-1:123456789012:orders"
      name = "orders"
      url  = "https://sqs.eu-central-1.amazonaws.com/123456789012/orders"
      } && output.dead_letter_queue == {
      arn  = "arn:aws:sqs:eu-central-1:123456789012:orders-dead-letters"
      name = "orders-dead-letters"
      url  = "https://sqs.eu-central-1.amazonaws.com/123456789012/orders-dead-letters"
    }
    error_message = "Each queue has its own ARN, name and URL."
  }

  assert {
    condition = output.function == {
      alias_arn      = null
      arn            = "arn:aws:lambda:eu-central-1:123456789012:function:orders"
      invoke_arn     = "arn:aws:apigateway:eu-central-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-central-1:123456789012:function:orders/invocations"
      log_group_arn  = "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/orders"
      log_group_name = "/aws/lambda/orders"
      name           = "orders"
      role_arn       = "arn:aws:iam::123456789012:role/orders-20250101000000000000000001"
      role_name      = "orders-20250101000000000000000001"
      target_arn     = "arn:aws:lambda:eu-central-1:123456789012:function:orders"
      version        = null
    }
    error_message = "The function's output names its role and log group."
  }

  assert {
    condition     = output.table == { arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/orders-idempotency", name = "orders-idempotency" }
    error_message = "The table's output."
  }

  assert {
    condition     = output.event_source_mapping.uuid == "7a1c1f2e-0000-4000-8000-000000000000" && endswith(output.event_source_mapping.arn, output.event_source_mapping.uuid)
    error_message = "The mapping's output."
  }
}
